/** Dirty: what failed, why, and sending it again. */
import { Alert, Button, Group, Select, Stack, Text, UnstyledButton } from "@mantine/core";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Fragment, useMemo, useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { appsQuery, dirtyGroupsQuery, dirtyQuery, sessionQuery } from "../api/queries";
import { DataTable, type Column } from "../components/data-table";
import { Icon } from "../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../components/states";
import { count, moment } from "../format";
import { useText } from "../i18n";
import { Pages } from "./events";
import { ClientText } from "./live/event-body";

type DirtyGroup = Schemas["DirtyGroup"];

/** What never got in can be sent again; what a rule failed on is stored already. */
const REPLAYABLE = ["hygiene", "plan"];

export function DirtyPage() {
  const { t, locale } = useText();
  const [app, setApp] = useState("");
  const [reason, setReason] = useState("");
  const [trail, setTrail] = useState<readonly string[]>([]);
  const apps = useQuery(appsQuery).data ?? [];
  const groups = useQuery({ ...dirtyGroupsQuery(app), refetchInterval: 10_000 });
  const columns = useMemo<Column<DirtyGroup>[]>(
    () => [
      {
        id: "reason",
        header: t("dirty.reason"),
        value: (group) => group.reason,
        cell: (group) => (
          <UnstyledButton
            className="tp-link"
            fz="inherit"
            onClick={() => {
              setReason(group.reason);
              setTrail([]);
            }}
          >
            {group.reason}
          </UnstyledButton>
        ),
      },
      { id: "stage", header: t("live.stage"), value: (group) => group.stage, cell: (group) => group.stage },
      { id: "event", header: t("events.event"), value: (group) => group.event, cell: (group) => group.event || "–" },
      { id: "rule", header: t("dirty.rule"), value: (group) => group.rule, cell: (group) => group.rule || "–" },
      { id: "app", header: t("live.app"), value: (group) => group.app, cell: (group) => group.app },
      { id: "count", header: t("dirty.count"), right: true, value: (group) => group.count, cell: (group) => count(group.count, locale) },
      { id: "last", header: t("dirty.last"), value: (group) => group.last_at, cell: (group) => moment(group.last_at, locale) },
    ],
    [t, locale],
  );
  const choose = (value: string) => {
    setReason(value);
    setTrail([]);
  };
  return (
    <>
      <PageHead
        title={t("dirty.title")}
        about={t("dirty.about")}
        actions={
          <Select
            aria-label={t("live.app")}
            w={170}
            value={app}
            onChange={(value) => {
              setApp(value ?? "");
              choose("");
            }}
            allowDeselect={false}
            data={[{ value: "", label: t("live.all_apps") }, ...apps.map((one) => ({ value: one.app, label: one.app }))]}
          />
        }
      />
      {groups.isPending ? (
        <Loading />
      ) : groups.isError ? (
        <ErrorState error={groups.error} retry={() => void groups.refetch()} />
      ) : groups.data.length === 0 ? (
        <Panel>
          <Empty title={t("dirty.empty")}>{t("dirty.empty.about")}</Empty>
        </Panel>
      ) : (
        <Stack>
          <Panel flush title={t("dirty.groups")}>
            <DataTable label={t("dirty.groups")} columns={columns} rows={groups.data} rowKey={(group) => [group.app, group.stage, group.reason, group.rule, group.event].join(" ")} open={(group) => choose(group.reason)} />
          </Panel>
          <Failed app={app} reason={reason} choose={choose} trail={trail} go={setTrail} groups={groups.data} />
        </Stack>
      )}
    </>
  );
}

function Failed({ app, reason, choose, trail, go, groups }: { app: string; reason: string; choose: (reason: string) => void; trail: readonly string[]; go: (trail: readonly string[]) => void; groups: readonly DirtyGroup[] }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const session = useQuery(sessionQuery).data;
  const list = useQuery({ ...dirtyQuery(app, reason, trail.at(-1) ?? ""), placeholderData: keepPreviousData });
  const [opened, setOpened] = useState("");
  const replayable = groups.filter((group) => REPLAYABLE.includes(group.stage) && (!reason || group.reason === reason));
  const target = app || (new Set(replayable.map((group) => group.app)).size === 1 ? (replayable[0]?.app ?? "") : "");
  const replay = useMutation({
    mutationFn: () => data(api.POST("/api/v1/dirty/replay", { body: { app: target, reason } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["dirty"] }),
  });
  return (
    <Panel
      flush
      title={reason ? t("dirty.of_reason", { reason }) : t("dirty.newest")}
      aside={
        <Group gap="xs">
          {reason && (
            <Button size="xs" variant="default" onClick={() => choose("")}>
              {t("dirty.all_reasons")}
            </Button>
          )}
          {session?.role !== "viewer" && (
            <Button size="xs" variant="default" disabled={!target} loading={replay.isPending} onClick={() => replay.mutate()} title={t("dirty.replay.about")}>
              {t("dirty.replay")}
            </Button>
          )}
        </Group>
      }
    >
      {(replay.isSuccess || replay.isError) && (
        <div style={{ padding: "4px 16px 10px" }}>
          {replay.isError ? (
            <ErrorState error={replay.error} />
          ) : (
            <Alert color="teal" variant="outline" role="status">
              {t("dirty.replayed", { sent: count(replay.data.sent, locale), selected: count(replay.data.selected, locale) })}{" "}
              {Object.entries(replay.data.dispositions)
                .map(([disposition, ended]) => `${disposition} ${count(ended, locale)}`)
                .join(" · ")}
            </Alert>
          )}
        </div>
      )}
      {list.isPending ? (
        <div style={{ padding: 18 }}>
          <Loading />
        </div>
      ) : list.isError ? (
        <div style={{ padding: 18 }}>
          <ErrorState error={list.error} retry={() => void list.refetch()} />
        </div>
      ) : list.data.items.length === 0 ? (
        <Empty title={t("dirty.none_found")} />
      ) : (
        <>
          <div className="tp-scroll" role="region" aria-label={t("dirty.newest")} tabIndex={0}>
            <table className="tp-table">
              <thead>
                <tr>
                  <th scope="col">{t("live.time")}</th>
                  <th scope="col">{t("events.event")}</th>
                  <th scope="col">{t("dirty.reason")}</th>
                  <th scope="col">{t("dirty.message")}</th>
                </tr>
              </thead>
              <tbody>
                {list.data.items.map((event) => {
                  const open = opened === event.key;
                  const toggle = () => setOpened(open ? "" : event.key);
                  return (
                    <Fragment key={event.key}>
                      <tr className="tp-row" onClick={toggle}>
                        <td style={{ whiteSpace: "nowrap" }}>{moment(event.received_at, locale)}</td>
                        <td>
                          <UnstyledButton
                            className="tp-link"
                            fz="inherit"
                            aria-expanded={open}
                            onClick={(click) => {
                              click.stopPropagation();
                              toggle();
                            }}
                          >
                            <Group gap={4} wrap="nowrap">
                              <span style={{ transform: open ? "rotate(90deg)" : undefined, display: "flex" }}>
                                <Icon name="chevron" size={14} />
                              </span>
                              {event.event || t("live.no_name")}
                            </Group>
                          </UnstyledButton>
                        </td>
                        <td className="tp-mono">{event.reason}</td>
                        <td>
                          <Text fz="sm" lineClamp={2}>
                            {event.message}
                          </Text>
                        </td>
                      </tr>
                      {open && (
                        <tr>
                          <td colSpan={4} style={{ background: "var(--tp-hover)" }}>
                            <Stack gap="xs" py={6}>
                              <Text fz="xs" c="dimmed">
                                {t("live.app")} {event.app} {event.env} · id <span className="tp-mono">{event.id || "–"}</span> · {t("live.stage")} {event.stage}
                                {event.rule && ` · ${t("dirty.rule")} ${event.rule}`}
                              </Text>
                              <Text fz="xs" fw={650}>
                                {t("dirty.header")}
                              </Text>
                              <ClientText text={event.header} label={t("dirty.header")} />
                              <Text fz="xs" fw={650}>
                                {t("dirty.data")}
                              </Text>
                              <ClientText text={event.data} label={t("dirty.data")} />
                            </Stack>
                          </td>
                        </tr>
                      )}
                    </Fragment>
                  );
                })}
              </tbody>
            </table>
          </div>
          <Pages trail={trail} next={list.data.next} go={go} />
        </>
      )}
    </Panel>
  );
}
