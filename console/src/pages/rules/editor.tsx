/** The rule editor: checked while one types, published, then watched until every worker has it. */
import { Alert, Badge, Button, Group, Kbd, Modal, Stack, Tabs, Text, UnstyledButton } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { api, ApiError, data, type Finding, type Schemas } from "../../api/client";
import { appsQuery, datasetsQuery, eventsQuery, ruleQuery, ruleVersionsQuery, sessionQuery } from "../../api/queries";
import { CodeEditor, type CodeEditorHandle } from "../../components/code-editor";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { moment } from "../../format";
import { useText } from "../../i18n";
import { ruleCompletion } from "./complete";
import { Effective } from "./effective";
import { RuleStatus } from "./list";
import { SideBySide } from "./side-by-side";
import { diagnosticsOf, nameIn, NEW_RULE } from "./text";

type Rule = Schemas["Rule"];

export function NewRulePage() {
  const apps = useQuery(appsQuery);
  const datasets = useQuery(datasetsQuery);
  const app = apps.data?.[0]?.app ?? "";
  const events = useQuery(eventsQuery(app, "", "", 1));
  const error = apps.error ?? datasets.error ?? events.error;
  if (error) return <ErrorState error={error} />;
  if (!apps.data || !datasets.data || (app && !events.data)) return <Loading rows={8} />;
  return <Editor template={NEW_RULE(app || "my_app", datasets.data[0]?.dataset ?? "my_dataset", events.data?.items[0]?.event ?? "my_event")} />;
}

export function RulePage() {
  const { rule } = useParams({ from: "/rules/edit/$rule" });
  const found = useQuery(ruleQuery(rule));
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  return <Editor key={rule} rule={found.data} />;
}

const publishedKey = (rule: string): string[] => ["published", rule];

interface Conflict {
  theirs: Rule | undefined;
}

function Editor({ rule: first, template = "" }: { rule?: Rule; template?: string }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const session = useQuery(sessionQuery).data;
  const [rule, setRule] = useState(first);
  const [source, setSource] = useState(first?.source ?? template);
  const [number, setNumber] = useState(() => (first ? cache.getQueryData<number>(publishedKey(first.rule)) : undefined));
  useEffect(() => {
    if (first) return () => cache.removeQueries({ queryKey: publishedKey(first.rule) });
    return undefined;
  }, [cache, first]);
  const [conflict, setConflict] = useState<Conflict>();
  const [asking, { open: ask, close: unask }] = useDisclosure();
  const editor = useRef<CodeEditorHandle>(null);
  const leaving = useRef(false);

  const [settled] = useDebouncedValue(source, 300);
  const check = useQuery({
    queryKey: ["rules", "check", settled],
    queryFn: ({ signal }) => data(api.POST("/api/v1/rules/check", { body: { source: settled }, signal })),
    gcTime: 30_000,
    placeholderData: (before) => before,
  });
  const current = check.data && !check.isPlaceholderData && settled === source ? check.data : undefined;
  const findings = useMemo(() => check.data?.findings ?? [], [check.data]);
  const diagnostics = useMemo(() => (check.isPlaceholderData ? undefined : diagnosticsOf(settled, findings)), [settled, findings, check.isPlaceholderData]);
  const errors = findings.filter((finding) => finding.severity !== "warning").length;
  const completion = useMemo(() => ruleCompletion(cache, () => locale), [cache, locale]);

  const publish = useMutation({
    mutationFn: async ({ over }: { over: string | undefined }) =>
      rule
        ? data(
            api.PUT("/api/v1/rules/{rule}", {
              params: { path: { rule: rule.rule }, header: { "If-Match": `"${over ?? rule.etag}"` } },
              body: { source },
            }),
          )
        : data(api.POST("/api/v1/rules", { body: { source } })),
    onSuccess: (published) => {
      setConflict(undefined);
      setRule(published);
      setNumber(published.number || undefined);
      cache.setQueryData(ruleQuery(published.rule).queryKey, published);
      void cache.invalidateQueries({ queryKey: ["rules"], exact: true });
      void cache.invalidateQueries({ queryKey: ruleVersionsQuery(published.rule).queryKey });
      if (!rule) {
        // The page of the rule is another one: it goes on watching what this one published.
        leaving.current = true;
        cache.setQueryData(publishedKey(published.rule), published.number);
        void navigate({ to: "/rules/edit/$rule", params: { rule: published.rule }, replace: true });
      }
    },
    onError: async (error) => {
      if (!(error instanceof ApiError) || error.status !== 412 || !rule) return;
      const theirs = await data(api.GET("/api/v1/rules/{rule}", { params: { path: { rule: rule.rule } } })).catch(() => undefined);
      setConflict({ theirs });
    },
  });
  const remove = useMutation({
    mutationFn: (gone: Rule) => data(api.DELETE("/api/v1/rules/{rule}", { params: { path: { rule: gone.rule }, header: { "If-Match": `"${gone.etag}"` } } })),
    onSuccess: async ({ number: deleted }) => {
      leaving.current = true;
      await cache.invalidateQueries({ queryKey: ["rules"], exact: true });
      await navigate({ to: "/rules", search: { deleted } });
    },
  });

  const changed = rule ? source !== rule.source : source !== template;
  const may = session !== undefined && session.role !== "viewer";
  const submit = () => {
    if (may && (changed || !rule) && !publish.isPending) publish.mutate({ over: undefined });
  };
  useBlocker({ shouldBlockFn: () => changed && !leaving.current && !window.confirm(t("rule.leave")), enableBeforeUnload: () => changed && !leaving.current });
  const refused = publish.error instanceof ApiError && publish.error.status !== 412 && !(publish.error.findings.length > 0 && errors > 0) ? publish.error : undefined;

  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to="/rules" className="tp-link" aria-label={t("rule.back")} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            {rule ? rule.rule : t("rule.new")}
            {rule && <RuleStatus status={rule.status} />}
          </Group>
        }
        about={rule ? t("rule.about", { version: rule.version, time: moment(rule.updated_at, locale), by: rule.updated_by }) : t("rule.new.about")}
        actions={
          <>
            {rule && may && (
              <Button variant="default" onClick={ask} leftSection={<Icon name="clear" size={16} />}>
                {t("rule.delete")}
              </Button>
            )}
            {may ? (
              <Button onClick={submit} loading={publish.isPending} disabled={(rule && !changed) || (current !== undefined && !current.ok)} rightSection={<Kbd size="xs">Ctrl ↵</Kbd>}>
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
        {refused && <ErrorState error={refused} />}
        {remove.isError && <ErrorState error={remove.error} />}
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
              onSubmit={submit}
              readOnly={session?.role === "viewer"}
              handle={editor}
            />
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
                        : t("rule.check.errors", { count: errors })}
                </Text>
              </Group>
              <Text fz="xs" c="dimmed">
                {t("rule.keys")}
              </Text>
            </Group>
          </section>
          <Panel flush>
            <Tabs defaultValue="findings" keepMounted={false}>
              <Tabs.List px={8} pt={4}>
                <Tabs.Tab value="findings" rightSection={findings.length > 0 ? <Badge size="sm" variant="outline" color={errors ? "red" : "yellow"} c="var(--mantine-color-text)">{findings.length}</Badge> : undefined}>
                  {t("rule.findings")}
                </Tabs.Tab>
                {rule && <Tabs.Tab value="versions">{t("rule.versions")}</Tabs.Tab>}
              </Tabs.List>
              <Tabs.Panel value="findings">
                {check.isError ? (
                  <div style={{ padding: 14 }}>
                    <ErrorState error={check.error} retry={() => void check.refetch()} />
                  </div>
                ) : findings.length === 0 ? (
                  <Empty title={check.data ? t("rule.findings.none") : t("rule.check.checking")}>{check.data ? t("rule.findings.none.about") : ""}</Empty>
                ) : (
                  <FindingList findings={findings} goTo={(line, column) => editor.current?.goTo(line, column)} />
                )}
              </Tabs.Panel>
              {rule && (
                <Tabs.Panel value="versions">
                  <Versions rule={rule.rule} use={setSource} />
                </Tabs.Panel>
              )}
            </Tabs>
          </Panel>
        </div>
      </Stack>
      <Modal opened={asking} onClose={unask} title={<Text fw={650}>{t("rule.delete.title", { rule: rule?.rule ?? nameIn(source) })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
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
      <Modal opened={conflict !== undefined} onClose={() => setConflict(undefined)} size="min(1100px, 94vw)" title={<Text fw={650}>{t("conflict.title")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
        {conflict && (
          <Stack>
            <Text fz="sm">
              {conflict.theirs ? t("conflict.about", { by: conflict.theirs.updated_by, version: conflict.theirs.version }) : t("conflict.gone")}
            </Text>
            {conflict.theirs && <SideBySide left={{ title: t("conflict.theirs", { version: conflict.theirs.version }), text: conflict.theirs.source }} right={{ title: t("conflict.yours"), text: source }} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setConflict(undefined)}>
                {t("conflict.edit")}
              </Button>
              {conflict.theirs && (
                <>
                  <Button
                    variant="default"
                    onClick={() => {
                      const { theirs } = conflict;
                      if (!theirs) return;
                      setRule(theirs);
                      setSource(theirs.source);
                      setConflict(undefined);
                      publish.reset();
                    }}
                  >
                    {t("conflict.take_theirs")}
                  </Button>
                  <Button loading={publish.isPending} onClick={() => publish.mutate({ over: conflict.theirs?.etag })}>
                    {t("conflict.publish_mine")}
                  </Button>
                </>
              )}
            </Group>
          </Stack>
        )}
      </Modal>
    </>
  );
}

function FindingList({ findings, goTo }: { findings: readonly Finding[]; goTo: (line: number, column: number) => void }) {
  const { t } = useText();
  return (
    <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
      {findings.map((finding, index) => (
        <li key={index}>
          <UnstyledButton className="tp-finding" onClick={() => goTo(finding.line ?? 1, finding.column ?? 1)}>
            <Group gap={8} wrap="nowrap" align="baseline">
              <span className="tp-dot" style={{ background: `var(--mantine-color-${finding.severity === "warning" ? "yellow" : "red"}-6)`, transform: "translateY(-1px)" }} />
              <div style={{ minWidth: 0 }}>
                <Text fz="sm" style={{ overflowWrap: "anywhere" }}>
                  {finding.message}
                </Text>
                {finding.hint && (
                  <Text fz="xs" c="dimmed">
                    {finding.hint}
                  </Text>
                )}
                <Text fz="xs" c="dimmed" className="tp-num">
                  {finding.line ? t("rule.findings.place", { line: finding.line, column: finding.column ?? 1 }) : ""} <span className="tp-mono">{finding.code}</span>
                </Text>
              </div>
            </Group>
          </UnstyledButton>
        </li>
      ))}
    </Stack>
  );
}

function Versions({ rule, use }: { rule: string; use: (source: string) => void }) {
  const { t, locale } = useText();
  const versions = useQuery(ruleVersionsQuery(rule));
  if (versions.isPending)
    return (
      <div style={{ padding: 14 }}>
        <Loading rows={3} />
      </div>
    );
  if (versions.isError)
    return (
      <div style={{ padding: 14 }}>
        <ErrorState error={versions.error} retry={() => void versions.refetch()} />
      </div>
    );
  return (
    <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none", maxHeight: "60vh", overflow: "auto" }}>
      {versions.data.map((version) => (
        <li key={version.version} className="tp-finding">
          <Group justify="space-between" wrap="nowrap" gap="sm">
            <div>
              <Text fz="sm" fw={600}>
                {t("rule.version", { version: version.version })}{" "}
                <Text span fz="xs" c="dimmed" fw={400}>
                  {t(`rule.action.${version.action}`)}
                </Text>
              </Text>
              <Text fz="xs" c="dimmed">
                {moment(version.created_at, locale)} · {version.created_by}
              </Text>
            </div>
            <Button size="compact-xs" variant="default" onClick={() => use(version.source)} style={{ flex: "none" }}>
              {t("rule.version.use")}
            </Button>
          </Group>
        </li>
      ))}
    </Stack>
  );
}
