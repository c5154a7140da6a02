/** Replays under way and done: progress, what came of them, and back. */
import { Badge, Button, Group, Progress, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api, data, type Schemas } from "../../api/client";
import { replaysQuery } from "../../api/queries-live";
import { ErrorState, Loading, Panel } from "../../components/states";
import { count, moment } from "../../format";
import { useText } from "../../i18n";

type Replay = Schemas["DirtyReplay"];
const COLOURS = { running: "indigo", done: "teal", cancelled: "gray", failed: "red", undone: "gray" } as const;

export function ReplaysPanel({ app, may }: { app: string; may: boolean }) {
  const { t } = useText();
  const cache = useQueryClient();
  const replays = useQuery(replaysQuery(app));
  // Groups and lists are asked for seldom; what a replay has done to them shows at once.
  const standing = (replays.data ?? []).map(({ id, status }) => `${id} ${status}`).join();
  const seen = useRef(standing);
  useEffect(() => {
    if (seen.current && seen.current !== standing) for (const part of ["groups", "list"]) void cache.invalidateQueries({ queryKey: ["dirty", part] });
    seen.current = standing;
  }, [cache, standing]);
  return (
    <Panel title={t("dirty.replays")}>
      {replays.isPending ? (
        <Loading rows={2} />
      ) : replays.isError ? (
        <ErrorState error={replays.error} retry={() => void replays.refetch()} />
      ) : replays.data.length === 0 ? (
        <Text fz="sm" c="dimmed">
          {t("dirty.replays.none")}
        </Text>
      ) : (
        <Stack gap="sm">
          {replays.data.map((replay) => (
            <ReplayRow key={replay.id} replay={replay} may={may} />
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function ReplayRow({ replay, may }: { replay: Replay; may: boolean }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const settle = () => cache.invalidateQueries({ queryKey: ["dirty"] });
  const path = { id: replay.id };
  const cancel = useMutation({ mutationFn: () => data(api.POST("/api/v1/dirty/replays/{id}/cancel", { params: { path } })), onSettled: settle });
  const undo = useMutation({ mutationFn: () => data(api.POST("/api/v1/dirty/replays/{id}/undo", { params: { path } })), onSettled: settle });
  const ended = replay.resolved + replay.failed + replay.skipped;
  const figures = { resolved: count(replay.resolved, locale), failed: count(replay.failed, locale), skipped: count(replay.skipped, locale) };
  return (
    <Stack gap={4}>
      <Group gap="sm" justify="space-between">
        <Group gap="sm">
          <Badge variant="outline" color={COLOURS[replay.status]} c="var(--mantine-color-text)">
            {t(`dirty.replay.status.${replay.status}`)}
          </Badge>
          <Text fz="sm">
            {replay.app} · {moment(replay.started_at, locale, "short")} · {replay.started_by} {replay.reason && `· ${replay.reason}`}
          </Text>
          <Text fz="sm" c="dimmed" className="tp-num">
            {t("dirty.replay.counts", figures)}
            {replay.status === "undone" && ` · ${t("dirty.replay.undone", { count: replay.undone_rows })}`}
          </Text>
        </Group>
        {may && replay.status === "running" && (
          <Button size="compact-xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
            {t("dirty.replay.cancel")}
          </Button>
        )}
        {may && (replay.status === "done" || replay.status === "cancelled") && (
          <Button size="compact-xs" variant="default" loading={undo.isPending} onClick={() => undo.mutate()}>
            {t("dirty.replay.undo")}
          </Button>
        )}
      </Group>
      {replay.status === "running" && <Progress value={replay.selected ? (ended / replay.selected) * 100 : 0} animated aria-label={t("dirty.replays")} />}
      {replay.message && (
        <Text fz="xs" c="dimmed">
          {replay.message}
        </Text>
      )}
      {undo.error && <ErrorState error={undo.error} />}
    </Stack>
  );
}
