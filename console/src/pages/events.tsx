/** Events: what is planned, with properties, grade and owner. */
import { Anchor, Badge, Button, Drawer, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { Schemas } from "../api/client";
import { appsQuery, eventQuery, eventsQuery } from "../api/queries";
import { DataTable, type Column } from "../components/data-table";
import { Icon } from "../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../components/states";
import { localised } from "../format";
import { useText } from "../i18n";
import { propertyPaths } from "./rules/complete";

type Event = Schemas["EventSummary"];

export function EventsPage() {
  const { t } = useText();
  const search = useSearch({ from: "/events" });
  const navigate = useNavigate({ from: "/events" });
  const apps = useQuery(appsQuery);
  const app = search.app ?? apps.data?.[0]?.app ?? "";
  const [query, setQuery] = useState(search.query ?? "");
  const [wanted] = useDebouncedValue(query.trim(), 250);
  const [trail, setTrail] = useState<readonly string[]>([]);
  const cursor = trail.at(-1) ?? "";
  const events = useQuery({ ...eventsQuery(app, wanted, cursor), placeholderData: keepPreviousData });
  useEffect(() => setTrail([]), [app, wanted]);
  const open = (event: string | undefined) => void navigate({ search: { app, event, query: wanted || undefined } });
  const columns = useMemo<Column<Event>[]>(
    () => [
      {
        id: "event",
        header: t("events.event"),
        value: (event) => event.event,
        cell: (event) => (
          <Link className="tp-link" to="/events" search={{ app: event.app, event: event.event }} onClick={(click) => click.stopPropagation()}>
            {event.event}
          </Link>
        ),
      },
      { id: "title", header: t("events.title_column"), value: (event) => event.title, cell: (event) => event.title },
      { id: "grade", header: t("events.grade"), value: (event) => event.grade, cell: (event) => <Grade grade={event.grade} /> },
      { id: "owner", header: t("events.owner"), value: (event) => event.owner, cell: (event) => event.owner },
      { id: "properties", header: t("events.properties"), right: true, value: (event) => event.properties, cell: (event) => event.properties },
      { id: "state", header: "", cell: (event) => (event.deprecated ? <Badge variant="outline" color="orange" c="var(--mantine-color-text)">{t("events.deprecated")}</Badge> : "") },
    ],
    [t],
  );
  return (
    <>
      <PageHead title={t("events.title")} about={t("events.about")} />
      {apps.isPending ? (
        <Loading />
      ) : apps.isError ? (
        <ErrorState error={apps.error} retry={() => void apps.refetch()} />
      ) : apps.data.length === 0 ? (
        <Panel>
          <Empty title={t("events.no_app")} action={<Link to="/" className="tp-link">{t("nav.home")}</Link>} />
        </Panel>
      ) : (
        <Panel flush>
          <Group px={16} py={12} gap="sm">
            <Select aria-label={t("live.app")} data={apps.data.map((one) => one.app)} value={app} onChange={(value) => value && void navigate({ search: { app: value } })} allowDeselect={false} w={170} />
            <TextInput aria-label={t("events.search")} placeholder={t("events.search")} leftSection={<Icon name="search" size={16} />} value={query} onChange={(change) => setQuery(change.currentTarget.value)} w={320} />
          </Group>
          {events.isPending ? (
            <div style={{ padding: 18 }}>
              <Loading />
            </div>
          ) : events.isError ? (
            <div style={{ padding: 18 }}>
              <ErrorState error={events.error} retry={() => void events.refetch()} />
            </div>
          ) : events.data.items.length === 0 ? (
            <Empty title={wanted ? t("events.none_found") : t("events.empty")}>{wanted ? "" : t("events.empty.about")}</Empty>
          ) : (
            <>
              <DataTable label={t("events.title")} columns={columns} rows={events.data.items} rowKey={(event) => event.event} open={(event) => open(event.event)} />
              <Pages trail={trail} next={events.data.next} go={setTrail} />
            </>
          )}
        </Panel>
      )}
      <Drawer opened={search.event !== undefined} onClose={() => open(undefined)} position="right" size={560} title={<Text fw={650} fz="lg">{search.event}</Text>} closeButtonProps={{ "aria-label": t("action.close") }}>
        {search.event !== undefined && app && <Detail app={app} event={search.event} />}
      </Drawer>
    </>
  );
}

/** Back and forth through cursors. */
export function Pages({ trail, next, go }: { trail: readonly string[]; next: string | null | undefined; go: (trail: readonly string[]) => void }) {
  const { t } = useText();
  if (!trail.length && !next) return null;
  return (
    <Group justify="flex-end" px={16} py={10} gap="xs">
      <Button size="xs" variant="default" disabled={!trail.length} onClick={() => go(trail.slice(0, -1))}>
        {t("page.previous")}
      </Button>
      <Button size="xs" variant="default" disabled={!next} onClick={() => next && go([...trail, next])}>
        {t("page.next")}
      </Button>
    </Group>
  );
}

function Grade({ grade }: { grade: string }) {
  const colour = { P0: "red", P1: "orange", P2: "blue" }[grade] ?? "gray";
  return (
    <Badge variant="outline" color={colour} c="var(--mantine-color-text)">
      {grade}
    </Badge>
  );
}

function Detail({ app, event }: { app: string; event: string }) {
  const { t, locale } = useText();
  const found = useQuery(eventQuery(app, event));
  if (found.isPending) return <Loading />;
  if (found.isError) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  const { spec, revision } = found.data;
  const properties = [...propertyPaths(spec.properties)];
  const facts: [string, string][] = (
    [
      [t("events.owner"), spec.owner ?? ""],
      [t("events.platforms"), (spec.platforms ?? []).join(", ")],
      [t("events.groups"), (spec.groups ?? []).join(", ")],
      [t("events.tags"), (spec.tags ?? []).join(", ")],
      [t("events.trigger"), localised(spec.trigger, locale)],
      [t("events.revision"), String(revision)],
    ] satisfies [string, string][]
  ).filter(([, value]) => value);
  return (
    <Stack>
      <Group gap={8}>
        <Grade grade={spec.grade ?? "P2"} />
        <Text fw={600}>{localised(spec.title, locale)}</Text>
      </Group>
      {spec.description && <Text fz="sm">{localised(spec.description, locale)}</Text>}
      <table className="tp-table">
        <tbody>
          {facts.map(([name, value]) => (
            <tr key={name}>
              <th scope="row" style={{ width: 130 }}>
                {name}
              </th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Text fw={650}>{t("events.properties")}</Text>
      {properties.length === 0 ? (
        <Text fz="sm" c="dimmed">
          {t("events.no_properties")}
        </Text>
      ) : (
        <table className="tp-table">
          <thead>
            <tr>
              <th scope="col">{t("events.property")}</th>
              <th scope="col">{t("events.type")}</th>
              <th scope="col">{t("events.constraints")}</th>
            </tr>
          </thead>
          <tbody>
            {properties.map(([path, { type, spec: property }]) => (
              <tr key={path}>
                <td className="tp-mono" style={{ overflowWrap: "anywhere" }}>
                  {path}
                </td>
                <td>{type}</td>
                <td>
                  <Text fz="xs" component="span">
                    {constraints(property, t("events.required"))}
                  </Text>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Anchor component={Link} to="/live" fz="sm">
        {t("events.watch")}
      </Anchor>
    </Stack>
  );
}

/** A property's constraints as one short line. */
export function constraints(property: Schemas["Property"], required: string): string {
  const parts: string[] = [];
  if (property.required) parts.push(required);
  if (property.enum) parts.push(property.enum.map(String).join(" | "));
  if (property.min != null) parts.push(`≥ ${property.min}`);
  if (property.max != null) parts.push(`≤ ${property.max}`);
  if (property.min_length != null || property.max_length != null) parts.push(`${property.min_length ?? 0}…${property.max_length ?? "∞"}`);
  if (property.pattern != null) parts.push(`/${property.pattern}/`);
  if (property.pii != null) parts.push(`PII: ${property.pii}`);
  return parts.join(", ");
}
