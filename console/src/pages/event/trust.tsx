/** The trust badge, and the rule it follows: every criterion with its points and its reason. */
import { Popover, Progress, Stack, Text, UnstyledButton, Group } from "@mantine/core";
import type { TrustJudgement } from "../../api/design";
import { Icon } from "../../components/icons";
import { TrustMark } from "../../components/standing";
import { CATALOGUES, useText, type MessageId, type Translate } from "../../i18n";
import { sentence } from "../../i18n/said";

export function TrustBadge({ trust }: { trust: TrustJudgement }) {
  const { t } = useText();
  return (
    <Popover width={400} position="bottom-start" withArrow trapFocus returnFocus>
      <Popover.Target>
        <UnstyledButton className="tp-trust-badge" aria-haspopup="dialog" title={t("trust.open", { level: t(trustWord(trust.level)), score: trust.score })}>
          <span className="tp-hidden">{t("catalogue.trust")}: </span>
          <TrustMark level={trust.level} />
          <Text span fz="xs" c="dimmed" className="tp-num">
            {trust.score}
          </Text>
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("trust.rule")}>
        <TrustCriteria trust={trust} />
      </Popover.Dropdown>
    </Popover>
  );
}

const trustWord = (level: TrustJudgement["level"]): MessageId => `trust.${level}`;

export function TrustCriteria({ trust }: { trust: TrustJudgement }) {
  const { t } = useText();
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Text fw={650} fz="sm">
          {t("trust.rule")}
        </Text>
        <Text fz="sm" className="tp-num">
          {t("trust.score", { score: trust.score })}
        </Text>
      </Group>
      <Progress value={trust.score} aria-label={t("trust.score", { score: trust.score })} size="sm" color={trust.level === "high" ? "teal" : trust.level === "medium" ? "blue" : "orange"} />
      <ul className="tp-criteria">
        {trust.criteria.map((one) => (
          <li key={one.code} data-met={String(one.met)}>
            <span style={{ color: one.met ? "light-dark(var(--mantine-color-teal-9), var(--mantine-color-teal-4))" : one.met === null ? "var(--mantine-color-dimmed)" : "light-dark(var(--mantine-color-orange-9), var(--mantine-color-orange-4))", display: "inline-flex", paddingTop: 2 }}>
              <Icon name={one.met ? "check" : one.met === null ? "history" : "cross"} size={15} />
            </span>
            <div style={{ flex: 1, minWidth: 0 }}>
              <Text fz="sm" fw={550}>
                {criterionWords(one.code, t)}
              </Text>
              <Text fz="xs" c="dimmed">
                {sentence(one.why)}
              </Text>
            </div>
            <Text fz="xs" c="dimmed" className="tp-num">
              {t("trust.points", { points: one.points, of: one.of })}
            </Text>
          </li>
        ))}
      </ul>
      <Text fz="xs" c="dimmed">
        {t("trust.about")}
      </Text>
    </Stack>
  );
}

/** A criterion in words; one that the console does not know by its code. */
function criterionWords(code: string, t: Translate): string {
  const id = `trust.criterion.${code}`;
  return id in CATALOGUES.en ? t(id as MessageId) : code.replaceAll("_", " ");
}
