/** Edits of dirty events, between fields of a form and what the API takes; pure. */
import type { Schemas } from "../../api/client";

export type Edit = Schemas["Edit"];
export const OPS = ["set", "unset", "rename", "cast", "text"] as const;
export type Op = (typeof OPS)[number];
export const TYPES = ["string", "int64", "float64", "bool"] as const;
export const isOp = (value: string | null): value is Op => OPS.some((op) => op === value);

/** One line of the form: everything as text. */
export interface EditRow {
  op: Op;
  path: string;
  value: string;
  to: string;
}

export const EMPTY_EDIT: EditRow = { op: "set", path: "", value: "", to: "" };

/** A value as somebody types it: JSON where it is JSON, else the text itself. */
export function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The edits of a form; lines without a path are not ready and left out. */
export function editsOf(rows: readonly EditRow[]): Edit[] {
  return rows
    .filter((row) => row.path.trim() !== "" && (row.op !== "rename" || row.to.trim() !== ""))
    .map((row) => {
      const path = row.op === "text" ? row.path : row.path.trim();
      if (row.op === "set") return { op: row.op, path, value: valueOf(row.value) };
      if (row.op === "unset") return { op: row.op, path };
      return { op: row.op, path, to: row.op === "cast" ? row.to || "string" : row.to };
    });
}

/** Text as JSON for reading; as it is where it is none. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
