/** What an impact report says, counted for pictures; pure. */
import type { Impact, Replayed, Touched } from "../../api/review";

export type Measure = "fail" | "pass";
type Segment = Replayed["segments"][number];

export interface Bar {
  /** App version; "" where events say none, null for all that are not shown one by one. */
  label: string | null;
  total: number;
  /** Of how many events of the window. */
  population: number;
  parts: { platform: string; count: number }[];
}

/** Compare versions by their dotted numbers: 9.10 is newer than 9.9. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(/[.+-]/);
  const right = b.split(/[.+-]/);
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const one = left[at] ?? "";
    const two = right[at] ?? "";
    if (one === two) continue;
    const numbers = /^\d+$/.test(one) && /^\d+$/.test(two);
    const order = numbers ? Number(one) - Number(two) : one < two ? -1 : 1;
    if (order !== 0) return order;
  }
  return 0;
}

const counted = (segment: Segment, measure: Measure): number => (measure === "fail" ? segment.estimated_fail : segment.estimated_pass);

/** Platforms by how much they have, the most first: the order of colours. */
export function platformsOf(segments: readonly Segment[], measure: Measure): string[] {
  const sums = new Map<string, number>();
  for (const segment of segments) sums.set(segment.platform, (sums.get(segment.platform) ?? 0) + counted(segment, measure));
  return [...sums].filter(([, sum]) => sum > 0).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([platform]) => platform);
}

/** One stacked bar for each app version, the newest first, those where nothing happens too; at most `most`, the rest in one. */
export function barsOf(segments: readonly Segment[], measure: Measure, most = 12): Bar[] {
  const platforms = platformsOf(segments, measure);
  const byVersion = new Map<string, Bar>();
  for (const segment of segments) {
    const bar = byVersion.get(segment.version) ?? { label: segment.version, total: 0, population: 0, parts: platforms.map((platform) => ({ platform, count: 0 })) };
    byVersion.set(segment.version, add(bar, segment.platform, counted(segment, measure), segment.population));
  }
  const bars = [...byVersion.values()].sort((a, b) => compareVersions(b.label ?? "", a.label ?? ""));
  if (bars.every((bar) => bar.total === 0)) return [];
  if (bars.length <= most) return bars;
  const rest = bars.slice(most - 1).reduce<Bar>((sum, bar) => bar.parts.reduce((inner, part) => add(inner, part.platform, part.count, 0), { ...sum, population: sum.population + bar.population }), { label: null, total: 0, population: 0, parts: platforms.map((platform) => ({ platform, count: 0 })) });
  return [...bars.slice(0, most - 1), rest];
}

const add = (bar: Bar, platform: string, count: number, population: number): Bar => ({
  ...bar,
  total: bar.total + count,
  population: bar.population + population,
  parts: bar.parts.map((part) => (part.platform === platform ? { platform, count: part.count + count } : part)),
});

/** Everything that a change concerns, the worst first. */
export function touchedOf(impact: Impact): Touched[] {
  const order = { broken: 0, altered: 1, touched: 2 };
  return [...impact.rules, ...impact.metrics, ...impact.queries, ...impact.clients].sort((a, b) => order[a.how] - order[b.how] || (a.kind === b.kind ? (a.name < b.name ? -1 : 1) : a.kind < b.kind ? -1 : 1));
}

export type Advice = "no_traffic" | "old_versions" | "all_versions" | "broken_consumers" | "altered_metrics" | "clients" | "mode_off" | "fine";

/** What to do next, by what was found. */
export function adviceOf(impact: Impact): Advice[] {
  const advice: Advice[] = [];
  const { replay } = impact;
  if (impact.broken > 0) advice.push("broken_consumers");
  if (replay.newly_fail > 0) {
    const versions = new Set(replay.segments.filter((segment) => segment.sampled > 0).map((segment) => segment.version));
    const failing = new Set(replay.segments.filter((segment) => segment.newly_fail > 0).map((segment) => segment.version));
    advice.push(failing.size < versions.size ? "old_versions" : "all_versions");
    if (replay.mode !== "enforce") advice.push("mode_off");
  }
  if (impact.metrics.some((metric) => metric.how === "altered")) advice.push("altered_metrics");
  if (impact.clients.some((client) => client.how !== "touched")) advice.push("clients");
  if (!advice.length) advice.push(replay.sampled === 0 && impact.changed.length + impact.removed.length > 0 ? "no_traffic" : "fine");
  return advice;
}
