/** Dirty events one by one, with the client's own bytes. */
import { Badge, Checkbox, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import { dirtyQuery, type DirtyFilter } from "../../api/queries-live";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { moment } from "../../format";
import { useText } from "../../i18n";
import { Pages } from "../../components/pages";
import { ClientText } from "../live/event-body";

interface EventsProps {
  filter: DirtyFilter;
  resolved: boolean;
  chosen: ReadonlySet<string>;
  choose: (chosen: ReadonlySet<string>) => void;
  selectable: boolean;
}

export function EventsPanel(props: EventsProps) {
  // Another filter begins on its first page.
  return <Events key={JSON.stringify([props.filter, props.resolved])} {...props} />;
}

function Events({ filter, resolved, chosen, choose, selectable }: EventsProps) {
  const { t, locale } = useText();
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [open, setOpen] = useState("");
  const list = useQuery(dirtyQuery(filter, resolved, trail.at(-1) ?? ""));
  const toggle = (key: string) => {
    const after = new Set(chosen);
    if (!after.delete(key)) after.add(key);
    choose(after);
  };
  return (
    <Panel flush title={t("dirty.newest")}>
      {list.isPending ? (
        <div style={{ padding: 16 }}>
          <Loading />
        </div>
      ) : list.isError ? (
        <div style={{ padding: 16 }}>
          <ErrorState error={list.error} retry={() => void list.refetch()} />
        </div>
      ) : list.data.items.length === 0 ? (
        <Empty title={t("dirty.none_found")} />
      ) : (
        <>
          <div className="tp-scroll" role="region" aria-label={t("dirty.newest")} tabIndex={0}>
            <table className="tp-table">
              <thead>
                <tr>
                  {selectable && <td style={{ width: 36 }} />}
                  <th scope="col">{t("live.time")}</th>
                  <th scope="col">{t("live.event")}</th>
                  <th scope="col">{t("dirty.reason")}</th>
                  <th scope="col">{t("dirty.message")}</th>
                </tr>
              </thead>
              <tbody>
                {list.data.items.map((event) => (
                  <Fragment key={event.key}>
                    <tr>
                      {selectable && (
                        <td>
                          <Checkbox size="xs" aria-label={t("dirty.select", { id: event.id || event.key })} checked={chosen.has(event.key)} onChange={() => toggle(event.key)} />
                        </td>
                      )}
                      <td className="tp-num">{moment(event.received_at, locale)}</td>
                      <td>
                        <UnstyledButton className="tp-link" fz="inherit" aria-expanded={open === event.key} onClick={() => setOpen(open === event.key ? "" : event.key)}>
                          <Group gap={4} wrap="nowrap">
                            <Icon name="chevron" size={14} />
                            {event.event || t("live.no_name")}
                          </Group>
                        </UnstyledButton>
                      </td>
                      <td className="tp-mono">{event.reason}</td>
                      <td>
                        <Text fz="sm" lineClamp={2}>
                          {event.message}
                        </Text>
                        {event.attempts > 1 && (
                          <Badge size="sm" variant="outline" color="orange" c="var(--mantine-color-text)">
                            {t("dirty.attempts", { count: event.attempts })}
                          </Badge>
                        )}
                      </td>
                    </tr>
                    {open === event.key && (
                      <tr>
                        <td colSpan={selectable ? 5 : 4} style={{ background: "var(--tp-hover)" }}>
                          <Stack gap="xs" py={6}>
                            <Text fz="xs" c="dimmed">
                              {t("live.app")} {event.app} {event.env} · id <span className="tp-mono">{event.id || "–"}</span> · {t("live.stage")} {event.stage}
                              {event.rule && ` · ${t("dirty.rule")} ${event.rule}`}
                              {event.app_version && ` · ${t("dirty.versions")} ${event.app_version}`}
                            </Text>
                            <Text fz="xs" fw={650}>
                              {t("dirty.header")}
                            </Text>
                            <ClientText text={event.header} label={t("dirty.header")} />
                            <Text fz="xs" fw={650}>
                              {t("dirty.data")}
                            </Text>
                            <ClientText text={event.data} label={t("dirty.data")} />
                          </Stack>
                        </td>
                      </tr>
                    )}
                  </Fragment>
                ))}
              </tbody>
            </table>
          </div>
          <Pages trail={trail} next={list.data.next} go={setTrail} />
        </>
      )}
    </Panel>
  );
}
