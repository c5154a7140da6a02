/** Change requests: what waits for whom, and approving several at once. */
import { Button, Checkbox, Group, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { changesQuery, useMay, type ChangeFilter } from "../../api/queries-review";
import type { Change, ChangeState } from "../../api/review";
import { AppSelect } from "../../components/app-select";
import { Icon } from "../../components/icons";
import { PersonMark } from "../../components/person";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, count, moment } from "../../format";
import { useText } from "../../i18n";
import { Pages } from "../../components/pages";
import { VIEWS } from "./addresses";
import { BulkApproval } from "./bulk";
import { NewChange } from "./new";
import { ChangeSize, ChangeStateBadge, Deadline } from "./parts";
import { STATES } from "./model";


export function ChangesPage() {
  const { t } = useText();
  const search = useSearch({ from: "/changes" });
  const navigate = useNavigate({ from: "/changes" });
  const [text, setText] = useState(search.query ?? "");
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const view = search.view ?? "all";
  const state = search.state ?? (view === "waits" ? "" : "open");
  const filter: ChangeFilter = { text: wanted, app: search.app ?? "", state: state === "any" ? "" : state, mine: view === "mine", waits: view === "waits" };
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [chosen, setChosen] = useState<ReadonlyMap<number, Change>>(new Map());
  const [making, { open: make, close: unmake }] = useDisclosure(search.new === true);
  const [approving, { open: approve, close: unapprove }] = useDisclosure();
  const changes = useQuery(changesQuery(filter, trail.at(-1) ?? ""));
  const key = JSON.stringify(filter);
  useEffect(() => setTrail([]), [key]);
  const mayPropose = useMay("change.propose");
  const mayReview = useMay("change.review");
  const rows = changes.data?.items ?? [];
  const toggle = (change: Change) => {
    const next = new Map(chosen);
    if (!next.delete(change.id)) next.set(change.id, change);
    setChosen(next);
  };
  const markable = (change: Change) => mayReview && change.state === "in_review";
  const narrowed = wanted !== "" || filter.app !== "" || view !== "all" || search.state !== undefined;
  return (
    <>
      <PageHead
        title={t("changes.title")}
        about={t("changes.about")}
        actions={
          mayPropose && (
            <Button leftSection={<Icon name="plus" size={16} />} onClick={make}>
              {t("changes.new")}
            </Button>
          )
        }
      />
      <Panel flush>
        <Group px={16} py={12} gap="sm" style={{ borderBottom: "1px solid var(--tp-border)" }}>
          <SegmentedControl size="sm" aria-label={t("changes.view")} value={view} onChange={(next) => void navigate({ search: { ...search, view: next, state: undefined } })} data={VIEWS.map((value) => ({ value, label: t(`changes.view.${value}`) }))} />
          <TextInput data-search aria-label={t("changes.search")} placeholder={t("changes.search")} leftSection={<Icon name="search" size={16} />} value={text} onChange={(change) => setText(change.currentTarget.value)} w={240} />
          <Select aria-label={t("changes.state")} w={150} value={state || "any"} allowDeselect={false} onChange={(next) => void navigate({ search: { ...search, state: next as ChangeState | "open" | "any" } })} data={[{ value: "open", label: t("changes.state.open") }, ...STATES.map((value) => ({ value, label: t(`change.state.${value}`) })), { value: "any", label: t("changes.state.any") }]} />
          <AppSelect w={150} all value={filter.app} change={(next) => void navigate({ search: { ...search, app: next || undefined } })} />
        </Group>
        {chosen.size > 0 && (
          <Group px={16} py={8} gap="sm" role="region" aria-label={t("changes.chosen", { count: chosen.size })} style={{ background: "var(--tp-hover)", borderBottom: "1px solid var(--tp-border)" }}>
            <Text fz="sm" fw={600}>
              {t("changes.chosen", { count: chosen.size })}
            </Text>
            <Button size="xs" onClick={approve}>
              {t("changes.approve_chosen")}
            </Button>
            <Button size="xs" variant="default" onClick={() => setChosen(new Map())}>
              {t("changes.choose_none")}
            </Button>
          </Group>
        )}
        {changes.isPending ? (
          <div className="tp-panel-body">
            <Loading rows={6} />
          </div>
        ) : changes.isError ? (
          <div className="tp-panel-body">
            <ErrorState error={changes.error} retry={() => void changes.refetch()} />
          </div>
        ) : rows.length === 0 ? (
          view === "waits" && wanted === "" ? (
            <Empty title={t("changes.none_wait")}>{t("changes.none_wait.about")}</Empty>
          ) : narrowed ? (
            <Empty title={t("changes.none_found")} />
          ) : (
            <Empty
              title={t("changes.empty")}
              action={
                mayPropose && (
                  <Button variant="default" onClick={make}>
                    {t("changes.new")}
                  </Button>
                )
              }
            >
              {t("changes.empty.about")}
            </Empty>
          )
        ) : (
          <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }} aria-label={t("changes.title")}>
            {rows.map((change, index) => (
              <ChangeRow key={change.id} change={change} row={index} markable={markable(change)} marked={chosen.has(change.id)} mark={() => toggle(change)} />
            ))}
          </Stack>
        )}
        <Pages trail={trail} next={changes.data?.next} go={setTrail} />
      </Panel>
      {making && <NewChange app={filter.app} close={unmake} />}
      {approving && (
        <BulkApproval
          changes={[...chosen.values()]}
          close={() => {
            unapprove();
            setChosen(new Map());
          }}
        />
      )}
    </>
  );
}

function ChangeRow({ change, row, markable, marked, mark }: { change: Change; row: number; markable: boolean; marked: boolean; mark: () => void }) {
  const { t, locale } = useText();
  const navigate = useNavigate();
  const over = change.state === "merged" || change.state === "closed";
  return (
    <li className="tp-finding tp-row tp-item" data-row={row} tabIndex={-1} onClick={() => void navigate({ to: "/changes/$id", params: { id: String(change.id) } })}>
      <Group gap={12} wrap="nowrap" align="flex-start">
        <div style={{ width: 20, paddingTop: 2 }} onClick={(click) => click.stopPropagation()}>
          {markable && <Checkbox size="sm" data-choose checked={marked} onChange={mark} aria-label={t("changes.choose", { title: change.title })} />}
        </div>
        <div style={{ flex: 1, minWidth: 0 }}>
          <Group gap={8}>
            <Link className="tp-link" to="/changes/$id" params={{ id: String(change.id) }} onClick={(click) => click.stopPropagation()} style={{ overflowWrap: "anywhere" }}>
              {change.title}
            </Link>
            <ChangeStateBadge state={change.state} />
            {change.waits_for_me && !over && (
              <Text span fz="xs" fw={650} c="light-dark(var(--mantine-color-indigo-8), var(--mantine-color-indigo-3))">
                {t("changes.waits_for_me")}
              </Text>
            )}
            {change.stale && !over && (
              <Text span fz="xs" c="light-dark(#8a4b00, var(--mantine-color-orange-4))">
                {t("changes.stale")}
              </Text>
            )}
          </Group>
          <Group gap={6} mt={4} c="dimmed" fz="xs">
            <span className="tp-num">#{change.id}</span>·<span>{change.app}</span>·
            <Group gap={4} wrap="nowrap">
              <PersonMark name={change.author} size={16} />
              {change.author}
            </Group>
            ·
            <span title={moment(change.updated_at, locale)}>{t("changes.updated", { ago: ago(change.updated_at, locale) })}</span>
            {change.deadline && !over && (
              <>
                ·<Deadline date={change.deadline} />
              </>
            )}
          </Group>
        </div>
        <Group gap={14} wrap="nowrap" visibleFrom="sm">
          {change.unread > 0 && (
            <Group gap={4} wrap="nowrap" c="light-dark(var(--mantine-color-indigo-8), var(--mantine-color-indigo-3))" title={t("changes.unread", { count: change.unread })} role="img" aria-label={t("changes.unread", { count: change.unread })}>
              <Icon name="comment" size={15} />
              <Text span fz="xs" fw={650} className="tp-num">
                {count(change.unread, locale)}
              </Text>
            </Group>
          )}
          <ChangeSize change={change} />
        </Group>
      </Group>
    </li>
  );
}
