/** Shapes of finding and understanding, while their OpenAPI is under way. */
import type { EventChange } from "./pending";

export type Kind = "event" | "metric" | "group" | "property";
export type Trust = "high" | "medium" | "low" | "unknown";

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

export type { EventChange };
