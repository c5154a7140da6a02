/** What a change of a plan means: event by event, property by property, before and after. */
import { Badge, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { useState, type ReactNode } from "react";
import type { Change, PartChange } from "../api/design";
import { useText, type MessageId, type Translate } from "../i18n";
import { Compatibility, COMPATIBILITY_TONES } from "./badges";
import { Icon } from "./icons";
import { anchorOf, CHANGE_KINDS, written } from "./plan-diff-model";
import { useSome } from "./some";

/** How many parts are drawn at once. */
const PARTS = 50;

type Slot = (event: string, property?: string) => ReactNode;

export interface PlanDiffProps {
  changes: readonly PartChange[];
  /** One line for each change, or before and after beside each other. */
  layout?: "list" | "side";
  /** Stands at the end of an event's head and of a property's row. */
  aside?: Slot;
  /** Stands under an event's head and under a property's row, as wide as the page. */
  below?: Slot;
  /** Whether events are unfolded at first. */
  open?: boolean;
}

const SIGNS: Record<PartChange["kind"], readonly [sign: string, tone: string]> = {
  added: ["+", "teal"],
  changed: ["~", "blue"],
  removed: ["−", "red"],
  renamed: ["→", "grape"],
  affected: ["!", "orange"],
};

export function PlanDiff({ changes, layout = "list", aside, below, open = changes.length <= 12 }: PlanDiffProps) {
  const { t } = useText();
  const { shown, more } = useSome(changes, PARTS);
  if (changes.length === 0)
    return (
      <Text c="dimmed" fz="sm" py="md" ta="center">
        {t("diff.same")}
      </Text>
    );
  return (
    <Stack gap={10}>
      {shown.map((change) => (
        <PartDiff key={`${change.section} ${change.name}`} change={change} layout={layout} aside={aside} below={below} open={open} />
      ))}
      {more}
    </Stack>
  );
}

function PartDiff({ change, layout, aside, below, open: first }: { change: PartChange; layout: "list" | "side"; aside: Slot | undefined; below: Slot | undefined; open: boolean }) {
  const { t } = useText();
  const [open, setOpen] = useState(first);
  const [sign, tone] = SIGNS[change.kind];
  const inner = change.changes ?? [];
  return (
    <section className="tp-diff" id={anchorOf(change.name)} aria-label={change.name}>
      <div className="tp-diff-head" data-row={change.name} tabIndex={-1} onClick={(click) => click.target === click.currentTarget && setOpen(!open)}>
        <UnstyledButton className="tp-diff-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
          <span style={{ display: "inline-flex", transform: open ? "rotate(90deg)" : undefined }}>
            <Icon name="chevron" size={15} />
          </span>
          <span className="tp-diff-sign" style={{ color: `light-dark(var(--mantine-color-${tone}-9), var(--mantine-color-${tone}-4))` }} aria-hidden="true">
            {sign}
          </span>
          <span className="tp-diff-name">
            {change.was && change.was !== change.name && (
              <>
                <del>{change.was}</del> →{" "}
              </>
            )}
            {change.name}
          </span>
          {change.section !== "events" && (
            <Text span fz="xs" c="dimmed">
              {sectionName(change.section, t)}
            </Text>
          )}
          <Text span fz="xs" c="dimmed">
            {t(`diff.part.${change.kind}`)}
            {inner.length > 0 && ` · ${t("diff.count", { count: inner.length })}`}
          </Text>
        </UnstyledButton>
        <Group gap={8} wrap="nowrap">
          <Compatibility kind={change.compatibility} />
          {aside?.(change.name)}
        </Group>
      </div>
      {below?.(change.name)}
      {open && inner.length > 0 && (
        <ul className="tp-diff-rows">
          {inner.map((one, index) => (
            <li key={`${one.path ?? ""} ${one.kind} ${index}`}>
              <PropertyDiff part={change} change={one} layout={layout} aside={aside} />
              {/* Several rows may be of one property: what hangs on it stands under the last. */}
              {inner.findLastIndex((other) => (other.path ?? "") === (one.path ?? "")) === index && below?.(change.name, one.path ?? "")}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function PropertyDiff({ part, change, layout, aside }: { part: PartChange; change: Change; layout: "list" | "side"; aside: Slot | undefined }) {
  const { t, locale } = useText();
  const before = written(change.before);
  const after = written(change.after);
  const tone = COMPATIBILITY_TONES[change.compatibility];
  const long = before.includes("\n") || after.includes("\n") || before.length + after.length > 140;
  return (
    <div className="tp-diff-row" data-compatibility={change.compatibility} data-row={change.path} tabIndex={-1}>
      <span className="tp-dot" style={{ background: `var(--mantine-color-${tone}-6)`, marginTop: 7 }} role="img" aria-label={t(`compatibility.${change.compatibility}`)} title={t(`compatibility.${change.compatibility}`)} />
      <div style={{ minWidth: 0, flex: 1 }}>
        <Group gap={8} align="baseline">
          <span className="tp-mono" style={{ fontWeight: 600, overflowWrap: "anywhere" }}>
            {change.was && (
              <>
                <del>{change.was}</del> →{" "}
              </>
            )}
            {change.path || (change.field ? "" : t("diff.whole"))}
            {change.path && change.field ? " · " : ""}
            {change.field}
          </span>
          <Badge variant="light" color="gray" c="var(--mantine-color-text)" size="sm" fw={500}>
            {t(CHANGE_KINDS[change.kind])}
          </Badge>
          {layout === "list" && !long && <Values before={before} after={after} />}
          {change.group && (
            <Text span fz="xs" c="dimmed">
              {t("diff.group", { group: change.group })}
            </Text>
          )}
          {change.applies && (
            <Text span fz="xs" c="dimmed">
              {t("diff.applies", { applies: change.applies })}
            </Text>
          )}
        </Group>
        {layout === "side" || long ? (
          <div className="tp-diff-side">
            <pre className="tp-code" data-side="before" aria-label={t("diff.before")} tabIndex={0}>
              {before || "–"}
            </pre>
            <pre className="tp-code" data-side="after" aria-label={t("diff.after")} tabIndex={0}>
              {after || "–"}
            </pre>
          </div>
        ) : null}
        {!before && !after && locale === "en" && (
          <Text fz="xs" c="dimmed" mt={2}>
            {change.message}
          </Text>
        )}
      </div>
      {aside?.(part.name, change.path ?? "")}
    </div>
  );
}

function Values({ before, after }: { before: string; after: string }) {
  if (!before && !after) return null;
  return (
    <span className="tp-mono" style={{ overflowWrap: "anywhere" }}>
      {before && <del className="tp-del">{before}</del>}
      {before && after ? " → " : ""}
      {after && <ins className="tp-ins">{after}</ins>}
    </span>
  );
}

const SECTIONS: Record<string, MessageId> = { types: "diff.section.types", groups: "diff.section.groups", metrics: "diff.section.metrics", use: "diff.section.use", events: "diff.section.events" };

export function sectionName(section: string, t: Translate): string {
  const known = SECTIONS[section];
  return known ? t(known) : section;
}
