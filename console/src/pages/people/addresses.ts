/** The tabs of the page of people. */
export const PEOPLE_TABS = ["people", "teams", "permissions"] as const;
export type PeopleTab = (typeof PEOPLE_TABS)[number];
export const isPeopleTab = (value: unknown): value is PeopleTab => PEOPLE_TABS.some((tab) => tab === value);
export const peopleSearch = (search: Record<string, unknown>): { tab?: PeopleTab | undefined } => (isPeopleTab(search.tab) ? { tab: search.tab } : {});
export const inboxSearch = (search: Record<string, unknown>): { tab?: "preferences" | undefined } => (search.tab === "preferences" ? { tab: "preferences" } : {});
