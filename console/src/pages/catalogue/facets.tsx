/** How the hits divide, and which part of them to show. */
import { Checkbox, Stack, Text, UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { Facet, Found } from "../../api/design";
import { FACETS, type FacetName } from "../../api/queries-design";
import { count } from "../../format";
import { useText, type Translate } from "../../i18n";
import type { CatalogueSearch } from "./filter";

const FIRST = 6;

export function Facets({ facets, search, toggle }: { facets: Found["facets"]; search: CatalogueSearch; toggle: (facet: FacetName, value: string) => void }) {
  const { t } = useText();
  return (
    <Stack component="aside" gap="md" className="tp-facets" aria-label={t("catalogue.narrow")}>
      {FACETS.map((facet) => {
        const chosen = search[facet] ?? [];
        const values = facets[facet] ?? [];
        // What is chosen stays to be taken back, even where nothing is left of it.
        const all = [...values, ...chosen.filter((value) => !values.some((one) => one.value === value)).map((value) => ({ value, count: 0 }))];
        return all.length > (facet === "app" || facet === "kind" ? 1 : 0) || chosen.length ? <OneFacet key={facet} facet={facet} values={all} chosen={chosen} toggle={toggle} /> : null;
      })}
    </Stack>
  );
}

function OneFacet({ facet, values, chosen, toggle }: { facet: FacetName; values: readonly Facet[]; chosen: readonly string[]; toggle: (facet: FacetName, value: string) => void }) {
  const { t, locale } = useText();
  const [all, setAll] = useState(false);
  const shown = all ? values : values.filter((one, index) => index < FIRST || chosen.includes(one.value));
  const title = t(`catalogue.facet.${facet}`);
  return (
    <fieldset className="tp-facet">
      <legend>{title}</legend>
      {shown.map((one) => (
        <Checkbox
          key={one.value}
          size="xs"
          checked={chosen.includes(one.value)}
          onChange={() => toggle(facet, one.value)}
          styles={{ body: { alignItems: "center" }, labelWrapper: { flex: 1, minWidth: 0 }, label: { display: "flex", justifyContent: "space-between", gap: 8, cursor: "pointer" } }}
          label={
            <>
              <Text span fz={13} truncate title={one.value}>
                {facetValue(facet, one.value, t)}
              </Text>
              <Text span fz="xs" c="dimmed" className="tp-num">
                {count(one.count, locale)}
              </Text>
            </>
          }
        />
      ))}
      {values.length > FIRST && (
        <UnstyledButton className="tp-link" fz="xs" onClick={() => setAll(!all)}>
          {all ? t("catalogue.fewer") : t("catalogue.more", { count: values.length - FIRST })}
        </UnstyledButton>
      )}
    </fieldset>
  );
}

/** A facet's value in words. */
export function facetValue(facet: FacetName, value: string, t: Translate): string {
  if (facet === "kind" && (value === "event" || value === "metric" || value === "group" || value === "property" || value === "type")) return t(`catalogue.kind.${value}`);
  if (facet === "state" && isState(value)) return t(`state.${value}`);
  return value || "–";
}

const KNOWN = ["draft", "in_review", "approved", "implemented", "verified", "online", "deprecated", "offline", "unplanned"] as const;
const isState = (value: string): value is (typeof KNOWN)[number] => KNOWN.some((one) => one === value);
