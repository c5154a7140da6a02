/** Metrics: what is measured, from which events, and how it stands today. */
import { Button, Group, Text, TextInput } from "@mantine/core";
import { useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { MetricSummary } from "../../api/design";
import { appsQuery, sessionQuery } from "../../api/queries";
import { metricsQuery } from "../../api/queries-event";
import { AppSelect } from "../../components/app-select";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icons";
import { Person } from "../../components/person";
import { TrustMark } from "../../components/standing";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count, localised } from "../../format";
import { useText } from "../../i18n";
import { measured } from "./model";

/** From how many apps metrics are read at once; more are asked for by choosing one. */
const APPS = 20;

export function MetricsPage() {
  const { t, locale } = useText();
  const search = useSearch({ from: "/metrics" });
  const navigate = useNavigate({ from: "/metrics" });
  const apps = useQuery(appsQuery);
  const may = useQuery(sessionQuery).data?.may.includes("change.propose") ?? false;
  const chosen = search.app ? [search.app] : (apps.data ?? []).slice(0, APPS).map((one) => one.app);
  const lists = useQueries({ queries: chosen.map((app) => metricsQuery(app)) });
  const failed = lists.find((one) => one.isError);
  const pending = apps.isPending || lists.some((one) => one.isPending);
  const text = (search.q ?? "").toLowerCase();
  const metrics = lists
    .flatMap((one) => one.data ?? [])
    .filter((one) => !text || [one.metric, one.of, one.owner ?? "", ...(typeof one.title === "string" ? [one.title] : Object.values(one.title ?? {}))].some((word) => word.toLowerCase().includes(text)));
  const columns = useMemo<Column<MetricSummary>[]>(
    () => [
      {
        id: "metric",
        header: t("metrics.name"),
        value: (one) => one.metric,
        cell: (one) => (
          <>
            <Link className="tp-link" to="/metrics/$app/$metric" params={{ app: one.app, metric: one.metric }} onClick={(click) => click.stopPropagation()}>
              {one.metric}
            </Link>
            <div style={{ fontSize: 12, color: "var(--mantine-color-dimmed)" }}>{localised(one.title, locale)}</div>
          </>
        ),
      },
      { id: "app", header: t("live.app"), value: (one) => one.app, cell: (one) => one.app },
      {
        id: "of",
        header: t("metrics.of"),
        value: (one) => one.of,
        cell: (one) => (
          <Link className="tp-link" to="/events/$app/$event" params={{ app: one.app, event: one.of }} onClick={(click) => click.stopPropagation()}>
            {one.of}
          </Link>
        ),
      },
      { id: "value", header: t("metrics.yesterday"), right: true, value: (one) => one.value ?? -Infinity, cell: (one) => measured(one.value, one.unit, locale) },
      { id: "owner", header: t("events.owner"), value: (one) => one.owner ?? "", cell: (one) => one.owner && <Person name={one.owner} size={20} /> },
      { id: "trust", header: t("catalogue.trust"), value: (one) => one.trust, cell: (one) => <TrustMark level={one.trust} /> },
    ],
    [t, locale],
  );
  return (
    <>
      <PageHead
        title={t("metrics.title")}
        about={t("metrics.about")}
        actions={
          may && (
            <Button leftSection={<Icon name="plus" size={16} />} onClick={() => void navigate({ to: "/edit", search: { section: "metrics", ...(search.app && { app: search.app }) } })}>
              {t("metrics.new")}
            </Button>
          )
        }
      />
      <Panel flush>
        <Group px={16} py={12} gap="sm">
          <TextInput
            data-search
            type="search"
            w={300}
            aria-label={t("metrics.search")}
            placeholder={t("metrics.search")}
            leftSection={<Icon name="search" size={16} />}
            value={search.q ?? ""}
            onChange={(change) => void navigate({ search: { ...search, q: change.currentTarget.value }, replace: true })}
          />
          <AppSelect w={180} all value={search.app ?? ""} change={(app) => void navigate({ search: { ...(search.q && { q: search.q }), ...(app && { app }) }, replace: true })} />
        </Group>
        {!search.app && (apps.data?.length ?? 0) > APPS && (
          <Text px={16} pb={12} fz="sm" c="dimmed">
            {t("metrics.some", { shown: APPS, all: count(apps.data?.length ?? 0, locale) })}
          </Text>
        )}
        {pending ? (
          <div style={{ padding: 18 }}>
            <Loading rows={6} />
          </div>
        ) : failed && metrics.length === 0 ? (
          <div style={{ padding: 18 }}>
            <ErrorState error={failed.error} retry={() => void failed.refetch()} />
          </div>
        ) : metrics.length === 0 ? (
          <Empty title={text ? t("metrics.none_found") : t("metrics.none")}>{text ? "" : t("metrics.none.about")}</Empty>
        ) : (
          <DataTable label={t("metrics.title")} columns={columns} rows={metrics} rowKey={(one) => `${one.app} ${one.metric}`} open={(one) => void navigate({ to: "/metrics/$app/$metric", params: { app: one.app, metric: one.metric } })} />
        )}
      </Panel>
    </>
  );
}
