/** Who did what to a change request, the newest first. */
import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Change, HistoryEntry } from "../../api/review";
import { historyQuery } from "../../api/queries-review";
import { Pages } from "../../components/pages";
import { PersonMark } from "../../components/person";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { ago, moment } from "../../format";
import { useText, type MessageId, type Translate } from "../../i18n";
import { sentence } from "../../i18n/said";

export function HistoryTab({ change }: { change: Change }) {
  const { t, locale } = useText();
  const [trail, setTrail] = useState<readonly string[]>([]);
  const history = useQuery(historyQuery(change.id, trail.at(-1) ?? ""));
  if (history.isPending) return <Loading rows={6} />;
  if (history.isError) return <ErrorState error={history.error} retry={() => void history.refetch()} />;
  return (
    <Panel>
      {history.data.items.length === 0 ? (
        <Empty title={t("history.none")} />
      ) : (
        <Stack maw={760}>
          <ol className="tp-log">
            {history.data.items.map((entry) => (
              <li key={entry.id}>
                <PersonMark name={entry.person} size={26} />
                <div>
                  <Text fz="sm">
                    <b>{entry.person}</b> {done(entry, t)}
                    {entry.version > 0 && (
                      <Text span fz="xs" c="dimmed">
                        {" · "}
                        {t("history.version", { version: entry.version })}
                      </Text>
                    )}
                  </Text>
                  <Text fz="xs" c="dimmed" title={moment(entry.at, locale)}>
                    {ago(entry.at, locale)}
                  </Text>
                  <Words entry={entry} />
                </div>
              </li>
            ))}
          </ol>
        </Stack>
      )}
      <Pages trail={trail} next={history.data.next} go={setTrail} />
    </Panel>
  );
}

const ACTIONS = {
  created: "history.create", saved: "history.save", edited: "history.edit", comment: "history.comment", resolved: "history.resolve", reopened: "history.reopen",
  submitted: "history.submit", approve: "history.approve", approved: "history.approved", rejected: "history.reject", withdrawn: "history.withdraw", rebased: "history.rebase",
  merged: "history.merge", closed: "history.close", approval_fell: "history.fall", impact: "history.impact",
} as const satisfies Record<string, MessageId>;

function done(entry: HistoryEntry, t: Translate): string {
  const known = Object.entries(ACTIONS).find(([action]) => action === entry.action);
  return known ? t(known[1]) : entry.action;
}

/** What an entry says besides: a reason, names, a note. */
function Words({ entry }: { entry: HistoryEntry }) {
  const { t } = useText();
  const detail: Record<string, unknown> = entry.detail;
  const words = [detail.reason, detail.note, detail.because, detail.text].filter((text): text is string => typeof text === "string" && text !== "");
  const names = Object.values(detail).find((value): value is string[] => Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string"));
  return (
    <>
      {words.map((text) => (
        <p key={text} className="tp-prose" style={{ marginTop: 4 }}>
          {sentence(text)}
        </p>
      ))}
      {names && (
        <Text fz="xs" className="tp-mono" mt={4} style={{ overflowWrap: "anywhere" }}>
          {names.slice(0, 8).join(", ")}
          {names.length > 8 && ` ${t("history.more", { count: names.length - 8 })}`}
        </Text>
      )}
    </>
  );
}
