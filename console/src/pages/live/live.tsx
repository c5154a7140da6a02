/** Live: what is arriving now, with what is wrong with it. */
import { Autocomplete, Badge, Button, Group, Kbd, Stack, Switch, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useHotkeys } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { memo, useCallback, useMemo, useState } from "react";
import { appsQuery, eventsQuery } from "../../api/queries";
import { AppSelect } from "../../components/app-select";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead } from "../../components/states";
import { count, rate, timeOfDay } from "../../format";
import { useText } from "../../i18n";
import { matching, type LiveEvent } from "./buffer";
import { EventBody } from "./event-body";
import { useLive } from "./use-live";

/** While it runs nobody reads further than this; paused, all of the buffer is there. */
const SHOWN_RUNNING = 100;

export function LivePage() {
  const { t, locale } = useText();
  const [app, setApp] = useState("");
  const [event, setEvent] = useState("");
  const [query, setQuery] = useState("");
  const [flawed, setFlawed] = useState(false);
  const [wantedEvent] = useDebouncedValue(event.trim(), 400);
  const live = useLive({ app, event: wantedEvent, violations: flawed });
  const apps = useQuery(appsQuery).data ?? [];
  const suggested = useQuery(eventsQuery(app || (apps[0]?.app ?? ""), event.trim(), "", 20)).data?.items ?? [];
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const toggle = useCallback((key: number) => {
    setOpened((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);
  const found = useMemo(
    () => matching(live.events, query, flawed).filter((one) => (!app || one.app === app) && (!wantedEvent || one.event === wantedEvent)),
    [live.events, query, flawed, app, wantedEvent],
  );
  const shown = live.paused ? found : found.filter((one, index) => index < SHOWN_RUNNING || opened.has(one.key));
  const { paused, pause, resume } = live;
  useHotkeys([["p", () => (paused ? resume() : pause())]]);
  const filtered = Boolean(query || flawed || app || wantedEvent);

  return (
    <>
      <PageHead
        title={t("live.title")}
        about={t("live.about")}
        actions={
          <>
            <Button variant="default" leftSection={<Icon name="clear" size={16} />} onClick={live.clear}>
              {t("live.clear")}
            </Button>
            <Button variant={paused ? "filled" : "default"} leftSection={<Icon name={paused ? "play" : "pause"} size={16} />} rightSection={<Kbd size="xs">P</Kbd>} onClick={paused ? resume : pause}>
              {paused ? t("live.resume") : t("live.pause")}
            </Button>
          </>
        }
      />
      <Stack gap="md">
        <Group gap="sm" align="flex-end">
          <AppSelect label={t("live.app")} w={170} all value={app} change={setApp} />
          <Autocomplete label={t("live.event")} placeholder={t("live.event.hint")} w={220} value={event} onChange={setEvent} data={suggested.map((one) => one.event)} />
          <TextInput label={t("live.text")} placeholder={t("live.text.hint")} w={260} value={query} onChange={(change) => setQuery(change.currentTarget.value)} leftSection={<Icon name="search" size={16} />} />
          <Switch label={t("live.flawed")} checked={flawed} onChange={(change) => setFlawed(change.currentTarget.checked)} mb={8} />
        </Group>
        {live.error !== undefined && live.connection === "broken" && <ErrorState error={live.error} />}
        <section className="tp-panel">
          <Group justify="space-between" px={16} py={10} style={{ borderBottom: "1px solid var(--tp-border)" }}>
            <Group gap={8} role="status">
              <span className="tp-dot" style={{ background: `var(--mantine-color-${paused ? "yellow" : live.connection === "open" ? "teal" : "gray"}-6)` }} />
              <Text fz="sm" fw={600}>
                {paused ? t("live.state.paused", { passed: count(live.passed, locale) }) : t(`live.state.${live.connection}`)}
              </Text>
            </Group>
            <Group gap="lg">
              <Text fz="sm" c="dimmed" className="tp-num" data-testid="live-rate">
                {t("live.rate", { rate: rate(live.perSecond, locale) })}
              </Text>
              <Text fz="sm" c="dimmed" className="tp-num">
                {filtered ? t("live.shown.of", { shown: count(found.length, locale), held: count(live.events.length, locale) }) : t("live.held", { held: count(live.events.length, locale) })}
              </Text>
              {live.droppedEvents + live.droppedMessages > 0 && (
                <Text fz="sm" className="tp-num" c="light-dark(var(--mantine-color-orange-9), var(--mantine-color-orange-4))">
                  {t("live.dropped", { events: count(live.droppedEvents, locale), messages: count(live.droppedMessages, locale) })}
                </Text>
              )}
            </Group>
          </Group>
          {shown.length === 0 ? (
            live.connection === "connecting" ? (
              <div style={{ padding: 18 }}>
                <Loading />
              </div>
            ) : (
              <Empty title={filtered ? t("live.empty.filtered") : t("live.empty")}>{filtered ? t("live.empty.filtered.about") : t("live.empty.about")}</Empty>
            )
          ) : (
            <div className="tp-scroll tp-sticky" style={{ maxHeight: "calc(100vh - 290px)", minHeight: 320 }} role="region" aria-label={t("live.title")} tabIndex={0}>
              <table className="tp-table tp-live">
                <thead>
                  <tr>
                    <th scope="col" style={{ width: 130 }}>{t("live.time")}</th>
                    <th scope="col">{t("live.event")}</th>
                    <th scope="col">{t("live.app")}</th>
                    <th scope="col">{t("live.grade")}</th>
                    <th scope="col">{t("live.who")}</th>
                    <th scope="col">{t("live.findings")}</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((one) => (
                    <Row key={one.key} event={one} open={opened.has(one.key)} toggle={toggle} />
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </section>
        {paused && found.length > 0 && (
          <Text fz="sm" c="dimmed">
            {t("live.paused.about")}
          </Text>
        )}
      </Stack>
    </>
  );
}

const Row = memo(function Row({ event, open, toggle }: { event: LiveEvent; open: boolean; toggle: (key: number) => void }) {
  const { t } = useText();
  const who = event.body.who as Record<string, unknown> | undefined;
  const person = who?.user_id ?? who?.anonymous_id ?? who?.install_id;
  return (
    <>
      <tr className="tp-row" data-dirty={event.kind === "dirty" || undefined} data-flawed={event.flaws.length > 0 || undefined} onClick={() => toggle(event.key)}>
        <td className="tp-mono tp-num">{timeOfDay(event.at)}</td>
        <td>
          <button
            type="button"
            className="tp-link"
            style={{ background: "none", border: 0, padding: 0, font: "inherit", fontWeight: 600, cursor: "pointer", textAlign: "left" }}
            aria-expanded={open}
            onClick={(click) => {
              click.stopPropagation();
              toggle(event.key);
            }}
          >
            {event.event || t("live.no_name")}
          </button>
        </td>
        <td>
          {event.app} <span style={{ color: "var(--mantine-color-dimmed)" }}>{event.env}</span>
        </td>
        <td>{event.grade}</td>
        <td className="tp-mono" style={{ maxWidth: 180, overflow: "hidden", textOverflow: "ellipsis" }}>
          {typeof person === "string" ? person : ""}
        </td>
        <td>
          <Group gap={6} wrap="nowrap">
            {event.kind === "dirty" && (
              <Badge color="orange" variant="filled" styles={{ root: { background: "#b54708" } }}>
                {t("live.dirty")}
              </Badge>
            )}
            {event.kind === "dirty" && <span className="tp-mono">{event.reason}</span>}
            {event.kind === "event" && event.flaws.length > 0 && (
              <Badge color="yellow" variant="outline" c="var(--mantine-color-text)">
                {t("live.violations", { count: event.flaws.length })}
              </Badge>
            )}
            {event.kind === "event" && event.flaws[0] && (
              <span className="tp-mono">
                {event.flaws[0].code} {event.flaws[0].pointer}
              </span>
            )}
          </Group>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={6} style={{ background: "var(--tp-hover)" }}>
            <EventBody event={event} />
          </td>
        </tr>
      )}
    </>
  );
});
