/** A change request: what it would do to the plan, what people say, who has to agree, and how far it is. */
import { Alert, Badge, Group, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { approvalsQuery, changeQuery, commentsQuery } from "../../api/queries-review";
import type { Change, PartConflict } from "../../api/review";
import { Icon } from "../../components/icons";
import { Person } from "../../components/person";
import { ErrorState, Loading, PageHead } from "../../components/states";
import { ago, count, moment } from "../../format";
import { useText } from "../../i18n";
import { ChangeActions } from "./actions";
import { ChecksTab } from "./checks";
import { DiscussionTab } from "./discussion";
import { EventsTab } from "./events";
import { HistoryTab } from "./history";
import { approvalCount, isTab, TABS, threadsOf, type Tab } from "./model";
import { OverviewTab } from "./overview";
import { ChangeSize, ChangeStateBadge } from "./parts";
import { ReviewersTab } from "./reviewers";
import { Steps } from "./steps";

const ImpactTab = lazy(async () => ({ default: (await import("./impact")).ImpactTab }));
const ConflictsDialog = lazy(async () => ({ default: (await import("./conflicts")).ConflictsDialog }));

export function ChangePage() {
  const { t } = useText();
  const { id } = useParams({ from: "/changes/$id" });
  const number = Number(id);
  const found = useQuery({ ...changeQuery(number), retry: false });
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError)
    return (
      <Stack>
        <Link to="/changes" className="tp-link">
          {t("change.back")}
        </Link>
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      </Stack>
    );
  return <Opened key={number} change={found.data} />;
}

function Opened({ change }: { change: Change }) {
  const { t, locale } = useText();
  const search = useSearch({ from: "/changes/$id" });
  const navigate = useNavigate({ from: "/changes/$id" });
  const tab: Tab = isTab(search.tab) ? search.tab : "overview";
  const comments = useQuery(commentsQuery(change.id));
  const approvals = useQuery(approvalsQuery(change.id));
  const [conflicts, setConflicts] = useState<readonly PartConflict[]>([]);
  const threads = threadsOf(comments.data ?? []);
  const open = threads.filter((thread) => !thread.resolved).length;
  const agreed = approvalCount(change, approvals.data?.items ?? []);
  const counters: Partial<Record<Tab, string>> = {
    events: agreed.needed ? count(agreed.needed, locale) : "",
    discussion: open ? String(open) : "",
    reviewers: agreed.needed ? `${count(agreed.given, locale)}/${count(agreed.needed, locale)}` : "",
  };
  return (
    <>
      <PageHead
        title={
          <Group gap={10} wrap="nowrap" align="flex-start">
            <Link to="/changes" className="tp-link" aria-label={t("change.back")} style={{ display: "flex", paddingTop: 4 }}>
              <Icon name="back" size={22} />
            </Link>
            <span style={{ overflowWrap: "anywhere" }}>
              {change.title}{" "}
              <Text span fz="inherit" fw={400} c="dimmed" className="tp-num">
                #{change.id}
              </Text>
            </span>
          </Group>
        }
        about={
          <Group gap={8} component="span" mt={4}>
            <ChangeStateBadge state={change.state} />
            <Person name={change.author} size={18} strong />
            <span>{t("change.about", { app: change.app, base: change.base })}</span>·<span title={moment(change.updated_at, locale)}>{t("changes.updated", { ago: ago(change.updated_at, locale) })}</span>
            <ChangeSize change={change} />
          </Group>
        }
        actions={<ChangeActions change={change} onConflicts={setConflicts} />}
      />
      <Stack gap="md">
        <Steps change={change} />
        {change.state === "draft" && change.rejection && (
          <Alert color="orange" variant="outline" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("change.sent_back", { by: change.rejection.by, ago: ago(change.rejection.at, locale) })}>
            <p className="tp-prose">{change.rejection.reason}</p>
          </Alert>
        )}
        {change.stale && change.state !== "merged" && change.state !== "closed" && (
          <Alert color="orange" variant="outline" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("change.stale", { base: change.base, current: change.current ?? 0 })}>
            {t("change.stale.about")}
          </Alert>
        )}
        <Tabs value={tab} onChange={(next) => void navigate({ search: { tab: next === "overview" ? undefined : (next as Tab) }, replace: true })} keepMounted={false}>
          <Tabs.List mb="md">
            {TABS.map((one) => (
              <Tabs.Tab
                key={one}
                value={one}
                rightSection={
                  counters[one] ? (
                    <Badge size="sm" variant="default" circle={counters[one].length < 2}>
                      {counters[one]}
                    </Badge>
                  ) : undefined
                }
              >
                {t(`change.tab.${one}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="overview">
            <OverviewTab change={change} approvals={approvals.data?.items ?? []} threads={threads} />
          </Tabs.Panel>
          <Tabs.Panel value="events">
            <EventsTab change={change} threads={threads} focus={search.event} />
          </Tabs.Panel>
          <Tabs.Panel value="discussion">
            <DiscussionTab change={change} threads={threads} pending={comments.isPending} error={comments.error} />
          </Tabs.Panel>
          <Tabs.Panel value="checks">
            <ChecksTab change={change} />
          </Tabs.Panel>
          <Tabs.Panel value="reviewers">
            <ReviewersTab change={change} />
          </Tabs.Panel>
          <Tabs.Panel value="impact">
            <Suspense fallback={<Loading rows={6} />}>
              <ImpactTab change={change} />
            </Suspense>
          </Tabs.Panel>
          <Tabs.Panel value="history">
            <HistoryTab change={change} />
          </Tabs.Panel>
        </Tabs>
      </Stack>
      {conflicts.length > 0 && (
        <Suspense fallback={null}>
          <ConflictsDialog change={change} conflicts={conflicts} close={() => setConflicts([])} />
        </Suspense>
      )}
    </>
  );
}
