/** Who has to agree to what, and why they; approvals that fell, and what made them fall. */
import { Button, Checkbox, Group, Stack, Switch, Text, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Approval, Change } from "../../api/review";
import { approvalsQuery, approveItems, changeKey } from "../../api/queries-review";
import { Compatibility, Grade } from "../../components/badges";
import { Icon } from "../../components/icons";
import { Pages } from "../../components/pages";
import { sectionName } from "../../components/plan-diff";
import { People, Person } from "../../components/person";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { ago, moment } from "../../format";
import { useText, type MessageId, type Translate } from "../../i18n";
import { sentence } from "../../i18n/said";
import { allowedOf } from "./model";
import { reasonWords } from "./reasons";

export function ReviewersTab({ change }: { change: Change }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const [mine, setMine] = useState(false);
  const [waiting, setWaiting] = useState(false);
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const approvals = useQuery(approvalsQuery(change.id, { text: wanted, mine, waiting }, trail.at(-1) ?? ""));
  const approve = useMutation({
    mutationFn: (events: string[]) => approveItems(change, events),
    onSuccess: async () => {
      setChosen(new Set());
      await cache.invalidateQueries({ queryKey: changeKey(change.id) });
    },
  });
  const narrow = (act: () => void) => {
    act();
    setTrail([]);
  };
  const items = approvals.data?.items ?? [];
  const open = change.state === "in_review" || change.state === "approved";
  const selectable = items.filter((item) => open && item.may_approve && !item.approved);
  const toggle = (event: string) => {
    const next = new Set(chosen);
    if (!next.delete(event)) next.add(event);
    setChosen(next);
  };
  return (
    <Stack gap="md">
      <Panel
        flush
        title={t("reviewers.title")}
        aside={
          allowedOf(change, "approve").allowed && (
            <Button size="compact-sm" disabled={chosen.size === 0} loading={approve.isPending} onClick={() => approve.mutate([...chosen])}>
              {t("reviewers.approve_chosen", { count: chosen.size })}
            </Button>
          )
        }
      >
        <Group px={16} pb={12} gap="md">
          <TextInput data-search size="xs" aria-label={t("change.events.search")} placeholder={t("change.events.search")} leftSection={<Icon name="search" size={14} />} value={text} onChange={(event) => narrow(() => setText(event.currentTarget.value))} w={220} />
          <Switch size="xs" label={t("reviewers.mine")} checked={mine} onChange={(event) => narrow(() => setMine(event.currentTarget.checked))} />
          <Switch size="xs" label={t("reviewers.waiting")} checked={waiting} onChange={(event) => narrow(() => setWaiting(event.currentTarget.checked))} />
        </Group>
        {approve.isError && (
          <div style={{ padding: "0 16px 12px" }}>
            <ErrorState error={approve.error} />
          </div>
        )}
        {approvals.isPending ? (
          <div className="tp-panel-body">
            <Loading />
          </div>
        ) : approvals.isError ? (
          <div className="tp-panel-body">
            <ErrorState error={approvals.error} retry={() => void approvals.refetch()} />
          </div>
        ) : items.length === 0 ? (
          <Empty title={wanted || mine || waiting ? t("reviewers.none_found") : t("reviewers.none")}>{!(wanted || mine || waiting) && t("reviewers.none.about")}</Empty>
        ) : (
          <div className="tp-scroll" role="region" aria-label={t("reviewers.title")} tabIndex={0}>
            <table className="tp-table">
              <thead>
                <tr>
                  <th scope="col" style={{ width: 34 }}>
                    {selectable.length > 1 && (
                      <Checkbox size="xs" aria-label={t("reviewers.choose_all")} checked={selectable.every((item) => chosen.has(itemKey(item)))} onChange={(event) => setChosen(event.currentTarget.checked ? new Set(selectable.map(itemKey)) : new Set())} />
                    )}
                  </th>
                  <th scope="col">{t("reviewers.item")}</th>
                  <th scope="col">{t("reviewers.grade")}</th>
                  <th scope="col">{t("reviewers.needs")}</th>
                  <th scope="col">{t("reviewers.who")}</th>
                  <th scope="col">{t("reviewers.state")}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((item) => (
                  <ApprovalRow key={itemKey(item)} change={change} item={item} selectable={selectable.includes(item)} chosen={chosen.has(itemKey(item))} toggle={() => toggle(itemKey(item))} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        <Pages trail={trail} next={approvals.data?.next} go={setTrail} />
      </Panel>
    </Stack>
  );
}

/** What the API calls a part that waits for approval. */
const itemKey = (item: Approval): string => `${item.section}/${item.name}`;

function ApprovalRow({ change, item, selectable, chosen, toggle }: { change: Change; item: Approval; selectable: boolean; chosen: boolean; toggle: () => void }) {
  const { t, locale } = useText();
  return (
    <tr data-row={itemKey(item)} tabIndex={-1}>
      <td>{selectable && <Checkbox size="xs" data-choose aria-label={t("changes.choose", { title: item.name })} checked={chosen} onChange={toggle} />}</td>
      <td>
        <Group gap={8}>
          <Link className="tp-link tp-mono" to="/changes/$id" params={{ id: String(change.id) }} search={{ tab: "events", event: item.name }}>
            {item.name}
          </Link>
          {item.section !== "events" && (
            <Text span fz="xs" c="dimmed">
              {sectionName(item.section, t)}
            </Text>
          )}
          <Compatibility kind={item.compatibility} />
        </Group>
      </td>
      <td>{item.grade && <Grade grade={item.grade} />}</td>
      <td>
        <Text fz="sm">{ruleWords(item, t)}</Text>
        {item.owner && (
          <Group gap={4} mt={2} c="dimmed" fz="xs">
            {t("reviewers.owner")} <Person name={item.owner} size={16} />
          </Group>
        )}
      </td>
      <td>{item.reviewers.length ? <People names={item.reviewers} most={5} /> : <Text fz="sm" c="dimmed">{t("reviewers.nobody")}</Text>}</td>
      <td>
        {item.approved ? (
          <Group gap={6} wrap="nowrap">
            <span className="tp-dot" style={{ background: "var(--mantine-color-teal-6)" }} />
            <Text span fz="sm" title={item.approved_at === null ? undefined : moment(item.approved_at, locale)}>
              {t("reviewers.approved", { by: item.approved_by.join(", ") })}
            </Text>
          </Group>
        ) : (
          <Group gap={6} wrap="nowrap">
            <span className="tp-dot" style={{ background: "var(--mantine-color-orange-6)" }} />
            <Text span fz="sm">
              {item.may_approve ? t("reviewers.yours") : t("reviewers.waits")}
            </Text>
            {item.why_not && (
              <Tooltip label={reasonWords(item.why_not, t)} multiline maw={340}>
                <Text span fz="xs" c="dimmed" tabIndex={0} style={{ textDecoration: "underline dotted" }} aria-label={reasonWords(item.why_not, t)}>
                  {t("reviewers.why_not")}
                </Text>
              </Tooltip>
            )}
          </Group>
        )}
        {item.fallen.map((fallen) => (
          <Text key={`${fallen.by} ${fallen.at}`} fz="xs" c="light-dark(#8a4b00, var(--mantine-color-orange-4))" mt={2} title={moment(fallen.at, locale)}>
            {t("reviewers.fallen", { by: fallen.by, ago: ago(fallen.at, locale), because: sentence(fallen.because) })}
          </Text>
        ))}
      </td>
    </tr>
  );
}

const RULES = { P0: "reviewers.rule.p0", P1: "reviewers.rule.p1", P2: "reviewers.rule.p2", P3: "reviewers.rule.p3", "P1 regraded": "reviewers.rule.p1_regraded", "P2 regraded": "reviewers.rule.p1_regraded", "P3 regraded": "reviewers.rule.p3_regraded" } as const satisfies Record<string, MessageId>;

/** What an approver must be, in the reader's language where the rule is a known one. */
function ruleWords(item: Approval, t: Translate): string {
  const known = Object.entries(RULES).find(([rule]) => rule === item.rule);
  return known ? t(known[1]) : item.needs;
}
