/** A rule's versions: who, when, why, what changed; and back to one of them. */
import { Badge, Button, Group, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../../api/client";
import { ruleVersionsQuery } from "../../api/queries";
import { ruleDiffQuery } from "../../api/queries-rules";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { moment } from "../../format";
import { useText } from "../../i18n";
import { SideBySide } from "./side-by-side";

type Version = Schemas["RuleVersion"];

interface HistoryProps {
  rule: string;
  may: boolean;
  use: (source: string) => void;
  onRolledBack: (rule: Schemas["Rule"]) => void;
}

export function HistoryTab({ rule, may, use, onRolledBack }: HistoryProps) {
  const { t, locale } = useText();
  const versions = useQuery(ruleVersionsQuery(rule));
  const [chosen, setChosen] = useState<number>();
  if (versions.isPending) return <Loading rows={5} />;
  if (versions.isError) return <ErrorState error={versions.error} retry={() => void versions.refetch()} />;
  if (versions.data.length === 0)
    return (
      <Panel>
        <Empty title={t("rule.history.none")} />
      </Panel>
    );
  const shown = versions.data.find((version) => version.version === chosen) ?? versions.data[0];
  const before = versions.data.find((version) => shown && version.version < shown.version);
  return (
    <div className="tp-history">
      <Panel flush title={t("rule.versions")}>
        <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none", maxHeight: "70vh", overflow: "auto" }}>
          {versions.data.map((version) => (
            <li key={version.version}>
              <UnstyledButton className="tp-finding" aria-pressed={version === shown} onClick={() => setChosen(version.version)} style={version === shown ? { background: "var(--tp-hover)" } : undefined}>
                <Text fz="sm" fw={600}>
                  {t("rule.version", { version: version.version })}{" "}
                  <Text span fz="xs" c="dimmed" fw={400}>
                    {t(`rule.action.${version.action}`)}
                    {version.number > 0 && ` · ${t("rule.history.number", { number: version.number })}`}
                  </Text>
                </Text>
                <Text fz="xs" c="dimmed">
                  {moment(version.created_at, locale)} · {version.created_by}
                </Text>
                {version.reason && (
                  <Text fz="xs" style={{ overflowWrap: "anywhere" }}>
                    {version.reason}
                  </Text>
                )}
              </UnstyledButton>
            </li>
          ))}
        </Stack>
      </Panel>
      {shown && (
        <Stack gap="md">
          <Group justify="flex-end">
            <Button size="xs" variant="default" onClick={() => use(shown.source)}>
              {t("rule.version.use")}
            </Button>
            {may && <RollbackButton version={shown} current={versions.data[0]?.version === shown.version} onRolledBack={onRolledBack} />}
          </Group>
          {before ? <Difference rule={rule} before={before} after={shown} /> : <SideBySide left={{ title: t("rule.history.none"), text: "" }} right={{ title: t("rule.version", { version: shown.version }), text: shown.source }} />}
        </Stack>
      )}
    </div>
  );
}

function RollbackButton({ version, current, onRolledBack }: { version: Version; current: boolean; onRolledBack: HistoryProps["onRolledBack"] }) {
  const { t } = useText();
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const rollback = useMutation({
    mutationFn: () => data(api.POST("/api/v1/rules/{rule}/rollback", { params: { path: { rule: version.rule } }, body: { version: version.version, reason } })),
    onSuccess: (rule) => {
      setAsking(false);
      onRolledBack(rule);
    },
  });
  return (
    <>
      <Button size="xs" disabled={current} onClick={() => setAsking(true)}>
        {t("rule.history.rollback")}
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title={<Text fw={650}>{t("rule.version", { version: version.version })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
        <Stack>
          <TextInput data-autofocus label={t("rule.publish.reason")} value={reason} onChange={(change) => setReason(change.currentTarget.value)} />
          {rollback.error && <ErrorState error={rollback.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              {t("action.cancel")}
            </Button>
            <Button loading={rollback.isPending} onClick={() => rollback.mutate()}>
              {t("rule.history.rollback")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Difference({ rule, before, after }: { rule: string; before: Version; after: Version }) {
  const { t } = useText();
  const diff = useQuery(ruleDiffQuery(rule, before.version, after.version));
  return (
    <Panel title={t("rule.history.compare", { before: before.version, after: after.version })}>
      <Stack gap="md">
        {diff.isPending ? (
          <Loading rows={3} />
        ) : diff.isError ? (
          <ErrorState error={diff.error} />
        ) : diff.data.changes === null ? (
          <Text fz="sm" c="dimmed">
            {t("rule.history.meaning.unknown")}
          </Text>
        ) : diff.data.changes.length === 0 ? (
          <Text fz="sm" c="dimmed">
            {t("rule.history.meaning.none")}
          </Text>
        ) : (
          <Stack gap={6}>
            {diff.data.changes.map((change) => (
              <Group key={`${change.kind} ${change.name}`} gap={8} align="baseline" wrap="nowrap">
                <Badge variant="outline" color="indigo" c="var(--mantine-color-text)" style={{ flex: "none" }}>
                  {t(`rule.change.${change.kind}`)}
                </Badge>
                <Text fz="sm" style={{ overflowWrap: "anywhere" }}>
                  {change.name} <del className="tp-mono">{change.before}</del> <ins className="tp-mono">{change.after}</ins>
                </Text>
              </Group>
            ))}
          </Stack>
        )}
        <SideBySide left={{ title: t("rule.version", { version: before.version }), text: before.source }} right={{ title: t("rule.version", { version: after.version }), text: after.source }} />
      </Stack>
    </Panel>
  );
}
