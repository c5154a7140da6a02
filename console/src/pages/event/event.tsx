/** An event: what it means, whether it can be trusted, what it really carries, who uses it, how it came about. */
import { Button, Group, Stack, Tabs, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { ApiError } from "../../api/client";
import { eventQuery, sessionQuery } from "../../api/queries";
import { insightQuery } from "../../api/queries-event";
import { Grade } from "../../components/badges";
import { CopyName } from "../../components/copy-name";
import { Icon } from "../../components/icons";
import { Person } from "../../components/person";
import { LifeCycle } from "../../components/standing";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, localised } from "../../format";
import { useText } from "../../i18n";
import { isEventTab, type EventTab } from "../addresses";
import { About } from "./about";
import { furthest } from "./model";
import { TrustBadge } from "./trust";

const DataTab = lazy(async () => ({ default: (await import("./data")).DataTab }));
const UseTab = lazy(async () => ({ default: (await import("./use")).UseTab }));
const HistoryTab = lazy(async () => ({ default: (await import("./history")).HistoryTab }));

const TABS: readonly EventTab[] = ["about", "data", "use", "history"];

export function EventPage() {
  const { t, locale } = useText();
  const { app, event } = useParams({ from: "/events/$app/$event" });
  const { tab = "about", property } = useSearch({ from: "/events/$app/$event" });
  const navigate = useNavigate({ from: "/events/$app/$event" });
  const session = useQuery(sessionQuery).data;
  const found = useQuery({ ...eventQuery(app, event), retry: false });
  const insight = useQuery(insightQuery(app, event));
  const may = session?.may.includes("change.propose") ?? false;
  const unplanned = found.error instanceof ApiError && found.error.status === 404;
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError && !unplanned) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  const spec = found.data?.spec;
  const title = localised(spec?.title, locale);
  const state = spec ? (spec.deprecated ? "deprecated" : furthest(insight.data?.life_cycle ?? [])) : insight.data?.seen || insight.data?.dirty ? "unplanned" : "";
  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to="/events" className="tp-link" aria-label={t("event.back")} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            <span style={{ overflowWrap: "anywhere" }}>{event}</span>
            <CopyName text={event} />
            {spec && <Grade grade={spec.grade ?? "P2"} />}
            <LifeCycle state={state} />
            {insight.data && spec && <TrustBadge trust={insight.data.trust} />}
          </Group>
        }
        about={
          <Group gap={14}>
            {title && <span>{title}</span>}
            <span>{app}</span>
            {spec?.owner && <Person name={spec.owner} size={18} />}
            {insight.data && <span>{insight.data.last_at ? t("event.seen", { ago: ago(insight.data.last_at, locale) }) : t("event.never")}</span>}
          </Group>
        }
        actions={
          <>
            <Button variant="default" component={Link} to="/live" leftSection={<Icon name="live" size={16} />}>
              {t("event.watch")}
            </Button>
            {may && spec && (
              <Tooltip label="e">
                <Button data-edit leftSection={<Icon name="edit" size={16} />} aria-keyshortcuts="e" onClick={() => void navigate({ to: "/edit", search: { app, section: "events", name: event } })}>
                  {t("event.edit")}
                </Button>
              </Tooltip>
            )}
          </>
        }
      />
      {!spec ? (
        <Panel>
          <Empty
            title={state === "unplanned" ? t("event.unplanned") : t("event.unknown")}
            action={
              may && (
                <Button mt="sm" onClick={() => void navigate({ to: "/edit", search: { app, section: "events", name: event, ...(state === "unplanned" && { from: `unplanned:${event}` }) } })}>
                  {t("event.plan_it")}
                </Button>
              )
            }
          >
            {state === "unplanned" ? t("event.unplanned.about") : t("event.unknown.about")}
          </Empty>
        </Panel>
      ) : (
        <Tabs value={tab} onChange={(next) => isEventTab(next) && void navigate({ search: next === "about" ? {} : { tab: next }, replace: true })} keepMounted={false}>
          <Tabs.List mb="md">
            {TABS.map((one) => (
              <Tabs.Tab key={one} value={one}>
                {t(`event.tab.${one}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {insight.isError && tab !== "history" && (
            <Stack mb="md">
              <ErrorState error={insight.error} retry={() => void insight.refetch()} />
            </Stack>
          )}
          <Tabs.Panel value="about">
            <About app={app} event={event} spec={spec} revision={found.data?.revision ?? 0} insight={insight.data} property={property} />
          </Tabs.Panel>
          <Suspense fallback={<Loading rows={6} />}>
            <Tabs.Panel value="data">{insight.data ? <DataTab app={app} event={event} spec={spec} insight={insight.data} /> : <Loading rows={6} />}</Tabs.Panel>
            <Tabs.Panel value="use">{insight.data ? <UseTab app={app} event={event} insight={insight.data} /> : <Loading rows={6} />}</Tabs.Panel>
            <Tabs.Panel value="history">
              <HistoryTab app={app} event={event} />
            </Tabs.Panel>
          </Suspense>
        </Tabs>
      )}
      {spec?.removed && (
        <Text fz="sm" c="dimmed" mt="md">
          {t("event.removed")}
        </Text>
      )}
    </>
  );
}
