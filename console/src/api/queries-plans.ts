/** What the pages of plans, groups, types and libraries read. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./client";

/** The sections that are made of parts. */
export type PartSection = "events" | "metrics" | "groups" | "types";

export const shapesQuery = (app: string) =>
  queryOptions({
    queryKey: ["plan", app, "shapes"],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/plan/shapes", { params: { path: { app } }, signal })),
    staleTime: 60_000,
    retry: false,
    enabled: app !== "",
  });

export const revisionsQuery = (app: string) =>
  infiniteQueryOptions({
    queryKey: ["plan", app, "revisions"],
    queryFn: ({ signal, pageParam }) => data(api.GET("/api/v1/apps/{app}/plan/revisions", { params: { path: { app }, query: { limit: 50, cursor: pageParam } }, signal })),
    initialPageParam: "",
    getNextPageParam: (last: Schemas["Revisions"]) => last.next ?? undefined,
  });

export const revisionQuery = (app: string, revision: number) =>
  queryOptions({
    queryKey: ["plan", app, "revision", revision],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/plan/revisions/{revision}", { params: { path: { app, revision } }, signal })),
    staleTime: Infinity,
    enabled: revision > 0,
  });

export const planDiffQuery = (app: string, from: number, to: number) =>
  queryOptions({
    queryKey: ["plan", app, "diff", from, to],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/plan/diff", { params: { path: { app }, query: { from, to } }, signal })),
    staleTime: Infinity,
  });

export const readPlanPart = (app: string, section: PartSection, name: string, signal?: AbortSignal) =>
  data(api.GET("/api/v1/apps/{app}/plan/part", { params: { path: { app }, query: { section, name } }, ...(signal && { signal }) }));

export const planPartQuery = (app: string, section: PartSection, name: string) =>
  queryOptions({
    queryKey: ["plan", app, "part", section, name],
    queryFn: ({ signal }) => readPlanPart(app, section, name, signal),
    staleTime: Infinity, // an editor must not be overwritten while somebody types,
    gcTime: 0, // and one that is opened again must see what is there by then
    retry: false,
  });

export const librariesQuery = queryOptions({
  queryKey: ["libraries"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/libraries", { params: { query: { limit: 200 } }, signal })),
  staleTime: 30_000,
});

export const libraryQuery = (name: string) =>
  queryOptions({
    queryKey: ["libraries", name],
    queryFn: ({ signal }) => data(api.GET("/api/v1/libraries/{name}", { params: { path: { name } }, signal })),
  });

export const libraryVersionQuery = (name: string, version: number) =>
  queryOptions({
    queryKey: ["libraries", name, version],
    queryFn: ({ signal }) => data(api.GET("/api/v1/libraries/{name}/{version}", { params: { path: { name, version } }, signal })),
    staleTime: Infinity,
    enabled: version > 0,
  });
