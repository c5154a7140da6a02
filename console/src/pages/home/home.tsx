/** Home: is it flowing? */
import { Alert, Box, Group, SimpleGrid, Stack, Text, Tooltip } from "@mantine/core";
import { skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { statusQuery } from "../../api/queries";
import { ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count, duration, rate } from "../../format";
import { useText } from "../../i18n";
import { Accounts } from "./accounts";
import { FirstSteps } from "./first-steps";
import { addSample, lagByGroup, lostMessages, nothingArrived, storedRate, type Sample, type Status } from "./model";
import { LagPanel, NodesPanel, RuleFailures } from "./panels";
import { RateChart } from "./rate-chart";
import { SinksPanel } from "./sinks";

const HISTORY = ["rate-history"];
const EMPTY: Sample[] = [];

function useRateHistory(status: Status | undefined, at: number): Sample[] {
  const cache = useQueryClient();
  useEffect(() => {
    if (!status || at === 0) return;
    cache.setQueryData<Sample[]>(HISTORY, (before = EMPTY) => (before.at(-1)?.at === at ? before : addSample(before, status, at)));
  }, [cache, status, at]);
  return useQuery<Sample[]>({ queryKey: HISTORY, queryFn: skipToken, staleTime: Infinity, gcTime: 600_000 }).data ?? EMPTY;
}

export function HomePage() {
  const { t } = useText();
  const status = useQuery(statusQuery);
  const history = useRateHistory(status.data, status.dataUpdatedAt);
  return (
    <>
      <PageHead title={t("home.title")} about={t("home.about")} actions={status.data && <Flowing status={status.data} stale={status.isError} />} />
      {status.isPending ? (
        <Loading rows={7} />
      ) : status.data ? (
        <Stack gap="md">
          {status.isError && <ErrorState error={status.error} retry={() => void status.refetch()} />}
          {nothingArrived(status.data) ? <FirstSteps /> : <Flow status={status.data} history={history} />}
          {status.data.sinks.length > 0 && <SinksPanel sinks={status.data.sinks} />}
          <NodesPanel status={status.data} />
        </Stack>
      ) : (
        <ErrorState error={status.error} retry={() => void status.refetch()} />
      )}
    </>
  );
}

function Flowing({ status, stale }: { status: Status; stale: boolean }) {
  const { t } = useText();
  const connected = status.nodes.filter((node) => node.connected);
  const has = (kind: string) => connected.some((node) => node.kind === kind);
  const [colour, label] = stale
    ? ["red", t("home.state.stale")]
    : !has("collector")
      ? ["red", t("home.state.no_collector")]
      : !has("worker")
        ? ["orange", t("home.state.no_worker")]
        : status.rates.received_per_s > 0
          ? ["teal", t("home.state.flowing")]
          : ["gray", t("home.state.quiet")];
  return (
    <Group gap={8} role="status" className="tp-panel" px={12} py={6}>
      <span className="tp-dot" style={{ background: `var(--mantine-color-${colour}-6)` }} />
      <Text fz="sm" fw={600}>
        {label}
      </Text>
    </Group>
  );
}

function Flow({ status, history }: { status: Status; history: Sample[] }) {
  const { t, locale } = useText();
  const stored = storedRate(history, history.length - 1);
  const lost = lostMessages(status.ledger);
  const waiting = lagByGroup(status.lag);
  return (
    <>
      {lost.trimmed + lost.corrupt > 0 && (
        <Alert color="red" variant="outline" role="alert" title={t("home.lost.title")}>
          {t("home.lost.about", { trimmed: count(lost.trimmed, locale), corrupt: count(lost.corrupt, locale) })}
        </Alert>
      )}
      <SimpleGrid cols={{ base: 2, md: 3, lg: 6 }} spacing="sm">
        <Figure label={t("home.received")} value={rate(status.rates.received_per_s, locale)} unit={t("unit.per_s")} help={t("home.received.help")} />
        <Figure label={t("home.stored")} value={stored === null ? "–" : rate(stored, locale)} unit={t("unit.per_s")} help={t("home.stored.help")} />
        <Figure
          label={t("home.waiting")}
          value={count(Math.max(0, ...waiting.map(([, lag]) => lag)), locale)}
          unit={t("unit.messages")}
          help={t("home.waiting.help")}
        />
        <Figure label={t("home.freshness")} value={status.freshness_ms === null ? "–" : duration(status.freshness_ms, locale)} unit="p99" help={t("home.freshness.help")} />
        <Figure label={t("home.effective")} value={status.effective_ms.p99 === null ? "–" : duration(status.effective_ms.p99, locale)} unit="p99" help={t("home.effective.help")} />
        <Figure label={t("home.ruleset")} value={`#${status.number}`} help={t("home.ruleset.help")} />
      </SimpleGrid>
      <Panel title={t("home.rates")} aside={<Text fz="xs" c="dimmed">{t("home.rates.window")}</Text>}>
        <RateChart history={history} />
      </Panel>
      <Accounts status={status} />
      {status.ledger_rules.length > 0 && <RuleFailures rows={status.ledger_rules} />}
      <LagPanel lag={status.lag} />
    </>
  );
}

function Figure({ label, value, unit, help }: { label: string; value: string; unit?: string; help: string }) {
  return (
    <Tooltip label={help} multiline maw={280} events={{ hover: true, focus: true, touch: true }}>
      <Box className="tp-panel" px={16} py={12} tabIndex={0}>
        <Text fz={12.5} c="dimmed" fw={500}>
          {label}
        </Text>
        <Group gap={6} align="baseline" wrap="nowrap">
          <Text fz={23} fw={650} lh={1.35} className="tp-num" component="span">
            {value}
          </Text>
          {unit && (
            <Text fz={12.5} c="dimmed" component="span">
              {unit}
            </Text>
          )}
        </Group>
      </Box>
    </Tooltip>
  );
}

