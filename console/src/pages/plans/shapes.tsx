/** The groups and types of a plan: what is in them and who uses them. */
import { Badge, Group, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import type { Property, Shapes } from "../../api/design";
import { Icon } from "../../components/icons";
import { Empty, Panel } from "../../components/states";
import { localised } from "../../format";
import { useText } from "../../i18n";
import { constraintWords, rowsOf, typeWords } from "../event/model";

interface TabProps {
  app: string;
  shapes: Shapes;
  chosen: string | undefined;
  may: boolean;
}

export function GroupsTab({ app, shapes, chosen, may }: TabProps) {
  const { t } = useText();
  return (
    <Browser
      tab="groups"
      app={app}
      chosen={chosen}
      may={may}
      none={t("groups.none")}
      items={shapes.groups.map((group) => ({
        name: group.name,
        library: group.library,
        about: t("groups.used", { count: group.used }),
        body: (
          <>
            <PropertyRows properties={group.properties} />
            <Text fz="xs" fw={650} c="dimmed" mt="md" mb={4}>
              {t("groups.events", { count: group.used })}
            </Text>
            <Group gap={6}>
              {group.events.map((event) => (
                <Link key={event} className="tp-chip" to="/events/$app/$event" params={{ app, event }}>
                  {event}
                </Link>
              ))}
              {group.used > group.events.length && (
                <Text fz="xs" c="dimmed">
                  {t("catalogue.more", { count: group.used - group.events.length })}
                </Text>
              )}
            </Group>
          </>
        ),
      }))}
    />
  );
}

export function TypesTab({ app, shapes, chosen, may }: TabProps) {
  const { t } = useText();
  return (
    <Browser
      tab="types"
      app={app}
      chosen={chosen}
      may={may}
      none={t("types.none")}
      items={shapes.types.map((type) => ({
        name: type.name,
        library: type.library,
        about: typeWords(type.definition, t),
        body: <PropertyRows properties={{ "": { [type.name]: type.definition } }} />,
      }))}
    />
  );
}

export function LibrariesTab({ shapes }: { shapes: Shapes }) {
  const { t } = useText();
  if (shapes.use.length === 0)
    return (
      <Panel>
        <Empty title={t("plan.no_libraries")}>{t("libraries.none.about")}</Empty>
      </Panel>
    );
  return (
    <Panel title={t("libraries.title")}>
      <ul className="tp-plain-list">
        {shapes.use.map((id) => (
          <li key={id}>
            <Link className="tp-link" to="/libraries/$name" params={{ name: id.split("@")[0] ?? id }} search={{ version: Number(id.split("@")[1]) }}>
              {id}
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface Item {
  name: string;
  library: string | null;
  about: string;
  body: ReactNode;
}

function Browser({ tab, app, chosen, may, none, items }: { tab: "groups" | "types"; app: string; chosen: string | undefined; may: boolean; none: string; items: readonly Item[] }) {
  const { t } = useText();
  const navigate = useNavigate({ from: "/plans/$app" });
  const [text, setText] = useState("");
  const found = items.filter((one) => one.name.toLowerCase().includes(text.trim().toLowerCase()));
  const shown = items.find((one) => one.name === chosen) ?? found[0];
  if (items.length === 0)
    return (
      <Panel>
        <Empty title={none} />
      </Panel>
    );
  return (
    <div className="tp-history">
      <Panel flush>
        <div style={{ padding: 10 }}>
          <TextInput data-search type="search" size="xs" aria-label={t("plans.search_names")} placeholder={t("plans.search_names")} leftSection={<Icon name="search" size={14} />} value={text} onChange={(change) => setText(change.currentTarget.value)} />
        </div>
        <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none", maxHeight: "66vh", overflow: "auto" }}>
          {found.map((one) => (
            <li key={one.name}>
              <UnstyledButton className="tp-finding" data-row aria-pressed={one === shown} style={one === shown ? { background: "var(--tp-hover)" } : undefined} onClick={() => void navigate({ search: { tab, name: one.name }, replace: true })}>
                <Group gap={6} justify="space-between" wrap="nowrap">
                  <Text fz="sm" fw={600} truncate>
                    {one.name}
                  </Text>
                  {one.library && (
                    <Badge size="xs" variant="light" color="gray" c="var(--mantine-color-text)">
                      {one.library}
                    </Badge>
                  )}
                </Group>
                <Text fz="xs" c="dimmed">
                  {one.about}
                </Text>
              </UnstyledButton>
            </li>
          ))}
        </Stack>
      </Panel>
      {shown && (
        <Panel
          title={shown.name}
          aside={
            may &&
            shown.library === null && (
              <Link className="tp-link" data-edit to="/edit" search={{ app, section: tab, name: shown.name }}>
                {t("event.edit")}
              </Link>
            )
          }
        >
          {shown.library && (
            <Text fz="sm" mb="sm">
              {t("plans.from_library")}{" "}
              <Link className="tp-link" to="/libraries/$name" params={{ name: shown.library.split("@")[0] ?? shown.library }}>
                {shown.library}
              </Link>
            </Text>
          )}
          {shown.body}
        </Panel>
      )}
    </div>
  );
}

function PropertyRows({ properties }: { properties: Record<string, Record<string, Property>> }) {
  const { t, locale } = useText();
  return (
    <div className="tp-scroll" role="region" aria-label={t("events.properties")} tabIndex={0}>
      <table className="tp-table">
        <thead>
          <tr>
            <th scope="col">{t("events.property")}</th>
            <th scope="col">{t("events.type")}</th>
            <th scope="col">{t("events.constraints")}</th>
          </tr>
        </thead>
        <tbody>
          {rowsOf(properties).map((row) => (
            <tr key={row.path}>
              <td>
                <span className="tp-mono" style={{ paddingLeft: row.depth * 18 }}>
                  {row.depth === 0 && row.namespace && <span style={{ color: "var(--mantine-color-dimmed)" }}>{row.namespace}.</span>}
                  <b>{row.name}</b>
                </span>
                {(row.spec.title ?? row.spec.description) && (
                  <Text fz="xs" c="dimmed" style={{ paddingLeft: row.depth * 18 }}>
                    {localised(row.spec.title ?? row.spec.description, locale)}
                  </Text>
                )}
              </td>
              <td>
                {typeWords(row.spec, t)}
                {row.spec.required && (
                  <Text fz="xs" c="dimmed">
                    {t("events.required")}
                  </Text>
                )}
              </td>
              <td>
                <Text fz="xs">{constraintWords(row.spec, locale, t).join(" · ")}</Text>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
