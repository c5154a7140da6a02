/** A change request at a glance: what for, who, how far; its own words can be mended here. */
import { Button, Group, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode, type SyntheticEvent } from "react";
import type { Approval, Change } from "../../api/review";
import { changeKey, patchChange, requirementQuery, requirementsQuery } from "../../api/queries-review";
import { Compatibility } from "../../components/badges";
import { Icon } from "../../components/icons";
import { People, Person } from "../../components/person";
import { ErrorState, Panel } from "../../components/states";
import { day, moment } from "../../format";
import { useText } from "../../i18n";
import { ReasonList } from "./actions";
import { allowedOf, approvalCount, countsOf, nextAction, partsOf, type Thread } from "./model";
import { Deadline, sizeless } from "./parts";

export function OverviewTab({ change, approvals, threads }: { change: Change; approvals: readonly Approval[]; threads: readonly Thread[] }) {
  const { t, locale } = useText();
  const [editing, setEditing] = useState(false);
  const need = useQuery({ ...requirementQuery(change.requirement ?? 0), enabled: change.requirement !== null, retry: false }).data;
  const over = change.state === "merged" || change.state === "closed";
  const counts = countsOf(change);
  const asked = [...new Set(approvals.flatMap((approval) => (approval.approved ? [] : approval.reviewers)))];
  const agreed = [...new Set(approvals.flatMap((approval) => approval.approved_by))];
  const facts: [string, ReactNode][] = [
    [t("change.author"), <Person key="author" name={change.author} />],
    [t("change.requirement"), change.requirement === null ? <Text span fz="sm" c="dimmed" key="none">{t("change.requirement.none")}</Text> : <Link key="need" className="tp-link" to="/requirements/$id" params={{ id: String(change.requirement) }}>{need?.title ?? `#${change.requirement}`}</Link>],
    [t("change.deadline"), change.deadline ? <span key="deadline">{day(change.deadline, locale)} · <Deadline date={change.deadline} over={over} /></span> : <Text span fz="sm" c="dimmed" key="none">{t("change.deadline.none")}</Text>],
    [t("change.created"), moment(change.created_at, locale, "short")],
    [t("change.version"), t("change.version.about", { version: change.version, base: change.base })],
  ];
  return (
    <div className="tp-review">
      <Stack gap="md">
        <Panel
          title={t("change.description")}
          aside={
            allowedOf(change, "edit").allowed &&
            !editing && (
              <Button size="compact-sm" variant="subtle" leftSection={<Icon name="edit" size={14} />} onClick={() => setEditing(true)}>
                {t("change.edit")}
              </Button>
            )
          }
        >
          {editing ? <EditWords change={change} done={() => setEditing(false)} /> : change.description ? <p className="tp-prose">{change.description}</p> : <Text c="dimmed" fz="sm">{t("change.description.none")}</Text>}
        </Panel>
        <Next change={change} approvals={approvals} threads={threads} />
      </Stack>
      <Stack gap="md">
        <Panel title={t("change.facts")}>
          <dl className="tp-facts">
            {facts.map(([name, value]) => (
              <div key={name} style={{ display: "contents" }}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </Panel>
        <Panel title={t("change.size")}>
          <Group gap={6}>
            {(["breaking", "narrowing", "additive", "neutral"] as const).map((kind) => counts[kind] > 0 && <Compatibility key={kind} kind={kind} count={counts[kind]} />)}
            {counts.breaking + counts.narrowing + counts.additive + counts.neutral === 0 && <Text fz="sm" c="dimmed">{t(sizeless(change))}</Text>}
          </Group>
        </Panel>
        {(agreed.length > 0 || (asked.length > 0 && !over)) && (
          <Panel title={t("change.tab.reviewers")}>
            <dl className="tp-facts">
              {agreed.length > 0 && (
                <>
                  <dt>{t("change.agreed")}</dt>
                  <dd>
                    <People names={agreed} most={8} />
                  </dd>
                </>
              )}
              {asked.length > 0 && !over && (
                <>
                  <dt>{t("change.asked")}</dt>
                  <dd>
                    <People names={asked} most={8} />
                  </dd>
                </>
              )}
            </dl>
          </Panel>
        )}
      </Stack>
    </div>
  );
}

/** What comes next, and what stands in its way. */
function Next({ change, approvals, threads }: { change: Change; approvals: readonly Approval[]; threads: readonly Thread[] }) {
  const { t } = useText();
  const action = nextAction(change.state);
  if (!action) return null;
  const { allowed, reasons } = allowedOf(change, action);
  const { given, needed, fallen } = approvalCount(change, approvals);
  const open = threads.filter((thread) => !thread.resolved).length;
  const lines: { ok: boolean; text: string; tab: "reviewers" | "discussion" | "events" }[] = [];
  const size = partsOf(countsOf(change));
  lines.push({ ok: size > 0, text: size > 0 ? t("next.size", { count: size }) : t("next.size.none"), tab: "events" });
  if (needed > 0 && change.state !== "draft") lines.push({ ok: given === needed, text: fallen > 0 ? t("next.approvals.fallen", { given, needed, fallen }) : t("next.approvals", { given, needed }), tab: "reviewers" });
  lines.push({ ok: open === 0, text: open === 0 ? t("next.threads.none") : t("next.threads", { count: open }), tab: "discussion" });
  return (
    <Panel title={t(`next.${action}`)}>
      <Stack gap={8}>
        {lines.map((line) => (
          <Group key={line.text} gap={10} wrap="nowrap">
            <span className="tp-dot" style={{ background: `var(--mantine-color-${line.ok ? "teal" : "orange"}-6)` }} />
            <Link className="tp-link" style={{ fontWeight: 500, fontSize: 14 }} to="/changes/$id" params={{ id: String(change.id) }} search={{ tab: line.tab }}>
              {line.text}
            </Link>
          </Group>
        ))}
        {!allowed && reasons.length > 0 && (
          <div role="note">
            <Text fz="sm" fw={600} mt={4}>
              {t("next.closed", { action: t(`change.action.${action}`) })}
            </Text>
            <Text fz="sm" c="dimmed" component="div">
              <ReasonList reasons={reasons} />
            </Text>
          </div>
        )}
      </Stack>
    </Panel>
  );
}

function EditWords({ change, done }: { change: Change; done: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const requirements = useQuery(requirementsQuery({ text: "", app: "", mine: false })).data?.items ?? [];
  const [title, setTitle] = useState(change.title);
  const [description, setDescription] = useState(change.description);
  const [requirement, setRequirement] = useState<string | null>(change.requirement === null ? null : String(change.requirement));
  const [deadline, setDeadline] = useState(change.deadline ?? "");
  const keep = useMutation({
    mutationFn: () => patchChange(change, { title: title.trim(), description, requirement: requirement === null ? null : Number(requirement), deadline: deadline || null }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: changeKey(change.id) });
      done();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (title.trim()) keep.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput label={t("change.title")} value={title} onChange={(event) => setTitle(event.currentTarget.value)} required maxLength={200} data-autofocus />
        <Textarea label={t("change.description")} autosize minRows={4} maxRows={20} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
        <Group grow>
          <Select label={t("change.requirement")} placeholder={t("change.requirement.none")} clearable searchable data={requirements.map((one) => ({ value: String(one.id), label: one.title }))} value={requirement} onChange={setRequirement} />
          <TextInput type="date" label={t("change.deadline")} value={deadline} onChange={(event) => setDeadline(event.currentTarget.value)} />
        </Group>
        {keep.isError && <ErrorState error={keep.error} />}
        <Group gap="xs">
          <Button type="submit" size="xs" loading={keep.isPending} disabled={!title.trim()}>
            {t("thread.keep")}
          </Button>
          <Button size="xs" variant="default" onClick={done}>
            {t("action.cancel")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
