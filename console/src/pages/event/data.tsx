/** What arrives of an event: how much, from which releases, and what is wrong with it. */
import { Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import type { EventInsight, Volume } from "../../api/design";
import { TimeChart, type Line } from "../../components/chart";
import { DataTable, type Column } from "../../components/data-table";
import { LifeCycle } from "../../components/standing";
import { Empty, Panel } from "../../components/states";
import { ago, count, moment, percent } from "../../format";
import { useText } from "../../i18n";
import { matrixOf } from "./model";
import { TrustCriteria } from "./trust";

const SPANS = ["48h", "30d", "90d"] as const;
type Span = (typeof SPANS)[number];
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export function DataTab({ app, event, insight }: { app: string; event: string; spec: Schemas["EventSpec"]; insight: EventInsight }) {
  return (
    <div className="tp-about">
      <Stack gap="md" style={{ minWidth: 0 }}>
        <VolumePanel insight={insight} />
        <MatrixPanel insight={insight} />
        <ViolationsPanel app={app} event={event} insight={insight} />
      </Stack>
      <Panel>
        <TrustCriteria trust={insight.trust} />
      </Panel>
    </div>
  );
}

function VolumePanel({ insight }: { insight: EventInsight }) {
  const { t, locale } = useText();
  const [span, setSpan] = useState<Span>(insight.daily.filter((day) => day.seen + day.dirty > 0).length < 3 ? "48h" : "30d");
  const points: readonly Volume[] = span === "48h" ? insight.hourly : insight.daily.slice(span === "30d" ? -30 : -90);
  const lines = useMemo<Line[]>(
    () => [
      { name: t("volume.seen"), tone: "blue", filled: true, points: points.map((one) => [one.at, one.seen]) },
      ...(points.some((one) => one.violations > 0) ? [{ name: t("volume.violations"), tone: "grape" as const, points: points.map((one) => [one.at, one.violations] as const) }] : []),
      ...(points.some((one) => one.dirty > 0) ? [{ name: t("volume.dirty"), tone: "red" as const, points: points.map((one) => [one.at, one.dirty] as const) }] : []),
    ],
    [points, t],
  );
  const written = useCallback((value: number) => count(value, locale), [locale]);
  const step = span === "48h" ? HOUR : DAY;
  return (
    <Panel
      title={t("event.volume")}
      aside={<SegmentedControl size="xs" aria-label={t("volume.span")} value={span} onChange={(value) => setSpan(value)} data={SPANS.map((value) => ({ value, label: t(`volume.${value}`) }))} />}
    >
      {points.length === 0 ? <Empty title={t("event.never")} /> : <TimeChart label={t("event.volume.about")} lines={lines} begin={points[0]?.at ?? 0} end={(points.at(-1)?.at ?? 0) + step / 2} written={written} />}
      {insight.state.behind_rows > 0 && (
        <Text fz="xs" c="dimmed">
          {t("volume.behind", { count: count(insight.state.behind_rows, locale) })}
        </Text>
      )}
    </Panel>
  );
}

function MatrixPanel({ insight }: { insight: EventInsight }) {
  const { t, locale } = useText();
  const { releases, platforms, left } = useMemo(() => matrixOf(insight.life_cycle, insight.by_version), [insight]);
  return (
    <Panel flush title={t("matrix.title")} aside={left > 0 && <Text fz="xs" c="dimmed">{t("matrix.left", { count: left })}</Text>}>
      {platforms.length === 0 ? (
        <Empty title={t("matrix.none")} />
      ) : (
        <div className="tp-scroll" role="region" aria-label={t("matrix.title")} tabIndex={0}>
          <table className="tp-table">
            <thead>
              <tr>
                <th scope="col">{t("matrix.platform")}</th>
                {releases.map((release) => (
                  <th key={release} scope="col" className="tp-num">
                    {release || t("matrix.no_release")}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {platforms.map((row) => (
                <tr key={row.platform}>
                  <th scope="row">{row.platform || t("matrix.no_platform")}</th>
                  {row.cells.map((cell) => (
                    <td key={cell.release} style={{ verticalAlign: "top" }}>
                      <Stack gap={2} align="flex-start">
                        <LifeCycle state={cell.state} />
                        {cell.seen && (
                          <Text fz="xs" c="dimmed" className="tp-num" title={moment(cell.seen.last_at, locale)}>
                            {count(cell.seen.seen, locale)} · {ago(cell.seen.last_at, locale)}
                          </Text>
                        )}
                        {cell.seen && cell.seen.dirty > 0 && (
                          <Text fz="xs" className="tp-num">
                            {t("matrix.dirty", { count: count(cell.seen.dirty, locale) })}
                          </Text>
                        )}
                      </Stack>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

type Row = EventInsight["violations"][number];

function ViolationsPanel({ app, event, insight }: { app: string; event: string; insight: EventInsight }) {
  const { t, locale } = useText();
  const total = insight.violations.reduce((sum, one) => sum + one.count, 0);
  const columns = useMemo<Column<Row>[]>(
    () => [
      { id: "code", header: t("violations.what"), value: (row) => row.code, cell: (row) => <span className="tp-mono">{row.code}</span> },
      { id: "pointer", header: t("violations.where"), value: (row) => row.pointer, cell: (row) => <span className="tp-mono">{row.pointer || "/"}</span> },
      { id: "count", header: t("dirty.count"), right: true, value: (row) => row.count, cell: (row) => `${count(row.count, locale)} (${percent(row.count / Math.max(1, total), locale)})` },
      { id: "dirty", header: t("violations.kept_out"), right: true, value: (row) => row.dirty, cell: (row) => count(row.dirty, locale) },
      { id: "last", header: t("dirty.last"), value: (row) => row.last_at, cell: (row) => ago(row.last_at, locale) },
      {
        id: "to",
        header: "",
        cell: (row) =>
          row.dirty > 0 && (
            <Link className="tp-link" to="/dirty" search={{ app, event, reason: row.code }}>
              {t("violations.mend")}
            </Link>
          ),
      },
    ],
    [t, locale, total, app, event],
  );
  return (
    <Panel
      flush
      title={t("violations.title")}
      aside={
        <Group gap={6}>
          <Text fz="xs" c="dimmed">
            {insight.valid_share === null ? "" : t("violations.valid", { share: percent(insight.valid_share, locale) })}
          </Text>
        </Group>
      }
    >
      {insight.violations.length === 0 ? <Empty title={t("violations.none")} /> : <DataTable label={t("violations.title")} columns={columns} rows={insight.violations} rowKey={(row) => `${row.code} ${row.pointer}`} />}
    </Panel>
  );
}
