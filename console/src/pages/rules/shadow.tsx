/** A changed rule on live traffic: beside the one in force (shadow), then for a share of it (canary). */
import { Alert, Badge, Box, Button, Group, NumberInput, Progress, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../../api/client";
import { canaryQuery, guardQuery, shadowQuery } from "../../api/queries-live";
import { ErrorState, Empty, Loading, Panel } from "../../components/states";
import { count, moment, nanoseconds, percent, timeOfDay } from "../../format";
import { useText, type MessageId } from "../../i18n";
import { BUCKETS, figuresOf, rowFields, shareOf, type Bucket, type Figures } from "./shadow-model";

type Shadow = Schemas["Shadow"];
type Sample = Schemas["ShadowSample"];
type Canary = Schemas["Canary"];
type Comparison = Schemas["Comparison"];

interface Draft {
  rule: string;
  /** The text as it is being edited. */
  source: string;
  /** Whether it differs from the rule in force. */
  changed: boolean;
  may: boolean;
  onPublished: () => void;
}

export function ShadowTab(draft: Draft) {
  return (
    <Stack gap="md">
      <ShadowPanel {...draft} />
      <CanaryPanel {...draft} />
      <GuardPanel rule={draft.rule} />
    </Stack>
  );
}

function ShadowPanel({ rule, source, changed, may }: Draft) {
  const { t } = useText();
  const cache = useQueryClient();
  const found = useQuery(shadowQuery(rule));
  const [minutes, setMinutes] = useState(10);
  const [rate, setRate] = useState(100);
  const settle = () => cache.invalidateQueries({ queryKey: shadowQuery(rule).queryKey });
  const start = useMutation({
    mutationFn: () => data(api.POST("/api/v1/rules/{rule}/shadow", { params: { path: { rule } }, body: { source, minutes, rate: rate / 100 } })),
    onSettled: settle,
  });
  const stop = useMutation({
    mutationFn: () => data(api.DELETE("/api/v1/rules/{rule}/shadow", { params: { path: { rule } } })),
    onSettled: settle,
  });
  const running = found.data?.status === "running";
  return (
    <Panel
      title={t("shadow.title")}
      aside={
        running && (
          <Button size="compact-sm" variant="default" disabled={!may} loading={stop.isPending} onClick={() => stop.mutate()}>
            {t("shadow.stop")}
          </Button>
        )
      }
    >
      <Stack gap="md">
        <Text fz="sm" c="dimmed">
          {t("shadow.about")}
        </Text>
        {!running && may && (
          <Group align="flex-end" gap="sm">
            <NumberInput size="sm" w={110} label={t("shadow.minutes")} min={1} max={1_440} value={minutes} onChange={(value) => setMinutes(Number(value) || 1)} />
            <NumberInput size="sm" w={190} label={t("shadow.rate")} min={0.01} max={100} value={rate} onChange={(value) => setRate(Number(value) || 1)} />
            <Button disabled={!changed} loading={start.isPending} onClick={() => start.mutate()}>
              {t("shadow.start")}
            </Button>
            {!changed && (
              <Text fz="sm" c="dimmed" pb={8}>
                {t("shadow.unchanged")}
              </Text>
            )}
          </Group>
        )}
        {start.error && <ErrorState error={start.error} />}
        {stop.error && <ErrorState error={stop.error} />}
        {found.isPending ? (
          <Loading rows={4} />
        ) : found.isError ? (
          <ErrorState error={found.error} retry={() => void found.refetch()} />
        ) : found.data === null ? (
          <Empty title={t("shadow.none")} />
        ) : (
          <Report shadow={found.data} />
        )}
      </Stack>
    </Panel>
  );
}

const COLOURS: Record<Bucket, string> = { equal: "teal", changed: "orange", only_old: "red", only_new: "indigo", failed_old: "gray", failed_new: "red" };

function Report({ shadow }: { shadow: Shadow }) {
  const { t, locale } = useText();
  const total = BUCKETS.reduce((sum, bucket) => sum + shadow[bucket], 0);
  return (
    <Stack gap="md">
      <Group gap="md">
        <Badge variant="outline" color={shadow.status === "running" ? "teal" : "gray"} c="var(--mantine-color-text)">
          {shadow.status === "running" ? t("shadow.running", { time: timeOfDay(shadow.until).slice(0, 8) }) : t("shadow.ended", { time: moment(shadow.ended_at ?? shadow.until, locale, "short") })}
        </Badge>
        <Text fz="sm" className="tp-num">
          {t("shadow.events", { count: shadow.events })}
        </Text>
        {shadow.skipped > 0 && (
          <Text fz="sm" c="dimmed" className="tp-num">
            {t("shadow.skipped", { count: count(shadow.skipped, locale) })}
          </Text>
        )}
        {shadow.events > 0 && (
          <Text fz="sm" c="dimmed" className="tp-num">
            {t("shadow.cost", { old: nanoseconds(shadow.ns_old / shadow.events, locale), new: nanoseconds(shadow.ns_new / shadow.events, locale) })}
          </Text>
        )}
      </Group>
      {total === 0 ? (
        <Empty title={t("shadow.empty")}>{t("shadow.empty.about")}</Empty>
      ) : (
        <>
          <Progress.Root size={26} aria-label={t("shadow.title")}>
            {BUCKETS.filter((bucket) => shadow[bucket] > 0).map((bucket) => (
              <Progress.Section key={bucket} value={shareOf(shadow[bucket], total) * 100} color={COLOURS[bucket]} aria-label={t(`shadow.${bucket}`)} />
            ))}
          </Progress.Root>
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
            {BUCKETS.map((bucket) => (
              <Box key={bucket}>
                <Group gap={6}>
                  <span className="tp-dot" style={{ background: `var(--mantine-color-${COLOURS[bucket]}-6)` }} />
                  <Text fz={12.5} c="dimmed">
                    {t(`shadow.${bucket}`)}
                  </Text>
                </Group>
                <Text fz={18} fw={650} className="tp-num">
                  {count(shadow[bucket], locale)}{" "}
                  <Text span fz="xs" c="dimmed">
                    {percent(shareOf(shadow[bucket], total), locale)}
                  </Text>
                </Text>
              </Box>
            ))}
          </SimpleGrid>
          {shadow.fields.length > 0 && <Fields fields={shadow.fields} rows={shadow.changed} />}
          <Stack gap="xs">
            <Text fw={650} fz="sm">
              {t("shadow.samples")}
            </Text>
            {shadow.samples.length === 0 ? (
              <Text fz="sm" c="dimmed">
                {t("shadow.samples.none")}
              </Text>
            ) : (
              shadow.samples.map((sample) => <SampleView key={`${sample.kind} ${sample.app} ${sample.id} ${sample.number}`} sample={sample} />)
            )}
          </Stack>
        </>
      )}
    </Stack>
  );
}

function Fields({ fields, rows }: { fields: Shadow["fields"]; rows: number }) {
  const { t, locale } = useText();
  return (
    <Stack gap={6}>
      <Text fw={650} fz="sm">
        {t("shadow.fields")}
      </Text>
      {fields.map((field) => (
        <Group key={field.field} gap="sm" wrap="nowrap">
          <Text className="tp-mono" w={160} truncate>
            {field.field}
          </Text>
          <Progress value={Math.round(shareOf(field.rows, rows) * 1_000) / 10} color="orange" flex={1} maw={420} aria-label={field.field} />
          <Text fz="sm" className="tp-num">
            {count(field.rows, locale)} ({percent(shareOf(field.rows, rows), locale)})
          </Text>
        </Group>
      ))}
    </Stack>
  );
}

function SampleView({ sample }: { sample: Sample }) {
  const { t } = useText();
  return (
    <details className="tp-panel">
      <summary style={{ padding: "8px 14px", cursor: "pointer" }}>
        <Text span fz="sm">
          <b>{t(`shadow.${sample.kind}`)}</b> · {sample.event} <span className="tp-mono">{sample.id}</span> {sample.fields.length > 0 && `· ${sample.fields.join(", ")}`} {sample.error && `· ${sample.error}`}
        </Text>
      </summary>
      <div className="tp-scroll" role="region" aria-label={sample.id} tabIndex={0}>
        <table className="tp-table">
          <thead>
            <tr>
              <th scope="col">{t("shadow.field")}</th>
              <th scope="col">{t("shadow.old")}</th>
              <th scope="col">{t("shadow.new")}</th>
            </tr>
          </thead>
          <tbody>
            {rowFields(sample).map(({ field, old, new: after, differs }) => (
              <tr key={field} style={differs ? { background: "light-dark(#fff4e6, #3d2c14)" } : undefined}>
                <th scope="row" className="tp-mono">
                  {field}
                </th>
                <td className="tp-mono">{old ?? <i>{t("shadow.no_row")}</i>}</td>
                <td className="tp-mono">{after ?? <i>{t("shadow.no_row")}</i>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

const LIMITS: readonly { name: "error_rate" | "drop_rate" | "cost_ratio" | "min_events"; label: MessageId; step: number; max: number }[] = [
  { name: "error_rate", label: "canary.error_rate", step: 0.01, max: 1 },
  { name: "drop_rate", label: "canary.drop_rate", step: 0.05, max: 1 },
  { name: "cost_ratio", label: "canary.cost_ratio", step: 1, max: 1_000 },
  { name: "min_events", label: "canary.min_events", step: 100, max: 10_000_000 },
];

function CanaryPanel({ rule, source, changed, may, onPublished }: Draft) {
  const { t } = useText();
  const cache = useQueryClient();
  const found = useQuery(canaryQuery(rule));
  const [share, setShare] = useState(5);
  const [key, setKey] = useState("");
  const [limits, setLimits] = useState({ error_rate: 0.01, drop_rate: 0.5, cost_ratio: 10, min_events: 200 });
  const settle = () => cache.invalidateQueries({ queryKey: canaryQuery(rule).queryKey });
  const start = useMutation({
    mutationFn: () => data(api.POST("/api/v1/rules/{rule}/canary", { params: { path: { rule } }, body: { source, percent: share, key, limits } })),
    onSettled: settle,
  });
  const running = found.data?.status === "running";
  return (
    <Panel title={t("canary.title")}>
      <Stack gap="md">
        <Text fz="sm" c="dimmed">
          {t("canary.about")}
        </Text>
        {!running && may && (
          <>
            <Group align="flex-end" gap="sm">
              <NumberInput size="sm" w={110} label={t("canary.percent")} min={0.01} max={100} value={share} onChange={(value) => setShare(Number(value) || 1)} />
              <TextInput size="sm" w={280} label={t("canary.key")} placeholder="who.user_id" title={t("canary.key.help")} value={key} onChange={(change) => setKey(change.currentTarget.value)} />
              <Button disabled={!changed} loading={start.isPending} onClick={() => start.mutate()}>
                {t("canary.start")}
              </Button>
            </Group>
            <details>
              <summary style={{ cursor: "pointer" }}>
                <Text span fz="sm">
                  {t("canary.limits")}
                </Text>
              </summary>
              <Group gap="sm" pt="xs">
                {LIMITS.map(({ name, label, step, max }) => (
                  <NumberInput key={name} size="sm" w={190} label={t(label)} min={0} max={max} step={step} value={limits[name]} onChange={(value) => setLimits({ ...limits, [name]: Number(value) || 0 })} />
                ))}
              </Group>
            </details>
          </>
        )}
        {start.error && <ErrorState error={start.error} />}
        {found.isPending ? (
          <Loading rows={3} />
        ) : found.isError ? (
          <ErrorState error={found.error} retry={() => void found.refetch()} />
        ) : found.data === null ? (
          <Empty title={t("canary.none")} />
        ) : (
          <CanaryReport canary={found.data} may={may} settle={settle} onPublished={onPublished} />
        )}
      </Stack>
    </Panel>
  );
}

function CanaryReport({ canary, may, settle, onPublished }: { canary: Canary; may: boolean; settle: () => Promise<void>; onPublished: () => void }) {
  const { t, locale } = useText();
  const [share, setShare] = useState(canary.percent);
  const path = { rule: canary.rule };
  const change = useMutation({
    mutationFn: () => data(api.PATCH("/api/v1/rules/{rule}/canary", { params: { path, header: { "If-Match": `"${canary.etag}"` } }, body: { percent: share } })),
    onSettled: settle,
  });
  const promote = useMutation({
    mutationFn: () => data(api.POST("/api/v1/rules/{rule}/canary/promote", { params: { path }, body: {} })),
    onSuccess: onPublished,
    onSettled: settle,
  });
  const abort = useMutation({
    mutationFn: () => data(api.DELETE("/api/v1/rules/{rule}/canary", { params: { path } })),
    onSettled: settle,
  });
  const failed = change.error ?? promote.error ?? abort.error;
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <Badge variant="outline" color={canary.status === "rolled_back" ? "red" : canary.status === "running" ? "teal" : "gray"} c="var(--mantine-color-text)">
          {t(`canary.status.${canary.status}`)}
        </Badge>
        <Text fz="sm" className="tp-num">
          {t("canary.running", { percent: canary.percent, time: moment(canary.started_at, locale, "short") })} · {canary.started_by}
        </Text>
      </Group>
      {canary.message && (
        <Alert variant="outline" color={canary.status === "rolled_back" ? "red" : "gray"} styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("canary.message")}>
          {canary.message}
        </Alert>
      )}
      <Compared comparison={canary.comparison} label={t("canary.title")} />
      {canary.status === "running" && may && (
        <Group align="flex-end" gap="sm">
          <NumberInput size="sm" w={110} label={t("canary.percent")} min={0.01} max={100} value={share} onChange={(value) => setShare(Number(value) || 1)} />
          <Button variant="default" loading={change.isPending} disabled={share === canary.percent} onClick={() => change.mutate()}>
            {t("canary.change")}
          </Button>
          <Button loading={promote.isPending} onClick={() => promote.mutate()}>
            {t("canary.promote")}
          </Button>
          <Button variant="default" loading={abort.isPending} onClick={() => abort.mutate()}>
            {t("canary.abort")}
          </Button>
        </Group>
      )}
      {failed && <ErrorState error={failed} />}
    </Stack>
  );
}

function Compared({ comparison, label }: { comparison: Comparison; label: string }) {
  const { t, locale } = useText();
  const share = (value: number | null | undefined) => (value === null || value === undefined ? "–" : percent(value, locale));
  const [before, after] = [figuresOf(comparison.old), figuresOf(comparison.new)];
  const each = (figures: Figures) => {
    const events = figures.matched + figures.failed;
    return events ? nanoseconds(figures.ns / events, locale) : "–";
  };
  const output = (figures: Figures) => (figures.matched ? (figures.output / figures.matched).toFixed(2) : "–");
  const rows = [
    { name: t("canary.compare.matched"), old: count(before.matched, locale), new: count(after.matched, locale), passed: false },
    { name: t("canary.compare.errors"), old: share(comparison.error_rate_old), new: share(comparison.error_rate_new), passed: comparison.passed === "error_rate" },
    { name: t("canary.compare.output"), old: output(before), new: output(after), passed: comparison.passed === "drop_rate" },
    { name: t("canary.compare.cost"), old: each(before), new: each(after), passed: comparison.passed === "cost_ratio" },
  ];
  return (
    <div className="tp-scroll" role="region" aria-label={label} tabIndex={0} style={{ maxWidth: 560 }}>
      <table className="tp-table">
        <thead>
          <tr>
            <td />
            <th scope="col" className="right">
              {t("canary.compare.old")}
            </th>
            <th scope="col" className="right">
              {t("canary.compare.new")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name} style={row.passed ? { background: "light-dark(#ffe3e3, #4a1f1f)" } : undefined}>
              <th scope="row">{row.name}</th>
              <td className="right">{row.old}</td>
              <td className="right">{row.new}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function GuardPanel({ rule }: { rule: string }) {
  const { t, locale } = useText();
  const guard = useQuery(guardQuery(rule)).data;
  if (!guard) return null;
  return (
    <Panel title={t("guard.title")}>
      <Stack gap="sm">
        <Group gap="sm">
          <Badge variant="outline" color={guard.status === "rolled_back" ? "red" : guard.status === "watching" ? "teal" : "gray"} c="var(--mantine-color-text)">
            {t(`guard.status.${guard.status}`)}
          </Badge>
          <Text fz="sm">{t("guard.about", { version: guard.version, previous: guard.previous, time: moment(guard.until, locale, "short") })}</Text>
        </Group>
        {guard.message && (
          <Alert variant="outline" color={guard.status === "rolled_back" ? "red" : "gray"} styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("canary.message")}>
            {guard.message}
          </Alert>
        )}
        <Compared comparison={guard.comparison} label={t("guard.title")} />
      </Stack>
    </Panel>
  );
}
