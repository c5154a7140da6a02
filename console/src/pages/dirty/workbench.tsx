/** Dirty: what failed and why, mended on the stored bytes, tried, and sent again. */
import { Badge, Chip, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { sessionQuery } from "../../api/queries";
import { dirtyGroupsQuery, type DirtyFilter } from "../../api/queries-live";
import { AppSelect } from "../../components/app-select";
import { DataTable, type Column } from "../../components/data-table";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count, moment } from "../../format";
import { useText } from "../../i18n";
import { EventsPanel } from "./events";
import { FixPanel } from "./fix";
import { ReplaysPanel } from "./replays";

type Group_ = Schemas["DirtyGroup"];

const FIELDS = ["app", "stage", "reason", "rule", "event", "app_version"] as const;
type Field = (typeof FIELDS)[number];
const isField = (value: string): value is Field => FIELDS.some((field) => field === value);
const STAGES = ["hygiene", "plan", "rule"] as const;
const isStage = (value: string): value is (typeof STAGES)[number] => STAGES.some((stage) => stage === value);
const NOTHING: DirtyFilter = { app: "", stage: "", reason: "", rule: "", event: "", app_version: "" };

export function DirtyPage() {
  const { t, locale } = useText();
  const from = useSearch({ from: "/dirty" });
  const [filter, setFilter] = useState<DirtyFilter>(() => ({ ...NOTHING, ...from, stage: from.reason ? "plan" : "" }));
  const [by, setBy] = useState<readonly Field[]>(["app", "stage", "reason", "rule", "event"]);
  const [resolved, setResolved] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const session = useQuery(sessionQuery).data;
  const may = session?.may.includes("dirty.replay") ?? false;
  const groups = useQuery(dirtyGroupsQuery(filter.app, by));
  const narrow = (more: Partial<DirtyFilter>) => {
    setFilter({ ...filter, ...more });
    setChosen(new Set());
  };
  const columns = useMemo<Column<Group_>[]>(
    () => [
      ...by.map((field) => ({ id: field, header: t(`dirty.by.${field}`), value: (group: Group_) => group[field], cell: (group: Group_) => group[field] || "–" })),
      { id: "count", header: t("dirty.count"), right: true, value: (group) => group.count, cell: (group) => count(group.count, locale) },
      { id: "first", header: t("dirty.first"), value: (group) => group.first_at, cell: (group) => moment(group.first_at, locale, "short") },
      { id: "last", header: t("dirty.last"), value: (group) => group.last_at, cell: (group) => moment(group.last_at, locale, "short") },
    ],
    [t, locale, by],
  );
  const open = (group: Group_) =>
    narrow({ app: group.app || filter.app, stage: isStage(group.stage) ? group.stage : "", reason: group.reason, rule: group.rule, event: group.event, app_version: group.app_version });
  const narrowed = (["stage", "reason", "rule", "event", "app_version"] as const).filter((field) => filter[field] !== "");
  return (
    <>
      <PageHead
        title={t("dirty.title")}
        about={t("dirty.about")}
        actions={
          <AppSelect
            w={170}
            all
            value={filter.app}
            change={(app) => {
              setFilter({ ...NOTHING, app });
              setChosen(new Set());
            }}
          />
        }
      />
      {groups.isPending ? (
        <Loading />
      ) : groups.isError ? (
        <ErrorState error={groups.error} retry={() => void groups.refetch()} />
      ) : (
        <Stack>
          {groups.data.items.length === 0 ? (
            <Panel>
              <Empty title={t("dirty.empty")}>{t("dirty.empty.about")}</Empty>
            </Panel>
          ) : (
            <Panel
              flush
              title={t("dirty.groups")}
              aside={
                <Group gap={6}>
                  <Text fz="xs" c="dimmed">
                    {t("dirty.by")}
                  </Text>
                  <Chip.Group multiple value={[...by]} onChange={(names) => setBy(FIELDS.filter((field) => names.filter(isField).includes(field)))}>
                    <Group gap={4}>
                      {FIELDS.map((field) => (
                        <Chip key={field} size="xs" value={field} disabled={by.length === 1 && by[0] === field}>
                          {t(`dirty.by.${field}`)}
                        </Chip>
                      ))}
                    </Group>
                  </Chip.Group>
                </Group>
              }
            >
              <div style={{ maxHeight: "46vh", overflow: "auto" }}>
                <DataTable label={t("dirty.groups")} columns={columns} rows={groups.data.items} rowKey={(group) => by.map((field) => group[field]).join(" ")} open={open} />
              </div>
            </Panel>
          )}
          <Group gap="sm">
            <SegmentedControl
              size="xs"
              value={resolved ? "resolved" : "unresolved"}
              onChange={(value) => setResolved(value === "resolved")}
              data={[
                { value: "unresolved", label: `${t("dirty.unresolved")} ${count(groups.data.unresolved, locale)}` },
                { value: "resolved", label: `${t("dirty.resolved")} ${count(groups.data.resolved, locale)}` },
              ]}
            />
            {narrowed.map((field) => (
              <Badge key={field} variant="outline" c="var(--mantine-color-text)" tt="none" component="button" style={{ cursor: "pointer" }} onClick={() => narrow({ [field]: "" })} aria-label={`${filter[field]} ×`}>
                {filter[field]} ×
              </Badge>
            ))}
          </Group>
          <EventsPanel filter={filter} resolved={resolved} chosen={chosen} choose={setChosen} selectable={may && !resolved} />
          {may && !resolved && <FixPanel filter={filter} keys={[...chosen]} onReplayed={() => setChosen(new Set())} />}
          <ReplaysPanel app={filter.app} may={may} />
        </Stack>
      )}
    </>
  );
}
