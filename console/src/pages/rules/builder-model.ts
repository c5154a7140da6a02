/** A rule as the builder shows it (spec/rules/builder.schema.json), and its place in the rule's text; pure. */

export type Scalar = string | number | boolean;
export const OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "starts_with", "ends_with", "matches", "is null", "is not null"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  kind: "condition";
  path: string;
  operator: Operator;
  value?: Scalar | Scalar[] | null;
  type?: "float64" | "timestamp" | null;
}
export interface Written {
  kind: "expression";
  text: string;
}
export interface Several {
  kind: "all" | "any";
  of: Group[];
}
export interface Not {
  kind: "not";
  of: Group;
}
export type Group = Condition | Written | Several | Not;

export interface Named {
  name: string;
  value: string;
}
export const CHANGES = ["set", "rename", "mask", "pseudonymise", "tag"] as const;
export type Action =
  | { action: "drop"; when: Group }
  | { action: "sample"; rate: number; key?: string | null }
  | { action: "explode"; over: string; item?: string }
  | { action: "route"; by: string; to: Record<string, string> }
  | { action: "unset"; paths: string[] }
  | { action: "change"; how: (typeof CHANGES)[number]; values: Named[] }
  | { action: "select"; columns: Named[] }
  | { action: "keep" }
  | { action: "script"; name: string };

export interface BuilderRule {
  actions: Action[];
  where?: Group | null;
}

export type FrontEnd = "python" | "sql" | "builder";

/** The front end that a rule's text is written in. */
export const frontEndOf = (source: string): FrontEnd => (/^builder:/m.test(source) ? "builder" : /^sql:/m.test(source) ? "sql" : "python");

const BLOCK = /^builder:[^\n]*\n(?:(?:[ \t]+[^\n]*)?\n)*(?:[ \t]+[^\n]*$)?/m;

/** Read what stands under ``builder``; nothing where it is not JSON (it may be YAML). */
export function ruleIn(text: string): BuilderRule | undefined {
  const block = BLOCK.exec(text)?.[0].replace(/^builder:/, "");
  if (block === undefined) return undefined;
  try {
    const rule = JSON.parse(block) as BuilderRule;
    return Array.isArray(rule.actions) ? rule : undefined;
  } catch {
    return undefined;
  }
}

/** Put a rule in the place of what stands under ``builder``. */
export function withRule(text: string, rule: BuilderRule): string {
  const json = JSON.stringify(rule, null, 2).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return text.replace(BLOCK, () => `builder:\n${json.replace(/^/gm, "  ")}\n`);
}

/** The members of a filter as one group: what stands alone is a group of one. */
export function severalOf(group: Group | null | undefined): Several {
  if (!group) return { kind: "all", of: [] };
  return group.kind === "all" || group.kind === "any" ? group : { kind: "all", of: [group] };
}

/** A group as it is written: one that has one member is that member, one without any is nothing. */
export function writtenOf(group: Several): Group | null {
  return group.of.length > 1 ? group : (group.of[0] ?? null);
}

export type Kind = "string" | "int64" | "float64" | "bool" | "timestamp" | "array" | "";

/** The type of a property by its name in the plan or in the language; "" where it has several. */
export function kindOf(type: string): Kind {
  const bare = type.replace(/\s*\|\s*null$/, "");
  if (bare.startsWith("array")) return "array";
  const known: Record<string, Kind> = { string: "string", integer: "int64", int64: "int64", number: "float64", float64: "float64", boolean: "bool", bool: "bool", timestamp: "timestamp" };
  return known[bare] ?? "";
}

const NULLS: readonly Operator[] = ["is null", "is not null"];
const ORDERED: readonly Operator[] = ["==", "!=", "<", "<=", ">", ">="];
const BY_KIND: Record<Kind, readonly Operator[]> = {
  string: ["==", "!=", "in", "not in", "contains", "starts_with", "ends_with", "matches", ...NULLS],
  int64: [...ORDERED, "in", "not in", ...NULLS],
  float64: [...ORDERED, ...NULLS],
  bool: ["==", "!=", ...NULLS],
  timestamp: [...ORDERED, ...NULLS],
  array: ["contains", ...NULLS],
  "": OPERATORS,
};

/** The operators that a property of a type can have; the one that stands there is always among them. */
export function operatorsFor(kind: Kind, now: Operator): readonly Operator[] {
  const found = BY_KIND[kind];
  return found.includes(now) ? found : [...found, now];
}

const takesNone = (operator: Operator): boolean => NULLS.includes(operator);
export const takesMany = (operator: Operator): boolean => operator === "in" || operator === "not in";

/** One value of a kind from what was typed. */
function scalarOf(kind: Kind, value: Scalar): Scalar {
  if (kind === "bool") return value === true || value === "true";
  if ((kind === "int64" || kind === "float64") && typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))) return Number(value);
  if (kind === "string" || kind === "timestamp") return String(value);
  return value;
}

/** A condition with another path, operator or value: the value takes the form that these want. */
export function changed(condition: Condition, kind: Kind, part: Partial<Omit<Condition, "kind">>): Condition {
  const next = { ...condition, ...part };
  const { kind: tag, path, operator } = next;
  if (takesNone(operator)) return { kind: tag, path, operator };
  const values = (Array.isArray(next.value) ? next.value : next.value === null || next.value === undefined ? [] : [next.value]).map((value) => scalarOf(kind, value));
  const empty: Scalar = kind === "bool" ? true : kind === "int64" || kind === "float64" ? 0 : "";
  const type = kind === "float64" || kind === "timestamp" ? kind : kind === "" ? (next.type ?? null) : null;
  return { kind: tag, path, operator, value: takesMany(operator) ? values.filter((value) => value !== "") : (values[0] ?? empty), type };
}

/** A list with one member replaced, or left out where there is no other. */
export function replaced<T>(all: readonly T[], at: number, by: T | null): T[] {
  return all.flatMap((one, index) => (index === at ? (by === null ? [] : [by]) : [one]));
}

/** A list with a member moved by a place. */
export function moved<T>(all: readonly T[], at: number, by: -1 | 1): T[] {
  const after = [...all];
  const [taken] = after.splice(at, 1);
  if (taken !== undefined) after.splice(at + by, 0, taken);
  return after;
}

/** A new action of each kind, in the order of the menu. */
export const NEW_ACTIONS: readonly Action[] = [
  { action: "drop", when: { kind: "condition", path: "event", operator: "==", value: "", type: null } },
  { action: "sample", rate: 0.1 },
  ...CHANGES.map((how): Action => ({ action: "change", how, values: [{ name: "", value: how === "mask" ? "redact" : "" }] })),
  { action: "unset", paths: [] },
  { action: "explode", over: "", item: "item" },
  { action: "route", by: "", to: { "": "" } },
  { action: "select", columns: [{ name: "id", value: "id" }] },
  { action: "keep" },
  { action: "script", name: "" },
];
