/** What the reader was told, and which things are to be told by which way. */
import { Button, Group, SegmentedControl, Select, Stack, Tabs, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { inboxQuery, markRead, type InboxFilter } from "../../api/queries-review";
import type { Notice } from "../../api/review";
import { Icon, type IconName } from "../../components/icons";
import { Pages } from "../../components/pages";
import { PersonMark } from "../../components/person";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, moment } from "../../format";
import { useText } from "../../i18n";
import { KINDS } from "./kinds";
import { Preferences } from "./preferences";

const ICONS: Record<Notice["kind"], IconName> = {
  review_asked: "person",
  comment: "comment",
  approved: "check",
  rejected: "cross",
  approval_fell: "warning",
  merged: "branch",
  impact_found: "live",
  expires_soon: "history",
  violations: "dirty",
};

export function InboxPage() {
  const { t } = useText();
  const { tab } = useSearch({ from: "/inbox" });
  const navigate = useNavigate({ from: "/inbox" });
  return (
    <>
      <PageHead title={t("inbox.title")} about={t("inbox.about")} />
      <Tabs value={tab ?? "inbox"} onChange={(next) => void navigate({ search: { tab: next === "preferences" ? "preferences" : undefined }, replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="inbox">{t("inbox.tab.inbox")}</Tabs.Tab>
          <Tabs.Tab value="preferences">{t("inbox.tab.preferences")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="inbox">
          <Notices />
        </Tabs.Panel>
        <Tabs.Panel value="preferences">
          <Preferences />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Notices() {
  const { t } = useText();
  const cache = useQueryClient();
  const [filter, setFilter] = useState<InboxFilter>({ unread: false, kind: "" });
  const [trail, setTrail] = useState<readonly string[]>([]);
  const inbox = useQuery(inboxQuery(filter, trail.at(-1) ?? ""));
  const mark = useMutation({ mutationFn: ({ ids, read }: { ids: readonly number[]; read: boolean }) => markRead(ids, read), onSuccess: () => cache.invalidateQueries({ queryKey: ["inbox"] }) });
  const narrow = (more: Partial<InboxFilter>) => {
    setFilter({ ...filter, ...more });
    setTrail([]);
  };
  if (inbox.isPending) return <Loading rows={6} />;
  if (inbox.isError) return <ErrorState error={inbox.error} retry={() => void inbox.refetch()} />;
  const { items, unread } = inbox.data;
  return (
    <Panel flush>
      <Group px={16} py={12} justify="space-between" style={{ borderBottom: "1px solid var(--tp-border)" }}>
        <Group gap="sm">
          <SegmentedControl size="sm" aria-label={t("inbox.show")} value={filter.unread ? "unread" : "all"} onChange={(value) => narrow({ unread: value === "unread" })} data={[{ value: "all", label: t("inbox.all") }, { value: "unread", label: unread ? `${t("inbox.unread")} ${unread}` : t("inbox.unread") }]} />
          <Select aria-label={t("inbox.kind")} w={210} value={filter.kind} allowDeselect={false} onChange={(kind) => narrow({ kind: KINDS.find((one) => one === kind) ?? "" })} data={[{ value: "", label: t("inbox.any") }, ...KINDS.map((kind) => ({ value: kind, label: t(`inbox.name.${kind}`) }))]} />
        </Group>
        <Button size="xs" variant="default" disabled={unread === 0} loading={mark.isPending && mark.variables.ids.length === 0} onClick={() => mark.mutate({ ids: [], read: true })}>
          {t("inbox.read_all")}
        </Button>
      </Group>
      {mark.isError && <ErrorState error={mark.error} />}
      {items.length === 0 ? (
        <Empty title={filter.unread || filter.kind ? t("inbox.none_found") : t("inbox.empty")}>{!filter.unread && !filter.kind && t("inbox.empty.about")}</Empty>
      ) : (
        <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }} aria-label={t("inbox.title")}>
          {items.map((notice) => (
            <NoticeRow key={notice.id} notice={notice} mark={(read) => mark.mutate({ ids: [notice.id], read })} />
          ))}
        </Stack>
      )}
      <Pages trail={trail} next={inbox.data.next} go={setTrail} />
    </Panel>
  );
}

function NoticeRow({ notice, mark }: { notice: Notice; mark: (read: boolean) => void }) {
  const { t, locale } = useText();
  const navigate = useNavigate();
  const open = () => {
    if (!notice.read) mark(true);
    if (notice.change !== null) void navigate({ to: "/changes/$id", params: { id: String(notice.change) }, search: notice.kind === "comment" ? { tab: "discussion" } : notice.kind === "review_asked" ? { tab: "events" } : {} });
    else if (notice.event && notice.app) void navigate({ to: "/events/$app/$event", params: { app: notice.app, event: notice.event } });
  };
  const what = t(`inbox.kind.${notice.kind}`, { actor: notice.actor, event: notice.event });
  return (
    <li className="tp-finding tp-row" data-row={notice.id} tabIndex={-1} onClick={open}>
      <Group gap={12} wrap="nowrap" align="flex-start">
        <span className="tp-dot" style={{ background: notice.read ? "transparent" : "var(--mantine-color-indigo-6)", marginTop: 10 }} role="img" aria-label={notice.read ? t("inbox.is_read") : t("inbox.is_unread")} />
        {notice.actor && notice.actor !== "system" ? (
          <PersonMark name={notice.actor} size={28} />
        ) : (
          <span style={{ display: "grid", placeItems: "center", width: 28, height: 28 }}>
            <Icon name={ICONS[notice.kind]} />
          </span>
        )}
        <div style={{ flex: 1, minWidth: 0 }}>
          <Text fz="sm" fw={notice.read ? 400 : 650}>
            {what}
          </Text>
          <Text fz="sm" style={{ overflowWrap: "anywhere" }}>
            {notice.title}
          </Text>
          {notice.detail && (
            <Text fz="xs" c="dimmed" lineClamp={2}>
              {notice.detail}
            </Text>
          )}
          <Text fz="xs" c="dimmed" title={moment(notice.at, locale)}>
            {[notice.app, notice.change === null ? "" : `#${notice.change}`, ago(notice.at, locale)].filter(Boolean).join(" · ")}
          </Text>
        </div>
        <Button
          size="compact-xs"
          variant="subtle"
          onClick={(click) => {
            click.stopPropagation();
            mark(!notice.read);
          }}
        >
          {notice.read ? t("inbox.mark_unread") : t("inbox.mark_read")}
        </Button>
      </Group>
    </li>
  );
}
