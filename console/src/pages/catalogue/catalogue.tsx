/** The catalogue: everything that is planned, found by typing and narrowing. */
import { ActionIcon, Button, Group, Select, Text, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { appsQuery, sessionQuery } from "../../api/queries";
import { catalogueQuery, SORTS } from "../../api/queries-design";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count } from "../../format";
import { useText } from "../../i18n";
import { stepRow } from "../../shell/keys";
import { chosenIn, filterOf, sortOf, toggled, type CatalogueSearch } from "./filter";
import { Facets } from "./facets";
import { HitTable } from "./hits";
import { useOpenHit } from "./open";

export function CataloguePage() {
  const { t, locale } = useText();
  const search = useSearch({ from: "/events" });
  const navigate = useNavigate({ from: "/events" });
  const openHit = useOpenHit();
  const session = useQuery(sessionQuery).data;
  const apps = useQuery(appsQuery);
  const may = session?.may.includes("change.propose") ?? false;
  const [text, setText] = useState(search.q ?? "");
  const [wanted] = useDebouncedValue(text.trim(), 140);
  const [narrowing, setNarrowing] = useState(true);
  const show = (next: CatalogueSearch) => void navigate({ search: next, replace: true });

  // What is typed goes into the address, and what comes by the address into the box.
  const typed = useRef(search.q ?? "");
  useEffect(() => {
    if (wanted === typed.current) return;
    typed.current = wanted;
    void navigate({ search: (before) => ({ ...before, q: wanted || undefined }), replace: true });
  }, [wanted, navigate]);
  useEffect(() => {
    if ((search.q ?? "") === typed.current) return;
    typed.current = search.q ?? "";
    setText(search.q ?? "");
  }, [search.q]);

  const found = useInfiniteQuery(catalogueQuery(filterOf(search), locale));
  const first = found.data?.pages[0];
  const hits = found.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = chosenIn(search);
  const narrowed = Boolean(search.q) || chosen.length > 0;
  const create = may && (
    <Button leftSection={<Icon name="plus" size={16} />} onClick={() => void navigate({ to: "/edit", search: { section: "events" } })}>
      {t("catalogue.new")}
    </Button>
  );
  return (
    <>
      <PageHead title={t("catalogue.title")} about={t("catalogue.about")} actions={create} />
      <div className="tp-catalogue" data-narrowing={narrowing || undefined}>
        {narrowing && first && <Facets facets={first.facets} search={search} toggle={(facet, value) => show(toggled(search, facet, value))} />}
        <Panel flush>
          <Group px={14} py={12} gap="sm" wrap="nowrap">
            <Tooltip label={t("catalogue.narrow")}>
              <ActionIcon variant="default" size="lg" aria-label={t("catalogue.narrow")} aria-pressed={narrowing} onClick={() => setNarrowing(!narrowing)}>
                <Icon name="rules" />
              </ActionIcon>
            </Tooltip>
            <TextInput
              data-search
              type="search"
              flex={1}
              miw={0}
              aria-label={t("catalogue.search")}
              placeholder={t("catalogue.search")}
              leftSection={<Icon name="search" size={16} />}
              value={text}
              onChange={(change) => setText(change.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.nativeEvent.isComposing) return;
                if (event.key === "ArrowDown" && stepRow(1)) event.preventDefault();
                if (event.key === "Enter" && hits[0] && wanted === text.trim() && !found.isPlaceholderData) openHit(hits[0]);
                if (event.key === "Escape") event.currentTarget.blur();
              }}
            />
            <Select
              w={150}
              aria-label={t("catalogue.sort")}
              allowDeselect={false}
              value={search.sort ?? "rank"}
              onChange={(value) => value && show({ ...search, sort: sortOf(value) })}
              data={SORTS.map((value) => ({ value, label: t(`catalogue.sort.${value}`) }))}
            />
          </Group>
          {chosen.length > 0 && (
            <Group px={14} pb={10} gap={6}>
              {chosen.map(({ facet, value }) => (
                <button key={`${facet} ${value}`} type="button" className="tp-chip" aria-label={t("catalogue.without", { value })} onClick={() => show(toggled(search, facet, value))}>
                  <span className="tp-chip-facet">{t(`catalogue.facet.${facet}`)}</span> {value}
                  <Icon name="cross" size={12} />
                </button>
              ))}
              <Button size="compact-xs" variant="subtle" onClick={() => show({ q: search.q, sort: search.sort })}>
                {t("catalogue.clear")}
              </Button>
            </Group>
          )}
          <Group px={16} pb={6} justify="space-between">
            <Text fz="xs" c="dimmed" role="status" data-testid="found">
              {first ? t("catalogue.found", { count: first.total, shown: count(first.total, locale) }) : " "}
            </Text>
            {search.q && first && (
              <Text fz="xs" c="dimmed" className="tp-num">
                {t("catalogue.took", { ms: count(Math.max(1, first.took_ms), locale) })}
              </Text>
            )}
          </Group>
          {found.isPending ? (
            <div style={{ padding: 18 }}>
              <Loading rows={8} />
            </div>
          ) : found.isError && !found.data ? (
            <div style={{ padding: 18 }}>
              <ErrorState error={found.error} retry={() => void found.refetch()} />
            </div>
          ) : hits.length === 0 ? (
            narrowed ? (
              <Empty
                title={t("catalogue.none")}
                action={
                  <Group gap="xs" mt="xs">
                    <Button variant="default" size="xs" onClick={() => show({})}>
                      {t("catalogue.clear_all")}
                    </Button>
                    {may && search.q && (
                      <Button size="xs" onClick={() => void navigate({ to: "/edit", search: { section: "events", name: search.q } })}>
                        {t("catalogue.new_named", { name: search.q })}
                      </Button>
                    )}
                  </Group>
                }
              >
                {t("catalogue.none.about")}
              </Empty>
            ) : apps.data?.length === 0 ? (
              <Empty title={t("events.no_app")} action={<Link to="/" className="tp-link">{t("nav.home")}</Link>} />
            ) : (
              <Empty title={t("events.empty")} action={create}>
                {t("events.empty.about")}
              </Empty>
            )
          ) : (
            <HitTable hits={hits} total={first?.total ?? hits.length} stale={found.isPlaceholderData} more={found.hasNextPage} loading={found.isFetchingNextPage} load={() => void found.fetchNextPage()} open={openHit} may={may} />
          )}
        </Panel>
      </div>
    </>
  );
}
