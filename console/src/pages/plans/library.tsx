/** A library: its versions, what is in one, who uses it. */
import { Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { libraryQuery, libraryVersionQuery } from "../../api/queries-plans";
import { CopyCode } from "../../components/copy-code";
import { Icon } from "../../components/icons";
import { Person } from "../../components/person";
import { ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, localised } from "../../format";
import { useText } from "../../i18n";
import { Fact } from "../event/facts";

export function LibraryPage() {
  const { t, locale } = useText();
  const { name } = useParams({ from: "/libraries/$name" });
  const { version } = useSearch({ from: "/libraries/$name" });
  const navigate = useNavigate({ from: "/libraries/$name" });
  const library = useQuery(libraryQuery(name));
  const chosen = version ?? library.data?.latest ?? 0;
  const text = useQuery(libraryVersionQuery(name, chosen));
  if (library.isPending) return <Loading rows={6} />;
  if (library.isError) return <ErrorState error={library.error} retry={() => void library.refetch()} />;
  const one = library.data;
  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to="/plans" className="tp-link" aria-label={t("plan.back")} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            {name}@{chosen}
          </Group>
        }
        about={localised(one.title, locale) || t("libraries.title")}
        actions={<Select aria-label={t("libraries.version")} w={150} allowDeselect={false} value={String(chosen)} data={one.versions.map((each) => ({ value: String(each.version), label: t("rule.version", { version: each.version }) }))} onChange={(value) => value && void navigate({ search: { version: Number(value) }, replace: true })} />}
      />
      <div className="tp-about">
        <Panel title={t("libraries.text")}>{text.isPending ? <Loading rows={6} /> : text.isError ? <ErrorState error={text.error} /> : <CopyCode text={text.data.source} label={t("libraries.text")} />}</Panel>
        <Stack gap="md">
          <Panel title={t("event.facts")}>
            <dl className="tp-fact-list">
              {one.owner && (
                <Fact name={t("events.owner")}>
                  <Person name={one.owner} size={18} />
                </Fact>
              )}
              {localised(one.description, locale) && <Fact name={t("event.meaning")}>{localised(one.description, locale)}</Fact>}
              <Fact name={t("plan.tab.types")}>{(text.data ?? one).types.join(", ") || "–"}</Fact>
              <Fact name={t("plan.tab.groups")}>{(text.data ?? one).groups.join(", ") || "–"}</Fact>
            </dl>
          </Panel>
          <Panel title={t("libraries.used_by")}>
            {one.used_by.length === 0 ? (
              <Text fz="sm" c="dimmed">
                {t("libraries.unused")}
              </Text>
            ) : (
              <ul className="tp-plain-list">
                {one.used_by.map((user) => (
                  <li key={user.app}>
                    <Group justify="space-between">
                      <Link className="tp-link" to="/plans/$app" params={{ app: user.app }}>
                        {user.app}
                      </Link>
                      <Text fz="xs" c="dimmed">
                        {name}@{user.version}
                        {user.version < one.latest && ` · ${t("libraries.behind")}`}
                      </Text>
                    </Group>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
          <Panel title={t("libraries.versions")}>
            <ul className="tp-plain-list">
              {one.versions.map((each) => (
                <li key={each.version}>
                  <Text fz="sm">
                    <Link className="tp-link" to="/libraries/$name" params={{ name }} search={{ version: each.version }}>
                      {t("rule.version", { version: each.version })}
                    </Link>{" "}
                    {each.message}
                  </Text>
                  <Text fz="xs" c="dimmed">
                    {ago(each.created_at, locale)} · {each.created_by}
                  </Text>
                </li>
              ))}
            </ul>
          </Panel>
        </Stack>
      </div>
    </>
  );
}
