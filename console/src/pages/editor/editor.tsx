/** The editor of a plan's part: form and YAML of the same text, checked and previewed while one writes, saved into a change request. */
import { Alert, Badge, Button, Group, Kbd, Modal, SegmentedControl, Select, Stack, Tabs, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiError, type Finding } from "../../api/client";
import { sessionQuery } from "../../api/queries";
import { branchPartQuery, draftOfUnplanned, myChangesQuery, previewQuery, readChange, saveParts, startChange } from "../../api/queries-editor";
import type { BranchPart } from "../../api/design";
import { planPartQuery, shapesQuery } from "../../api/queries-plans";
import { CodeEditor, type CodeEditorHandle } from "../../components/code-editor";
import { FindingText } from "../../components/finding";
import { Icon } from "../../components/icons";
import { ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago } from "../../format";
import { useText } from "../../i18n";
import type { EditSearch, Section } from "../addresses";
import { ConflictDialog } from "../rules/conflict";
import { diagnosticsOf } from "../rules/text";
import { EventForm } from "./event-form";
import { EditingProvider, type Editing } from "./fields";
import { forgetText, keepText, keptText, keyOf } from "./keep";
import { GroupForm, MetricForm, TypeForm } from "./other-forms";
import { pathOf, readPart, withKey, withValue } from "./part";
import { PreviewPanel } from "./preview";
import { ProposalsPanel } from "./proposals";
import { Start, type Begun } from "./start";

/** What the page was opened for, with the text to begin with. */
interface Opened extends Begun {
  base: string;
  /** The change request's ETag when the text was read. */
  etag: string;
  isNew: boolean;
}

export function EditorPage() {
  const search = useSearch({ from: "/edit" });
  const navigate = useNavigate({ from: "/edit" });
  const [begun, setBegun] = useState<Begun>();
  // A change request that was started by saving: the address names it, the page stays as it is.
  const [started, setStarted] = useState<{ before: number | undefined; now: number }>();
  const { app, section = "events", name, change, from } = search;
  const goOn = (next: Begun) => {
    setBegun(next);
    void navigate({ search: { app: next.app, section: next.section, name: next.name, ...(next.change !== undefined && { change: next.change }) }, replace: true });
  };
  if (!app || !name) return <Start search={search} begin={goOn} />;
  const opened = started !== undefined && started.now === change ? started.before : change;
  const moved = (now: number) => {
    setStarted({ before: opened, now });
    void navigate({ search: { app, section, name, change: now }, replace: true });
  };
  return <Opening key={`${app} ${section} ${name} ${opened ?? ""}`} app={app} section={section} name={name} change={opened} from={from} moved={moved} begun={begun?.name === name && begun.app === app ? begun : undefined} search={search} begin={goOn} />;
}

interface OpeningProps {
  app: string;
  section: Section;
  name: string;
  change: number | undefined;
  from: string | undefined;
  begun: Begun | undefined;
  search: EditSearch;
  begin: (begun: Begun) => void;
  /** The part is saved into this change request from now on. */
  moved: (change: number) => void;
}

/** Read what is there before anything is shown: the branch's text, the plan's, a draft of what arrives. */
function Opening({ app, section, name, change, from, begun, search, begin, moved }: OpeningProps) {
  const onBranch = useQuery({ ...branchPartQuery(change ?? 0, section, name), enabled: change !== undefined });
  const inForce = useQuery({ ...planPartQuery(app, section, name), enabled: change === undefined });
  const unplanned = from?.startsWith("unplanned:") ? from.slice("unplanned:".length) : undefined;
  const draft = useQuery({ queryKey: ["unplanned", app, unplanned, "draft"], queryFn: () => draftOfUnplanned(app, unplanned ?? ""), enabled: unplanned !== undefined && !begun, retry: false });
  const read = change !== undefined ? onBranch : inForce;
  const absent = read.error instanceof ApiError && read.error.status === 404;
  if (read.isPending || (unplanned !== undefined && !begun && draft.isPending)) return <Loading rows={8} />;
  if (read.isError && !absent) return <ErrorState error={read.error} retry={() => void read.refetch()} />;
  const held = read.data?.text ?? "";
  const screenshot = from?.startsWith("screenshot:") ? from.slice("screenshot:".length) : undefined;
  const isNew = held === "";
  if (isNew && !begun && unplanned === undefined && keptText(keyOf(app, section, name, change)) === undefined) return <Start search={search} begin={begin} />;
  let text = held || begun?.text || draft.data?.text || `${name}:\n`;
  if (screenshot !== undefined) text = withValue(text, ["screenshots"], [...screenshotsIn(text), screenshot]);
  const notes = begun?.notes ?? draft.data?.notes ?? [];
  const opened: Opened = { app, section, name, text, base: held, etag: read.data && "etag" in read.data && change !== undefined ? read.data.etag : "", isNew, notes, ...(change !== undefined && { change }) };
  return <Editor opened={opened} moved={moved} />;
}

const screenshotsIn = (text: string): string[] => {
  const { values } = readPart(text);
  return Array.isArray(values.screenshots) ? values.screenshots.map(String) : [];
};

const NEW = "new";
type View = "form" | "yaml";

function Editor({ opened, moved }: { opened: Opened; moved: (change: number) => void }) {
  const { t, locale } = useText();
  const { app, section, name } = opened;
  const cache = useQueryClient();
  const navigate = useNavigate();
  const session = useQuery(sessionQuery).data;
  const may = session?.may.includes("change.propose") ?? false;
  const shapes = useQuery(shapesQuery(app)).data;
  const changes = useQuery(myChangesQuery(app));
  const [change, setChange] = useState(opened.change);
  const key = keyOf(app, section, name, opened.change);
  const [kept] = useState(() => keptText(key));
  const resumed = kept !== undefined && kept.text !== opened.base ? kept : undefined;
  const [text, setText] = useState(resumed?.text ?? opened.text);
  const [base, setBase] = useState(opened.base);
  const [etag, setEtag] = useState(opened.etag);
  const [notice, setNotice] = useState<"resumed" | "saved" | "">(resumed ? "resumed" : "");
  const [view, setView] = useState<View>("form");
  const [side, setSide] = useState<string | null>(opened.isNew ? "proposals" : "findings");
  const [asking, setAsking] = useState<false | "save" | "leave">(false);
  const [title, setTitle] = useState("");
  const [savedVersion, setSavedVersion] = useState<number>();
  const [conflict, setConflict] = useState<NonNullable<ApiError["conflict"]>>();
  const editor = useRef<CodeEditorHandle>(null);
  const leaving = useRef(false);

  const changed = text !== base;
  const keptHere = useRef(true);
  useEffect(() => {
    if (!changed) return undefined;
    const timer = setTimeout(() => {
      keptHere.current = keepText(key, { text, base, at: Date.now() });
    }, 250);
    return () => clearTimeout(timer);
  }, [changed, key, text, base]);

  const [settled] = useDebouncedValue(text, 250);
  const preview = useQuery(previewQuery({ app, section, name, change }, settled));
  const current = preview.data && !preview.isPlaceholderData && settled === text ? preview.data : undefined;
  const findings = useMemo<readonly Finding[]>(() => preview.data?.findings ?? [], [preview.data]);
  const elsewhere = preview.data?.elsewhere ?? [];
  const errors = findings.filter((finding) => finding.severity !== "warning").length;
  const diagnostics = useMemo(() => (preview.isPlaceholderData ? undefined : diagnosticsOf(settled, findings)), [settled, findings, preview.isPlaceholderData]);
  const part = useMemo(() => readPart(text), [text]);
  const misnamed = part.fault === undefined && part.name !== "" && part.name !== name;

  const editing = useMemo<Editing>(
    () => ({
      values: part.values,
      readOnly: !may,
      put: (path, value) => setText((before) => withValue(before, path, value)),
      rename: (path, to) => setText((before) => withKey(before, path, to)),
      findings: findings.map((finding) => ({ finding, path: pathOf(finding, section, name, settled) })).filter(({ path }) => path.length > 0),
    }),
    [part, may, findings, section, name, settled],
  );

  const save = useMutation({
    mutationFn: async ({ into, over }: { into: number | undefined; over?: string }) => {
      let id = into;
      let tag = over ?? (into === opened.change || into === change ? etag : "");
      if (id === undefined) {
        const made = await startChange(app, title.trim() || t("editor.change.title", { name }));
        id = made.id;
        tag = made.etag;
      } else if (!tag) tag = (await readChange(id)).etag;
      const saved = await saveParts(id, tag, [{ section, name, text }]);
      return { id, saved };
    },
    onSuccess: ({ id, saved }) => {
      setBase(text);
      setEtag(saved.etag);
      setSavedVersion(saved.version);
      setNotice("saved");
      setConflict(undefined);
      setAsking(false);
      forgetText(key);
      forgetText(keyOf(app, section, name, id));
      void cache.invalidateQueries({ queryKey: ["changes"], refetchType: "active" });
      cache.setQueryData(branchPartQuery(id, section, name).queryKey, (before: BranchPart | undefined) => (before ? { ...before, text, etag: saved.etag } : before));
      if (id !== change) {
        setChange(id);
        moved(id);
      }
    },
    onError: (error) => {
      if (error instanceof ApiError && error.conflict) setConflict(error.conflict);
    },
  });
  const submit = () => {
    if (!may || save.isPending || !changed) return;
    if (change === undefined) setAsking("save");
    else save.mutate({ into: change });
  };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && (event.key === "s" || event.key === "Enter") && !event.defaultPrevented) {
        event.preventDefault();
        submit();
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });
  // What this browser keeps is not lost by leaving.
  useBlocker({
    shouldBlockFn: ({ current: from, next }) => from.pathname !== next.pathname && changed && !keptHere.current && !leaving.current && !window.confirm(t("rule.leave")),
    enableBeforeUnload: () => changed && !keptHere.current,
  });
  const discard = () => {
    forgetText(key);
    setText(opened.text);
    setNotice("");
  };
  const goTo = (finding: Finding) => {
    setView("yaml");
    setTimeout(() => editor.current?.goTo(finding.line ?? 1, finding.column ?? 1), 60);
  };
  const goToPath = (path: string) => {
    const label = path.split(".")[0] ?? "";
    setView("form");
    setTimeout(() => {
      const field = [...document.querySelectorAll<HTMLElement>("[data-form] input, [data-form] textarea")].find((one) => one.closest(".mantine-InputWrapper-root")?.textContent.toLowerCase().includes(label));
      field?.focus();
    }, 60);
  };
  const refused = save.error instanceof ApiError && !save.error.conflict ? save.error : undefined;
  const mine = changes.data ?? [];
  const choices = [
    { value: NEW, label: t("editor.change.new") },
    ...mine.map((one) => ({ value: String(one.id), label: `#${one.id} ${one.title}` })),
    ...(change !== undefined && !mine.some((one) => one.id === change) ? [{ value: String(change), label: `#${change}` }] : []),
  ];
  const form = section === "events" ? <EventForm app={app} shapes={shapes} /> : section === "metrics" ? <MetricForm app={app} /> : section === "groups" ? <GroupForm shapes={shapes} /> : <TypeForm name={name} shapes={shapes} />;

  return (
    <EditingProvider value={editing}>
      <PageHead
        title={
          <Group gap={10}>
            {section === "events" && !opened.isNew ? (
              <Link to="/events/$app/$event" params={{ app, event: name }} className="tp-link" aria-label={t("editor.back")} style={{ display: "flex" }}>
                <Icon name="back" size={22} />
              </Link>
            ) : (
              <Link to="/events" className="tp-link" aria-label={t("event.back")} style={{ display: "flex" }}>
                <Icon name="back" size={22} />
              </Link>
            )}
            {name}
            <Badge variant="outline" color={opened.isNew ? "teal" : "blue"} c="var(--mantine-color-text)">
              {opened.isNew ? t("editor.is_new") : t(`diff.section.${section}`)}
            </Badge>
          </Group>
        }
        about={t("editor.about", { app })}
        actions={
          may ? (
            <>
              <Select
                w={250}
                aria-label={t("editor.change")}
                allowDeselect={false}
                searchable={choices.length > 6}
                value={change === undefined ? NEW : String(change)}
                data={choices}
                onChange={(value) => {
                  setChange(value === NEW || value === null ? undefined : Number(value));
                  setEtag("");
                }}
                leftSection={<Icon name="branch" size={16} />}
              />
              <Button onClick={submit} disabled={!changed || part.fault !== undefined || misnamed} loading={save.isPending} rightSection={<Kbd size="xs">Ctrl S</Kbd>}>
                {t("editor.save")}
              </Button>
            </>
          ) : (
            <Text fz="sm" c="dimmed">
              {t("rule.read_only")}
            </Text>
          )
        }
      />
      <Stack gap="md">
        {notice === "saved" && !changed && change !== undefined && (
          <Alert color="teal" variant="outline" role="status" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("editor.saved", { version: savedVersion ?? 0, change })}>
            <Group gap="sm">
              <Button size="compact-sm" onClick={() => void navigate({ to: "/changes/$id", params: { id: String(change) } })}>
                {t("editor.open_change")}
              </Button>
              <Button size="compact-sm" variant="default" onClick={() => void navigate({ to: "/edit", search: { app, section, change } })}>
                {t("editor.next")}
              </Button>
            </Group>
          </Alert>
        )}
        {notice === "resumed" && resumed && changed && (
          <Alert variant="outline" color={resumed.base === base ? "gray" : "orange"} styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("editor.resumed", { ago: ago(resumed.at, locale) })}>
            <Group gap="sm">
              {resumed.base !== base && <Text fz="sm">{t("editor.resumed.moved")}</Text>}
              <Button size="compact-sm" variant="default" onClick={discard}>
                {t("editor.discard")}
              </Button>
            </Group>
          </Alert>
        )}
        {(opened.notes ?? []).length > 0 && (
          <Alert variant="outline" color="blue" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("editor.inferred")}>
            {(opened.notes ?? []).map((note, index) => (
              <Text key={index} fz="sm">
                {note[locale] ?? note.en}
              </Text>
            ))}
          </Alert>
        )}
        {refused && <ErrorState error={refused} />}
        <div className="tp-split">
          <section className="tp-panel" style={{ minWidth: 0 }}>
            <Group px={14} py={8} justify="space-between" style={{ borderBottom: "1px solid var(--tp-border)" }}>
              <SegmentedControl
                size="xs"
                aria-label={t("editor.view")}
                value={view}
                onChange={(value) => setView(value)}
                data={[
                  { value: "form", label: t("editor.view.form") },
                  { value: "yaml", label: "YAML" },
                ]}
              />
              <Group gap={8} role="status" data-testid="check">
                <span className="tp-dot" style={{ background: `var(--mantine-color-${current ? (current.ok ? "teal" : "red") : "gray"}-6)` }} />
                <Text fz="sm" fw={500}>
                  {preview.isError ? t("editor.check.unavailable") : !current ? t("rule.check.checking") : current.ok ? t("editor.check.ok") : t("editor.check.errors", { count: errors })}
                </Text>
              </Group>
              <Text fz="xs" c="dimmed" data-testid="kept">
                {changed ? t("editor.kept") : t("editor.unchanged")}
              </Text>
            </Group>
            {view === "yaml" ? (
              <CodeEditor value={text} onChange={setText} language="yaml" label={t("editor.source")} minHeight={460} maxHeight="70vh" diagnostics={diagnostics} onSubmit={submit} readOnly={!may} handle={editor} />
            ) : part.fault !== undefined ? (
              <Stack p={18} align="flex-start">
                <Alert color="red" variant="outline" role="alert" title={t("editor.unreadable")} styles={{ title: { color: "var(--mantine-color-error)" } }}>
                  {part.fault === "name" ? t("editor.unreadable.name") : part.fault === "shape" ? t("editor.unreadable.shape") : part.fault}
                </Alert>
                <Button variant="default" onClick={() => setView("yaml")}>
                  {t("editor.unreadable.mend")}
                </Button>
              </Stack>
            ) : (
              <div data-form>{form}</div>
            )}
            {misnamed && (
              <Text fz="sm" c="var(--mantine-color-error)" px={14} py={8}>
                {t("editor.misnamed", { name, found: part.name })}
              </Text>
            )}
          </section>
          <div className="tp-sticky-side">
            <Panel flush>
              <Tabs value={side} onChange={setSide} keepMounted={false}>
                <Tabs.List px={4} pt={4} className="tp-side-tabs">
                  <Tabs.Tab value="findings" rightSection={findings.length + elsewhere.length > 0 ? <Badge size="sm" variant="outline" color={errors ? "red" : "yellow"} c="var(--mantine-color-text)">{findings.length + elsewhere.length}</Badge> : undefined}>
                    {t("rule.findings")}
                  </Tabs.Tab>
                  {section === "events" && <Tabs.Tab value="proposals">{t("proposals.title")}</Tabs.Tab>}
                  <Tabs.Tab value="preview">{t("rule.preview")}</Tabs.Tab>
                </Tabs.List>
                <Tabs.Panel value="findings">
                  {preview.isError ? (
                    <div style={{ padding: 14 }}>
                      <ErrorState error={preview.error} retry={() => void preview.refetch()} />
                    </div>
                  ) : (
                    <FindingList findings={findings} elsewhere={elsewhere} goTo={goTo} />
                  )}
                </Tabs.Panel>
                <Tabs.Panel value="proposals">
                  <ProposalsPanel app={app} name={name} text={text} goTo={goToPath} />
                </Tabs.Panel>
                <Tabs.Panel value="preview">
                  <PreviewPanel preview={preview.data} text={settled} />
                </Tabs.Panel>
              </Tabs>
            </Panel>
          </div>
        </div>
      </Stack>
      <Modal opened={asking === "save"} onClose={() => setAsking(false)} title={<Text fw={650}>{t("editor.change.start")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate({ into: undefined });
          }}
        >
          <Stack>
            <Text fz="sm">{t("editor.change.start.about")}</Text>
            <TextInput data-autofocus label={t("editor.change.name")} placeholder={t("editor.change.title", { name })} value={title} onChange={(change) => setTitle(change.currentTarget.value)} />
            {refused && <ErrorState error={refused} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setAsking(false)}>
                {t("action.cancel")}
              </Button>
              <Button type="submit" loading={save.isPending}>
                {t("editor.save")}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
      {conflict && (
        <ConflictDialog
          conflict={conflict}
          title={t("editor.conflict.theirs", { by: conflict.author })}
          about={t("editor.conflict.about", { by: conflict.author })}
          busy={save.isPending}
          mine={text}
          close={() => setConflict(undefined)}
          take={(taken) => {
            setEtag(conflict.etag);
            setBase(conflict.theirs);
            setText(taken);
            setConflict(undefined);
            save.reset();
          }}
          keepMine={() => save.mutate({ into: change, over: conflict.etag })}
          keepLabel={t("editor.conflict.keep")}
        />
      )}
    </EditingProvider>
  );
}

function FindingList({ findings, elsewhere, goTo }: { findings: readonly Finding[]; elsewhere: readonly Finding[]; goTo: (finding: Finding) => void }) {
  const { t } = useText();
  if (findings.length + elsewhere.length === 0)
    return (
      <Text fz="sm" c="dimmed" p={14}>
        {t("editor.findings.none")}
      </Text>
    );
  return (
    <ul style={{ listStyle: "none", margin: 0, padding: 0 }}>
      {findings.map((finding, index) => (
        <li key={index}>
          <button type="button" className="tp-finding tp-plain-button" onClick={() => goTo(finding)}>
            <OneFinding finding={finding} place={finding.line ? t("editor.line", { line: finding.line }) : ""} />
          </button>
        </li>
      ))}
      {elsewhere.map((finding, index) => (
        <li key={`else ${index}`} className="tp-finding">
          <OneFinding finding={finding} place={[t("editor.elsewhere"), finding.file, finding.line].filter(Boolean).join(" ")} />
        </li>
      ))}
    </ul>
  );
}

function OneFinding({ finding, place }: { finding: Finding; place: string }) {
  const warning = finding.severity === "warning";
  return (
    <>
      <Group gap={8}>
        <span className="tp-dot" style={{ background: `var(--mantine-color-${warning ? "yellow" : "red"}-6)` }} />
        <Text fz="xs" c="dimmed">
          <span className="tp-mono">{finding.code}</span> {place}
        </Text>
      </Group>
      <FindingText finding={finding} />
    </>
  );
}

