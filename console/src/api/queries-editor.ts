/** What the editor of a plan's parts reads and saves. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { BranchPart, BranchSaved, ChangeRequest, ChangeRequests, EventDraft, Preview, Proposals, Template, TemplateList, UnplannedList } from "./design";
import { ask } from "./pending";

const part = encodeURIComponent;

export interface PartAddress {
  app: string;
  section: string;
  name: string;
  change: number | undefined;
}

/** The part as it is now: in the change request, else in the plan in force; null texts where there is none. */
export const branchPartQuery = (change: number, section: string, name: string) =>
  queryOptions({
    queryKey: ["changes", "one", change, "part", section, name],
    queryFn: ({ signal }) => ask<BranchPart>("GET", `/changes/${change}/part`, { query: { section, name }, signal }),
    staleTime: Infinity, // an editor must not be overwritten while somebody types,
    gcTime: 0, // and one that is opened again must see what is there by then
    retry: false,
  });

export const previewQuery = ({ app, section, name, change }: PartAddress, text: string) =>
  queryOptions({
    queryKey: ["plan", app, "preview", section, name, change ?? 0, text],
    queryFn: ({ signal }) => ask<Preview>("POST", `/apps/${part(app)}/plan/preview`, { body: { section, name, text, change: change ?? null }, signal }),
    placeholderData: keepPreviousData,
    enabled: app !== "" && name !== "" && text.trim() !== "",
    gcTime: 60_000,
    retry: false,
  });

export const proposalsQuery = (app: string, name: string, text: string) =>
  queryOptions({
    queryKey: ["plan", app, "proposals", name, text],
    queryFn: ({ signal }) => ask<Proposals>("POST", `/apps/${part(app)}/assist`, { body: { name, text }, signal }),
    placeholderData: keepPreviousData,
    enabled: app !== "" && name !== "",
    gcTime: 60_000,
    retry: false,
  });

export const templatesQuery = queryOptions({
  queryKey: ["templates"],
  queryFn: async ({ signal }) => (await ask<TemplateList>("GET", "/templates", { signal })).items,
  staleTime: Infinity,
});

export const templateQuery = (name: string, app: string, prefix: string) =>
  queryOptions({
    queryKey: ["templates", name, app, prefix],
    queryFn: ({ signal }) => ask<Template>("GET", `/templates/${part(name)}`, { query: { app, prefix }, signal }),
    placeholderData: keepPreviousData,
  });

export const unplannedQuery = (app: string, query: string) =>
  queryOptions({
    queryKey: ["unplanned", app, query],
    queryFn: ({ signal }) => ask<UnplannedList>("GET", `/apps/${part(app)}/unplanned`, { query: { query, limit: 50 }, signal }),
    placeholderData: keepPreviousData,
    enabled: app !== "",
  });

export const draftOfUnplanned = (app: string, event: string) => ask<EventDraft>("GET", `/apps/${part(app)}/unplanned/${part(event)}/draft`);

/** The reader's own change requests that can still be edited. */
export const myChangesQuery = (app: string) =>
  queryOptions({
    queryKey: ["changes", "mine", app],
    queryFn: async ({ signal }) => (await ask<ChangeRequests>("GET", "/changes", { query: { app, mine: true, state: "open", limit: 50 }, signal })).items,
    enabled: app !== "",
    staleTime: 5_000,
  });

export const startChange = (app: string, title: string) => ask<ChangeRequest>("POST", "/changes", { body: { app, title } });

export const saveParts = (change: number, etag: string, parts: readonly { section: string; name: string; text: string | null }[]) => ask<BranchSaved>("PUT", `/changes/${change}/parts`, { body: { parts }, etag });

export const saveFiles = (change: number, etag: string, files: Record<string, string>) => ask<BranchSaved>("PUT", `/changes/${change}/files`, { body: { files }, etag });

interface Names {
  items: { person?: string; team?: string; name?: string }[];
}

/** Who can own something: teams and people as the plan writes them. */
export const ownersQuery = queryOptions({
  queryKey: ["owners"],
  queryFn: async ({ signal }) => {
    const [teams, people] = await Promise.all([ask<Names>("GET", "/teams", { query: { limit: 500 }, signal }), ask<Names>("GET", "/people", { query: { limit: 500 }, signal })]);
    return [...teams.items.map((one) => `team:${one.team ?? ""}`), ...people.items.map((one) => `person:${one.person ?? ""}`)].filter((one) => !one.endsWith(":"));
  },
  staleTime: 60_000,
  retry: false,
});
