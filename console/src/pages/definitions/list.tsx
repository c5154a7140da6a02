/** Functions, lookup tables and scripts: which there are, and how many rules use each. */
import { Button, SegmentedControl, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { definitionsQuery, KINDS, type Kind } from "../../api/queries-definitions";
import { sessionQuery } from "../../api/queries";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count, moment } from "../../format";
import { useText } from "../../i18n";
import { Pages } from "../../components/pages";
import { PLACES } from "./places";

type Entry = Schemas["DefinitionEntry"];

export const FunctionsPage = () => <DefinitionsPage kind="functions" />;
export const TablesPage = () => <DefinitionsPage kind="tables" />;
export const ScriptsPage = () => <DefinitionsPage kind="scripts" />;

function DefinitionsPage({ kind }: { kind: Kind }) {
  const { t, locale } = useText();
  const navigate = useNavigate();
  const [trail, setTrail] = useState<readonly string[]>([]);
  const found = useQuery({ ...definitionsQuery(kind, trail.at(-1) ?? ""), refetchInterval: 10_000 });
  const session = useQuery(sessionQuery).data;
  const columns = useMemo<Column<Entry>[]>(
    () => [
      {
        id: "name",
        header: t("defs.name"),
        cell: (entry) => (
          <Link className="tp-link" to={PLACES[kind].edit} params={{ name: entry.name }} onClick={(click) => click.stopPropagation()}>
            {entry.name}
          </Link>
        ),
      },
      {
        id: "summary",
        header: t("defs.summary"),
        cell: (entry) => (
          <>
            <span className="tp-mono">{entry.summary}</span>
            {entry.description && (
              <Text fz="xs" c="dimmed">
                {entry.description}
              </Text>
            )}
          </>
        ),
      },
      { id: "used", header: t("defs.used_by"), right: true, cell: (entry) => count(entry.used_by, locale) },
      { id: "owner", header: t("rules.owner"), cell: (entry) => entry.owner },
      { id: "version", header: t("rules.version"), right: true, cell: (entry) => entry.version },
      {
        id: "updated",
        header: t("rules.updated"),
        cell: (entry) => (
          <span className="tp-num" title={entry.updated_by}>
            {moment(entry.updated_at, locale, "short")}
          </span>
        ),
      },
    ],
    [t, locale, kind],
  );
  const make = session?.may.includes("definition.edit") && (
    <Button leftSection={<Icon name="plus" size={16} />} onClick={() => void navigate({ to: PLACES[kind].make })}>
      {t(`defs.${kind}.new`)}
    </Button>
  );
  return (
    <>
      <PageHead
        title={t(`defs.${kind}`)}
        about={t(`defs.${kind}.about`)}
        actions={
          <>
            <SegmentedControl
              aria-label={t("nav.definitions")}
              value={kind}
              onChange={(next) => {
                const chosen = KINDS.find((one) => one === next);
                if (chosen) void navigate({ to: PLACES[chosen].list });
              }}
              data={KINDS.map((one) => ({ value: one, label: t(`defs.${one}`) }))}
            />
            {make}
          </>
        }
      />
      {found.isPending ? (
        <Loading />
      ) : found.isError ? (
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      ) : found.data.items.length === 0 && trail.length === 0 ? (
        <Panel>
          <Empty title={t(`defs.${kind}.empty`)} action={make}>
            {t(`defs.${kind}.empty.about`)}
          </Empty>
        </Panel>
      ) : (
        <Panel flush>
          <DataTable label={t(`defs.${kind}`)} columns={columns} rows={found.data.items} rowKey={(entry) => entry.name} open={(entry) => void navigate({ to: PLACES[kind].edit, params: { name: entry.name } })} />
          <Pages trail={trail} next={found.data.next} go={setTrail} />
        </Panel>
      )}
    </>
  );
}
