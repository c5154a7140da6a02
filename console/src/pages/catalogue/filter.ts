/** What the catalogue shows, as its address says it; pure. */
import type { CatalogueFilter, FacetName } from "../../api/queries-design";
import { FACETS } from "../../api/queries-design";

export type CatalogueSearch = Partial<Record<FacetName, string[]>> & { q?: string | undefined; sort?: string | undefined };

const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : value === undefined || value === "" ? [] : [value]).filter((one): one is string | number => typeof one === "string" || typeof one === "number").map(String);

/** Read an address, whatever it says. */
export function catalogueSearch(search: Record<string, unknown>): CatalogueSearch {
  const read: CatalogueSearch = {};
  if (typeof search.q === "string" && search.q) read.q = search.q;
  // Numbers in a text that was typed come as numbers.
  if (typeof search.q === "number") read.q = String(search.q);
  if (typeof search.sort === "string" && search.sort) read.sort = search.sort;
  for (const facet of FACETS) {
    const values = texts(search[facet]);
    if (values.length) read[facet] = values;
  }
  return read;
}

export const filterOf = (search: CatalogueSearch): CatalogueFilter => ({
  q: search.q ?? "",
  sort: search.sort ?? "",
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
