/** What a rule does: charts over a window; and which rules do most. */
import { Box, Group, SegmentedControl, Select, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { ruleStatisticsQuery, topRulesQuery } from "../../api/queries-live";
import { TimeChart, type Line } from "../../components/chart";
import { DataTable, type Column } from "../../components/data-table";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { bytes, count, duration, nanoseconds, percent, rate } from "../../format";
import { useText } from "../../i18n";
import { figuresOf, type Figures } from "./shadow-model";

type Statistics = Schemas["RuleStatistics"];
type TopRule = Schemas["TopRule"] & { totals: Figures };

const WINDOWS = ["900", "3600", "21600", "86400"] as const;

export function StatisticsTab({ rule }: { rule: string }) {
  const { t } = useText();
  const [window, setWindow] = useState("900");
  const found = useQuery(ruleStatisticsQuery(rule, Number(window)));
  return (
    <Stack gap="md">
      <Group justify="flex-end">
        <SegmentedControl size="xs" aria-label={t("stats.window")} value={window} onChange={setWindow} data={WINDOWS.map((value) => ({ value, label: t(`stats.window.${value}`) }))} />
      </Group>
      {found.isPending ? (
        <Loading rows={6} />
      ) : found.isError ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : isQuiet(found.data) ? (
        <Panel>
          <Empty title={t("stats.empty")}>{t("stats.empty.about")}</Empty>
        </Panel>
      ) : (
        <Charts statistics={found.data} />
      )}
    </Stack>
  );
}

function isQuiet(statistics: Statistics): boolean {
  const figures = [statistics.totals, statistics.canary ?? {}].map(figuresOf);
  return figures.every(({ matched, failed }) => matched + failed === 0);
}

function Charts({ statistics }: { statistics: Statistics }) {
  const { t, locale } = useText();
  const { step_s: step } = statistics;
  const totals = figuresOf(statistics.totals);
  const canary = statistics.canary && figuresOf(statistics.canary);
  const points = useMemo(() => statistics.points.map((point) => ({ at: point.at, ...figuresOf(point) })), [statistics]);
  const end = (points.at(-1)?.at ?? 0) + step * 1_000;
  const begin = end - statistics.window_s * 1_000;
  const lines = useMemo(() => {
    const of = (name: string, tone: Line["tone"], value: (point: Figures) => number | null, filled = false): Line => ({
      name,
      tone,
      filled,
      points: points.map((point) => [point.at, value(point)]),
    });
    return {
      rates: [
        of(t("stats.matched"), "blue", (point) => point.matched / step, true),
        of(t("stats.output"), "green", (point) => point.output / step),
        of(t("stats.failed"), "red", (point) => point.failed / step),
      ],
      cost: [of(t("stats.cost"), "grape", (point) => (point.matched + point.failed ? point.ns / (point.matched + point.failed) : null), true)],
      bytes: [of(t("stats.bytes_in"), "blue", (point) => point.bytes_in / step), of(t("stats.bytes_out"), "green", (point) => point.bytes_out / step)],
    };
  }, [points, step, t]);
  const perSecond = useCallback((value: number) => `${rate(value, locale)} ${t("unit.per_s")}`, [locale, t]);
  const inTime = useCallback((value: number) => nanoseconds(value, locale), [locale]);
  const inBytes = useCallback((value: number) => `${bytes(value, locale)}${t("unit.per_s")}`, [locale, t]);
  const figures = [
    [t("stats.matched"), count(totals.matched, locale)],
    [t("stats.output"), count(totals.output, locale)],
    [t("stats.failed"), count(totals.failed, locale)],
    [t("stats.error_rate"), percent(statistics.error_rate, locale)],
    [t("stats.cost"), totals.matched + totals.failed === 0 ? "–" : statistics.p50_ns ? `${nanoseconds(statistics.p50_ns, locale)} p50` : nanoseconds(totals.ns / (totals.matched + totals.failed), locale)],
    [t("stats.time"), duration(totals.ns / 1e6, locale)],
  ] as const;
  return (
    <>
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
        {figures.map(([label, value]) => (
          <Box key={label} className="tp-panel" px={14} py={10}>
            <Text fz={12.5} c="dimmed" fw={500}>
              {label}
            </Text>
            <Text fz={19} fw={650} className="tp-num">
              {value}
            </Text>
          </Box>
        ))}
      </SimpleGrid>
      {canary && (
        <Text fz="sm" c="dimmed" className="tp-num">
          {t("stats.canary")}: {count(canary.matched, locale)} {t("stats.matched")} · {count(canary.output, locale)} {t("stats.output")} · {count(canary.failed, locale)} {t("stats.failed")}
        </Text>
      )}
      <Panel title={t("stats.rates")}>
        <TimeChart label={t("stats.rates")} lines={lines.rates} begin={begin} end={end} written={perSecond} />
      </Panel>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Panel title={t("stats.cost")}>
          <TimeChart label={t("stats.cost")} lines={lines.cost} begin={begin} end={end} written={inTime} height={190} />
        </Panel>
        <Panel title={t("stats.bytes")}>
          <TimeChart label={t("stats.bytes")} lines={lines.bytes} begin={begin} end={end} written={inBytes} height={190} />
        </Panel>
      </SimpleGrid>
    </>
  );
}

const SORTS = ["cost", "errors", "output"] as const;
type Sort = (typeof SORTS)[number];
const isSort = (value: string | null): value is Sort => SORTS.some((sort) => sort === value);

/** The rules that do most, for the list of rules. */
export function TopRules() {
  const { t, locale } = useText();
  const [sort, setSort] = useState<Sort>("cost");
  const found = useQuery(topRulesQuery(sort, 900));
  const all = figuresOf(found.data?.totals ?? {}).ns;
  const items = useMemo<TopRule[]>(() => (found.data?.items ?? []).map((row) => ({ ...row, totals: figuresOf(row.totals) })), [found.data]);
  const columns = useMemo<Column<TopRule>[]>(
    () => [
      {
        id: "rule",
        header: t("stats.rule"),
        cell: (row) => (
          <Link className="tp-link" to="/rules/edit/$rule" params={{ rule: row.rule.split("~")[0] ?? row.rule }} search={{ tab: "statistics" }}>
            {row.rule}
          </Link>
        ),
      },
      { id: "matched", header: t("stats.matched"), right: true, cell: (row) => count(row.totals.matched, locale) },
      { id: "output", header: t("stats.output"), right: true, cell: (row) => count(row.totals.output, locale) },
      { id: "failed", header: t("stats.failed"), right: true, cell: (row) => count(row.totals.failed, locale) },
      { id: "errors", header: t("stats.error_rate"), right: true, cell: (row) => percent(row.error_rate, locale) },
      { id: "cost", header: t("stats.cost"), right: true, cell: (row) => (row.ns_per_event === null ? "–" : nanoseconds(row.ns_per_event, locale)) },
      { id: "share", header: t("stats.share"), right: true, cell: (row) => (all ? percent(row.totals.ns / all, locale) : "–") },
    ],
    [t, locale, all],
  );
  return (
    <Panel
      flush
      title={t("stats.top")}
      aside={
        <Select
          size="xs"
          w={170}
          aria-label={t("stats.sort")}
          value={sort}
          allowDeselect={false}
          onChange={(value) => {
            if (isSort(value)) setSort(value);
          }}
          data={SORTS.map((value) => ({ value, label: t(`stats.sort.${value}`) }))}
        />
      }
    >
      {found.isPending ? (
        <Box p={16}>
          <Loading rows={4} />
        </Box>
      ) : found.isError ? (
        <Box p={16}>
          <ErrorState error={found.error} retry={() => void found.refetch()} />
        </Box>
      ) : items.length === 0 ? (
        <Empty title={t("stats.empty")}>{t("stats.empty.about")}</Empty>
      ) : (
        <>
          <Text fz="sm" c="dimmed" px={18} pb={8}>
            {t("stats.top.about", { window: duration(900_000, locale), rules: found.data.rules })}
          </Text>
          <DataTable label={t("stats.top")} columns={columns} rows={items} rowKey={(row) => row.rule} />
        </>
      )}
    </Panel>
  );
}
