/** The versions of a function, a lookup table or a script, and back to one of them. */
import { Button, Group, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../../api/client";
import { definitionVersionsQuery, pathOf, type Kind } from "../../api/queries-definitions";
import { ErrorState, Loading, Panel } from "../../components/states";
import { moment } from "../../format";
import { useText } from "../../i18n";
import { SideBySide } from "../rules/side-by-side";

interface HistoryProps {
  kind: Kind;
  definition: Schemas["Definition"];
  may: boolean;
  onRolledBack: (now: Schemas["Definition"]) => void;
}

export function DefinitionHistory({ kind, definition, may, onRolledBack }: HistoryProps) {
  const { t, locale } = useText();
  const versions = useQuery(definitionVersionsQuery(kind, definition.name));
  const [chosen, setChosen] = useState<number>();
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const rollback = useMutation({
    mutationFn: (version: number) => data(api.POST(pathOf(kind, "/{name}/rollback"), { params: { path: { name: definition.name } }, body: { version, reason } })),
    onSuccess: (now) => {
      setAsking(false);
      onRolledBack(now);
    },
  });
  if (versions.isPending) return <Loading rows={5} />;
  if (versions.isError) return <ErrorState error={versions.error} retry={() => void versions.refetch()} />;
  const shown = versions.data.find((version) => version.version === chosen) ?? versions.data[0];
  const before = versions.data.find((version) => shown && version.version < shown.version);
  if (!shown) return null;
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
                {version.reason && <Text fz="xs">{version.reason}</Text>}
              </UnstyledButton>
            </li>
          ))}
        </Stack>
      </Panel>
      <Panel
        title={before ? t("rule.history.compare", { before: before.version, after: shown.version }) : t("rule.version", { version: shown.version })}
        aside={
          may && (
            <Button size="xs" disabled={shown === versions.data[0]} onClick={() => setAsking(true)}>
              {t("rule.history.rollback")}
            </Button>
          )
        }
      >
        <SideBySide left={{ title: before ? t("rule.version", { version: before.version }) : t("rule.history.none"), text: before?.source ?? "" }} right={{ title: t("rule.version", { version: shown.version }), text: shown.source }} />
      </Panel>
      <Modal opened={asking} onClose={() => setAsking(false)} title={<Text fw={650}>{t("rule.version", { version: shown.version })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
        <Stack>
          <TextInput data-autofocus label={t("rule.publish.reason")} value={reason} onChange={(change) => setReason(change.currentTarget.value)} />
          {rollback.error && <ErrorState error={rollback.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              {t("action.cancel")}
            </Button>
            <Button loading={rollback.isPending} onClick={() => rollback.mutate(shown.version)}>
              {t("rule.history.rollback")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </div>
  );
}
