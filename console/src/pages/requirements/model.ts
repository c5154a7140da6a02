/** The requirement board: columns, order, progress; pure. */
import type { Requirement } from "../../api/review";

export const COLUMNS = ["designed", "implemented", "verified", "online"] as const;
export type Column = (typeof COLUMNS)[number];

/** Cards by column: what is overdue first, then by deadline, then the newest. */
export function columnsOf(requirements: readonly Requirement[]): Record<Column, Requirement[]> {
  const columns: Record<Column, Requirement[]> = { designed: [], implemented: [], verified: [], online: [] };
  for (const requirement of requirements) columns[requirement.state].push(requirement);
  const order = (a: Requirement, b: Requirement) => Number(b.overdue) - Number(a.overdue) || (a.deadline ?? "9999").localeCompare(b.deadline ?? "9999") || b.id - a.id;
  for (const column of COLUMNS) columns[column].sort(order);
  return columns;
}
