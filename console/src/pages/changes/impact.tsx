/** The impact report of a change request: asked for, waited for, read. */
import { Alert, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Change } from "../../api/review";
import { assess, changeKey, impactQuery } from "../../api/queries-review";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { ago, duration } from "../../format";
import { useText } from "../../i18n";
import { ImpactReport } from "./impact-report";

export function ImpactTab({ change }: { change: Change }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const known = useQuery(impactQuery(change.id));
  const run = useMutation({
    mutationFn: () => assess(change.id),
    onSuccess: (impact) => {
      cache.setQueryData(impactQuery(change.id).queryKey, impact);
      void cache.invalidateQueries({ queryKey: changeKey(change.id) });
    },
  });
  const over = change.state === "merged" || change.state === "closed";
  const start = !over && (
    <Button onClick={() => run.mutate()} loading={run.isPending} variant={known.data?.fresh ? "default" : "filled"}>
      {known.data ? t("impact.again") : t("impact.run")}
    </Button>
  );
  if (known.isPending) return <Loading rows={6} />;
  if (known.isError) return <ErrorState error={known.error} retry={() => void known.refetch()} />;
  return (
    <Stack gap="md">
      {run.isPending && <Running />}
      {run.isError && <ErrorState error={run.error} retry={() => run.mutate()} />}
      {known.data ? (
        <>
          <Group justify="space-between">
            <Text fz="sm" c="dimmed">
              {t("impact.assessed", { ago: ago(known.data.impact.assessed_at, locale), time: duration(known.data.impact.replay.took_ms, locale) })}
            </Text>
            {start}
          </Group>
          {!known.data.fresh && !over && !run.isPending && (
            <Alert color="orange" variant="outline" title={t("impact.stale")} styles={{ title: { color: "var(--mantine-color-text)" } }}>
              {t("impact.stale.about")}
            </Alert>
          )}
          <ImpactReport impact={known.data.impact} />
        </>
      ) : (
        !run.isPending && (
          <Panel>
            <Empty title={t("impact.none")} action={start}>
              {t("impact.none.about")}
            </Empty>
          </Panel>
        )
      )}
    </Stack>
  );
}

/** How long it has run: the replay ends within a known time, so waiting has an end. */
function Running() {
  const { t, locale } = useText();
  const [begun] = useState(() => Date.now());
  const [now, setNow] = useState(begun);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="tp-panel" role="status" style={{ padding: "14px 18px" }}>
      <Group gap={12} wrap="nowrap">
        <Loader size={18} />
        <div>
          <Text fz="sm" fw={600}>
            {t("impact.running", { time: duration(Math.floor((now - begun) / 1_000) * 1_000, locale) })}
          </Text>
          <Text fz="xs" c="dimmed">
            {t("impact.running.about")}
          </Text>
        </div>
      </Group>
    </div>
  );
}
