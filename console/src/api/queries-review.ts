/** What the pages of design and review read. */
import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { sessionQuery } from "./queries";
import { ask, type Approval, type Change, type ChangeState, type Comment, type EventChange, type Page } from "./pending";

export interface ChangeFilter {
  text: string;
  app: string;
  state: ChangeState | "open" | "";
  mine: boolean;
  waits: boolean;
  requirement?: number | undefined;
}

export const changesQuery = (filter: ChangeFilter, cursor = "", limit = 30) =>
  queryOptions({
    queryKey: ["changes", "list", filter, cursor, limit],
    queryFn: ({ signal }) => ask<Page<Change>>("GET", "/changes", { query: { query: filter.text, app: filter.app, state: filter.state, mine: filter.mine || undefined, waits: filter.waits || undefined, requirement: filter.requirement, cursor, limit }, signal }),
    placeholderData: keepPreviousData,
  });

export const changeKey = (id: number): readonly unknown[] => ["changes", "one", id];

export const changeQuery = (id: number) =>
  queryOptions({
    queryKey: changeKey(id),
    queryFn: ({ signal }) => ask<Change>("GET", `/changes/${id}`, { signal }),
    refetchInterval: 15_000, // somebody else may comment, approve, merge
  });

export const changeDiffQuery = (id: number, filter: { text: string; compatibility: string }, cursor = "", limit = 50) =>
  queryOptions({
    queryKey: [...changeKey(id), "diff", filter, cursor, limit],
    queryFn: ({ signal }) => ask<Page<EventChange>>("GET", `/changes/${id}/diff`, { query: { ...filter, cursor, limit }, signal }),
    placeholderData: keepPreviousData,
  });

export const commentsQuery = (id: number) =>
  queryOptions({
    queryKey: [...changeKey(id), "comments"],
    queryFn: async ({ signal }) => (await ask<Page<Comment>>("GET", `/changes/${id}/comments`, { query: { limit: 1000 }, signal })).items,
    refetchInterval: 15_000,
  });

export const approvalsQuery = (id: number, cursor = "") =>
  queryOptions({
    queryKey: [...changeKey(id), "approvals", cursor],
    queryFn: ({ signal }) => ask<Page<Approval>>("GET", `/changes/${id}/approvals`, { query: { cursor, limit: 100 }, signal }),
  });

export const unreadQuery = queryOptions({
  queryKey: ["inbox", "unread"],
  queryFn: async ({ signal }) => (await ask<{ unread: number }>("GET", "/inbox", { query: { limit: 1 }, signal })).unread,
  refetchInterval: 30_000,
  retry: false,
});

/** How many notices wait for the reader: the bell of the shell. */
export const useUnread = (): number => useQuery(unreadQuery).data ?? 0;

/** Whether the reader's token may do an action (`change.propose`), wherever it reaches. */
export const useMay = (action: string): boolean => useQuery(sessionQuery).data?.may.includes(action) ?? false;
