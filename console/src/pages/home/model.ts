/** What Home shows, computed from /status; pure. */
import type { Schemas } from "../../api/client";

export type Status = Schemas["Status"];
export const OUTCOMES = ["stored", "dirty", "dropped", "deduplicated", "refused", "retry"] as const;
export type Outcome = (typeof OUTCOMES)[number];
/** Kinds of the ledger that are events counted beside an outcome, never instead of one. */
export const REMARKS = ["warned", "id_made", "id_reused", "id_hashed", "duplicate_keys", "time_replaced"] as const;
export type Remark = (typeof REMARKS)[number];

export interface Account {
  key: string;
  app: string;
  env: string;
  terms: Record<Outcome, number>;
  transmitted: number;
  remarks: Partial<Record<Remark, number>>;
}

const isOutcome = (kind: string): kind is Outcome => (OUTCOMES as readonly string[]).includes(kind);
const isRemark = (kind: string): kind is Remark => (REMARKS as readonly string[]).includes(kind);

/** One account per app and environment: transmitted is the sum of its outcomes (spec/ledgers.md). */
export function accounts(ledger: Status["ledger"]): Account[] {
  const found = new Map<string, Account>();
  for (const { app, env, kind, count } of ledger) {
    if (!isOutcome(kind) && !isRemark(kind)) continue;
    const key = `${app}\n${env}`;
    const account = found.get(key) ?? {
      key,
      app,
      env,
      terms: { stored: 0, dirty: 0, dropped: 0, deduplicated: 0, refused: 0, retry: 0 },
      transmitted: 0,
      remarks: {},
    };
    if (isOutcome(kind)) {
      account.terms[kind] += count;
      account.transmitted += count;
    } else {
      account.remarks[kind] = (account.remarks[kind] ?? 0) + count;
    }
    found.set(key, account);
  }
  return [...found.values()].sort((a, b) => b.transmitted - a.transmitted || a.key.localeCompare(b.key));
}

/** Messages nobody will ever read: both are 0 in a healthy installation. */
export function lostMessages(ledger: Status["ledger"]): { trimmed: number; corrupt: number } {
  const sum = (kind: string) => ledger.reduce((total, row) => total + (row.kind === kind ? row.count : 0), 0);
  return { trimmed: sum("trimmed"), corrupt: sum("corrupt") };
}

function figure(stats: Status["nodes"][number]["stats"], name: string): number | undefined {
  const value: unknown = stats[name];
  return typeof value === "number" ? value : undefined;
}

/** What the connected collectors counted by themselves since they started; undefined if unknown. */
export function collectorsReceived(nodes: Status["nodes"]): number | undefined {
  const figures = nodes
    .filter((node) => node.kind === "collector" && node.connected)
    .map((node) => figure(node.stats, "received"))
    .filter((value) => value !== undefined);
  return figures.length ? figures.reduce((total, value) => total + value, 0) : undefined;
}

export interface LagRow {
  group: string;
  topic: string;
  partitions: Status["lag"];
  lag: number;
  end: number;
}

/** Lag by group and topic, each with its partitions in order. */
export function lagRows(lag: Status["lag"]): LagRow[] {
  const found = new Map<string, LagRow>();
  for (const entry of lag) {
    const key = `${entry.group}\n${entry.topic}`;
    const row = found.get(key) ?? { group: entry.group, topic: entry.topic, partitions: [], lag: 0, end: 0 };
    row.partitions.push(entry);
    row.lag += entry.lag;
    row.end += entry.end;
    found.set(key, row);
  }
  for (const row of found.values()) row.partitions.sort((a, b) => a.partition - b.partition);
  return [...found.values()].sort((a, b) => a.group.localeCompare(b.group) || topicOrder(a.topic) - topicOrder(b.topic) || a.topic.localeCompare(b.topic));
}

const topicOrder = (topic: string): number => (topic.startsWith("events.") ? 0 : 1);

/** What lies before each group, in messages. */
export function lagByGroup(lag: Status["lag"]): [string, number][] {
  const found = new Map<string, number>();
  for (const entry of lag) found.set(entry.group, (found.get(entry.group) ?? 0) + entry.lag);
  return [...found].sort(([a], [b]) => a.localeCompare(b));
}

export interface RuleAccount {
  rule: string;
  count: number;
}

/** Events that rules failed on, most first. */
export function ruleAccounts(rows: Status["ledger_rules"]): RuleAccount[] {
  const found = new Map<string, number>();
  for (const { rule, count } of rows) found.set(rule, (found.get(rule) ?? 0) + count);
  return [...found].map(([rule, count]) => ({ rule, count })).sort((a, b) => b.count - a.count);
}

export const nothingArrived = (status: Status): boolean =>
  status.ledger.length === 0 && status.rates.received_per_s === 0 && !collectorsReceived(status.nodes);

// --- rates over time

export interface Sample {
  at: number;
  received: number;
  /** Events stored ever, to make a rate of. */
  stored: number;
}

const KEPT_MS = 10 * 60_000;
const WINDOW_MS = 10_000;

/** Add what /status says now; what is older than ten minutes goes. */
export function addSample(history: readonly Sample[], status: Status, at: number): Sample[] {
  const stored = accounts(status.ledger).reduce((total, account) => total + account.terms.stored, 0);
  const last = history.at(-1);
  // A platform begun anew counts from 0: its figures do not go on from the old ones.
  const kept = last && (stored < last.stored || at < last.at) ? [] : history.filter((sample) => at - sample.at < KEPT_MS);
  return [...kept, { at, received: status.rates.received_per_s, stored }];
}

/** Stored events a second over the last 10 s, as collectors measure theirs; null until known. */
export function storedRate(history: readonly Sample[], index: number): number | null {
  const sample = history[index];
  if (!sample) return null;
  let first = index;
  while (first > 0 && sample.at - (history[first]?.at ?? 0) < WINDOW_MS) first -= 1;
  const before = history[first];
  if (!before || sample.at - before.at < 4_000) return null; // too short to tell
  return ((sample.stored - before.stored) * 1_000) / (sample.at - before.at);
}
