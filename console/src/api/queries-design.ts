/** What finding and understanding read. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Found } from "./design";
import { api, data } from "./client";

export const FACETS = ["kind", "app", "owner", "grade", "state", "platform", "tag"] as const;
export type FacetName = (typeof FACETS)[number];

/** How hits can be ordered. */
export const SORTS = ["rank", "name", "volume", "last_seen"] as const;
export type Sort = (typeof SORTS)[number];

export interface CatalogueFilter {
  q: string;
  sort: Sort;
  chosen: Record<FacetName, string[]>;
}

/** How many hits come at once. */
const PAGE = 100;
/** How many pages are read again when somebody comes back; of a longer list what was read stands. */
const AGAIN = 3;
const short = (query: { state: { data?: { pages: readonly Found[] } | undefined } }): boolean => (query.state.data?.pages.length ?? 0) <= AGAIN;

export const searchQuery = (q: string, language: string, limit = 12) =>
  queryOptions({
    queryKey: ["search", "quick", q, language, limit],
    queryFn: ({ signal }) => data(api.GET("/api/v1/search", { params: { query: { q, language, limit } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

export const catalogueQuery = ({ q, sort, chosen }: CatalogueFilter, language: string) =>
  infiniteQueryOptions({
    queryKey: ["search", "catalogue", q, sort, chosen, language],
    queryFn: ({ signal, pageParam }) => data(api.GET("/api/v1/search", { params: { query: { q, sort, language, ...Object.fromEntries(FACETS.map((facet) => [facet, chosen[facet].join(",")])), limit: PAGE, cursor: pageParam } }, signal })),
    initialPageParam: "",
    getNextPageParam: (last: Found) => last.next ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    refetchOnMount: short,
    refetchOnWindowFocus: short,
    refetchOnReconnect: short,
  });
