/** What the pages of design and review read, and what they ask for. */
import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { api, ApiError, data, every, type Schemas } from "./client";
import { sessionQuery } from "./queries";
import type { Approved, Change, ChangeAction, ChangeState, Comment, Compatibility, Me, PartConflict, Person, Requirement, Resolution, Team } from "./review";

// --- change requests

export interface ChangeFilter {
  text: string;
  app: string;
  state: ChangeState | "open" | "";
  mine: boolean;
  waits: boolean;
  requirement?: number | undefined;
  event?: string | undefined;
}

export const changesQuery = (filter: ChangeFilter, cursor = "", limit = 30) =>
  queryOptions({
    queryKey: ["changes", "list", filter, cursor, limit],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes", { params: { query: { query: filter.text, app: filter.app, state: filter.state, mine: filter.mine, waits: filter.waits, requirement: filter.requirement, event: filter.event, cursor, limit } }, signal })),
    placeholderData: keepPreviousData,
  });

export const changeKey = (id: number): readonly unknown[] => ["changes", "one", id];

export const changeQuery = (id: number) =>
  queryOptions({
    queryKey: changeKey(id),
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}", { params: { path: { id } }, signal })),
    refetchInterval: 15_000, // somebody else may comment, approve, merge
  });

export interface ItemFilter {
  text: string;
  compatibility?: Exclude<Compatibility, "neutral"> | "";
  waiting?: boolean;
  mine?: boolean;
}

export const changeDiffQuery = (id: number, filter: ItemFilter, cursor = "", limit = 50) =>
  queryOptions({
    queryKey: [...changeKey(id), "diff", filter, cursor, limit],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}/diff", { params: { path: { id }, query: { ...filter, cursor, limit } }, signal })),
    placeholderData: keepPreviousData,
  });

export const partQuery = (id: number, section: Resolution["section"], name: string) =>
  queryOptions({
    queryKey: [...changeKey(id), "part", section, name],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}/part", { params: { path: { id }, query: { section, name } }, signal })),
  });

/** A part as it is in force; null: there is none. */
export const partInForceQuery = (app: string, section: Resolution["section"], name: string) =>
  queryOptions({
    queryKey: ["plan-part", app, section, name],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/apps/{app}/plan/part", { params: { path: { app }, query: { section, name } }, signal }))
        .then((part) => part.text)
        .catch((error: unknown) => {
          if (error instanceof ApiError && error.status === 404) return null;
          throw error;
        }),
    gcTime: 0,
  });

export const commentsQuery = (id: number) =>
  queryOptions({
    queryKey: [...changeKey(id), "comments"],
    queryFn: ({ signal }) => every<Comment>((cursor) => data(api.GET("/api/v1/changes/{id}/comments", { params: { path: { id }, query: { cursor, limit: 1_000 } }, signal }))),
    refetchInterval: 15_000,
  });

export const approvalsQuery = (id: number, filter: ItemFilter = { text: "" }, cursor = "") =>
  queryOptions({
    queryKey: [...changeKey(id), "approvals", filter, cursor],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}/approvals", { params: { path: { id }, query: { ...filter, cursor, limit: 50 } }, signal })),
    placeholderData: keepPreviousData,
  });

export const checksQuery = (id: number, version: number) =>
  queryOptions({
    queryKey: [...changeKey(id), "findings", version],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}/findings", { params: { path: { id } }, signal })),
    placeholderData: keepPreviousData,
  });

export const historyQuery = (id: number, cursor = "") =>
  queryOptions({
    queryKey: [...changeKey(id), "history", cursor],
    queryFn: ({ signal }) => data(api.GET("/api/v1/changes/{id}/history", { params: { path: { id }, query: { cursor, limit: 50 } }, signal })),
  });

export const impactQuery = (id: number) =>
  queryOptions({
    queryKey: [...changeKey(id), "impact"],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/changes/{id}/impact", { params: { path: { id } }, signal })).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }),
    staleTime: 5_000,
  });

export interface ChangeWords {
  title: string;
  description: string;
  requirement: number | null;
  deadline: string | null;
}

const path = (change: Change) => ({ path: { id: change.id } });
const matched = (change: Change) => ({ ...path(change), header: { "If-Match": `"${change.etag}"` } });

export const makeChange = (body: ChangeWords & { app: string }): Promise<Change> => data(api.POST("/api/v1/changes", { body }));
export const patchChange = (change: Change, body: Partial<ChangeWords>): Promise<Change> => data(api.PATCH("/api/v1/changes/{id}", { params: matched(change), body }));
export const assess = (id: number): Promise<Schemas["ChangeImpact"]> => data(api.POST("/api/v1/changes/{id}/impact", { params: { path: { id } }, body: {} }));
export const addComment = (id: number, body: { text: string; event: string; property: string; reply_to: number | null }): Promise<Comment> => data(api.POST("/api/v1/changes/{id}/comments", { params: { path: { id } }, body }));
export const editComment = (id: number, n: number, body: { text?: string; resolved?: boolean }): Promise<Comment> => data(api.PATCH("/api/v1/changes/{id}/comments/{n}", { params: { path: { id, n } }, body }));
export const readComments = (id: number, n: number): Promise<unknown> => data(api.POST("/api/v1/changes/{id}/read", { params: { path: { id } }, body: { n } }));
export const approveItems = (change: Change, events: string[], note = ""): Promise<Approved> => data(api.POST("/api/v1/changes/{id}/approve", { params: path(change), body: { version: change.version, events, note } }));
export const approveAll = (changes: readonly Change[], note: string): Promise<{ items: Approved[] }> => data(api.POST("/api/v1/changes/approve", { body: { changes: changes.map((change) => change.id), versions: changes.map((change) => change.version), note } }));
export const rebase = (change: Change, body: { take?: "mine" | "theirs"; resolutions?: Resolution[] } = {}): Promise<Change> => data(api.POST("/api/v1/changes/{id}/rebase", { params: path(change), body }));

/** Do what moves a change request on. */
export function act(change: Change, action: Exclude<ChangeAction, "edit" | "comment">, words: string): Promise<unknown> {
  switch (action) {
    case "submit":
      return data(api.POST("/api/v1/changes/{id}/submit", { params: path(change), body: { note: words } }));
    case "approve":
      return approveItems(change, [], words);
    case "reject":
      return data(api.POST("/api/v1/changes/{id}/reject", { params: path(change), body: { reason: words } }));
    case "withdraw":
      return data(api.POST("/api/v1/changes/{id}/withdraw", { params: path(change), body: { note: words } }));
    case "close":
      return data(api.POST("/api/v1/changes/{id}/close", { params: path(change), body: { note: words } }));
    case "rebase":
      return rebase(change);
    case "merge":
      return data(api.POST("/api/v1/changes/{id}/merge", { params: path(change), body: { message: words } }));
  }
}

/** The conflicts that an answer names; undefined where it is another error. */
export const conflictsOf = (error: unknown): readonly PartConflict[] | undefined => (error instanceof ApiError && error.conflicts.length > 0 ? error.conflicts : undefined);

// --- requirements

export interface RequirementFilter {
  text: string;
  app: string;
  mine: boolean;
  overdue?: boolean;
  dropped?: boolean;
}

export const requirementsQuery = (filter: RequirementFilter) =>
  queryOptions({
    queryKey: ["requirements", "list", filter],
    queryFn: ({ signal }) => data(api.GET("/api/v1/requirements", { params: { query: { query: filter.text, app: filter.app, mine: filter.mine, overdue: filter.overdue ?? false, dropped: filter.dropped ?? false, limit: 200 } }, signal })),
    placeholderData: keepPreviousData,
  });

export const requirementQuery = (id: number) =>
  queryOptions({
    queryKey: ["requirements", "one", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/requirements/{id}", { params: { path: { id } }, signal })),
  });

export interface RequirementWords {
  title: string;
  description: string;
  link: string;
  people: string[];
  deadline: string | null;
}
export const makeRequirement = (body: RequirementWords): Promise<Requirement> => data(api.POST("/api/v1/requirements", { body }));
export const patchRequirement = (requirement: Requirement, body: RequirementWords | { dropped: boolean }): Promise<Requirement> => data(api.PATCH("/api/v1/requirements/{id}", { params: { path: { id: requirement.id }, header: { "If-Match": `"${requirement.etag}"` } }, body }));

// --- my events

export const myEventsQuery = (filter: { app: string; team: string }) =>
  queryOptions({
    queryKey: ["my-events", filter],
    queryFn: ({ signal }) => data(api.GET("/api/v1/my-events", { params: { query: filter }, signal })),
    placeholderData: keepPreviousData,
  });
export const renewEvent = (app: string, event: string, until: string): Promise<unknown> => data(api.POST("/api/v1/apps/{app}/plan/renew", { params: { path: { app } }, body: { event, until } }));

// --- the reader: inbox, profile

export interface InboxFilter {
  unread: boolean;
  kind: Notices[number]["kind"] | "";
}
type Notices = Awaited<ReturnType<typeof readInbox>>["items"];
const readInbox = (filter: { unread: boolean; kind: string }, cursor: string, limit: number, signal: AbortSignal) => data(api.GET("/api/v1/inbox", { params: { query: { unread: filter.unread, kind: filter.kind as "", cursor, limit } }, signal }));

export const inboxQuery = (filter: InboxFilter, cursor = "") =>
  queryOptions({
    queryKey: ["inbox", "list", filter, cursor],
    queryFn: ({ signal }) => readInbox(filter, cursor, 50, signal),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });

export const unreadQuery = queryOptions({
  queryKey: ["inbox", "unread"],
  queryFn: async ({ signal }) => (await readInbox({ unread: true, kind: "" }, "", 1, signal)).unread,
  refetchInterval: 30_000,
  retry: false,
});

/** How many notices wait for the reader: the bell of the shell. */
export const useUnread = (): number => useQuery(unreadQuery).data ?? 0;

export const markRead = (ids: readonly number[], read = true): Promise<unknown> => data(api.POST("/api/v1/inbox/read", { body: { ids: [...ids], read } }));

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/me", { signal })),
});

export const patchMe = (body: Partial<Pick<Me, "notify" | "email" | "webhook" | "language">>): Promise<Me> => data(api.PATCH("/api/v1/me", { body }));
export const tryWebhook = (): Promise<Schemas["WebhookTried"]> => data(api.POST("/api/v1/me/webhook/test"));

/** Whether the reader's token may do an action (`change.propose`), wherever it reaches. */
export const useMay = (action: string): boolean => useQuery(sessionQuery).data?.may.includes(action) ?? false;

// --- people

export const peopleQuery = (filter: { query: string; team: string }, cursor = "", limit = 50) =>
  queryOptions({
    queryKey: ["people", filter, cursor, limit],
    queryFn: ({ signal }) => data(api.GET("/api/v1/people", { params: { query: { ...filter, cursor, limit } }, signal })),
    placeholderData: keepPreviousData,
  });

export const teamsQuery = (cursor = "", limit = 200) =>
  queryOptions({
    queryKey: ["teams", cursor, limit],
    queryFn: ({ signal }) => data(api.GET("/api/v1/teams", { params: { query: { cursor, limit } }, signal })),
    placeholderData: keepPreviousData,
  });

export const permissionsQuery = queryOptions({
  queryKey: ["permissions"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/permissions", { signal })),
  staleTime: 60_000,
});

const given = (etag: string) => (etag === "" ? "*" : `"${etag}"`);
export const putPerson = (person: string, etag: string, body: Schemas["PersonPatch"]): Promise<Person> => data(api.PUT("/api/v1/people/{person}", { params: { path: { person }, header: { "If-Match": given(etag) } }, body }));
export const putTeam = (team: string, etag: string, body: Schemas["TeamPatch"]): Promise<Team> => data(api.PUT("/api/v1/teams/{team}", { params: { path: { team }, header: { "If-Match": given(etag) } }, body }));
