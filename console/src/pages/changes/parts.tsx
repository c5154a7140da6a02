/** What a change request looks like in a line: state, size, what waits. */
import { Badge, Group, Text, Tooltip } from "@mantine/core";
import type { Change, ChangeState } from "../../api/review";
import { Compatibility } from "../../components/badges";
import { count, day } from "../../format";
import { useText } from "../../i18n";
import { countsOf, daysUntil, STATE_TONES } from "./model";

export function ChangeStateBadge({ state }: { state: ChangeState }) {
  const { t } = useText();
  const tone = STATE_TONES[state];
  return (
    <Badge variant="light" color={tone} miw="max-content" styles={{ root: { background: `light-dark(var(--mantine-color-${tone}-1), color-mix(in srgb, var(--mantine-color-${tone}-9) 45%, transparent))`, color: `light-dark(color-mix(in srgb, var(--mantine-color-${tone}-9) 75%, black), var(--mantine-color-${tone}-1))` } }}>
      {t(`change.state.${state}`)}
    </Badge>
  );
}

const INKS = { teal: "light-dark(#087653, var(--mantine-color-teal-4))", orange: "light-dark(#a33b00, var(--mantine-color-orange-4))", red: "light-dark(#b02525, var(--mantine-color-red-4))" };

/** What is said of a change that differs in nothing: a text that does not read cannot be compared. */
export const sizeless = (change: Pick<Change, "findings">) => (change.findings ? "change.size.unread" : "change.size.nothing");

/** How many events a change adds, changes, removes, and the worst it does to those there are. */
export function ChangeSize({ change }: { change: Pick<Change, "counts" | "findings"> }) {
  const { t, locale } = useText();
  const nothing = t(sizeless(change));
  const counts = countsOf(change);
  const worst = counts.breaking ? "breaking" : counts.narrowing ? "narrowing" : counts.additive ? "additive" : undefined;
  const parts = [
    { sign: "+", number: counts.added, tone: "teal" as const, label: t("change.size.added", { count: counts.added }) },
    { sign: "~", number: counts.changed + counts.renamed + counts.affected, tone: "orange" as const, label: t("change.size.changed", { count: counts.changed + counts.renamed + counts.affected }) },
    { sign: "−", number: counts.removed, tone: "red" as const, label: t("change.size.removed", { count: counts.removed }) },
  ].filter((part) => part.number > 0);
  return (
    <Group gap={8} wrap="nowrap">
      <Tooltip label={parts.map((part) => part.label).join(", ") || nothing}>
        <Group gap={6} wrap="nowrap" className="tp-num">
          {parts.map(({ sign, number, tone, label }) => (
            <Text key={sign} span fz="sm" fw={650} aria-label={label} role="img" c={INKS[tone]}>
              {sign}
              {count(number, locale)}
            </Text>
          ))}
          {!parts.length && (
            <Text span fz="sm" c="dimmed">
              {nothing}
            </Text>
          )}
        </Group>
      </Tooltip>
      {worst && <Compatibility kind={worst} />}
    </Group>
  );
}

/** A deadline in words; red once it has passed. What is `over` is late no more. */
export function Deadline({ date, over = false }: { date: string; over?: boolean }) {
  const { t, locale } = useText();
  const days = daysUntil(date, Date.now());
  const late = days < 0 && !over;
  return (
    <Text span fz="xs" fw={late ? 650 : 400} c={late ? "var(--mantine-color-error)" : "inherit"}>
      {days < 0 && over ? day(date, locale) : days < 0 ? t("deadline.past", { days: -days }) : days === 0 ? t("deadline.today") : t("deadline.in", { days })}
    </Text>
  );
}
