/** The tabs of a rule's page, as they stand in its address. */
export type Tab = "edit" | "builder" | "shadow" | "statistics" | "history";

export const isTab = (value: unknown): value is Tab => value === "edit" || value === "builder" || value === "shadow" || value === "statistics" || value === "history";
