/** What a shadow's report says, in numbers and fields; pure. */
import type { Schemas } from "../../api/client";

export const BUCKETS = ["equal", "changed", "only_old", "only_new", "failed_old", "failed_new"] as const;
export type Bucket = (typeof BUCKETS)[number];

export type Figures = Required<Schemas["Figures"]>;

/** All figures of a rule: those that are left out are 0. */
export const figuresOf = (some: Schemas["Figures"]): Figures => ({ matched: 0, output: 0, failed: 0, ns: 0, bytes_in: 0, bytes_out: 0, ...some });

export const shareOf = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

export interface FieldRow {
  field: string;
  /** JSON, or null where there is no such row. */
  old: string | null;
  new: string | null;
  differs: boolean;
}

type Row = Record<string, unknown> | null;

interface Rows {
  old: Row;
  new: Row;
  fields: readonly string[];
}

/** Each field of a sample's rows: those that differ first. */
export function rowFields(sample: Rows): FieldRow[] {
  const names = [...new Set([...Object.keys(sample.old ?? {}), ...Object.keys(sample.new ?? {})])];
  const cell = (row: Row, field: string): string | null => (row ? (field in row ? JSON.stringify(row[field]) : "") : null);
  const rows = names.map((field) => ({ field, old: cell(sample.old, field), new: cell(sample.new, field), differs: sample.fields.includes(field) }));
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
}
