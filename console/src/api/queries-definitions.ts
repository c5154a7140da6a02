/** Functions, lookup tables and scripts: three kinds with the same operations; and the language they belong to. */
import { queryOptions } from "@tanstack/react-query";
import { api, data } from "./client";

export const KINDS = ["functions", "tables", "scripts"] as const;
export type Kind = (typeof KINDS)[number];

/** The three kinds' operations have the same shapes, so one kind's addresses type all of them. */
export const pathOf = <Rest extends "" | "/check" | "/{name}" | "/{name}/versions" | "/{name}/rollback">(kind: Kind, rest: Rest) => `/api/v1/${kind}${rest}` as `/api/v1/functions${Rest}`;

export const definitionsQuery = (kind: Kind, cursor: string) =>
  queryOptions({
    queryKey: [kind, "list", cursor],
    queryFn: ({ signal }) => data(api.GET(pathOf(kind, ""), { params: { query: { limit: 50, cursor } }, signal })),
    placeholderData: (before) => before,
  });

export const definitionQuery = (kind: Kind, name: string) =>
  queryOptions({
    queryKey: [kind, "one", name],
    queryFn: ({ signal }) => data(api.GET(pathOf(kind, "/{name}"), { params: { path: { name } }, signal })),
    staleTime: Infinity, // an editor must not be overwritten while somebody types
    gcTime: 0,
  });

export const definitionCheckQuery = (kind: Kind, source: string) =>
  queryOptions({
    queryKey: [kind, "check", source],
    queryFn: ({ signal }) => data(api.POST(pathOf(kind, "/check"), { body: { source }, signal })),
    gcTime: 30_000,
    placeholderData: (before) => before,
  });

export const definitionVersionsQuery = (kind: Kind, name: string) =>
  queryOptions({
    queryKey: [kind, "versions", name],
    queryFn: async ({ signal }) => (await data(api.GET(pathOf(kind, "/{name}/versions"), { params: { path: { name }, query: { limit: 50 } }, signal }))).items,
  });

export const languageQuery = queryOptions({
  queryKey: ["language"],
  queryFn: ({ signal }) => data(api.GET("/api/v1/language", { signal })),
  staleTime: 30_000,
});
