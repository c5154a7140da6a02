/** Plans: one for each app, and the libraries they share. */
import { Badge, Group, SimpleGrid, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { appsQuery } from "../../api/queries";
import { librariesQuery } from "../../api/queries-plans";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icons";
import { Person } from "../../components/person";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { localised } from "../../format";
import { useText } from "../../i18n";

type App = Schemas["App"];
/** How many apps stand on the page; a search narrows the rest. */
const SHOWN = 200;

export function PlansPage() {
  const { t } = useText();
  const navigate = useNavigate();
  const apps = useQuery(appsQuery);
  const [text, setText] = useState("");
  const found = (apps.data ?? []).filter((one) => `${one.app} ${one.title}`.toLowerCase().includes(text.trim().toLowerCase()));
  const columns = useMemo<Column<App>[]>(
    () => [
      {
        id: "app",
        header: t("live.app"),
        value: (one) => one.app,
        cell: (one) => (
          <Link className="tp-link" to="/plans/$app" params={{ app: one.app }} onClick={(click) => click.stopPropagation()}>
            {one.app}
          </Link>
        ),
      },
      { id: "title", header: t("events.title_column"), value: (one) => one.title, cell: (one) => one.title },
      { id: "revision", header: t("events.revision"), right: true, value: (one) => one.revision, cell: (one) => (one.revision ? one.revision : <Text span c="dimmed" fz="sm">{t("plans.none")}</Text>) },
      {
        id: "events",
        header: "",
        cell: (one) => (
          <Link className="tp-link" to="/events" search={{ app: [one.app] }} onClick={(click) => click.stopPropagation()}>
            {t("plans.catalogue")}
          </Link>
        ),
      },
    ],
    [t],
  );
  return (
    <>
      <PageHead title={t("plans.title")} about={t("plans.about")} />
      <div className="tp-halves">
        <Panel flush title={t("plans.apps")}>
          <Group px={16} py={8}>
            <TextInput data-search type="search" flex={1} aria-label={t("plans.search")} placeholder={t("plans.search")} leftSection={<Icon name="search" size={16} />} value={text} onChange={(change) => setText(change.currentTarget.value)} />
          </Group>
          {apps.isPending ? (
            <div style={{ padding: 18 }}>
              <Loading />
            </div>
          ) : apps.isError ? (
            <div style={{ padding: 18 }}>
              <ErrorState error={apps.error} retry={() => void apps.refetch()} />
            </div>
          ) : found.length === 0 ? (
            <Empty title={text ? t("catalogue.none") : t("events.no_app")} />
          ) : (
            <>
              <DataTable label={t("plans.apps")} columns={columns} rows={found.slice(0, SHOWN)} rowKey={(one) => one.app} open={(one) => void navigate({ to: "/plans/$app", params: { app: one.app } })} />
              {found.length > SHOWN && (
                <Text fz="xs" c="dimmed" p={12}>
                  {t("catalogue.more", { count: found.length - SHOWN })}
                </Text>
              )}
            </>
          )}
        </Panel>
        <Libraries />
      </div>
    </>
  );
}

function Libraries() {
  const { t, locale } = useText();
  const libraries = useQuery(librariesQuery);
  return (
    <Panel title={t("libraries.title")}>
      {libraries.isPending ? (
        <Loading rows={3} />
      ) : libraries.isError ? (
        <ErrorState error={libraries.error} retry={() => void libraries.refetch()} />
      ) : libraries.data.items.length === 0 ? (
        <Empty title={t("libraries.none")}>{t("libraries.none.about")}</Empty>
      ) : (
        <SimpleGrid cols={1} spacing={0}>
          <ul className="tp-plain-list">
            {libraries.data.items.map((one) => (
              <li key={one.name} data-row={one.name}>
                <Group justify="space-between" wrap="nowrap">
                  <div style={{ minWidth: 0 }}>
                    <Link className="tp-link" to="/libraries/$name" params={{ name: one.name }}>
                      {one.name}@{one.latest}
                    </Link>
                    <Text fz="xs" c="dimmed" truncate>
                      {[localised(one.title, locale), t("libraries.holds", { types: one.types.length, groups: one.groups.length }), t("libraries.users", { count: one.used_by.length })].filter(Boolean).join(" · ")}
                    </Text>
                  </div>
                  <Group gap={8} wrap="nowrap">
                    {one.used_by.some((user) => user.version < one.latest) && (
                      <Badge size="sm" variant="light" color="orange" c="var(--mantine-color-text)">
                        {t("libraries.behind")}
                      </Badge>
                    )}
                    {one.owner && <Person name={one.owner} size={18} />}
                  </Group>
                </Group>
              </li>
            ))}
          </ul>
        </SimpleGrid>
      )}
    </Panel>
  );
}
