/** What an owner has to look after: what waits, what is wrong, what expires, what nobody owns. */
import { Button, Group, Modal, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { myEventsQuery, renewEvent, teamsQuery, useMay } from "../../api/queries-review";
import type { MyEvents } from "../../api/review";
import { AppSelect } from "../../components/app-select";
import { Grade } from "../../components/badges";
import { ButtonLink } from "../../components/links";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, count, day, moment, percent } from "../../format";
import { useText } from "../../i18n";
import { ChangeStateBadge, Deadline } from "../changes/parts";

type Expiring = MyEvents["expires"][number];

export function MyEventsPage() {
  const { t, locale } = useText();
  const [filter, setFilter] = useState({ app: "", team: "" });
  const teams = useQuery(teamsQuery()).data?.items ?? [];
  const mine = useQuery(myEventsQuery(filter));
  const [renewing, setRenewing] = useState<Expiring>();
  if (mine.isPending)
    return (
      <>
        <PageHead title={t("mine.title")} about={t("mine.about")} />
        <Loading rows={8} />
      </>
    );
  if (mine.isError)
    return (
      <>
        <PageHead title={t("mine.title")} about={t("mine.about")} />
        <ErrorState error={mine.error} retry={() => void mine.refetch()} />
      </>
    );
  const { waits, wrong, expires, unowned, totals } = mine.data;
  const owners = mine.data.owners.map((owner) => owner.replace(/^(team|person):/, ""));
  return (
    <>
      <PageHead
        title={t("mine.title")}
        about={t("mine.owned", { count: mine.data.owned, owners: owners.join(", ") || "–" })}
        actions={
          <>
            <Select aria-label={t("people.team")} w={210} value={filter.team} allowDeselect={false} onChange={(team) => setFilter({ ...filter, team: team ?? "" })} data={[{ value: "", label: t("mine.whose") }, ...teams.map((team) => ({ value: team.team, label: team.team }))]} />
            <AppSelect w={150} all value={filter.app} change={(app) => setFilter({ ...filter, app })} />
          </>
        }
      />
      <Stack gap="md">
        <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
          <Tile to="waits" label={t("mine.waits")} value={count(totals.waits ?? waits.length, locale)} tone={waits.length ? "indigo" : "teal"} />
          <Tile to="wrong" label={t("mine.wrong")} value={count(totals.wrong ?? wrong.length, locale)} tone={wrong.length ? "red" : "teal"} />
          <Tile to="expires" label={t("mine.expires")} value={count(totals.expires ?? expires.length, locale)} tone={expires.length ? "orange" : "teal"} />
          <Tile to="unowned" label={t("mine.unowned")} value={count(totals.unowned ?? unowned.length, locale)} tone={unowned.length ? "gray" : "teal"} />
        </SimpleGrid>
        <Section id="waits" title={t("mine.waits")} empty={waits.length === 0 ? t("mine.waits.none") : undefined} aside={<Link className="tp-link" to="/changes" search={{ view: "waits" }}>{t("mine.waits.all")}</Link>}>
          <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
            {waits.map((one) => (
              <li key={one.change} className="tp-finding">
                <Group justify="space-between" wrap="nowrap">
                  <Group gap={8}>
                    <Link className="tp-link" to="/changes/$id" params={{ id: String(one.change) }} search={{ tab: "events" }}>
                      {one.title}
                    </Link>
                    <ChangeStateBadge state={one.state} />
                    <Text span fz="xs" c="dimmed">
                      #{one.change} · {one.app} · {t("mine.waits.events", { count: one.events })} · {ago(one.since, locale)}
                    </Text>
                  </Group>
                  {one.deadline && <Deadline date={one.deadline} />}
                </Group>
              </li>
            ))}
          </Stack>
        </Section>
        <Section id="wrong" title={t("mine.wrong")} empty={wrong.length === 0 ? t("mine.wrong.none") : undefined} aside={<Link className="tp-link" to="/dirty">{t("mine.wrong.workbench")}</Link>}>
          <Rows heads={[t("events.event"), t("events.grade"), t("mine.wrong.what"), t("dirty.count"), t("dirty.last")]} right={[3]}>
            {wrong.map((one) => (
              <tr key={`${one.app} ${one.event} ${one.code} ${one.pointer}`}>
                <td>
                  <EventLink app={one.app} event={one.event} />
                </td>
                <td>
                  <Grade grade={one.grade} />
                </td>
                <td>
                  <Group gap={6}>
                    <span className="tp-dot" style={{ background: `var(--mantine-color-${one.code === "violations" ? "yellow" : one.code === "dirty" ? "orange" : "gray"}-6)` }} />
                    {t(`mine.wrong.${one.code}`)}
                    {one.pointer && <span className="tp-mono">{one.pointer}</span>}
                  </Group>
                </td>
                <td className="right">
                  {count(one.count, locale)}
                  {one.share !== null && (
                    <Text span fz="xs" c="dimmed" ml={6}>
                      {percent(one.share, locale)}
                    </Text>
                  )}
                </td>
                <td title={moment(one.last_at, locale)}>{ago(one.last_at, locale)}</td>
              </tr>
            ))}
          </Rows>
        </Section>
        <Section id="expires" title={t("mine.expires")} empty={expires.length === 0 ? t("mine.expires.none") : undefined}>
          <Rows heads={[t("events.event"), t("mine.expires.on"), t("mine.expires.renewed"), t("mine.last_seen"), ""]}>
            {expires.map((one) => (
              <tr key={`${one.app} ${one.event}`}>
                <td>
                  <EventLink app={one.app} event={one.event} />
                </td>
                <td>
                  {day(one.on, locale)} · <Deadline date={one.on} />
                </td>
                <td>{one.renew_days === null ? t("mine.expires.by_hand") : t("mine.expires.by_use", { days: one.renew_days })}</td>
                <td>{one.last_seen === null ? t("mine.never_seen") : ago(one.last_seen, locale)}</td>
                <td className="right">
                  <RenewButton event={one} open={() => setRenewing(one)} />
                </td>
              </tr>
            ))}
          </Rows>
        </Section>
        <Section id="unowned" title={t("mine.unowned")} empty={unowned.length === 0 ? t("mine.unowned.none") : undefined}>
          <Rows heads={[t("events.event"), t("events.grade"), t("mine.seen"), ""]} right={[2]}>
            {unowned.map((one) => (
              <tr key={`${one.app} ${one.event}`}>
                <td>
                  {one.planned ? <EventLink app={one.app} event={one.event} /> : <span className="tp-mono">{one.event}</span>}{" "}
                  <Text span fz="xs" c="dimmed">
                    {!one.planned ? t("mine.unowned.unplanned") : one.owner ? t("mine.unowned.unknown", { owner: one.owner }) : ""}
                  </Text>
                </td>
                <td>{one.grade && <Grade grade={one.grade} />}</td>
                <td className="right">{count(one.seen, locale)}</td>
                <td className="right">
                  <ButtonLink to="/edit" search={one.planned ? { app: one.app, name: one.event } : { app: one.app, from: `unplanned:${one.event}` }} size="compact-sm" variant="default" aria-label={`${one.planned ? t("mine.unowned.own") : t("mine.unowned.plan")}: ${one.event}`}>
                    {one.planned ? t("mine.unowned.own") : t("mine.unowned.plan")}
                  </ButtonLink>
                </td>
              </tr>
            ))}
          </Rows>
        </Section>
      </Stack>
      {renewing && <Renew event={renewing} close={() => setRenewing(undefined)} />}
    </>
  );
}

function Tile({ to, label, value, tone }: { to: string; label: string; value: string; tone: string }) {
  return (
    <a className="tp-ticket" href={`#${to}`} style={{ borderTop: `3px solid var(--mantine-color-${tone}-6)` }} onClick={(click) => { click.preventDefault(); document.getElementById(to)?.scrollIntoView({ block: "start" }); }}>
      <Text fz="sm" c="dimmed">
        {label}
      </Text>
      <Text fz={26} fw={700} lh={1.2} className="tp-num">
        {value}
      </Text>
    </a>
  );
}

function Section({ id, title, aside, empty, children }: { id: string; title: string; aside?: ReactNode; empty: string | undefined; children: ReactNode }) {
  return (
    <div id={id}>
      <Panel flush title={title} aside={aside}>
        {empty === undefined ? children : <Empty title={empty} />}
      </Panel>
    </div>
  );
}

function Rows({ heads, right = [], children }: { heads: readonly string[]; right?: readonly number[]; children: ReactNode }) {
  return (
    <div className="tp-scroll">
      <table className="tp-table">
        <thead>
          <tr>
            {heads.map((head, index) =>
              head ? (
                <th key={head} scope="col" className={right.includes(index) ? "right" : undefined}>
                  {head}
                </th>
              ) : (
                <td key={index} />
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function EventLink({ app, event }: { app: string; event: string }) {
  return (
    <>
      <Link className="tp-link tp-mono" to="/events/$app/$event" params={{ app, event }}>
        {event}
      </Link>{" "}
      <Text span fz="xs" c="dimmed">
        {app}
      </Text>
    </>
  );
}

function RenewButton({ event, open }: { event: Expiring; open: () => void }) {
  const { t } = useText();
  if (!useMay("plan.renew")) return null;
  return (
    <Button size="compact-sm" variant="default" onClick={open} aria-label={t("mine.renew_one", { event: event.event })}>
      {t("mine.renew")}
    </Button>
  );
}

function Renew({ event, close }: { event: Expiring; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [until, setUntil] = useState(() => nextYear(event.on));
  const renew = useMutation({
    mutationFn: () => renewEvent(event.app, event.event, until),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["my-events"] });
      close();
    },
  });
  return (
    <Modal opened onClose={close} title={<Text fw={650}>{t("mine.renew_one", { event: event.event })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <form
        onSubmit={(submitted) => {
          submitted.preventDefault();
          renew.mutate();
        }}
      >
        <Stack>
          <Text fz="sm">{t("mine.renew.about")}</Text>
          <TextInput type="date" label={t("mine.renew.until")} value={until} min={event.on} onChange={(change) => setUntil(change.currentTarget.value)} required data-autofocus />
          {renew.isError && <ErrorState error={renew.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={renew.isPending} disabled={!until}>
              {t("mine.renew")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** A year after a day or after today, whichever is later. */
function nextYear(iso: string): string {
  const today = new Date().toISOString().slice(0, 10);
  const from = iso > today ? iso : today;
  return `${Number(from.slice(0, 4)) + 1}${from.slice(4) === "-02-29" ? "-02-28" : from.slice(4)}`;
}
