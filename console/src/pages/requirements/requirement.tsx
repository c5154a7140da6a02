/** A requirement: why, who, until when; the change requests that serve it and how far each event is. */
import { Alert, Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { changesQuery, patchRequirement, requirementQuery, useMay } from "../../api/queries-review";
import { Icon } from "../../components/icons";
import { People, Person } from "../../components/person";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { day, moment } from "../../format";
import { useText } from "../../i18n";
import { NewChange } from "../changes/new";
import { ChangeSize, ChangeStateBadge, Deadline } from "../changes/parts";
import { RequirementDialog } from "./board";
import { COLUMNS, type Column } from "./model";

const TONES = { designed: "gray", implemented: "blue", verified: "grape", online: "teal" } as const;

export function RequirementPage() {
  const { t, locale } = useText();
  const { id } = useParams({ from: "/requirements/$id" });
  const navigate = useNavigate();
  const cache = useQueryClient();
  const mayEdit = useMay("requirement.edit");
  const mayPropose = useMay("change.propose");
  const [editing, { open: edit, close: unedit }] = useDisclosure();
  const [making, { open: make, close: unmake }] = useDisclosure();
  const found = useQuery({ ...requirementQuery(Number(id)), retry: false });
  const changes = useQuery(changesQuery({ text: "", app: "", state: "", mine: false, waits: false, requirement: Number(id) }, "", 100));
  const drop = useMutation({
    mutationFn: async () => found.data && patchRequirement(found.data, { dropped: !found.data.dropped }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["requirements"] }),
  });
  if (found.isPending) return <Loading rows={6} />;
  if (found.isError)
    return (
      <Stack>
        <Link to="/requirements" className="tp-link">
          {t("requirements.back")}
        </Link>
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      </Stack>
    );
  const requirement = found.data;
  const reached = COLUMNS.indexOf(requirement.state);
  return (
    <>
      <PageHead
        title={
          <Group gap={10} wrap="nowrap" align="flex-start">
            <Link to="/requirements" className="tp-link" aria-label={t("requirements.back")} style={{ display: "flex", paddingTop: 4 }}>
              <Icon name="back" size={22} />
            </Link>
            <span style={{ overflowWrap: "anywhere" }}>
              {requirement.title}{" "}
              <Text span fz="inherit" fw={400} c="dimmed" className="tp-num">
                #{requirement.id}
              </Text>
            </span>
          </Group>
        }
        actions={
          <>
            {mayEdit && (
              <Button variant="default" loading={drop.isPending} onClick={() => drop.mutate()}>
                {requirement.dropped ? t("requirements.take_up") : t("requirements.drop")}
              </Button>
            )}
            {mayEdit && (
              <Button variant="default" leftSection={<Icon name="edit" size={16} />} onClick={edit}>
                {t("change.edit")}
              </Button>
            )}
            {mayPropose && (
              <Button leftSection={<Icon name="plus" size={16} />} onClick={make}>
                {t("changes.new")}
              </Button>
            )}
          </>
        }
      />
      <Stack gap="md">
        {drop.isError && <ErrorState error={drop.error} />}
        {requirement.dropped && (
          <Alert variant="outline" color="gray" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("requirements.dropped")}>
            {t("requirements.dropped.about")}
          </Alert>
        )}
        <ol className="tp-steps">
          {COLUMNS.map((column, index) => (
            <li key={column} data-state={index < reached || (index === reached && column === "online") ? "done" : index === reached ? "now" : "waits"} aria-current={index === reached ? "step" : undefined}>
              <Group gap={9} wrap="nowrap">
                <span className="tp-step-mark">{index < reached || (index === reached && column === "online") ? <Icon name="check" size={14} /> : index + 1}</span>
                <div>
                  <Text fz="sm" fw={index === reached ? 700 : 600} lh={1.3}>
                    {t(`requirements.state.${column}`)}
                  </Text>
                  <Text fz="xs" c="dimmed" lh={1.3}>
                    {requirement.events.length > 0 ? t("requirements.done", { done: requirement.done[column] ?? 0, count: requirement.events.length }) : t(`requirements.state.${column}.short`)}
                  </Text>
                </div>
              </Group>
            </li>
          ))}
        </ol>
        <div className="tp-review">
          <Stack gap="md">
            <Panel title={t("change.description")}>{requirement.description ? <p className="tp-prose">{requirement.description}</p> : <Text c="dimmed" fz="sm">{t("change.description.none")}</Text>}</Panel>
            <Panel flush title={t("changes.title")}>
              {changes.isPending ? (
                <div className="tp-panel-body">
                  <Loading rows={3} />
                </div>
              ) : changes.isError ? (
                <div className="tp-panel-body">
                  <ErrorState error={changes.error} retry={() => void changes.refetch()} />
                </div>
              ) : changes.data.items.length === 0 ? (
                <Empty title={t("requirements.no_changes")}>{t("requirements.no_changes.about")}</Empty>
              ) : (
                <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
                  {changes.data.items.map((change) => (
                    <li key={change.id} className="tp-finding tp-row" data-row={change.id} tabIndex={-1} onClick={() => void navigate({ to: "/changes/$id", params: { id: String(change.id) } })}>
                      <Group justify="space-between" wrap="nowrap">
                        <Group gap={8}>
                          <Link className="tp-link" to="/changes/$id" params={{ id: String(change.id) }} onClick={(click) => click.stopPropagation()}>
                            {change.title}
                          </Link>
                          <ChangeStateBadge state={change.state} />
                          <Text span fz="xs" c="dimmed">
                            #{change.id} · {change.app}
                          </Text>
                        </Group>
                        <ChangeSize change={change} />
                      </Group>
                    </li>
                  ))}
                </Stack>
              )}
            </Panel>
            <Panel flush title={t("requirements.its_events")}>
              {requirement.events.length === 0 ? (
                <Empty title={t("requirements.no_events")}>{t("requirements.no_events.about")}</Empty>
              ) : (
                <table className="tp-table">
                  <thead>
                    <tr>
                      <th scope="col">{t("events.event")}</th>
                      <th scope="col">{t("live.app")}</th>
                      <th scope="col">{t("changes.state")}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {requirement.events.slice(0, 500).map((event) => (
                      <tr key={`${event.app} ${event.event}`}>
                        <td>
                          <Link className="tp-link tp-mono" to="/events/$app/$event" params={{ app: event.app, event: event.event }}>
                            {event.event}
                          </Link>
                        </td>
                        <td>{event.app}</td>
                        <td>
                          <StateBadge stage={event.stage} state={event.state} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Panel>
          </Stack>
          <Panel title={t("change.facts")}>
            <dl className="tp-facts">
              <dt>{t("requirements.people")}</dt>
              <dd>{requirement.people.length ? <People names={requirement.people} most={10} /> : "–"}</dd>
              <dt>{t("change.deadline")}</dt>
              <dd>
                {requirement.deadline ? (
                  <>
                    {day(requirement.deadline, locale)} · <Deadline date={requirement.deadline} over={requirement.state === "online"} />
                  </>
                ) : (
                  "–"
                )}
              </dd>
              <dt>{t("requirements.link")}</dt>
              <dd>
                {requirement.link ? (
                  <a className="tp-link" href={requirement.link} target="_blank" rel="noreferrer noopener">
                    {requirement.link.replace(/^https?:\/\//, "")}
                  </a>
                ) : (
                  "–"
                )}
              </dd>
              <dt>{t("change.created")}</dt>
              <dd>
                {moment(requirement.created_at, locale, "short")} <Person name={requirement.created_by} size={18} />
              </dd>
            </dl>
          </Panel>
        </div>
      </Stack>
      {editing && <RequirementDialog requirement={requirement} close={unedit} />}
      {making && <NewChange app={requirement.apps[0] ?? ""} requirement={requirement.id} close={unmake} />}
    </>
  );
}

function StateBadge({ stage, state }: { stage: Column; state: string }) {
  const { t } = useText();
  return (
    <Badge variant="outline" color={TONES[stage]} c="var(--mantine-color-text)" title={state}>
      {t(`requirements.state.${stage}`)}
    </Badge>
  );
}
