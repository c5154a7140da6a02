/** What the pages of rules read: checks, previews, drafts, history. */
import { queryOptions } from "@tanstack/react-query";
import { api, ApiError, data, type Schemas } from "./client";

export const rulesQuery = (query: string, cursor: string) =>
  queryOptions({
    queryKey: ["rule-list", query, cursor],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rules", { params: { query: { query, cursor, limit: 50 } }, signal })),
    refetchInterval: 10_000,
    placeholderData: (before) => before,
  });

export const checkQuery = (source: string) =>
  queryOptions({
    queryKey: ["rules", "check", source],
    queryFn: ({ signal }) => data(api.POST("/api/v1/rules/check", { body: { source }, signal })),
    gcTime: 30_000,
    placeholderData: (before) => before,
  });

export const explainQuery = (source: string) =>
  queryOptions({
    queryKey: ["rules", "explain", source],
    queryFn: ({ signal }) => data(api.POST("/api/v1/rules/explain", { body: { source }, signal })),
    gcTime: 30_000,
    retry: false,
    placeholderData: (before) => before,
  });

/** A rule's text as the builder's JSON. One that is the builder's own but written as YAML goes by Python. */
export const formatQuery = (source: string) =>
  queryOptions({
    queryKey: ["rules", "format", source],
    queryFn: async ({ signal }) => {
      const print = async (text: string, front_end: Schemas["RuleFormat"]["front_end"]) => (await data(api.POST("/api/v1/rules/format", { body: { source: text, front_end }, signal }))).text;
      return print(/^builder:/m.test(source) ? await print(source, "python") : source, "builder");
    },
    gcTime: 30_000,
    retry: false,
  });

export interface PreviewOf {
  source: string;
  app: string;
  event: string;
  events: readonly Record<string, unknown>[];
}

export const previewQuery = ({ source, app, event, events }: PreviewOf) =>
  queryOptions({
    queryKey: ["rules", "preview", source, app, event, events],
    queryFn: ({ signal }) => {
      const body: Schemas["RulePreview"] = events.length ? { source, events: events as Schemas["RulePreview"]["events"] } : { source, app, event, limit: 30 };
      return data(api.POST("/api/v1/rules/preview", { body, signal }));
    },
    gcTime: 30_000,
    refetchInterval: events.length ? false : 3_000,
    placeholderData: (before) => before,
  });

export const draftQuery = (rule: string) =>
  queryOptions({
    queryKey: ["rules", rule, "draft"],
    queryFn: async ({ signal }) => {
      try {
        return await data(api.GET("/api/v1/rules/{rule}/draft", { params: { path: { rule } }, signal }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    staleTime: Infinity,
    gcTime: 0,
  });

export const ruleDiffQuery = (rule: string, from: number, to: number) =>
  queryOptions({
    queryKey: ["rules", rule, "diff", from, to],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rules/{rule}/diff", { params: { path: { rule }, query: { from, to } }, signal })),
    staleTime: Infinity,
  });
