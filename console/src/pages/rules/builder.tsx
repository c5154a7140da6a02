/** The builder: the same rule as nested conditions and a list of actions, without a line of text. */
import { ActionIcon, Badge, Button, Group as Row, Menu, NumberInput, Select, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { languageQuery } from "../../api/queries-definitions";
import { formatQuery } from "../../api/queries-rules";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { useText, type Translate } from "../../i18n";
import { ExpressionInput, GroupEditor, PathInput, RemoveButton, type Paths } from "./builder-groups";
import { moved, NEW_ACTIONS, replaced, ruleIn, severalOf, withRule, writtenOf, type Action, type BuilderRule, type Named } from "./builder-model";
import { pathsOf } from "./complete";

const METHODS = ["redact", "hash", "last4", "first1"];
const NO_PATHS: Paths = new Map();

interface BuilderProps {
  source: string;
  change: (source: string) => void;
  may: boolean;
}

export function BuilderTab({ source, change, may }: BuilderProps) {
  const { t } = useText();
  const cache = useQueryClient();
  const own = ruleIn(source);
  // A rule in another front end is printed as the builder's JSON; edits go on from there.
  const printed = useQuery({ ...formatQuery(source), enabled: own === undefined });
  const [settled] = useDebouncedValue(source, 500);
  const paths = useQuery({ queryKey: ["builder-paths", settled], queryFn: () => pathsOf(settled, cache), placeholderData: (before) => before, gcTime: 30_000 }).data ?? NO_PATHS;
  const text = own ? source : printed.data;
  const rule = own ?? (text === undefined ? undefined : ruleIn(text));
  if (!rule || text === undefined) {
    if (!own && printed.isPending) return <Loading rows={6} />;
    return (
      <Panel>
        <Empty title={t("builder.stuck")}>{printed.isError && <ErrorState error={printed.error} />}</Empty>
      </Panel>
    );
  }
  const set = (next: BuilderRule) => change(withRule(text, next));
  return (
    <fieldset disabled={!may} style={{ border: 0, margin: 0, padding: 0, minWidth: 0 }}>
      <Stack gap="md">
        <Panel title={t("builder.where")}>
          {!rule.where && (
            <Text fz="sm" c="dimmed" pb={8}>
              {t("builder.where.none")}
            </Text>
          )}
          <GroupEditor group={severalOf(rule.where)} paths={paths} change={(where) => set({ ...rule, where: writtenOf(where) })} />
        </Panel>
        <Panel title={t("builder.actions")} aside={<AddAction add={(action) => set({ ...rule, actions: [...rule.actions, action] })} />}>
          <Stack gap="sm">
            {rule.actions.length === 0 && (
              <Text fz="sm" c="dimmed">
                {t("builder.action.none")}
              </Text>
            )}
            {rule.actions.map((action, index) => (
              <Stack key={index} gap={6} className="tp-action">
                <Row justify="space-between" gap="sm">
                  <Badge variant="light" color="indigo" c="var(--mantine-color-text)" tt="none" fz={12.5}>
                    {nameOf(action, t)}
                  </Badge>
                  <Row gap={0} wrap="nowrap">
                    {([-1, 1] as const).map((by) => (
                      <ActionIcon
                        key={by}
                        variant="transparent"
                        color="gray"
                        c="dimmed"
                        aria-label={t(by < 0 ? "builder.action.up" : "builder.action.down")}
                        disabled={index + by < 0 || index + by >= rule.actions.length}
                        onClick={() => set({ ...rule, actions: moved(rule.actions, index, by) })}
                        style={{ rotate: by < 0 ? "-90deg" : "90deg" }}
                      >
                        <Icon name="chevron" size={15} />
                      </ActionIcon>
                    ))}
                    <RemoveButton label={t("builder.action.remove")} remove={() => set({ ...rule, actions: replaced(rule.actions, index, null) })} />
                  </Row>
                </Row>
                <ActionEditor action={action} paths={paths} change={(next) => set({ ...rule, actions: replaced(rule.actions, index, next) })} />
              </Stack>
            ))}
          </Stack>
        </Panel>
        <Text fz="xs" c="dimmed">
          {t("rule.builder.about")} {t("builder.to_text")}
        </Text>
      </Stack>
    </fieldset>
  );
}

const nameOf = (action: Action, t: Translate): string => t(action.action === "change" ? `builder.action.change.${action.how}` : `builder.action.${action.action}`);

function AddAction({ add }: { add: (action: Action) => void }) {
  const { t } = useText();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />}>
          {t("builder.action.add")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {NEW_ACTIONS.map((action) => (
          <Menu.Item key={nameOf(action, t)} onClick={() => add(action)}>
            {nameOf(action, t)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function ActionEditor({ action, paths, change }: { action: Action; paths: Paths; change: (next: Action) => void }) {
  const { t } = useText();
  const language = useQuery(languageQuery).data;
  switch (action.action) {
    case "drop":
      return <GroupEditor group={severalOf(action.when)} paths={paths} change={(when) => change({ ...action, when: writtenOf(when) ?? { kind: "expression", text: "" } })} />;
    case "sample":
      return (
        <Row gap={6}>
          <NumberInput size="xs" w={110} aria-label={t("builder.rate")} min={0} max={1} step={0.05} value={action.rate} onChange={(rate) => (rate === "" ? undefined : change({ ...action, rate: Number(rate) }))} />
          <PathInput label={t("builder.key")} value={action.key ?? ""} paths={paths} change={(key) => change({ ...action, key: key || null })} />
        </Row>
      );
    case "explode":
      return (
        <Row gap={6}>
          <PathInput label={t("builder.over")} value={action.over} paths={paths} change={(over) => change({ ...action, over })} />
          <TextInput size="xs" w={140} aria-label={t("builder.as")} placeholder={t("builder.as")} value={action.item ?? "item"} onChange={(event) => change({ ...action, item: event.currentTarget.value })} />
        </Row>
      );
    case "route":
      return (
        <Stack gap={6}>
          <ExpressionInput label={t("builder.by")} value={action.by} change={(by) => change({ ...action, by })} />
          <Lines
            rows={Object.entries(action.to).map(([name, value]) => ({ name, value }))}
            paths={NO_PATHS}
            labels={[t("builder.value"), t("builder.dataset")]}
            offered={language?.datasets}
            change={(rows) => change({ ...action, to: Object.fromEntries(rows.map(({ name, value }) => [name, value])) })}
          />
        </Stack>
      );
    case "unset":
      return <TagsInput size="xs" aria-label={t("builder.path")} placeholder={t("builder.path")} data={[...paths.keys()]} value={action.paths} onChange={(next) => change({ ...action, paths: next })} />;
    case "change":
      return (
        <Lines
          rows={action.values}
          paths={action.how === "tag" ? NO_PATHS : paths}
          labels={[t(action.how === "tag" ? "builder.label" : "builder.path"), t(action.how === "rename" ? "builder.new_name" : action.how === "mask" ? "builder.method" : action.how === "pseudonymise" ? "builder.secret" : "builder.expression")]}
          offered={action.how === "mask" ? METHODS : undefined}
          change={(values) => change({ ...action, values })}
        />
      );
    case "select":
      return <Lines rows={action.columns} paths={NO_PATHS} labels={[t("builder.column"), t("builder.expression")]} change={(columns) => change({ ...action, columns })} />;
    case "keep":
      return (
        <Text fz="sm" c="dimmed">
          {t("builder.action.keep.about")}
        </Text>
      );
    case "script":
      return <Select size="xs" w={240} searchable aria-label={t("builder.action.script")} placeholder={t("builder.action.script")} data={[...new Set([...(language?.scripts ?? []), action.name])].filter(Boolean)} value={action.name || null} onChange={(name) => change({ ...action, name: name ?? "" })} />;
  }
}

interface LinesProps {
  rows: readonly Named[];
  paths: Paths;
  labels: readonly [string, string];
  offered?: readonly string[] | undefined;
  change: (rows: Named[]) => void;
}

/** Pairs of a name and what becomes of it. */
function Lines({ rows, paths, labels, offered, change }: LinesProps) {
  const { t } = useText();
  return (
    <Stack gap={6}>
      {rows.map((row, index) => {
        const set = (part: Partial<Named>) => change(replaced(rows, index, { ...row, ...part }));
        return (
          <Row key={index} gap={6} wrap="nowrap">
            <PathInput label={labels[0]} value={row.name} paths={paths} width={180} change={(name) => set({ name })} />
            {offered ? (
              <Select size="xs" w={220} searchable aria-label={labels[1]} placeholder={labels[1]} data={[...new Set([...offered, row.value])].filter(Boolean)} value={row.value || null} onChange={(value) => set({ value: value ?? "" })} />
            ) : (
              <ExpressionInput label={labels[1]} value={row.value} change={(value) => set({ value })} />
            )}
            <RemoveButton label={t("builder.row.remove")} remove={() => change(replaced(rows, index, null))} />
          </Row>
        );
      })}
      <Button size="compact-xs" variant="default" style={{ alignSelf: "flex-start" }} leftSection={<Icon name="plus" size={12} />} onClick={() => change([...rows, { name: "", value: offered?.[0] ?? "" }])}>
        {t("builder.row.add")}
      </Button>
    </Stack>
  );
}
