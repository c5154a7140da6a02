/** What the pages of an event and of a metric read. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data } from "./client";

export const insightQuery = (app: string, event: string, days = 90) =>
  queryOptions({
    queryKey: ["event", app, event, "insight", days],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/events/{event}/insight", { params: { path: { app, event }, query: { days } }, signal })),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

export const valuesQuery = (app: string, event: string, hours = 168) =>
  queryOptions({
    queryKey: ["event", app, event, "values", hours],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/events/{event}/values", { params: { path: { app, event }, query: { hours } }, signal })),
    staleTime: 60_000,
    retry: false,
  });

export const eventLogQuery = (app: string, event: string) =>
  queryOptions({
    queryKey: ["event", app, event, "log"],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/plan/log", { params: { path: { app }, query: { event, limit: 50 } }, signal })),
    staleTime: 30_000,
  });

export const blameQuery = (app: string, event: string) =>
  queryOptions({
    queryKey: ["event", app, event, "blame"],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/plan/blame", { params: { path: { app }, query: { event } }, signal })),
    staleTime: 30_000,
  });

export const metricsQuery = (app: string) =>
  queryOptions({
    queryKey: ["metrics", app],
    queryFn: async ({ signal }) => (await data(api.GET("/api/v1/apps/{app}/metrics", { params: { path: { app } }, signal }))).items,
    staleTime: 30_000,
    enabled: app !== "",
  });

export const metricQuery = (app: string, metric: string) =>
  queryOptions({
    queryKey: ["metrics", app, metric],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/metrics/{metric}", { params: { path: { app, metric } }, signal })),
  });

export type Step = "hour" | "day" | "week" | "month";

export const seriesQuery = (app: string, metric: string, from: number, step: Step) =>
  queryOptions({
    queryKey: ["metrics", app, metric, "series", from, step],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/metrics/{metric}/series", { params: { path: { app, metric }, query: { from, step } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
