/** What the pages of plans, groups, types and libraries read. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Difference, Property } from "./design";
import { api, data, type Schemas } from "./client";
import { ask } from "./pending";

const part = encodeURIComponent;

export interface GroupShape {
  name: string;
  library: string | null;
  properties: Record<string, Record<string, Property>>;
  events: string[];
  used: number;
}

export interface TypeShape {
  name: string;
  library: string | null;
  definition: Property;
  used_by: string[];
  used: number;
}

export interface Shapes {
  app: string;
  revision: number;
  use: string[];
  groups: GroupShape[];
  types: TypeShape[];
}

export const shapesQuery = (app: string) =>
  queryOptions({
    queryKey: ["plan", app, "shapes"],
    queryFn: ({ signal }) => ask<Shapes>("GET", `/apps/${part(app)}/plan/shapes`, { signal }),
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
    queryFn: ({ signal }) => ask<Difference>("GET", `/apps/${part(app)}/plan/diff`, { query: { from, to }, signal }),
    staleTime: Infinity,
  });

export interface PlanPart {
  section: string;
  name: string;
  text: string;
  file: string;
  first: number;
  last: number;
}

export const planPartQuery = (app: string, section: string, name: string) =>
  queryOptions({
    queryKey: ["plan", app, "part", section, name],
    queryFn: ({ signal }) => ask<PlanPart>("GET", `/apps/${part(app)}/plan/part`, { query: { section, name }, signal }),
    retry: false,
  });
