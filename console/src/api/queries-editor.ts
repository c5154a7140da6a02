/** What the editor of a plan's parts reads and saves. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data, every } from "./client";
import type { PartSection } from "./queries-plans";

export interface PartAddress {
  app: string;
  section: PartSection;
  name: string;
  change: number | undefined;
}

/** The part as it is now: in the change request, else in the plan in force; null texts where there is none. */
export const branchPartQuery = (change: number, section: PartSection, name: string) =>
  queryOptions({
    queryKey: ["changes", "one", change, "part", section, name],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}/part", { params: { path: { id: change }, query: { section, name } }, signal })),
    staleTime: Infinity, // an editor must not be overwritten while somebody types,
    gcTime: 0, // and one that is opened again must see what is there by then
    retry: false,
  });

export const previewQuery = ({ app, section, name, change }: PartAddress, text: string) =>
  queryOptions({
    queryKey: ["plan", app, "preview", section, name, change ?? 0, text],
    queryFn: ({ signal }) => data(api.POST("/api/v1/apps/{app}/plan/preview", { params: { path: { app } }, body: { section, name, text, change: change ?? null }, signal })),
    placeholderData: keepPreviousData,
    enabled: app !== "" && name !== "" && text.trim() !== "",
    gcTime: 60_000,
    retry: false,
  });

export const proposalsQuery = (app: string, name: string, text: string) =>
  queryOptions({
    queryKey: ["plan", app, "proposals", name, text],
    queryFn: ({ signal }) => data(api.POST("/api/v1/apps/{app}/assist", { params: { path: { app } }, body: { name, text }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.preparing ? 3_000 : false),
    enabled: app !== "" && name !== "",
    gcTime: 60_000,
    retry: false,
  });

export const templatesQuery = queryOptions({
  queryKey: ["templates"],
  queryFn: async ({ signal }) => (await data(api.GET("/api/v1/templates", { signal }))).items,
  staleTime: Infinity,
});

export const templateQuery = (name: string, app: string, prefix: string) =>
  queryOptions({
    queryKey: ["templates", name, app, prefix],
    queryFn: ({ signal }) => data(api.GET("/api/v1/templates/{template}", { params: { path: { template: name }, query: { app, prefix } }, signal })),
    placeholderData: keepPreviousData,
  });

export const unplannedQuery = (app: string, query: string) =>
  queryOptions({
    queryKey: ["unplanned", app, query],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/unplanned", { params: { path: { app }, query: { query, limit: 50 } }, signal })),
    placeholderData: keepPreviousData,
    enabled: app !== "",
  });

export const draftOfUnplanned = (app: string, event: string) => data(api.GET("/api/v1/apps/{app}/unplanned/{event}/draft", { params: { path: { app, event } } }));

/** The reader's own change requests that can still be edited. */
export const myChangesQuery = (app: string) =>
  queryOptions({
    queryKey: ["changes", "mine", app],
    queryFn: async ({ signal }) => (await data(api.GET("/api/v1/changes", { params: { query: { app, mine: true, state: "open", limit: 50 } }, signal }))).items,
    enabled: app !== "",
    staleTime: 5_000,
  });

export const readChange = (id: number) => data(api.GET("/api/v1/changes/{id}", { params: { path: { id } } }));

export const startChange = (app: string, title: string) => data(api.POST("/api/v1/changes", { body: { app, title } }));

export const saveParts = (change: number, etag: string, parts: { section: PartSection; name: string; text: string | null }[]) =>
  data(api.PUT("/api/v1/changes/{id}/parts", { params: { path: { id: change }, header: { "If-Match": `"${etag}"` } }, body: { parts } }));

export const saveFiles = (change: number, etag: string, files: Record<string, string>) => 
  data(api.PUT("/api/v1/changes/{id}/files", { params: { path: { id: change }, header: { "If-Match": `"${etag}"` } }, body: { files } }));

/** Who can own something: teams and people as the plan writes them. */
export const ownersQuery = queryOptions({
  queryKey: ["owners"],
  queryFn: async ({ signal }) => {
    const [teams, people] = await Promise.all([
      every((cursor) => data(api.GET("/api/v1/teams", { params: { query: { limit: 1000, cursor } }, signal }))),
      every((cursor) => data(api.GET("/api/v1/people", { params: { query: { limit: 1000, cursor } }, signal }))),
    ]);
    return [...teams.map((one) => `team:${one.team}`), ...people.map((one) => `person:${one.person}`)];
  },
  staleTime: 60_000,
  retry: false,
});
