/** A function, a lookup table or a script: written, checked with the rules that use it, published, taken back. */
import { Button, Group, Modal, Stack, Tabs, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import { api, ApiError, data, type Schemas } from "../../api/client";
import { sessionQuery } from "../../api/queries";
import { definitionCheckQuery, definitionQuery, pathOf, type Kind } from "../../api/queries-definitions";
import { CodeEditor, type CodeEditorHandle } from "../../components/code-editor";
import { Icon } from "../../components/icons";
import { ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { moment } from "../../format";
import { useText } from "../../i18n";
import { ConflictDialog } from "../rules/conflict";
import { Effective } from "../rules/effective";
import { FindingsPanel } from "../rules/panels";
import { diagnosticsOf } from "../rules/text";
import { DefinitionHistory } from "./history";
import { PLACES, TEMPLATES } from "./places";
import { ScriptAtWork, ScriptLimits } from "./script";

type Definition = Schemas["Definition"];

export const NewFunctionPage = () => <Editor kind="functions" />;
export const NewTablePage = () => <Editor kind="tables" />;
export const NewScriptPage = () => <Editor kind="scripts" />;
export const FunctionPage = () => <DefinitionPage kind="functions" />;
export const TablePage = () => <DefinitionPage kind="tables" />;
export const ScriptPage = () => <DefinitionPage kind="scripts" />;

function DefinitionPage({ kind }: { kind: Kind }) {
  const { name = "" } = useParams({ strict: false });
  const found = useQuery({ ...definitionQuery(kind, name), retry: false });
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  return <Editor key={name} kind={kind} definition={found.data} />;
}

function Editor({ kind, definition: first }: { kind: Kind; definition?: Definition }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const session = useQuery(sessionQuery).data;
  const [definition, setDefinition] = useState(first);
  const [source, setSource] = useState(first?.source ?? TEMPLATES[kind]);
  const [number, setNumber] = useState<number>();
  const [tab, setTab] = useState<string | null>("edit");
  const [asking, setAsking] = useState<"publish" | "delete">();
  const [reason, setReason] = useState("");
  const [conflict, setConflict] = useState<Schemas["Conflict"]>();
  const editor = useRef<CodeEditorHandle>(null);
  const leaving = useRef(false);

  const [settled] = useDebouncedValue(source, 300);
  const check = useQuery(definitionCheckQuery(kind, settled));
  const current = check.data && !check.isPlaceholderData && settled === source ? check.data : undefined;
  const findings = useMemo(() => check.data?.findings ?? [], [check.data]);
  const diagnostics = useMemo(() => (check.isPlaceholderData ? undefined : diagnosticsOf(settled, findings)), [settled, findings, check.isPlaceholderData]);
  const changed = source !== (definition?.source ?? "");
  const may = session?.may.includes("definition.edit") ?? false;
  const place = PLACES[kind];

  const settle = async (now: Definition) => {
    setAsking(undefined);
    setConflict(undefined);
    setReason("");
    setDefinition(now);
    setSource(now.source);
    setNumber(now.number || undefined);
    cache.setQueryData(definitionQuery(kind, now.name).queryKey, now);
    await Promise.all([[kind, "list"], [kind, "versions"], ["language"]].map((queryKey) => cache.invalidateQueries({ queryKey })));
  };
  const publish = useMutation({
    mutationFn: (over?: string) => {
      const body = { source, reason };
      return definition
        ? data(api.PUT(pathOf(kind, "/{name}"), { params: { path: { name: definition.name }, header: { "If-Match": `"${over ?? definition.etag}"` } }, body }))
        : data(api.POST(pathOf(kind, ""), { body }));
    },
    onSuccess: async (now) => {
      const made = !definition;
      await settle(now);
      if (!made) return;
      leaving.current = true;
      await navigate({ to: place.edit, params: { name: now.name }, replace: true });
    },
    onError: (error) => {
      setAsking(undefined);
      if (error instanceof ApiError && error.conflict) setConflict(error.conflict);
    },
  });
  const remove = useMutation({
    mutationFn: (gone: Definition) => data(api.DELETE(pathOf(kind, "/{name}"), { params: { path: { name: gone.name }, header: { "If-Match": `"${gone.etag}"` } } })),
    onSuccess: async () => {
      leaving.current = true;
      await cache.invalidateQueries({ queryKey: [kind, "list"] });
      await navigate({ to: place.list });
    },
    onError: () => setAsking(undefined),
  });
  useBlocker({
    shouldBlockFn: ({ current: from, next }) => from.pathname !== next.pathname && definition !== undefined && changed && !leaving.current && !window.confirm(t("rule.leave")),
    enableBeforeUnload: () => definition !== undefined && changed && !leaving.current,
  });
  const submit = () => {
    if (may && changed && current?.ok && !publish.isPending) setAsking("publish");
  };
  const refused = publish.error instanceof ApiError && publish.error.conflict ? undefined : (publish.error ?? remove.error);
  const name = definition?.name ?? (check.data?.name || t(`defs.${kind}.new`));
  const usedBy = definition?.used_by ?? [];

  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to={place.list} className="tp-link" aria-label={t(`defs.${kind}`)} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            {name}
          </Group>
        }
        about={definition ? t("rule.about", { version: definition.version, time: moment(definition.updated_at, locale), by: definition.updated_by }) : t(`defs.${kind}.about`)}
        actions={
          may ? (
            <>
              {definition && (
                <Button variant="default" onClick={() => setAsking("delete")} leftSection={<Icon name="clear" size={16} />}>
                  {t("rule.delete")}
                </Button>
              )}
              <Button onClick={submit} loading={publish.isPending} disabled={!changed || !current?.ok}>
                {t("rule.publish")}
              </Button>
            </>
          ) : (
            <Text fz="sm" c="dimmed">
              {t("defs.read_only")}
            </Text>
          )
        }
      />
      <Stack gap="md">
        {number !== undefined && <Effective key={number} number={number} what="published" />}
        {refused && <ErrorState error={refused} />}
        <Tabs value={tab} onChange={setTab} keepMounted={false}>
          <Tabs.List mb="md">
            <Tabs.Tab value="edit">{t("rule.tab.edit")}</Tabs.Tab>
            {definition && <Tabs.Tab value="history">{t("rule.tab.history")}</Tabs.Tab>}
          </Tabs.List>
          <Tabs.Panel value="edit">
            <div className="tp-split">
              <section className="tp-panel" style={{ overflow: "hidden" }}>
                <CodeEditor value={source} onChange={setSource} language="yaml" label={t("defs.source")} minHeight={340} maxHeight="64vh" diagnostics={diagnostics} onSubmit={submit} readOnly={session?.role === "viewer"} handle={editor} />
                <Group px={14} py={8} gap={8} role="status" style={{ borderTop: "1px solid var(--tp-border)" }}>
                  <span className="tp-dot" style={{ background: `var(--mantine-color-${current ? (current.ok ? "teal" : "red") : "gray"}-6)` }} />
                  <Text fz="sm" fw={500}>
                    {check.isError ? t("rule.check.unavailable") : !current ? t("rule.check.checking") : current.ok ? t("defs.check.ok") : t("rule.check.errors", { count: findings.length })}
                  </Text>
                </Group>
              </section>
              <Stack gap="md">
                <Panel flush title={t("rule.findings")}>
                  {check.isError ? <ErrorState error={check.error} retry={() => void check.refetch()} /> : <FindingsPanel check={check.data} none={t("defs.findings.none")} findings={findings} goTo={(line, column) => editor.current?.goTo(line, column)} />}
                </Panel>
                {definition && (
                  <Panel title={t("defs.used_by")}>
                    {usedBy.length === 0 ? (
                      <Text fz="sm" c="dimmed">
                        {t("defs.unused")}
                      </Text>
                    ) : (
                      <Group gap="xs">
                        {usedBy.map((rule) => (
                          <Link key={rule} className="tp-link" to="/rules/edit/$rule" params={{ rule }}>
                            {rule}
                          </Link>
                        ))}
                      </Group>
                    )}
                  </Panel>
                )}
                {definition && kind === "scripts" && (
                  <>
                    <ScriptLimits definition={definition.definition} />
                    <ScriptAtWork name={definition.name} />
                  </>
                )}
              </Stack>
            </div>
          </Tabs.Panel>
          {definition && (
            <Tabs.Panel value="history">
              <DefinitionHistory kind={kind} definition={definition} may={may} onRolledBack={(now) => void settle(now)} />
            </Tabs.Panel>
          )}
        </Tabs>
      </Stack>
      {asking && (
        <Modal opened onClose={() => setAsking(undefined)} title={<Text fw={650}>{t(asking === "publish" ? "rule.publish.title" : "rule.delete.title", { rule: name })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
          <Stack>
            {asking === "publish" ? (
              <>
                {usedBy.length > 0 && <Text fz="sm">{t("defs.publish.about", { count: usedBy.length })}</Text>}
                <TextInput data-autofocus label={t("rule.publish.reason")} value={reason} onChange={(change) => setReason(change.currentTarget.value)} />
              </>
            ) : (
              <Text fz="sm">{t("defs.delete.about")}</Text>
            )}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setAsking(undefined)}>
                {t("action.cancel")}
              </Button>
              {asking === "publish" ? (
                <Button loading={publish.isPending} onClick={() => publish.mutate(undefined)}>
                  {t("rule.publish")}
                </Button>
              ) : (
                <Button color="red" loading={remove.isPending} onClick={() => definition && remove.mutate(definition)}>
                  {t("rule.delete")}
                </Button>
              )}
            </Group>
          </Stack>
        </Modal>
      )}
      {conflict && definition && (
        <ConflictDialog
          conflict={conflict}
          title={t("conflict.theirs", { version: conflict.etag })}
          about={t("conflict.about", { by: conflict.author, version: conflict.etag })}
          busy={publish.isPending}
          mine={source}
          close={() => setConflict(undefined)}
          take={(text) => {
            setDefinition({ ...definition, source: conflict.theirs, etag: conflict.etag, version: Number(conflict.etag) || definition.version });
            setSource(text);
            setConflict(undefined);
            publish.reset();
          }}
          keepMine={() => publish.mutate(conflict.etag)}
        />
      )}
    </>
  );
}
