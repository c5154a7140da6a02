/** What pages read, as query options: one place for keys, paths and how often to ask. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, every } from "./client";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/session", { signal })),
  staleTime: 60_000,
});

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/status", { signal })),
  refetchInterval: 2_000,
});

/** Every app that the token reaches, page by page: two thousand are two requests. */
export const appsQuery = queryOptions({
  queryKey: ["apps"],
  queryFn: ({ signal }) => every((cursor) => data(api.GET("/api/v1/apps", { params: { query: { limit: 1000, cursor } }, signal }))),
  staleTime: 30_000,
});

export const datasetsQuery = queryOptions({
  queryKey: ["datasets"],
  queryFn: ({ signal }) => every((cursor) => data(api.GET("/api/v1/datasets", { params: { query: { limit: 1000, cursor } }, signal }))),
  staleTime: 30_000,
});

export const ruleQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rules/{rule}", { params: { path: { rule } }, signal })),
    staleTime: Infinity, // an editor must not be overwritten while somebody types,
    gcTime: 0, // and one that is opened again must see what is there by then
  });

export const ruleVersionsQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule, "versions"],
    queryFn: async ({ signal }) =>
      (await data(api.GET("/api/v1/rules/{rule}/versions", { params: { path: { rule }, query: { limit: 50 } }, signal }))).items,
  });

export const eventsQuery = (app: string, query: string, cursor = "", limit = 50) =>
  queryOptions({
    queryKey: ["events", app, query, cursor, limit],
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/apps/{app}/events", { params: { path: { app }, query: { query, cursor, limit } }, signal })),
    staleTime: 30_000,
    enabled: app !== "",
  });

export const eventQuery = (app: string, event: string) =>
  queryOptions({
    queryKey: ["event", app, event],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/events/{event}", { params: { path: { app, event } }, signal })),
    staleTime: 30_000,
  });
