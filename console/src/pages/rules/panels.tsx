/** What stands beside a rule's text: findings, tests, preview, explanation, budget. */
import { Badge, Box, Code, Group, List, Progress, Select, Stack, Text, Textarea, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { Finding, Schemas } from "../../api/client";
import { explainQuery, previewQuery } from "../../api/queries-rules";
import { AppSelect } from "../../components/app-select";
import { FindingText } from "../../components/finding";
import { Json } from "../../components/json";
import { Empty, ErrorState, Loading } from "../../components/states";
import { count, rate } from "../../format";
import { useText } from "../../i18n";
import { eventsIn } from "./text";

type Check = Schemas["RuleCheck"];
type GoTo = (line: number, column: number) => void;

export function FindingsPanel({ check, findings, goTo, none }: { check: object | undefined; findings: readonly Finding[]; goTo: GoTo; /** What to say when there is nothing to find. */ none?: string }) {
  const { t } = useText();
  if (findings.length === 0) return <Empty title={check ? t("rule.findings.none") : t("rule.check.checking")}>{check ? (none ?? t("rule.findings.none.about")) : ""}</Empty>;
  return (
    <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
      {findings.map((finding, index) => (
        <li key={index}>
          <UnstyledButton className="tp-finding" onClick={() => goTo(finding.line ?? 1, finding.column ?? 1)}>
            <Group gap={8} wrap="nowrap" align="baseline">
              <span className="tp-dot" style={{ background: `var(--mantine-color-${finding.severity === "warning" ? "yellow" : "red"}-6)`, transform: "translateY(-1px)" }} />
              <div style={{ minWidth: 0 }}>
                <FindingText finding={finding} />
                <Text fz="xs" c="dimmed" className="tp-num">
                  {finding.line ? t("rule.findings.place", { line: finding.line, column: finding.column ?? 1 }) : ""} <span className="tp-mono">{finding.code}</span>
                </Text>
              </div>
            </Group>
          </UnstyledButton>
        </li>
      ))}
    </Stack>
  );
}

export function TestsPanel({ check, goTo }: { check: Check | undefined; goTo: GoTo }) {
  const { t } = useText();
  const tests = check?.tests ?? [];
  if (tests.length === 0) return <Empty title={t("rule.tests.none")}>{t("rule.tests.none.about")}</Empty>;
  return (
    <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none", maxHeight: "60vh", overflow: "auto" }}>
      {tests.map((test) => (
        <li key={test.number}>
          <UnstyledButton className="tp-finding" onClick={() => goTo(test.line, 1)}>
            <Group gap={8} wrap="nowrap" align="baseline">
              <span className="tp-dot" style={{ background: `var(--mantine-color-${test.passed ? "teal" : "red"}-6)`, transform: "translateY(-1px)" }} />
              <div style={{ minWidth: 0 }}>
                <Text fz="sm">{t(test.passed ? "rule.tests.passed" : "rule.tests.failed", { number: test.number })}</Text>
                {test.message && (
                  <Text fz="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                    {test.message}
                  </Text>
                )}
                <Text fz="xs" className="tp-mono" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                  {JSON.stringify(test.output)}
                </Text>
              </div>
            </Group>
          </UnstyledButton>
        </li>
      ))}
    </Stack>
  );
}

const OUTCOMES = { output: "teal", not_matched: "gray", dropped: "gray", failed: "red" } as const;

/** Read one JSON object a line; what is none is left out until it is one. */
function objectsIn(text: string): Record<string, unknown>[] {
  return text.split("\n").flatMap((line) => {
    try {
      const found: unknown = JSON.parse(line);
      return found !== null && typeof found === "object" && !Array.isArray(found) ? [{ ...found }] : [];
    } catch {
      return [];
    }
  });
}

export function PreviewPanel({ source, apps }: { source: string; apps: readonly string[] }) {
  const { t } = useText();
  const [app, setApp] = useState("");
  const [event, setEvent] = useState("");
  const [given, setGiven] = useState("");
  const [typed] = useDebouncedValue(given, 300);
  const events = useMemo(() => objectsIn(typed), [typed]);
  const names = useMemo(() => eventsIn(source), [source]);
  const chosen = app || apps[0] || "";
  const found = useQuery(previewQuery({ source, app: chosen, event: names.includes(event) ? event : "", events }));
  return (
    <Stack gap="sm" p={14}>
      <Group gap="sm">
        {apps.length > 1 && <AppSelect size="xs" w={130} apps={apps} value={chosen} change={setApp} />}
        {names.length > 1 && <Select size="xs" w={170} aria-label={t("rule.preview.event")} placeholder={t("rule.preview.event")} clearable data={names} value={event || null} onChange={(value) => setEvent(value ?? "")} />}
        {found.data?.ok && (
          <Text fz="xs" c="dimmed" className="tp-num">
            {t("rule.preview.summary", { matched: found.data.matched, total: found.data.items.length, failed: found.data.failed })} · {t(`rule.preview.origin.${found.data.origin}`)}
          </Text>
        )}
      </Group>
      {found.isPending ? (
        <Loading rows={3} />
      ) : found.isError ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : !found.data.ok ? (
        <Text fz="sm" c="dimmed">
          {t("rule.budget.none")}
        </Text>
      ) : found.data.items.length === 0 ? (
        <Empty title={t("rule.preview.empty")}>{t("rule.preview.empty.about")}</Empty>
      ) : (
        <Stack gap={6} mah="46vh" style={{ overflow: "auto" }} tabIndex={0} role="region" aria-label={t("rule.preview")}>
          {found.data.items.map((item, index) => (
            <details key={`${item.id} ${index}`} open={index === 0}>
              <summary style={{ cursor: "pointer" }}>
                <Badge size="sm" variant="outline" color={OUTCOMES[item.outcome]} c="var(--mantine-color-text)" mr={6}>
                  {t(`rule.preview.${item.outcome}`)}
                </Badge>
                <Text span fz="xs">
                  {item.event} <span className="tp-mono">{item.id}</span> {item.reason}
                </Text>
              </summary>
              {item.outputs.length > 0 && <Json value={item.outputs.length === 1 ? item.outputs[0] : item.outputs} label={t("rule.preview.outputs")} />}
              {item.outputs.length === 0 && <Json value={item.input} label={t("rule.preview.input")} />}
            </details>
          ))}
          {found.data.truncated && (
            <Text fz="xs" c="dimmed">
              {t("rule.preview.truncated")}
            </Text>
          )}
        </Stack>
      )}
      <Textarea size="xs" autosize minRows={2} maxRows={8} label={t("rule.preview.given")} placeholder='{"event": "order_pay", "what": {"total": {"value": 10.5}}}' value={given} onChange={(change) => setGiven(change.currentTarget.value)} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }} />
    </Stack>
  );
}

export function ExplainPanel({ source }: { source: string }) {
  const { t } = useText();
  const found = useQuery(explainQuery(source));
  if (found.isPending)
    return (
      <Box p={14}>
        <Loading rows={4} />
      </Box>
    );
  if (found.isError)
    return (
      <Box p={14}>
        <ErrorState error={found.error} />
      </Box>
    );
  const { reads, writes, uses, expressions, failures, terms, placement, code, notes } = found.data;
  const lists = [
    [t("rule.explain.reads"), reads],
    [t("rule.explain.writes"), writes],
    [t("rule.explain.uses"), uses],
  ] as const;
  return (
    <Stack gap="md" p={14} mah="62vh" style={{ overflow: "auto" }} tabIndex={0} role="region" aria-label={t("rule.explain")}>
      {lists
        .filter(([, names]) => names.length > 0)
        .map(([title, names]) => (
          <div key={title}>
            <Text fz="sm" fw={650}>
              {title}
            </Text>
            <Group gap={6}>
              {names.map((name) => (
                <Code key={name}>{name}</Code>
              ))}
            </Group>
          </div>
        ))}
      <Section title={t("rule.explain.placement")} value={placement} />
      {expressions.length > 0 && (
        <Facts
          title={t("rule.explain.types")}
          rows={expressions.map((one) => [one.place, one.text, `${one.type}${one.nullable ? " | null" : ""}`])}
        />
      )}
      {failures.length > 0 && <Facts title={t("rule.explain.failures")} rows={failures.map((one) => [one.place, one.text, `${one.codes.join(", ")}${one.caught ? ` (${t("rule.explain.caught")})` : ""}`])} />}
      {terms.length > 0 && <Facts title={t("rule.explain.cost")} rows={terms.map((term) => [String(term.units), term.text, term.why])} />}
      {notes.length > 0 && (
        <List size="sm">
          {notes.map((note) => (
            <List.Item key={note}>{note}</List.Item>
          ))}
        </List>
      )}
      {code && (
        <details>
          <summary style={{ cursor: "pointer" }}>
            <Text span fz="sm" fw={650}>
              {t("rule.explain.code")}
            </Text>
          </summary>
          <pre className="tp-code" tabIndex={0} aria-label={t("rule.explain.code")}>
            {code}
          </pre>
        </details>
      )}
    </Stack>
  );
}

/** Rows of place, text and what is to be said of it, narrow enough for a panel at the side. */
function Facts({ title, rows }: { title: string; rows: readonly (readonly string[])[] }) {
  return (
    <div>
      <Text fz="sm" fw={650}>
        {title}
      </Text>
      <Stack gap={6} component="ul" m={0} p={0} pt={4} style={{ listStyle: "none" }}>
        {rows.map(([first, text, last], index) => (
          <li key={index}>
            <Text fz="xs" c="dimmed">
              {first}
              {last && ` · ${last}`}
            </Text>
            <span className="tp-mono" style={{ overflowWrap: "anywhere" }}>
              {text}
            </span>
          </li>
        ))}
      </Stack>
    </div>
  );
}

function Section({ title, value }: { title: string; value: Record<string, unknown> }) {
  if (Object.keys(value).length === 0) return null;
  return (
    <div>
      <Text fz="sm" fw={650}>
        {title}
      </Text>
      <Json value={value} label={title} />
    </div>
  );
}

const VERDICTS = { ok: "teal", warn: "yellow", refuse: "red" } as const;

export function BudgetPanel({ budget }: { budget: Schemas["Budget"] | null | undefined }) {
  const { t, locale } = useText();
  if (!budget)
    return (
      <Text fz="sm" c="dimmed" p={14}>
        {t("rule.budget.none")}
      </Text>
    );
  return (
    <Stack gap="sm" p={14}>
      <Group gap={8}>
        <span className="tp-dot" style={{ background: `var(--mantine-color-${VERDICTS[budget.verdict]}-6)` }} />
        <Text fz="sm" fw={600}>
          {t(`rule.budget.${budget.verdict}`)}
        </Text>
      </Group>
      <Text fz="xs" c="dimmed">
        {t("rule.budget.basis", { events: count(budget.events_per_day, locale), basis: budget.basis, sampled: budget.sampled })}
      </Text>
      {budget.lines.map((line) => (
        <div key={line.name}>
          <Group justify="space-between" gap="sm">
            <Text fz="sm">{t(`rule.budget.${line.name}`)}</Text>
            <Text fz="sm" className="tp-num">
              {rate(line.value, locale)}
              {line.limit > 0 && (
                <Text span c="dimmed" fz="xs">
                  {" "}
                  / {count(line.limit, locale)}
                </Text>
              )}
            </Text>
          </Group>
          {line.limit > 0 && <Progress value={Math.round(Math.min(1, line.value / line.limit) * 1_000) / 10} color={VERDICTS[line.verdict]} size="sm" aria-label={t(`rule.budget.${line.name}`)} />}
          {line.message && (
            <Text fz="xs" c="dimmed">
              {line.message}
            </Text>
          )}
        </div>
      ))}
    </Stack>
  );
}
