/** Changes of a plan as text; pure. */
import type { Change } from "../api/design";
import type { MessageId } from "../i18n";

/** Kinds of change in words. */
export const CHANGE_KINDS = {
  added: "diff.kind.added",
  removed: "diff.kind.removed",
  changed: "diff.kind.changed",
  renamed: "diff.kind.renamed",
  moved: "diff.kind.moved",
  narrowed: "diff.kind.narrowed",
  widened: "diff.kind.widened",
  affected: "diff.kind.affected",
} as const satisfies Record<Change["kind"], MessageId>;

/** A value of a plan as people write it: bare words, short lists in a line, the rest as indented lines. */
export function written(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value !== "object") return plain(value);
  const line = flow(value);
  return line.length <= 60 ? line : block(value, 0).trimEnd();
}

const plain = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const word = (value: unknown): string => (typeof value === "object" && value !== null ? flow(value) : plain(value));

function flow(value: object): string {
  if (Array.isArray(value)) return `[${value.map(word).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}: ${word(inner)}`)
    .join(", ")}}`;
}

function block(value: object, depth: number): string {
  const pad = "  ".repeat(depth);
  if (Array.isArray(value)) return value.map((inner: unknown) => `${pad}- ${word(inner)}\n`).join("");
  return Object.entries(value)
    .map(([key, inner]: [string, unknown]) => {
      const line = word(inner);
      return typeof inner === "object" && inner !== null && line.length > 60 ? `${pad}${key}:\n${block(inner, depth + 1)}` : `${pad}${key}: ${line}\n`;
    })
    .join("");
}

/** The place of an event's block on the page. */
export const anchorOf = (name: string): string => `diff-${name}`;
