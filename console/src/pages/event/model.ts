/** An event's plan as rows and words; pure. */
import type { EventSpec, LifeCycleState, Property, Seen, Variant } from "../../api/design";
import { localised } from "../../format";
import type { Locale, Translate } from "../../i18n";

export interface PropertyRow {
  /** `what.items[].sku` */
  path: string;
  name: string;
  namespace: string;
  depth: number;
  spec: Property;
}

export const NAMESPACES = ["who", "when", "where", "how", "what"] as const;

/** Every property in the order of namespaces, nested ones under what they stand in. */
export function rowsOf(properties: EventSpec["properties"]): PropertyRow[] {
  const rows: PropertyRow[] = [];
  const walk = (namespace: string, path: string, name: string, spec: Property, depth: number) => {
    rows.push({ path, name, namespace, depth, spec });
    for (const [inner, below] of Object.entries(spec.properties ?? {})) walk(namespace, `${path}.${inner}`, inner, below, depth + 1);
    for (const [mark, below] of [["[]", spec.items], ["{}", spec.values]] as const) {
      if (!below) continue;
      // What an item or value is stands with the array or map itself, unless it has properties of its own.
      for (const [inner, deeper] of Object.entries(below.properties ?? {})) walk(namespace, `${path}${mark}.${inner}`, inner, deeper, depth + 1);
    }
  };
  const known = NAMESPACES.filter((namespace) => properties?.[namespace]);
  for (const namespace of [...known, ...Object.keys(properties ?? {}).filter((one) => !known.some((name) => name === one))]) {
    for (const [name, spec] of Object.entries(properties?.[namespace] ?? {})) walk(namespace, `${namespace}.${name}`, name, spec, 0);
  }
  return rows;
}

/** `string`, `array of string`, `map of integer`, `string or null`. */
export function typeWords(spec: Property, t: Translate): string {
  const words = spec.type.map((type) => {
    if (type === "array" && spec.items) return t("property.array_of", { type: typeWords(spec.items, t) });
    if (type === "map" && spec.values) return t("property.map_of", { type: typeWords(spec.values, t) });
    return type;
  });
  return [...words, ...(spec.nullable ? ["null"] : [])].join(" | ");
}

/** What a value has to keep to, each as a short phrase. */
export function constraintWords(spec: Property, locale: Locale, t: Translate): string[] {
  const words: string[] = [];
  if (spec.enum)
    words.push(
      spec.enum
        .map((value) => {
          const label = localised(spec.enum_labels?.[String(value)], locale);
          return label ? `${String(value)} (${label})` : String(value);
        })
        .join(", "),
    );
  const range = between(spec.min, spec.max);
  if (range) words.push(range);
  const length = between(spec.min_length, spec.max_length);
  if (length) words.push(t(spec.type.includes("string") ? "property.characters" : "property.entries", { range: length }));
  if (spec.pattern != null) words.push(`/${spec.pattern}/`);
  if (spec.additional === false) words.push(t("property.closed"));
  return words;
}

function between(low: number | null | undefined, high: number | null | undefined): string {
  if (low != null && high != null) return low === high ? `= ${low}` : `${low} – ${high}`;
  if (low != null) return `≥ ${low}`;
  return high != null ? `≤ ${high}` : "";
}

/** When a variant holds, in words. */
export function appliesWords({ applies }: Variant, t: Translate): string {
  const words: string[] = [];
  if (applies.platform) words.push(t("variant.platform", { platforms: applies.platform.join(", ") }));
  if (applies.app) words.push(t("variant.app", { apps: applies.app.join(", ") }));
  if (applies.app_version != null) words.push(t("variant.version", { range: applies.app_version }));
  for (const [path, values] of Object.entries(applies.equals ?? {})) words.push(values.length === 1 ? t("variant.equals", { path, value: String(values[0]) }) : t("variant.among", { path, values: values.map(String).join(", ") }));
  return words.join(t("variant.and"));
}

export interface VariantLine {
  path: string;
  /** The key that differs; empty: the whole property is taken away. */
  key: string;
  value: string;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const plain = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
/** Keys of a property that hold properties below it. */
const DEEPER = new Set(["properties"]);

/** What a variant changes, property by property. */
export function variantLines({ patch }: Variant): VariantLine[] {
  const lines: VariantLine[] = [];
  const walk = (path: string, change: unknown) => {
    if (change === null) lines.push({ path, key: "", value: "" });
    if (!isObject(change)) return;
    for (const [key, value] of Object.entries(change)) {
      if (DEEPER.has(key) && isObject(value)) for (const [name, below] of Object.entries(value)) walk(`${path}.${name}`, below);
      else lines.push({ path, key, value: plain(value) });
    }
  };
  for (const [namespace, changes] of Object.entries(patch)) for (const [name, change] of Object.entries(changes)) walk(`${namespace}.${name}`, change);
  return lines;
}

/** Versions as people order them: 9.10 after 9.2; what is no version comes last. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string) => text.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [x, y] = [left[index] ?? 0, right[index] ?? 0];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a.localeCompare(b);
    if (x !== y) return x - y;
  }
  return 0;
}

export interface MatrixRow {
  platform: string;
  cells: { release: string; state: string; seen: Seen | undefined }[];
}

/** How many releases the matrix shows: the newest. */
const RELEASES = 8;

/** The life cycle as platform × release, newest release first; with what was seen of each. */
export function matrixOf(states: readonly LifeCycleState[], seen: readonly Seen[]): { releases: string[]; platforms: MatrixRow[]; left: number } {
  const all = [...new Set([...states.map((one) => one.release), ...seen.map((one) => one.version)])].sort((a, b) => compareVersions(b, a));
  const releases = all.slice(0, RELEASES);
  const platforms = [...new Set([...states.map((one) => one.platform), ...seen.map((one) => one.platform)])].sort();
  return {
    releases,
    left: all.length - releases.length,
    platforms: platforms.map((platform) => ({
      platform,
      cells: releases.map((release) => ({
        release,
        state: states.find((one) => one.platform === platform && one.release === release)?.state ?? "",
        seen: seen.filter((one) => one.platform === platform && one.version === release).reduce<Seen | undefined>((sum, one) => (sum ? { ...sum, seen: sum.seen + one.seen, dirty: sum.dirty + one.dirty, violations: sum.violations + one.violations, last_at: Math.max(sum.last_at, one.last_at) } : one), undefined),
      })),
    })),
  };
}

const FURTHEST = ["online", "verified", "implemented", "approved", "in_review", "draft", "deprecated", "offline"];

/** One word for the whole event: the furthest it has come anywhere. */
export function furthest(states: readonly LifeCycleState[]): string {
  if (states.some((one) => one.state === "deprecated")) return "deprecated";
  return FURTHEST.find((state) => states.some((one) => one.state === state)) ?? "";
}

/** `$.what.total.value` and `/what/total/value` as the path that the plan writes. */
export const pathOfPointer = (pointer: string): string => pointer.replace(/^\//, "").split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")).join(".");
