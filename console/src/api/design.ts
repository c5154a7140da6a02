/** Shapes of finding and understanding, while their OpenAPI is under way. */
import type { components } from "./early";
import type { Schemas as Known } from "./client";

type Early = components["schemas"];

export type PartChange = Early["PartChange"];
export type Change = Early["Change"];
export type Difference = Early["Difference"];
export type EventInsight = Early["EventInsight"];
export type EventValues = Early["EventValues"];
export type PropertyValues = Early["PropertyValues"];
export type TrustJudgement = Early["Trust"];
export type Consumers = Early["Consumers"];
export type Volume = Early["Volume"];
export type Seen = Early["Seen"];
export type LifeCycleState = Early["LifeCycle"];
export type ViolationCount = Early["ViolationCount"];
export type Screenshot = Early["Screenshot"];
export type Screenshots = Early["Screenshots"];
export type MetricList = Early["MetricList"];
export type MetricSummary = Early["MetricSummary"];
export type MetricDetail = Early["MetricDetail"];
export type Series = Early["Series"];
export type UnplannedList = Early["UnplannedList"];
export type EventSpec = Early["EventSpec"];
export type Property = Early["Property"];
export type Variant = Early["Variant"];
export type PlanText = Early["EventSpec"]["title"];
export type Revision = Known["Revision"];

export type Kind = "event" | "metric" | "group" | "property";

export interface Highlight {
  field: string;
  text: string;
  ranges: [number, number][];
}

export interface Hit {
  kind: Kind;
  app: string;
  name: string;
  title: string;
  description: string;
  owner: string;
  grade: string;
  tags: string[];
  platforms: string[];
  state: string;
  deprecated: boolean;
  trust: string;
  properties: number;
  last_seen: number | null;
  daily: number[];
  highlights: Highlight[];
}

export interface Facet {
  value: string;
  count: number;
}

export interface Found {
  items: Hit[];
  total: number;
  facets: Record<string, Facet[]>;
  next: string | null;
  took_ms: number;
}
