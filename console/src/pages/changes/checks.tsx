/** What is wrong with a proposal, and what is worth saying: findings of the plan and of lint. */
import { Badge, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Change } from "../../api/review";
import { checksQuery } from "../../api/queries-review";
import { FindingText } from "../../components/finding";
import { useSome } from "../../components/some";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { useText } from "../../i18n";

/** How many findings are drawn at once. */
const FINDINGS = 100;

export function ChecksTab({ change }: { change: Change }) {
  const { t } = useText();
  const checks = useQuery(checksQuery(change.id, change.version));
  const findings = useMemo(() => [...(checks.data?.findings ?? [])].sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning")), [checks.data]);
  const { shown, more } = useSome(findings, FINDINGS);
  if (checks.isPending) return <Loading rows={5} />;
  if (checks.isError) return <ErrorState error={checks.error} retry={() => void checks.refetch()} />;
  if (!findings.length)
    return (
      <Panel>
        <Empty title={t("checks.fine")}>{t("checks.fine.about")}</Empty>
      </Panel>
    );
  const errors = findings.filter((finding) => finding.severity !== "warning").length;
  return (
    <Panel flush title={errors ? t("checks.errors", { count: errors }) : t("checks.warnings", { count: findings.length })}>
      <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }} aria-label={t("change.tab.checks")}>
        {shown.map((finding, index) => {
          const tone = finding.severity === "warning" ? "yellow" : "red";
          return (
            <li key={index} className="tp-finding">
              <Group gap={10} wrap="nowrap" align="flex-start">
                <span className="tp-dot" style={{ background: `var(--mantine-color-${tone}-6)`, marginTop: 6 }} />
                <div style={{ minWidth: 0 }}>
                  <FindingText finding={finding} />
                  <Group gap={8} mt={3}>
                    <Badge size="sm" variant="default" className="tp-mono">
                      {finding.code}
                    </Badge>
                    <Text span fz="xs" c="dimmed" className="tp-mono">
                      {[finding.file, finding.line, finding.column].filter(Boolean).join(":")}
                    </Text>
                  </Group>
                </div>
              </Group>
            </li>
          );
        })}
        {more && <li className="tp-finding">{more}</li>}
      </Stack>
    </Panel>
  );
}
