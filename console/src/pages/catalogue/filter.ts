/** What the catalogue shows, as its address says it; pure. */
import type { CatalogueFilter, FacetName } from "../../api/queries-design";
import { FACETS, SORTS, type Sort } from "../../api/queries-design";

export type CatalogueSearch = Partial<Record<FacetName, string[]>> & { q?: string | undefined; sort?: Sort | undefined };

const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : value === undefined || value === "" ? [] : [value]).filter((one): one is string | number => typeof one === "string" || typeof one === "number").map(String);

/** An order that is not the usual one. */
export const sortOf = (value: unknown): Sort | undefined => SORTS.find((one) => one === value && one !== "rank");

/** Read an address, whatever it says. */
export function catalogueSearch(search: Record<string, unknown>): CatalogueSearch {
  const read: CatalogueSearch = {};
  if (typeof search.q === "string" && search.q) read.q = search.q;
  // Numbers in a text that was typed come as numbers.
  if (typeof search.q === "number") read.q = String(search.q);
  const sort = sortOf(search.sort);
  if (sort) read.sort = sort;
  for (const facet of FACETS) {
    const values = texts(search[facet]);
    if (values.length) read[facet] = values;
  }
  return read;
}

export const filterOf = (search: CatalogueSearch): CatalogueFilter => ({
  q: search.q ?? "",
  sort: search.sort ?? "rank",
  chosen: Object.fromEntries(FACETS.map((facet) => [facet, search[facet] ?? []])) as Record<FacetName, string[]>,
});

/** The address with a value of a facet put in, or taken out. */
export function toggled(search: CatalogueSearch, facet: FacetName, value: string): CatalogueSearch {
  const before = search[facet] ?? [];
  const after = before.includes(value) ? before.filter((one) => one !== value) : [...before, value];
  return catalogueSearch({ ...search, [facet]: after });
}

/** Every value that narrows the list. */
export const chosenIn = (search: CatalogueSearch): { facet: FacetName; value: string }[] => FACETS.flatMap((facet) => (search[facet] ?? []).map((value) => ({ facet, value })));
