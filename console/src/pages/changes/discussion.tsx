/** Everything that was said about a change, in one place; and what is said of it as a whole. */
import { Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Change } from "../../api/review";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { useText } from "../../i18n";
import { allowedOf, type Thread } from "./model";
import { reasonWords } from "./reasons";
import { ThreadBox, WriteBox } from "./thread";

const SHOWN = ["open", "unread", "resolved", "all"] as const;
type Shown = (typeof SHOWN)[number];
const fits = (thread: Thread, shown: Shown): boolean => shown === "all" || (shown === "open" ? !thread.resolved : shown === "resolved" ? thread.resolved : thread.unread);

export function DiscussionTab({ change, threads, pending, error }: { change: Change; threads: readonly Thread[]; pending: boolean; error: unknown }) {
  const { t } = useText();
  const [shown, setShown] = useState<Shown>("all");
  const [writing, setWriting] = useState(false);
  if (error) return <ErrorState error={error} />;
  if (pending) return <Loading rows={5} />;
  const { allowed, reasons } = allowedOf(change, "comment");
  const fitting = threads.filter((thread) => fits(thread, shown));
  return (
    <Stack gap="sm" maw={860}>
      {threads.length > 0 && <SegmentedControl size="xs" w="max-content" aria-label={t("discussion.show")} value={shown} onChange={(value) => setShown(value)} data={SHOWN.map((value) => ({ value, label: `${t(`discussion.${value}`)} ${threads.filter((thread) => fits(thread, value)).length}` }))} />}
      {threads.length === 0 ? (
        <Panel>
          <Empty title={t("discussion.none")}>{t("discussion.none.about")}</Empty>
        </Panel>
      ) : fitting.length === 0 ? (
        <Panel>
          <Empty title={t("discussion.none_found")} />
        </Panel>
      ) : (
        fitting.map((thread) => (
          <div key={thread.root.n} style={{ margin: "0 -12px" }}>
            <ThreadBox change={change} thread={thread} place={<Place change={change} thread={thread} />} />
          </div>
        ))
      )}
      {allowed ? (
        writing ? (
          <Panel>
            <WriteBox change={change} anchor={{ event: "", property: "" }} done={() => setWriting(false)} />
          </Panel>
        ) : (
          <Group>
            <Button variant="default" onClick={() => setWriting(true)}>
              {t("discussion.write")}
            </Button>
          </Group>
        )
      ) : (
        reasons[0] && (
          <Text fz="sm" c="dimmed">
            {reasonWords(reasons[0], t)}
          </Text>
        )
      )}
    </Stack>
  );
}

/** What a thread is about, as a way there. */
function Place({ change, thread }: { change: Change; thread: Thread }) {
  const { t } = useText();
  const { event, property } = thread.root;
  if (!event)
    return (
      <Text fz="xs" c="dimmed">
        {t("discussion.whole")}
      </Text>
    );
  return (
    <Link className="tp-link tp-mono" to="/changes/$id" params={{ id: String(change.id) }} search={{ tab: "events", event }}>
      {property ? `${event} · ${property}` : event}
    </Link>
  );
}
