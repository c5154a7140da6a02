/** A rule: written as text, checked and tried while one types, tried on live traffic, published, watched. */
import { Alert, Badge, Button, Group, Kbd, Menu, Modal, Stack, Tabs, Text } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { api, ApiError, data, type Schemas } from "../../api/client";
import { appsQuery, datasetsQuery, eventsQuery, ruleQuery, ruleVersionsQuery, sessionQuery } from "../../api/queries";
import { checkQuery, draftQuery } from "../../api/queries-rules";
import { CodeEditor, type CodeEditorHandle } from "../../components/code-editor";
import { Icon } from "../../components/icons";
import { ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { moment } from "../../format";
import { useText } from "../../i18n";
import { ruleCompletion, ruleHover } from "./complete";
import { ConflictDialog } from "./conflict";
import { Effective } from "./effective";
import { HistoryTab } from "./history";
import { RuleStatus } from "./list";
import { BudgetPanel, ExplainPanel, FindingsPanel, PreviewPanel, TestsPanel } from "./panels";
import { PublishDialog, type PublishWish } from "./publish";
import { ShadowTab } from "./shadow";
import { isTab, type Tab } from "./tabs";
import { appsIn, diagnosticsOf, nameIn, NEW_RULE } from "./text";
import { useDraft } from "./use-draft";

const BuilderTab = lazy(async () => ({ default: (await import("./builder")).BuilderTab }));
const StatisticsTab = lazy(async () => ({ default: (await import("./statistics")).StatisticsTab }));

type Rule = Schemas["Rule"];
type Draft = Schemas["Draft"];
type Conflict = Schemas["Conflict"];

export function NewRulePage() {
  const apps = useQuery(appsQuery);
  const datasets = useQuery(datasetsQuery);
  const app = apps.data?.[0]?.app ?? "";
  const events = useQuery(eventsQuery(app, "", "", 1));
  const error = apps.error ?? datasets.error ?? events.error;
  if (error) return <ErrorState error={error} />;
  if (!apps.data || !datasets.data || (app && !events.data)) return <Loading rows={8} />;
  return <Editor template={NEW_RULE(app || "my_app", datasets.data[0]?.dataset ?? "my_dataset", events.data?.items[0]?.event ?? "my_event")} draft={null} />;
}

export function RulePage() {
  const { rule } = useParams({ from: "/rules/edit/$rule" });
  const draft = useQuery(draftQuery(rule));
  const found = useQuery({ ...ruleQuery(rule), retry: false });
  if (found.isPending || draft.isPending) return <Loading rows={8} />;
  const unpublished = found.error instanceof ApiError && found.error.status === 404 && draft.data;
  if (found.isError && !unpublished) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  if (draft.isError) return <ErrorState error={draft.error} retry={() => void draft.refetch()} />;
  return <Editor key={rule} rule={found.data} draft={draft.data} />;
}

const publishedKey = (rule: string): string[] => ["published", rule];
const TABS: readonly Tab[] = ["edit", "builder", "shadow", "statistics", "history"];

function Editor({ rule: first, template = "", draft }: { rule?: Rule | undefined; template?: string; draft: Draft | null }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const session = useQuery(sessionQuery).data;
  const apps = useQuery(appsQuery).data;
  const { tab: wanted } = useSearch({ strict: false });
  const tab = isTab(wanted) ? wanted : "edit";
  const [rule, setRule] = useState(first);
  const [source, setSource] = useState(draft?.source ?? first?.source ?? template);
  const [number, setNumber] = useState(() => (first ? cache.getQueryData<number>(publishedKey(first.rule)) : undefined));
  useEffect(() => {
    if (first) return () => cache.removeQueries({ queryKey: publishedKey(first.rule) });
    return undefined;
  }, [cache, first]);
  // Only a draft that stood there before is worth a notice; the one being written says so below the text.
  const [resumed, setResumed] = useState(draft);
  const [conflict, setConflict] = useState<Conflict>();
  const [asking, { open: ask, close: unask }] = useDisclosure();
  const [publishing, { open: openPublish, close: closePublish }] = useDisclosure();
  const editor = useRef<CodeEditorHandle>(null);
  const leaving = useRef(false);

  const [settled] = useDebouncedValue(source, 300);
  const check = useQuery(checkQuery(settled));
  const current = check.data && !check.isPlaceholderData && settled === source ? check.data : undefined;
  const findings = useMemo(() => [...(check.data?.findings ?? []), ...(check.data?.warnings ?? [])], [check.data]);
  const diagnostics = useMemo(() => (check.isPlaceholderData ? undefined : diagnosticsOf(settled, findings)), [settled, findings, check.isPlaceholderData]);
  const errors = findings.filter((finding) => finding.severity !== "warning").length;
  const failedTests = (check.data?.tests ?? []).filter((test) => !test.passed).length;
  const completion = useMemo(() => ruleCompletion(cache, () => locale), [cache, locale]);

  const hover = useMemo(() => ruleHover(cache, () => locale), [cache, locale]);

  const name = rule?.rule ?? nameIn(settled);
  const base = rule?.source ?? template;
  const changed = source !== base;
  const may = session?.may.includes("rule.edit") ?? false;
  const kept = useDraft({ rule: name, source, base, baseVersion: draft?.base_version ?? rule?.version ?? 0, etag: draft?.etag ?? "0", enabled: may });

  const published = (now: Rule) => {
    setConflict(undefined);
    closePublish();
    setResumed(null);
    setRule(now);
    setSource(now.source);
    setNumber(now.number || undefined);
    kept.forget();
    cache.setQueryData(ruleQuery(now.rule).queryKey, now);
    void cache.invalidateQueries({ queryKey: ["rule-list"] });
    void cache.invalidateQueries({ queryKey: ruleVersionsQuery(now.rule).queryKey });
  };
  const publish = useMutation({
    mutationFn: async ({ over, wish }: { over: string | undefined; wish: PublishWish }) => {
      const body = { source, reason: wish.reason, accept_cost: wish.acceptCost };
      const now = rule
        ? await data(api.PUT("/api/v1/rules/{rule}", { params: { path: { rule: rule.rule }, header: { "If-Match": `"${over ?? rule.etag}"` } }, body }))
        : await data(api.POST("/api/v1/rules", { body }));
      if (wish.guard) await data(api.POST("/api/v1/rules/{rule}/guard", { params: { path: { rule: now.rule } }, body: {} })).catch(() => undefined);
      return now;
    },
    onSuccess: (now) => {
      const isNew = !rule;
      published(now);
      if (isNew) {
        // The page of the rule is another one: it goes on watching what this one published.
        leaving.current = true;
        cache.setQueryData(publishedKey(now.rule), now.number);
        void navigate({ to: "/rules/edit/$rule", params: { rule: now.rule }, replace: true });
      }
    },
    onError: (error) => {
      closePublish();
      if (error instanceof ApiError && error.conflict) setConflict(error.conflict);
    },
  });
  const remove = useMutation({
    mutationFn: (gone: Rule) => data(api.DELETE("/api/v1/rules/{rule}", { params: { path: { rule: gone.rule }, header: { "If-Match": `"${gone.etag}"` } } })),
    onSuccess: async ({ number: deleted }) => {
      leaving.current = true;
      await cache.invalidateQueries({ queryKey: ["rule-list"] });
      await navigate({ to: "/rules", search: { deleted } });
    },
  });
  const format = useMutation({
    mutationFn: (frontEnd: Schemas["RuleFormat"]["front_end"]) => data(api.POST("/api/v1/rules/format", { body: { source, front_end: frontEnd } })),
    onSuccess: ({ text }) => setSource(text),
  });
  const discard = useMutation({
    mutationFn: kept.discard,
    onSuccess: () => {
      kept.forget();
      setResumed(null);
      setSource(base);
    },
  });

  const lastWish = useRef<PublishWish>({ reason: "", acceptCost: false, guard: false });
  const submit = () => {
    if (may && (changed || !rule) && current?.ok && !publish.isPending) openPublish();
  };
  // A draft that is saved is not lost by leaving.
  const unsaved = changed && kept.state !== "saved";
  useBlocker({
    shouldBlockFn: ({ current: from, next }) => from.pathname !== next.pathname && unsaved && !leaving.current && !window.confirm(t("rule.leave")),
    enableBeforeUnload: () => unsaved && !leaving.current,
  });
  const refused = publish.error instanceof ApiError && !publish.error.conflict && !(publish.error.findings.length > 0 && errors > 0) ? publish.error : undefined;
  const show = (next: Tab) =>
    void navigate(rule ? { to: "/rules/edit/$rule", params: { rule: rule.rule }, search: { tab: next === "edit" ? undefined : next }, replace: true } : { to: "/rules/new", search: { tab: next === "edit" ? undefined : next }, replace: true });
  const goTo = (line: number, column: number) => {
    if (tab === "edit") editor.current?.goTo(line, column);
    else show("edit");
  };
  const standing = (
                <Group px={14} py={8} justify="space-between" style={{ borderTop: "1px solid var(--tp-border)" }}>
                  <Group gap={8} role="status" data-testid="check">
                    <span className="tp-dot" style={{ background: `var(--mantine-color-${current ? (current.ok ? "teal" : "red") : "gray"}-6)` }} />
                    <Text fz="sm" fw={500}>
                      {check.isError
                        ? t("rule.check.unavailable")
                        : !current
                          ? t("rule.check.checking")
                          : current.ok
                            ? t("rule.check.ok")
                            : t("rule.check.errors", { count: errors + failedTests })}
                    </Text>
                  </Group>
                  <Text fz="xs" c={kept.state === "failed" ? "var(--mantine-color-error)" : "dimmed"} data-testid="draft">
                    {kept.state === "saving" ? t("rule.draft.saving") : kept.state === "saved" ? t("rule.draft.saved") : kept.state === "failed" ? t("rule.draft.failed") : t("rule.keys")}
                  </Text>
                </Group>
  );
  const side = (
              <Panel flush>
                <Tabs defaultValue="findings" keepMounted={false}>
                  <Tabs.List px={4} pt={4} className="tp-side-tabs">
                    <Tabs.Tab value="findings" rightSection={<Counter count={findings.length} colour={errors ? "red" : "yellow"} />}>
                      {t("rule.findings")}
                    </Tabs.Tab>
                    <Tabs.Tab value="tests" rightSection={<Counter count={failedTests} colour="red" />}>
                      {t("rule.tests")}
                    </Tabs.Tab>
                    <Tabs.Tab value="preview">{t("rule.preview")}</Tabs.Tab>
                    <Tabs.Tab value="explain">{t("rule.explain")}</Tabs.Tab>
                    <Tabs.Tab value="budget" rightSection={<Counter count={check.data?.budget?.verdict === "refuse" ? 1 : 0} colour="red" />}>
                      {t("rule.budget")}
                    </Tabs.Tab>
                  </Tabs.List>
                  <Tabs.Panel value="findings">
                    {check.isError ? (
                      <div style={{ padding: 14 }}>
                        <ErrorState error={check.error} retry={() => void check.refetch()} />
                      </div>
                    ) : (
                      <FindingsPanel check={check.data} findings={findings} goTo={goTo} />
                    )}
                  </Tabs.Panel>
                  <Tabs.Panel value="tests">
                    <TestsPanel check={check.data} goTo={goTo} />
                  </Tabs.Panel>
                  <Tabs.Panel value="preview">
                    <PreviewPanel source={settled} apps={appsIn(settled).length ? appsIn(settled) : (apps ?? []).map((app) => app.app)} />
                  </Tabs.Panel>
                  <Tabs.Panel value="explain">
                    <ExplainPanel source={settled} />
                  </Tabs.Panel>
                  <Tabs.Panel value="budget">
                    <BudgetPanel budget={check.data?.budget} />
                  </Tabs.Panel>
                </Tabs>
              </Panel>
  );

  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to="/rules" className="tp-link" aria-label={t("rule.back")} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            {rule ? rule.rule : name || t("rule.new")}
            {rule && <RuleStatus status={rule.status} />}
          </Group>
        }
        about={rule ? t("rule.about", { version: rule.version, time: moment(rule.updated_at, locale), by: rule.updated_by }) : t("rule.new.about")}
        actions={
          <>
            {may && (
              <Menu position="bottom-end">
                <Menu.Target>
                  <Button variant="default" loading={format.isPending}>
                    {t("rule.format")}
                  </Button>
                </Menu.Target>
                <Menu.Dropdown>
                  {(["python", "sql", "builder"] as const).map((frontEnd) => (
                    <Menu.Item key={frontEnd} onClick={() => format.mutate(frontEnd)}>
                      {t(`rule.format.${frontEnd}`)}
                    </Menu.Item>
                  ))}
                </Menu.Dropdown>
              </Menu>
            )}
            {rule && may && (
              <Button variant="default" onClick={ask} leftSection={<Icon name="clear" size={16} />}>
                {t("rule.delete")}
              </Button>
            )}
            {may ? (
              <Button onClick={submit} loading={publish.isPending} disabled={(rule && !changed) || !current?.ok} rightSection={<Kbd size="xs">Ctrl ↵</Kbd>}>
                {t("rule.publish")}
              </Button>
            ) : (
              <Text fz="sm" c="dimmed">
                {t("rule.read_only")}
              </Text>
            )}
          </>
        }
      />
      <Stack gap="md">
        {number !== undefined && <Effective key={number} number={number} what="published" />}
        {rule?.status === "quarantined" && (
          <Alert color="red" variant="outline" role="alert" title={t("rule.quarantined")}>
            {rule.message}
          </Alert>
        )}
        {resumed && changed && kept.state !== "none" && (
          <Alert variant="outline" color={resumed.behind ? "orange" : "gray"} styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("rule.draft.resumed", { author: resumed.author, time: moment(resumed.updated_at, locale, "short") })}>
            <Group gap="sm">
              {resumed.behind && <Text fz="sm">{t("rule.draft.behind", { version: resumed.rule_version })}</Text>}
              <Button size="compact-sm" variant="default" loading={discard.isPending} onClick={() => discard.mutate()}>
                {t("rule.draft.discard")}
              </Button>
            </Group>
          </Alert>
        )}
        {refused && <ErrorState error={refused} />}
        {remove.isError && <ErrorState error={remove.error} />}
        {format.isError && <ErrorState error={format.error} />}
        <Tabs value={tab} onChange={(next) => isTab(next) && show(next)} keepMounted={false}>
          <Tabs.List mb="md">
            {TABS.filter((one) => rule !== undefined || one === "edit" || one === "builder").map((one) => (
              <Tabs.Tab key={one} value={one}>
                {t(`rule.tab.${one}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="edit">
            <div className="tp-split">
              <section className="tp-panel" style={{ overflow: "hidden" }}>
                <CodeEditor
                  value={source}
                  onChange={setSource}
                  language="yaml"
                  label={t("rule.source")}
                  minHeight={420}
                  maxHeight="64vh"
                  diagnostics={diagnostics}
                  complete={completion}
                  hover={hover}
                  onSubmit={submit}
                  readOnly={session?.role === "viewer"}
                  handle={editor}
                />
                {standing}
              </section>
              {side}
            </div>
          </Tabs.Panel>
          <Tabs.Panel value="builder">
            <div className="tp-split">
              <Stack gap="md" style={{ minWidth: 0 }}>
                <Suspense fallback={<Loading rows={6} />}>
                  <BuilderTab source={source} change={setSource} may={may} />
                </Suspense>
                <section className="tp-panel">{standing}</section>
              </Stack>
              {side}
            </div>
          </Tabs.Panel>
          {rule && (
            <>
              <Tabs.Panel value="shadow">
                <ShadowTab rule={rule.rule} source={source} changed={changed && current?.ok === true} may={may} onPublished={() => void data(api.GET("/api/v1/rules/{rule}", { params: { path: { rule: rule.rule } } })).then(published)} />
              </Tabs.Panel>
              <Tabs.Panel value="statistics">
                <Suspense fallback={<Loading rows={6} />}>
                  <StatisticsTab rule={rule.rule} />
                </Suspense>
              </Tabs.Panel>
              <Tabs.Panel value="history">
                <HistoryTab
                  rule={rule.rule}
                  may={may}
                  use={(text) => {
                    setSource(text);
                    show("edit");
                  }}
                  onRolledBack={published}
                />
              </Tabs.Panel>
            </>
          )}
        </Tabs>
      </Stack>
      {publishing && (
        <PublishDialog
          rule={name}
          exists={rule !== undefined}
          admin={session?.role === "admin"}
          budget={check.data?.budget}
          busy={publish.isPending}
          close={closePublish}
          publish={(wish) => {
            lastWish.current = wish;
            publish.mutate({ over: undefined, wish });
          }}
          tryFirst={() => {
            closePublish();
            show("shadow");
          }}
        />
      )}
      <Modal opened={asking} onClose={unask} title={<Text fw={650}>{t("rule.delete.title", { rule: name })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
        <Stack>
          <Text fz="sm">{t("rule.delete.about")}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={unask}>
              {t("action.cancel")}
            </Button>
            <Button
              color="red"
              loading={remove.isPending}
              onClick={() => {
                unask();
                if (rule) remove.mutate(rule);
              }}
            >
              {t("rule.delete")}
            </Button>
          </Group>
        </Stack>
      </Modal>
      {conflict && rule && (
        <ConflictDialog
          conflict={conflict}
          title={t("conflict.theirs", { version: conflict.etag })}
          about={t("conflict.about", { by: conflict.author, version: conflict.etag })}
          busy={publish.isPending}
          mine={source}
          close={() => setConflict(undefined)}
          take={(text) => {
            // With theirs taken as it is there is nothing left to keep a draft of.
            if (text === conflict.theirs) void kept.discard().then(kept.forget, () => undefined);
            setRule({ ...rule, source: conflict.theirs, etag: conflict.etag, version: Number(conflict.etag) || rule.version });
            setSource(text);
            setConflict(undefined);
            publish.reset();
          }}
          keepMine={() => publish.mutate({ over: conflict.etag, wish: lastWish.current })}
        />
      )}
      {kept.conflict && (
        <ConflictDialog
          conflict={kept.conflict}
          title={t("rule.draft.resumed", { author: kept.conflict.author, time: "" })}
          about={t("rule.draft.conflict", { author: kept.conflict.author })}
          busy={false}
          mine={source}
          close={() => kept.conflict && kept.settle(kept.conflict.etag)}
          take={(text) => {
            if (kept.conflict) kept.settle(kept.conflict.etag);
            setSource(text);
          }}
          keepMine={() => kept.conflict && kept.settle(kept.conflict.etag)}
        />
      )}
    </>
  );
}

function Counter({ count, colour }: { count: number; colour: string }) {
  if (count === 0) return null;
  return (
    <Badge size="sm" variant="outline" color={colour} c="var(--mantine-color-text)">
      {count}
    </Badge>
  );
}
