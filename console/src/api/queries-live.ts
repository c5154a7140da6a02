/** What pages about live traffic read: statistics, shadows, canaries. */
import { queryOptions } from "@tanstack/react-query";
import { api, ApiError, data } from "./client";

/** Give null for what is not there yet. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export const ruleStatisticsQuery = (rule: string, window: number) =>
  queryOptions({
    queryKey: ["rules", rule, "statistics", window],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rules/{rule}/statistics", { params: { path: { rule }, query: { window } }, signal })),
    refetchInterval: window > 3_600 ? 30_000 : 5_000,
    placeholderData: (before) => before,
  });

export const topRulesQuery = (sort: "cost" | "errors" | "output", window: number) =>
  queryOptions({
    queryKey: ["statistics", "rules", sort, window],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rules/statistics", { params: { query: { sort, window, limit: 20 } }, signal })),
    refetchInterval: 5_000,
    placeholderData: (before) => before,
  });

export const shadowQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule, "shadow"],
    queryFn: ({ signal }) => orNull(data(api.GET("/api/v1/rules/{rule}/shadow", { params: { path: { rule } }, signal }))),
    refetchInterval: 1_000,
  });

export const canaryQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule, "canary"],
    queryFn: ({ signal }) => orNull(data(api.GET("/api/v1/rules/{rule}/canary", { params: { path: { rule } }, signal }))),
    refetchInterval: 1_000,
  });

export const guardQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule, "guard"],
    queryFn: ({ signal }) => orNull(data(api.GET("/api/v1/rules/{rule}/guard", { params: { path: { rule } }, signal }))),
    refetchInterval: 2_000,
  });

export interface DirtyFilter {
  app: string;
  stage: "" | "hygiene" | "plan" | "rule";
  reason: string;
  rule: string;
  event: string;
  app_version: string;
}

export const dirtyGroupsQuery = (app: string, by: readonly string[]) =>
  queryOptions({
    queryKey: ["dirty", "groups", app, by],
    queryFn: ({ signal }) => data(api.GET("/api/v1/dirty/groups", { params: { query: { app, by: by.join(",") } }, signal })),
    refetchInterval: 10_000,
    placeholderData: (before) => before,
  });

export const dirtyQuery = (filter: DirtyFilter, resolved: boolean, cursor: string) =>
  queryOptions({
    queryKey: ["dirty", "list", filter, resolved, cursor],
    queryFn: ({ signal }) => data(api.GET("/api/v1/dirty", { params: { query: { ...filter, resolved, cursor, limit: 50 } }, signal })),
    placeholderData: (before) => before,
  });

export const replaysQuery = (app: string) =>
  queryOptions({
    queryKey: ["dirty", "replays", app],
    queryFn: async ({ signal }) => (await data(api.GET("/api/v1/dirty/replays", { params: { query: { app, limit: 20 } }, signal }))).items,
    refetchInterval: (query) => (query.state.data?.some((replay) => replay.status === "running") ? 500 : 5_000),
  });
