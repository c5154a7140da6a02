/** How an event came to be what it is: each revision that touched it, and who last changed each property. */
import { SegmentedControl, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { blameQuery, eventLogQuery } from "../../api/queries-event";
import { PlanDiff } from "../../components/plan-diff";
import { Person } from "../../components/person";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { ago, moment } from "../../format";
import { useText } from "../../i18n";

const VIEWS = ["log", "blame"] as const;
type View = (typeof VIEWS)[number];

export function HistoryTab({ app, event }: { app: string; event: string }) {
  const { t } = useText();
  const [view, setView] = useState<View>("log");
  return (
    <Stack gap="md">
      <SegmentedControl style={{ alignSelf: "flex-start" }} size="xs" aria-label={t("history.view")} value={view} onChange={(value) => setView(value)} data={VIEWS.map((value) => ({ value, label: t(`history.${value}`) }))} />
      {view === "log" ? <Log app={app} event={event} /> : <Blame app={app} event={event} />}
    </Stack>
  );
}

function Log({ app, event }: { app: string; event: string }) {
  const { t, locale } = useText();
  const log = useQuery(eventLogQuery(app, event));
  if (log.isPending) return <Loading rows={5} />;
  if (log.isError) return <ErrorState error={log.error} retry={() => void log.refetch()} />;
  if (log.data.items.length === 0)
    return (
      <Panel>
        <Empty title={t("history.none")} />
      </Panel>
    );
  return (
    <ol className="tp-timeline">
      {log.data.items.map((entry) => (
        <li key={entry.revision}>
          <div className="tp-timeline-head">
            <Link className="tp-link" to="/plans/$app" params={{ app }} search={{ from: Math.max(0, entry.revision - 1), to: entry.revision }}>
              {t("plan.revision", { revision: entry.revision })}
            </Link>
            <Person name={entry.author} size={18} />
            <Text span fz="xs" c="dimmed" title={moment(entry.at, locale)}>
              {ago(entry.at, locale)}
            </Text>
          </div>
          {entry.message && (
            <Text fz="sm" mb={6}>
              {entry.message}
            </Text>
          )}
          {entry.parts.length > 0 && <PlanDiff changes={entry.parts} open />}
        </li>
      ))}
    </ol>
  );
}

function Blame({ app, event }: { app: string; event: string }) {
  const { t, locale } = useText();
  const blame = useQuery(blameQuery(app, event));
  if (blame.isPending) return <Loading rows={6} />;
  if (blame.isError) return <ErrorState error={blame.error} retry={() => void blame.refetch()} />;
  return (
    <Panel flush title={t("history.blame.title")}>
      <div className="tp-scroll" role="region" aria-label={t("history.blame.title")} tabIndex={0}>
        <table className="tp-table">
          <thead>
            <tr>
              <th scope="col">{t("events.property")}</th>
              <th scope="col">{t("events.revision")}</th>
              <th scope="col">{t("history.by")}</th>
              <th scope="col">{t("history.when")}</th>
              <th scope="col">{t("history.why")}</th>
            </tr>
          </thead>
          <tbody>
            {blame.data.lines.map((line) => (
              <tr key={`${line.path} ${line.field}`}>
                <td className="tp-mono">{[line.path, line.field].filter(Boolean).join(" · ") || t("diff.whole")}</td>
                <td>
                  <Link className="tp-link" to="/plans/$app" params={{ app }} search={{ from: Math.max(0, line.revision - 1), to: line.revision }}>
                    {line.revision}
                  </Link>
                </td>
                <td>
                  <Person name={line.author} size={18} />
                </td>
                <td className="tp-num" title={moment(line.at, locale)}>
                  {ago(line.at, locale)}
                </td>
                <td>{line.message}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
