/** What stands after `?` on the pages of review. */
import type { ChangeState } from "../../api/review";
import { isTab, STATES, type Tab } from "./model";

type Search = Record<string, unknown>;
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined);
const kept = <T extends object>(search: T): T => Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;

export const VIEWS = ["waits", "mine", "all"] as const;
export type View = (typeof VIEWS)[number];

export interface ChangesSearch {
  view?: View | undefined;
  state?: ChangeState | "open" | "any" | undefined;
  app?: string | undefined;
  query?: string | undefined;
  new?: boolean | undefined;
}
export const changesSearch = (search: Search): ChangesSearch =>
  kept({
    view: VIEWS.find((view) => view === search.view),
    state: ([...STATES, "open", "any"] as const).find((state) => state === search.state),
    app: text(search.app),
    query: text(search.query),
    new: search.new === true ? true : undefined,
  });

export const changeSearch = (search: Search): { tab?: Tab | undefined; event?: string | undefined } => kept({ tab: isTab(search.tab) ? search.tab : undefined, event: text(search.event) });
