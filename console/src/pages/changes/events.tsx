/** What a change request does to the plan, part by part, with what people say about each place. */
import { ActionIcon, Checkbox, Group, SegmentedControl, Select, Stack, Text, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import type { Change, PartChange } from "../../api/review";
import { changeDiffQuery, partQuery } from "../../api/queries-review";
import { COMPATIBILITY_TONES } from "../../components/badges";
import { Icon } from "../../components/icons";
import { ButtonLink, IconLink } from "../../components/links";
import { Pages } from "../../components/pages";
import { PlanDiff } from "../../components/plan-diff";
import { anchorOf } from "../../components/plan-diff-model";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { count } from "../../format";
import { useText } from "../../i18n";
import { allowedOf, countsOf, partsOf, threadsAt, type Thread } from "./model";
import { ThreadBox, WriteBox, type Anchor } from "./thread";
import { useViewed } from "./use-viewed";

const SideBySide = lazy(async () => ({ default: (await import("../rules/side-by-side")).SideBySide }));

const LAYOUTS = ["list", "side", "text"] as const;
type Layout = (typeof LAYOUTS)[number];
/** Of more parts than this only heads are shown at first, and no text is asked for. */
const OPEN_AT_ONCE = 12;
const SEVERITIES = ["", "breaking", "narrowing", "additive"] as const;

export function EventsTab({ change, threads, focus }: { change: Change; threads: readonly Thread[]; focus: string | undefined }) {
  const { t, locale } = useText();
  const [text, setText] = useState(focus ?? "");
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const [severity, setSeverity] = useState<(typeof SEVERITIES)[number]>("");
  const [layout, setLayout] = useState<Layout>("list");
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [writing, setWriting] = useState<Anchor>();
  const viewed = useViewed(change);
  const diff = useQuery(changeDiffQuery(change.id, { text: wanted, compatibility: severity }, trail.at(-1) ?? ""));
  useEffect(() => setText(focus ?? ""), [focus]);
  const counts = countsOf(change);
  const total = partsOf(counts);
  const mayEdit = allowedOf(change, "edit").allowed;
  const mayComment = allowedOf(change, "comment").allowed;
  const narrow = (act: () => void) => {
    act();
    setTrail([]);
  };
  const addPart = mayEdit && (
    <ButtonLink to="/edit" search={{ app: change.app, change: change.id }} size="xs" variant="default" leftSection={<Icon name="plus" size={14} />}>
      {t("change.events.add")}
    </ButtonLink>
  );
  if (total === 0)
    return (
      <Panel>
        <Empty title={t("change.events.none")} action={addPart}>
          {t("change.events.none.about")}
        </Empty>
      </Panel>
    );
  if (diff.isPending) return <Loading rows={8} />;
  if (diff.isError) return <ErrorState error={diff.error} retry={() => void diff.refetch()} />;
  const items = diff.data.items;
  // What is only affected has the same text as before.
  const texts = items.filter((part) => part.section !== "use" && part.kind !== "affected");
  const aside = (event: string, property?: string) => {
    if (property === "") return null; // the row that says the same as the head
    const here = threadsAt(threads, event, property);
    const open = here.filter((thread) => !thread.resolved).length;
    const whole = property === undefined;
    const place = property ? `${event} ${property}` : event;
    return (
      <Group gap={4} wrap="nowrap">
        {whole && mayEdit && (
          <Tooltip label={t("change.events.edit")}>
            <IconLink to="/edit" search={{ app: change.app, name: event, change: change.id }} data-edit variant="subtle" color="gray" c="dimmed" aria-label={t("change.events.edit_one", { event })}>
              <Icon name="edit" size={16} />
            </IconLink>
          </Tooltip>
        )}
        {mayComment && (
          <Tooltip label={t("thread.comment_on", { place: property ?? event })}>
            <ActionIcon variant="subtle" color={open ? "indigo" : "gray"} c={open ? undefined : "dimmed"} w="auto" px={5} aria-label={open > 0 ? t("thread.comment_on_count", { count: open, place }) : t("thread.comment_on", { place })} onClick={() => setWriting({ event, property: property ?? "" })}>
              <Icon name="comment" size={16} />
              {open > 0 && (
                <Text span fz="xs" fw={650} ml={4}>
                  {open}
                </Text>
              )}
            </ActionIcon>
          </Tooltip>
        )}
        {whole && <Checkbox size="xs" data-choose label={t("change.events.viewed")} aria-label={t("change.events.viewed_one", { event })} checked={viewed.has(event)} onChange={() => viewed.toggle(event)} />}
      </Group>
    );
  };
  const below = (event: string, property?: string) => {
    if (property === "") return null;
    const here = threadsAt(threads, event, property);
    const write = writing?.event === event && writing.property === (property ?? "");
    const whole = property === undefined && items.length <= OPEN_AT_ONCE ? items.find((part) => part.name === event && (part.kind === "added" || part.kind === "removed")) : undefined;
    if (!here.length && !write && !whole) return null;
    return (
      <>
        {whole && <WholeText change={change} part={whole} />}
        {here.map((thread) => (
          <ThreadBox key={thread.root.n} change={change} thread={thread} />
        ))}
        {write && (
          <div className="tp-thread" style={{ padding: 12 }}>
            <WriteBox change={change} anchor={writing} label={t("thread.comment_on", { place: property ?? event })} done={() => setWriting(undefined)} />
          </div>
        )}
      </>
    );
  };
  return (
    <div className="tp-files">
      <Panel flush>
        <div className="tp-files-list">
          <Stack gap={8} p={12}>
            <TextInput data-search size="xs" aria-label={t("change.events.search")} placeholder={t("change.events.search")} leftSection={<Icon name="search" size={14} />} value={text} onChange={(event) => narrow(() => setText(event.currentTarget.value))} />
            <Select size="xs" aria-label={t("change.events.compatibility")} value={severity} allowDeselect={false} onChange={(next) => narrow(() => setSeverity(SEVERITIES.find((value) => value === next) ?? ""))} data={SEVERITIES.map((value) => ({ value, label: value ? `${t(`compatibility.${value}`)} (${count(counts[value], locale)})` : t("change.events.any", { count: count(total, locale) }) }))} />
          </Stack>
          <Stack component="ul" gap={0} m={0} p="0 6px 8px" style={{ listStyle: "none" }} aria-label={t("change.tab.events")}>
            {items.map((part) => (
              <li key={`${part.section} ${part.name}`}>
                <FileLine part={part} viewed={viewed.has(part.name)} threads={threads.filter((thread) => thread.root.event === part.name && !thread.resolved).length} />
              </li>
            ))}
          </Stack>
          <Pages trail={trail} next={diff.data.next} go={setTrail} />
        </div>
      </Panel>
      <Stack gap="sm">
        <Group justify="space-between">
          <Text fz="sm" c="dimmed" role="status">
            {t("change.events.viewed_of", { viewed: items.filter((part) => viewed.has(part.name)).length, shown: items.length })}
          </Text>
          <Group gap="xs">
            {addPart}
            <SegmentedControl size="xs" aria-label={t("change.events.layout")} value={layout} onChange={(value) => setLayout(value)} data={LAYOUTS.map((value) => ({ value, label: t(`change.events.layout.${value}`) }))} />
          </Group>
        </Group>
        {items.length === 0 ? (
          <Panel>
            <Empty title={t("change.events.none_found")} />
          </Panel>
        ) : layout === "text" ? (
          texts.map((part) => <PartText key={`${part.section} ${part.name}`} change={change} part={part} first={texts.length <= 5} />)
        ) : (
          <PlanDiff changes={items} layout={layout} aside={aside} below={below} open={items.length <= OPEN_AT_ONCE} />
        )}
        <Pages trail={trail} next={diff.data.next} go={setTrail} />
      </Stack>
    </div>
  );
}

function FileLine({ part, viewed, threads }: { part: PartChange; viewed: boolean; threads: number }) {
  const go = () => document.getElementById(anchorOf(part.name))?.scrollIntoView({ block: "start" });
  return (
    <UnstyledButton className="tp-file" data-viewed={viewed || undefined} onClick={go} title={part.name}>
      <span className="tp-dot" style={{ background: `var(--mantine-color-${COMPATIBILITY_TONES[part.compatibility]}-6)` }} />
      <Text span fz="sm" truncate className="tp-mono" flex={1}>
        {part.name}
      </Text>
      {threads > 0 && (
        <Text span fz="xs" fw={650}>
          {threads}
        </Text>
      )}
      {viewed && <Icon name="check" size={14} />}
    </UnstyledButton>
  );
}

/** All of a part that comes or goes: a reviewer reads it, not that it is there. */
function WholeText({ change, part }: { change: Change; part: PartChange }) {
  const { t } = useText();
  const section = part.section === "use" ? undefined : part.section;
  const text = useQuery({ ...partQuery(change.id, section ?? "events", part.name), enabled: section !== undefined });
  const shown = part.kind === "removed" ? text.data?.base : text.data?.text;
  if (!shown) return null;
  return (
    <pre className="tp-code tp-whole" data-side={part.kind === "removed" ? "before" : "after"} aria-label={t("change.events.whole", { name: part.name })} tabIndex={0}>
      {shown.trimEnd()}
    </pre>
  );
}

/** One part as YAML, before and after, asked for when it is unfolded. */
function PartText({ change, part, first }: { change: Change; part: PartChange; first: boolean }) {
  const { t } = useText();
  const [open, setOpen] = useState(first);
  const section = part.section === "use" ? undefined : part.section;
  const text = useQuery({ ...partQuery(change.id, section ?? "events", part.name), enabled: open && section !== undefined });
  return (
    <section className="tp-panel" id={anchorOf(part.name)} aria-label={part.name}>
      <UnstyledButton className="tp-file" p={10} aria-expanded={open} onClick={() => setOpen(!open)}>
        <span style={{ display: "inline-flex", transform: open ? "rotate(90deg)" : undefined }}>
          <Icon name="chevron" size={15} />
        </span>
        <span className="tp-mono" style={{ fontWeight: 600 }}>
          {part.name}
        </span>
        {text.data?.file && (
          <Text span fz="xs" c="dimmed">
            {text.data.file}
          </Text>
        )}
      </UnstyledButton>
      {open && (
        <div style={{ padding: "0 12px 12px" }}>
          {text.isPending ? (
            <Loading rows={3} />
          ) : text.isError ? (
            <ErrorState error={text.error} retry={() => void text.refetch()} />
          ) : (
            <Suspense fallback={<Loading rows={3} />}>
              <SideBySide left={{ title: t("diff.before"), text: text.data.base ?? "" }} right={{ title: t("diff.after"), text: text.data.text ?? "" }} />
            </Suspense>
          )}
        </div>
      )}
    </section>
  );
}
