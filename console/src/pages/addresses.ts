/** What stands after `?` on the pages of design: read with care, whatever an address says. */
type Search = Record<string, unknown>;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined);

/** Leave out what is not there: an address holds no `undefined`. */
const kept = <T extends object>(search: T): T => Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;

const EVENT_TABS = ["about", "data", "use", "history"] as const;
export type EventTab = (typeof EVENT_TABS)[number];
export const isEventTab = (value: unknown): value is EventTab => EVENT_TABS.some((tab) => tab === value);

export const eventSearch = (search: Search): { tab?: EventTab; property?: string } => kept({ tab: isEventTab(search.tab) ? search.tab : undefined, property: text(search.property) });

export interface MetricsSearch {
  q?: string;
  app?: string;
}
export const metricsSearch = (search: Search): MetricsSearch => kept({ q: text(search.q), app: text(search.app) });

export const SECTIONS = ["events", "metrics", "groups", "types"] as const;
export type Section = (typeof SECTIONS)[number];
export const isSection = (value: unknown): value is Section => SECTIONS.some((section) => section === value);

export interface EditSearch {
  app?: string;
  section?: Section;
  name?: string;
  /** The change request that edits go into. */
  change?: number;
  /** Start from: `template:shop/order_paid`, `unplanned:btn_click`, `copy:order_pay`. */
  from?: string;
}
export const editSearch = (search: Search): EditSearch =>
  kept({ app: text(search.app), section: isSection(search.section) ? search.section : undefined, name: text(search.name), change: number(search.change), from: text(search.from) });

const PLAN_TABS = ["revisions", "groups", "types", "libraries"] as const;
export type PlanTab = (typeof PLAN_TABS)[number];
export const isPlanTab = (value: unknown): value is PlanTab => PLAN_TABS.some((tab) => tab === value);

export interface PlanSearch {
  tab?: PlanTab;
  from?: number;
  to?: number;
  name?: string;
}
export const planSearch = (search: Search): PlanSearch => kept({ tab: isPlanTab(search.tab) ? search.tab : undefined, from: number(search.from), to: number(search.to), name: text(search.name) });

export const librarySearch = (search: Search): { version?: number } => kept({ version: number(search.version) });

/** What of the dirty events to begin with. */
export const dirtySearch = (search: Search): { app?: string; event?: string; reason?: string } => kept({ app: text(search.app), event: text(search.event), reason: text(search.reason) });

/** Which saved query to begin with. */
export const querySearch = (search: Search): { saved?: string } => kept({ saved: text(search.saved) });
