/** People, teams, and what each role may do. */
import { Alert, Badge, Button, Group, Modal, MultiSelect, Select, Stack, Tabs, Text, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState, type SyntheticEvent } from "react";
import { sessionQuery } from "../../api/queries";
import { peopleQuery, permissionsQuery, putPerson, putTeam, teamsQuery, useMay } from "../../api/queries-review";
import type { Person as PersonShape, Team } from "../../api/review";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icons";
import { Pages } from "../../components/pages";
import { People, Person } from "../../components/person";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count } from "../../format";
import { LOCALES, useText } from "../../i18n";
import { reasonWords } from "../changes/reasons";
import { isPeopleTab, PEOPLE_TABS } from "./addresses";
import { actionName } from "./permission-words";

export function PeoplePage() {
  const { t } = useText();
  const { tab } = useSearch({ from: "/people" });
  const navigate = useNavigate({ from: "/people" });
  return (
    <>
      <PageHead title={t("people.title")} about={t("people.about")} />
      <Tabs value={tab ?? "people"} onChange={(next) => void navigate({ search: { tab: isPeopleTab(next) && next !== "people" ? next : undefined }, replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          {PEOPLE_TABS.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {t(`people.tab.${one}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="people">
          <PeopleTab />
        </Tabs.Panel>
        <Tabs.Panel value="teams">
          <TeamsTab />
        </Tabs.Panel>
        <Tabs.Panel value="permissions">
          <PermissionsTab />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function PeopleTab() {
  const { t } = useText();
  const may = useMay("person.edit");
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const [team, setTeam] = useState("");
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [editing, setEditing] = useState<PersonShape | "new">();
  const teams = useQuery(teamsQuery()).data?.items ?? [];
  const people = useQuery(peopleQuery({ query: wanted, team }, trail.at(-1) ?? ""));
  const columns = useMemo<Column<PersonShape>[]>(
    () => [
      { id: "person", header: t("people.person"), value: (one) => one.person, cell: (one) => <Person name={one.person} size={26} strong /> },
      { id: "name", header: t("people.name"), value: (one) => one.name, cell: (one) => [one.name, one.title].filter(Boolean).join(" · ") || "–" },
      { id: "roles", header: t("people.roles"), cell: (one) => <Group gap={4}>{one.roles.length ? one.roles.map((role) => <Badge key={role} variant="default">{t(`role.${role}`)}</Badge>) : <Text span fz="sm" c="dimmed">{t("people.no_token")}</Text>}</Group> },
      { id: "teams", header: t("people.teams"), cell: (one) => one.teams.map((name) => name.replace(/^team:/, "")).join(", ") || "–" },
      { id: "email", header: t("preferences.email"), cell: (one) => one.email || "–" },
      { id: "registered", header: t("people.profile"), cell: (one) => (one.registered ? t("people.registered") : t("people.unregistered")) },
    ],
    [t],
  );
  return (
    <Panel flush>
      <Group px={16} py={12} justify="space-between">
        <Group gap="sm">
          <TextInput data-search aria-label={t("people.search")} placeholder={t("people.search")} leftSection={<Icon name="search" size={16} />} value={text} onChange={(event) => { setText(event.currentTarget.value); setTrail([]); }} w={240} />
          <Select aria-label={t("people.team")} w={170} searchable value={team} allowDeselect={false} onChange={(next) => { setTeam(next ?? ""); setTrail([]); }} data={[{ value: "", label: t("people.any_team") }, ...teams.map((one) => ({ value: one.team, label: one.team }))]} />
        </Group>
        {may && (
          <Button leftSection={<Icon name="plus" size={16} />} onClick={() => setEditing("new")}>
            {t("people.new")}
          </Button>
        )}
      </Group>
      {people.isPending ? (
        <div className="tp-panel-body"><Loading /></div>
      ) : people.isError ? (
        <div className="tp-panel-body"><ErrorState error={people.error} retry={() => void people.refetch()} /></div>
      ) : people.data.items.length === 0 ? (
        <Empty title={wanted || team ? t("people.none_found") : t("people.empty")}>{!wanted && !team && t("people.empty.about")}</Empty>
      ) : (
        <DataTable label={t("people.tab.people")} columns={columns} rows={people.data.items} rowKey={(one) => one.person} open={may ? setEditing : undefined} />
      )}
      <Pages trail={trail} next={people.data?.next} go={setTrail} />
      {editing && <PersonDialog person={editing === "new" ? undefined : editing} close={() => setEditing(undefined)} />}
    </Panel>
  );
}

function PersonDialog({ person, close }: { person: PersonShape | undefined; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [id, setId] = useState(person?.person ?? "");
  const [name, setName] = useState(person?.name ?? "");
  const [title, setTitle] = useState(person?.title ?? "");
  const [email, setEmail] = useState(person?.email ?? "");
  const [language, setLanguage] = useState<"en" | "zh">(person?.language ?? "en");
  const keep = useMutation({
    mutationFn: () => putPerson(id.trim(), person?.registered ? person.etag : "", { name: name.trim(), title: title.trim(), email: email.trim(), language }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["people"] });
      close();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    keep.mutate();
  };
  return (
    <Modal opened onClose={close} title={<Text fw={650}>{person ? t("people.edit", { person: person.person }) : t("people.new")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput label={t("people.person")} description={t("people.person.about")} value={id} onChange={(event) => setId(event.currentTarget.value)} disabled={person !== undefined} required data-autofocus={person === undefined || undefined} />
          <TextInput label={t("people.name")} value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <TextInput label={t("people.job")} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
          <TextInput type="email" label={t("preferences.email")} value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
          <Select label={t("preferences.language")} allowDeselect={false} value={language} onChange={(next) => setLanguage(next === "zh" ? "zh" : "en")} data={LOCALES.map((choice) => ({ value: choice.value, label: choice.label }))} />
          {keep.isError && <ErrorState error={keep.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={keep.isPending} disabled={!id.trim()}>
              {t("thread.keep")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function TeamsTab() {
  const { t, locale } = useText();
  const may = useMay("person.edit");
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [editing, setEditing] = useState<Team | "new">();
  const teams = useQuery(teamsQuery(trail.at(-1) ?? "", 50));
  const columns = useMemo<Column<Team>[]>(
    () => [
      { id: "team", header: t("people.team"), value: (one) => one.team, cell: (one) => <Person name={`team:${one.team.replace(/^team:/, "")}`} size={26} strong /> },
      { id: "title", header: t("change.title"), value: (one) => one.title, cell: (one) => one.title || "–" },
      { id: "members", header: t("people.members"), cell: (one) => (one.members.length ? <People names={one.members} most={8} /> : <Text span fz="sm" c="dimmed">{t("people.no_members")}</Text>) },
      { id: "events", header: t("people.owns"), right: true, value: (one) => one.events, cell: (one) => count(one.events, locale) },
    ],
    [t, locale],
  );
  return (
    <Panel flush>
      {may && (
        <Group px={16} py={12} justify="flex-end">
          <Button leftSection={<Icon name="plus" size={16} />} onClick={() => setEditing("new")}>
            {t("people.new_team")}
          </Button>
        </Group>
      )}
      {teams.isPending ? (
        <div className="tp-panel-body"><Loading /></div>
      ) : teams.isError ? (
        <div className="tp-panel-body"><ErrorState error={teams.error} retry={() => void teams.refetch()} /></div>
      ) : teams.data.items.length === 0 ? (
        <Empty title={t("people.teams.empty")}>{t("people.teams.empty.about")}</Empty>
      ) : (
        <DataTable label={t("people.tab.teams")} columns={columns} rows={teams.data.items} rowKey={(one) => one.team} open={may ? setEditing : undefined} />
      )}
      <Pages trail={trail} next={teams.data?.next} go={setTrail} />
      {editing && <TeamDialog team={editing === "new" ? undefined : editing} close={() => setEditing(undefined)} />}
    </Panel>
  );
}

function TeamDialog({ team, close }: { team: Team | undefined; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const people = useQuery(peopleQuery({ query: "", team: "" }, "", 1_000)).data?.items ?? [];
  const [id, setId] = useState(team?.team.replace(/^team:/, "") ?? "");
  const [title, setTitle] = useState(team?.title ?? "");
  const [description, setDescription] = useState(team?.description ?? "");
  const [members, setMembers] = useState<string[]>(team?.members ?? []);
  const keep = useMutation({
    mutationFn: () => putTeam(id.trim(), team?.etag ?? "", { title: title.trim(), description, members }),
    onSuccess: async () => {
      await Promise.all([cache.invalidateQueries({ queryKey: ["teams"] }), cache.invalidateQueries({ queryKey: ["people"] })]);
      close();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    keep.mutate();
  };
  return (
    <Modal opened onClose={close} title={<Text fw={650}>{team ? t("people.edit", { person: team.team }) : t("people.new_team")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput label={t("people.team")} description={t("people.team.about")} value={id} onChange={(event) => setId(event.currentTarget.value)} disabled={team !== undefined} required data-autofocus={team === undefined || undefined} />
          <TextInput label={t("change.title")} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
          <Textarea label={t("change.description")} autosize minRows={2} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
          <MultiSelect label={t("people.members")} searchable data={[...new Set([...people.map((one) => one.person), ...members])]} value={members} onChange={setMembers} clearButtonProps={{ "aria-label": t("people.members.none") }} />
          {keep.isError && <ErrorState error={keep.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={keep.isPending} disabled={!id.trim()}>
              {t("thread.keep")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** The permission matrix, with the reader's own column marked: why can I not do this? */
function PermissionsTab() {
  const { t } = useText();
  const session = useQuery(sessionQuery).data;
  const matrix = useQuery(permissionsQuery);
  if (matrix.isPending) return <Loading rows={8} />;
  if (matrix.isError) return <ErrorState error={matrix.error} retry={() => void matrix.refetch()} />;
  const { roles, items } = matrix.data;
  return (
    <Stack gap="md">
      {session && (
        <Alert variant="outline" color="indigo" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("permissions.you", { role: t(`role.${session.role}`), apps: session.apps.includes("*") ? t("session.all_apps") : session.apps.join(", ") })}>
          {t("permissions.you.about")}
        </Alert>
      )}
      <Panel flush>
        <div className="tp-scroll" role="region" aria-label={t("people.tab.permissions")} tabIndex={0}>
          <table className="tp-table tp-matrix">
            <thead>
              <tr>
                <th scope="col">{t("permissions.action")}</th>
                {roles.map((role) => (
                  <th key={role} scope="col" data-mine={role === session?.role || undefined}>
                    {t(`role.${role}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <tr key={item.action}>
                  <td>
                    <Text fz="sm" fw={600}>
                      {actionName(item, t)}
                    </Text>
                    <Text fz="xs" c="dimmed" className="tp-mono">
                      {item.action}
                    </Text>
                    {!item.allowed && item.why_not && (
                      <Text fz="xs" c="dimmed">
                        {reasonWords(item.why_not, t)}
                      </Text>
                    )}
                  </td>
                  {roles.map((role) => {
                    const may = item.roles.includes(role);
                    return (
                      <td key={role} data-mine={role === session?.role || undefined}>
                        <span role="img" aria-label={may ? t("permissions.may") : t("permissions.may_not")} style={{ display: "inline-flex", color: may ? "light-dark(var(--mantine-color-teal-9), var(--mantine-color-teal-4))" : "var(--mantine-color-dimmed)" }}>
                          {may ? <Icon name="check" size={17} /> : "–"}
                        </span>
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </Stack>
  );
}
