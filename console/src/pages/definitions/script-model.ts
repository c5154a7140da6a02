/** What workers say about a script in their statistics; pure. */
import type { Schemas } from "../../api/client";

export interface ScriptStatistics {
  version: number;
  batches: number;
  events: number;
  outputs: number;
  errors: Readonly<Record<string, number>>;
  cpu_ms: number;
  restarts: number;
  circuit: "closed" | "open" | "half_open";
  recent: readonly string[];
}

const isRecord = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object" && !Array.isArray(value);
const numberIn = (of: Record<string, unknown>, key: string): number => (typeof of[key] === "number" ? of[key] : 0);

function read(value: unknown): ScriptStatistics | undefined {
  if (!isRecord(value)) return undefined;
  const { circuit, errors, recent } = value;
  return {
    version: numberIn(value, "version"),
    batches: numberIn(value, "batches"),
    events: numberIn(value, "events"),
    outputs: numberIn(value, "outputs"),
    errors: isRecord(errors) ? Object.fromEntries(Object.entries(errors).filter((entry): entry is [string, number] => typeof entry[1] === "number")) : {},
    cpu_ms: numberIn(value, "cpu_ms"),
    restarts: numberIn(value, "restarts"),
    circuit: circuit === "open" || circuit === "half_open" ? circuit : "closed",
    recent: Array.isArray(recent) ? recent.map(String) : [],
  };
}

/** A script's statistics on each connected worker that has run it. */
export function scriptsOf(nodes: readonly Schemas["NodeStatus"][], name: string): { node: string; statistics: ScriptStatistics }[] {
  return nodes.flatMap(({ node, connected, stats }) => {
    const scripts: unknown = (stats as Record<string, unknown>).scripts;
    const statistics = connected && isRecord(scripts) ? read(scripts[name]) : undefined;
    return statistics ? [{ node, statistics }] : [];
  });
}

/** The sums over workers. */
export function totalsOf(all: readonly ScriptStatistics[]): Omit<ScriptStatistics, "version" | "circuit" | "recent"> {
  const errors: Record<string, number> = {};
  for (const one of all) for (const [reason, failed] of Object.entries(one.errors)) errors[reason] = (errors[reason] ?? 0) + failed;
  const sum = (of: (one: ScriptStatistics) => number): number => all.reduce((total, one) => total + of(one), 0);
  return { batches: sum((one) => one.batches), events: sum((one) => one.events), outputs: sum((one) => one.outputs), cpu_ms: sum((one) => one.cpu_ms), restarts: sum((one) => one.restarts), errors };
}
