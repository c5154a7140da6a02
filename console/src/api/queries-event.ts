/** What the pages of an event and of a metric read. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Blame, EventInsight, EventValues, Log, MetricDetail, MetricList, Screenshots, Series } from "./design";
import { ApiError } from "./client";
import { ask } from "./pending";

const part = encodeURIComponent;

/** Give null for what is not there. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export const insightQuery = (app: string, event: string, days = 90) =>
  queryOptions({
    queryKey: ["event", app, event, "insight", days],
    queryFn: ({ signal }) => ask<EventInsight>("GET", `/apps/${part(app)}/events/${part(event)}/insight`, { query: { days }, signal }),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

export const valuesQuery = (app: string, event: string, hours = 168) =>
  queryOptions({
    queryKey: ["event", app, event, "values", hours],
    queryFn: ({ signal }) => ask<EventValues>("GET", `/apps/${part(app)}/events/${part(event)}/values`, { query: { hours }, signal }),
    staleTime: 60_000,
    retry: false,
  });

export const screenshotsQuery = (app: string) =>
  queryOptions({
    queryKey: ["screenshots", app],
    queryFn: ({ signal }) => ask<Screenshots>("GET", `/apps/${part(app)}/screenshots`, { query: { limit: 60 }, signal }),
    staleTime: 30_000,
  });

export const eventLogQuery = (app: string, event: string) =>
  queryOptions({
    queryKey: ["event", app, event, "log"],
    queryFn: ({ signal }) => ask<Log>("GET", `/apps/${part(app)}/plan/log`, { query: { event, limit: 50 }, signal }),
    staleTime: 30_000,
  });

export const blameQuery = (app: string, event: string) =>
  queryOptions({
    queryKey: ["event", app, event, "blame"],
    queryFn: ({ signal }) => ask<Blame>("GET", `/apps/${part(app)}/plan/blame`, { query: { event }, signal }),
    staleTime: 30_000,
  });

export const metricsQuery = (app: string) =>
  queryOptions({
    queryKey: ["metrics", app],
    queryFn: async ({ signal }) => (await ask<MetricList>("GET", `/apps/${part(app)}/metrics`, { signal })).items,
    staleTime: 30_000,
    enabled: app !== "",
  });

export const metricQuery = (app: string, metric: string) =>
  queryOptions({
    queryKey: ["metrics", app, metric],
    queryFn: ({ signal }) => ask<MetricDetail>("GET", `/apps/${part(app)}/metrics/${part(metric)}`, { signal }),
  });

export type Step = "hour" | "day" | "week" | "month";

export const seriesQuery = (app: string, metric: string, from: number, step: Step) =>
  queryOptions({
    queryKey: ["metrics", app, metric, "series", from, step],
    queryFn: ({ signal }) => ask<Series>("GET", `/apps/${part(app)}/metrics/${part(metric)}/series`, { query: { from, step }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
