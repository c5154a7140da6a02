/** What finding and understanding read. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Found } from "./design";
import { ask } from "./pending";

export const FACETS = ["kind", "app", "owner", "grade", "state", "platform", "tag"] as const;
export type FacetName = (typeof FACETS)[number];

export interface CatalogueFilter {
  q: string;
  sort: string;
  chosen: Record<FacetName, string[]>;
}

/** How many hits come at once. */
const PAGE = 100;

export const searchQuery = (q: string, language: string, limit = 12) =>
  queryOptions({
    queryKey: ["search", "quick", q, language, limit],
    queryFn: ({ signal }) => ask<Found>("GET", "/search", { query: { q, language, limit }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

export const catalogueQuery = ({ q, sort, chosen }: CatalogueFilter, language: string) =>
  infiniteQueryOptions({
    queryKey: ["search", "catalogue", q, sort, chosen, language],
    queryFn: ({ signal, pageParam }) => ask<Found>("GET", "/search", { query: { q, sort, language, ...Object.fromEntries(FACETS.map((facet) => [facet, chosen[facet].join(",")])), limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (last: Found) => last.next ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });
