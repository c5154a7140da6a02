/** Mend a selection: edits, a dry run on the stored bytes, then the replay. */
import { ActionIcon, Alert, Badge, Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../../api/client";
import type { DirtyFilter } from "../../api/queries-live";
import { Icon } from "../../components/icons";
import { ErrorState, Panel } from "../../components/states";
import { count } from "../../format";
import { useText } from "../../i18n";
import { EMPTY_EDIT, editsOf, isOp, OPS, pretty, TYPES, type EditRow } from "./edits";

type Fixed = Schemas["Fixed"];

export function FixPanel({ filter, keys, onReplayed }: { filter: DirtyFilter; keys: readonly string[]; onReplayed: () => void }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const [rows, setRows] = useState<readonly EditRow[]>([]);
  const [reason, setReason] = useState("");
  const selection: Schemas["DirtySelection"] = keys.length ? { app: filter.app, keys: [...keys] } : filter;
  const edits = editsOf(rows);
  const dryRun = useMutation({ mutationFn: () => data(api.POST("/api/v1/dirty/fixes", { body: { selection, edits, show: 20 } })) });
  const replay = useMutation({
    mutationFn: () => data(api.POST("/api/v1/dirty/replays", { body: { selection, edits, reason } })),
    onSuccess: () => {
      dryRun.reset();
      onReplayed();
    },
    onSettled: () => cache.invalidateQueries({ queryKey: ["dirty"] }),
  });
  const change = (index: number, part: Partial<EditRow>) => {
    dryRun.reset();
    setRows(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  };
  return (
    <Panel
      title={t("dirty.fix")}
      aside={
        <Text fz="sm" c="dimmed">
          {keys.length ? t("dirty.chosen", { count: keys.length }) : t("dirty.chosen.all")}
        </Text>
      }
    >
      {!filter.app ? (
        <Text fz="sm" c="dimmed">
          {t("dirty.fix.one_app")}
        </Text>
      ) : (
        <Stack gap="sm">
          {rows.length === 0 && (
            <Text fz="sm" c="dimmed">
              {t("dirty.edit.none")}
            </Text>
          )}
          {rows.map((row, index) => (
            <Group key={index} gap="xs" align="flex-end">
              <TextInput size="xs" w={220} label={t("dirty.edit.path")} placeholder="what.total.value" value={row.path} onChange={(event) => change(index, { path: event.currentTarget.value })} />
              <Select
                size="xs"
                w={170}
                label={t("dirty.edit.op")}
                allowDeselect={false}
                value={row.op}
                onChange={(value) => {
                  if (isOp(value)) change(index, { op: value });
                }}
                data={OPS.map((op) => ({ value: op, label: t(`dirty.edit.${op}`) }))}
              />
              {row.op === "set" && <TextInput size="xs" w={220} label={t("dirty.edit.value")} value={row.value} onChange={(event) => change(index, { value: event.currentTarget.value })} />}
              {row.op === "cast" && <Select size="xs" w={130} label={t("dirty.edit.to")} allowDeselect={false} value={row.to || "string"} onChange={(value) => change(index, { to: value ?? "string" })} data={[...TYPES]} />}
              {(row.op === "rename" || row.op === "text") && <TextInput size="xs" w={220} label={t("dirty.edit.to")} value={row.to} onChange={(event) => change(index, { to: event.currentTarget.value })} />}
              <ActionIcon variant="subtle" color="gray" size="md" aria-label={t("dirty.edit.remove")} onClick={() => setRows(rows.filter((_, at) => at !== index))}>
                <Icon name="cross" size={16} />
              </ActionIcon>
            </Group>
          ))}
          <Group gap="sm" align="flex-end">
            <Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => setRows([...rows, EMPTY_EDIT])}>
              {t("dirty.edit.add")}
            </Button>
            <Button size="xs" loading={dryRun.isPending} onClick={() => dryRun.mutate()}>
              {t("dirty.fix.dry")}
            </Button>
          </Group>
          {dryRun.error && <ErrorState error={dryRun.error} />}
          {replay.error && <ErrorState error={replay.error} />}
          {dryRun.data && (
            <>
              <Alert variant="outline" color={dryRun.data.still_dirty ? "orange" : "teal"} role="status">
                <Text fz="sm" fw={600}>
                  {t("dirty.fix.good", { count: count(dryRun.data.good, locale) })} · {t("dirty.fix.still", { count: count(dryRun.data.still_dirty, locale) })}
                </Text>
              </Alert>
              {dryRun.data.items.map((item) => (
                <FixedEvent key={item.key} item={item} />
              ))}
              <Group gap="sm" align="flex-end">
                <TextInput size="xs" w={320} label={t("dirty.replay.reason")} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
                <Button size="xs" loading={replay.isPending} disabled={dryRun.data.selected === 0} onClick={() => replay.mutate()}>
                  {t("dirty.replay.run", { count: count(dryRun.data.selected, locale) })}
                </Button>
              </Group>
            </>
          )}
        </Stack>
      )}
    </Panel>
  );
}

function FixedEvent({ item }: { item: Fixed }) {
  const { t } = useText();
  return (
    <details className="tp-panel">
      <summary style={{ padding: "8px 14px", cursor: "pointer" }}>
        <Badge size="sm" variant="outline" color={item.good ? "teal" : "red"} c="var(--mantine-color-text)" mr={8}>
          {t("dirty.fix.would", { disposition: item.disposition })}
        </Badge>
        <Text span fz="sm">
          {item.event} <span className="tp-mono">{item.id}</span> {item.violations.map((violation) => violation.message).join("; ")}
        </Text>
      </summary>
      <SimpleGrid cols={{ base: 1, md: 2 }} p={14}>
        <Bytes title={t("dirty.fix.before")} text={item.before} />
        <Bytes title={t("dirty.fix.after")} text={item.after} />
        {item.outputs.length > 0 && <Bytes title={t("dirty.fix.outputs")} text={item.outputs.map(pretty).join("\n")} />}
      </SimpleGrid>
    </details>
  );
}

function Bytes({ title, text }: { title: string; text: string }) {
  return (
    <div style={{ minWidth: 0 }}>
      <Text fz="xs" fw={650}>
        {title}
      </Text>
      <pre className="tp-code" tabIndex={0} aria-label={title}>
        {pretty(text)}
      </pre>
    </div>
  );
}
