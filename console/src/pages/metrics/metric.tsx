/** A metric: its definition in words and as written, its course, what it is made from and who uses it. */
import { Alert, Button, Group, SegmentedControl, Stack, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { sessionQuery } from "../../api/queries";
import { metricQuery, seriesQuery } from "../../api/queries-event";
import { TimeChart, type Line } from "../../components/chart";
import { CopyCode } from "../../components/copy-code";
import { CopyName } from "../../components/copy-name";
import { FindingText } from "../../components/finding";
import { Icon } from "../../components/icons";
import { Person } from "../../components/person";
import { TrustMark } from "../../components/standing";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, localised, moment } from "../../format";
import { useText } from "../../i18n";
import { Fact } from "../event/facts";
import { TrustBadge } from "../event/trust";
import { ConsumersPanel } from "../event/use";
import { measured, SPANS, STEPS, type Step } from "./model";

export function MetricPage() {
  const { t, locale } = useText();
  const { app, metric } = useParams({ from: "/metrics/$app/$metric" });
  const navigate = useNavigate();
  const may = useQuery(sessionQuery).data?.may.includes("change.propose") ?? false;
  const found = useQuery(metricQuery(app, metric));
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  const one = found.data;
  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to="/metrics" className="tp-link" aria-label={t("metric.back")} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            {metric}
            <CopyName text={metric} />
            <TrustBadge trust={one.trust} />
          </Group>
        }
        about={
          <Group gap={14}>
            {localised(one.title, locale) && <span>{localised(one.title, locale)}</span>}
            <span>{app}</span>
            {one.owner && <Person name={one.owner} size={18} />}
          </Group>
        }
        actions={
          may && (
            <Tooltip label="e">
              <Button data-edit aria-keyshortcuts="e" leftSection={<Icon name="edit" size={16} />} onClick={() => void navigate({ to: "/edit", search: { app, section: "metrics", name: metric } })}>
                {t("event.edit")}
              </Button>
            </Tooltip>
          )
        }
      />
      <div className="tp-about">
        <Stack gap="md" style={{ minWidth: 0 }}>
          {one.findings.length > 0 && (
            <Alert color="red" variant="outline" role="alert" title={t("metric.broken")} styles={{ title: { color: "var(--mantine-color-error)" } }}>
              {one.findings.map((finding) => (
                <FindingText key={finding.message} finding={finding} />
              ))}
            </Alert>
          )}
          <Course app={app} metric={metric} unit={one.unit} />
          <Panel title={t("metric.definition")}>
            <Stack gap="sm">
              {localised(one.description, locale) && <Text fz="sm">{localised(one.description, locale)}</Text>}
              <Text fz="sm">{locale === "en" ? one.words : [t("metric.words", { measure: one.measure, of: one.of }), one.where ? t("metric.words.where", { where: one.where }) : "", one.unit ? t("metric.words.unit", { unit: one.unit }) : ""].join("")}</Text>
              <dl className="tp-fact-list">
                <Fact name={t("metric.measure")}>
                  <code className="tp-mono">{one.measure}</code>
                </Fact>
                <Fact name={t("metrics.of")}>
                  <Group gap={8}>
                    <Link className="tp-link" to="/events/$app/$event" params={{ app, event: one.of }}>
                      {one.of}
                    </Link>
                    <TrustMark level={one.event_trust} />
                  </Group>
                </Fact>
                {one.where && (
                  <Fact name={t("metric.where")}>
                    <code className="tp-mono">{one.where}</code>
                  </Fact>
                )}
                {one.unit && <Fact name={t("metric.unit")}>{one.unit}</Fact>}
                <Fact name={t("metric.reads")}>
                  <span className="tp-mono">{one.reads.join(", ") || "–"}</span>
                </Fact>
              </dl>
              <details className="tp-details">
                <summary>{t("metric.sql")}</summary>
                <CopyCode text={one.sql} label={t("metric.sql")} />
              </details>
            </Stack>
          </Panel>
          <Panel title={t("metric.history")}>
            {one.history.length === 0 ? (
              <Empty title={t("history.none")} />
            ) : (
              <ol className="tp-timeline">
                {one.history.map((change) => (
                  <li key={change.revision}>
                    <div className="tp-timeline-head">
                      <Link className="tp-link" to="/plans/$app" params={{ app }} search={{ from: Math.max(0, change.revision - 1), to: change.revision }}>
                        {t("plan.revision", { revision: change.revision })}
                      </Link>
                      <Person name={change.author} size={18} />
                      <Text span fz="xs" c="dimmed" title={moment(change.at, locale)}>
                        {ago(change.at, locale)}
                      </Text>
                      <Text span fz="xs">
                        {t(`metric.change.${change.what}`)}
                      </Text>
                    </div>
                    {change.message && <Text fz="sm">{change.message}</Text>}
                    <code className="tp-mono">
                      {change.measure}
                      {change.where ? ` · ${change.where}` : ""}
                    </code>
                  </li>
                ))}
              </ol>
            )}
          </Panel>
        </Stack>
        <Stack gap="md">
          <ConsumersPanel app={app} consumers={one.consumers} />
          {one.alike.length > 0 && (
            <Panel title={t("metric.alike")}>
              <ul className="tp-plain-list">
                {one.alike.map((name) => (
                  <li key={name}>
                    <Link className="tp-link" to="/metrics/$app/$metric" params={{ app, metric: name }}>
                      {name}
                    </Link>
                  </li>
                ))}
              </ul>
            </Panel>
          )}
        </Stack>
      </div>
    </>
  );
}

function Course({ app, metric, unit }: { app: string; metric: string; unit: string | null }) {
  const { t, locale } = useText();
  const [step, setStep] = useState<Step>("day");
  // The start stands still while the page is looked at: a moving one would ask again at every drawing.
  const [opened] = useState(() => Math.floor(Date.now() / 3_600_000) * 3_600_000);
  const series = useQuery(seriesQuery(app, metric, opened - SPANS[step], step));
  const lines = useMemo<Line[]>(() => [{ name: metric, tone: "blue", filled: true, points: (series.data?.points ?? []).map((point) => [point.at, point.value]) }], [series.data, metric]);
  const written = useCallback((value: number) => measured(value, unit, locale), [unit, locale]);
  return (
    <Panel
      title={
        <>
          {t("metric.course")}
          {series.data && (
            <Text span fz="sm" c="dimmed" fw={400}>
              {" "}
              · {t("metric.total", { value: measured(series.data.total, unit, locale) })}
            </Text>
          )}
        </>
      }
      aside={<SegmentedControl size="xs" aria-label={t("metric.step")} value={step} onChange={(value) => setStep(value)} data={STEPS.map((value) => ({ value, label: t(`metric.step.${value}`) }))} />}
    >
      {series.isPending ? (
        <Loading rows={5} />
      ) : series.isError ? (
        <ErrorState error={series.error} retry={() => void series.refetch()} />
      ) : series.data.points.every((point) => point.value === null) ? (
        <Empty title={t("metric.no_values")} />
      ) : (
        <TimeChart label={t("metric.course.about", { metric })} lines={lines} begin={series.data.points[0]?.at ?? series.data.from} end={series.data.to} written={written} height={250} />
      )}
    </Panel>
  );
}
