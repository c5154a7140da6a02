/** Conditions of a rule as nested groups. */
import { ActionIcon, Autocomplete, Button, Chip, Group as Row, NumberInput, SegmentedControl, Select, Stack, TagsInput, TextInput } from "@mantine/core";
import { Icon } from "../../components/icons";
import { useText } from "../../i18n";
import { changed, kindOf, operatorsFor, replaced, takesMany, type Condition, type Group, type Several } from "./builder-model";
import type { KnownPath } from "./complete";

export type Paths = ReadonlyMap<string, KnownPath>;
const MONO = { input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } };
const NEW: Condition = { kind: "condition", path: "event", operator: "==", value: "", type: null };

export function PathInput({ label, value, paths, width = 220, change }: { label: string; value: string; paths: Paths; width?: number; change: (path: string) => void }) {
  return <Autocomplete size="xs" w={width} aria-label={label} placeholder={label} value={value} data={[...paths.keys()]} limit={60} maxDropdownHeight={260} onChange={change} styles={MONO} />;
}

export function ExpressionInput({ label, value, change }: { label: string; value: string; change: (text: string) => void }) {
  return <TextInput size="xs" flex={1} miw={200} aria-label={label} placeholder={label} value={value} onChange={(event) => change(event.currentTarget.value)} styles={MONO} />;
}

export function RemoveButton({ label, remove }: { label: string; remove: () => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" c="dimmed" size="md" aria-label={label} onClick={remove}>
      <Icon name="cross" size={15} />
    </ActionIcon>
  );
}

/** All or any of some conditions; groups stand within groups. */
export function GroupEditor({ group, paths, change, depth = 0 }: { group: Several; paths: Paths; change: (group: Several) => void; depth?: number }) {
  const { t } = useText();
  const add = (one: Group) => change({ ...group, of: [...group.of, one] });
  return (
    <Stack gap={8} role="group" aria-label={t(`builder.where.${group.kind}`)} pl={depth ? 12 : 0} style={depth ? { borderLeft: "2px solid var(--tp-border)" } : undefined} flex={1}>
      {(group.of.length > 1 || depth > 0) && (
        <SegmentedControl
          size="xs"
          style={{ alignSelf: "flex-start" }}
          aria-label={t("builder.where")}
          value={group.kind}
          onChange={(kind) => change({ ...group, kind: kind === "any" ? "any" : "all" })}
          data={(["all", "any"] as const).map((value) => ({ value, label: t(`builder.where.${value}`) }))}
        />
      )}
      {group.of.map((member, index) => (
        <Member key={index} member={member} paths={paths} depth={depth} change={(next) => change({ ...group, of: replaced(group.of, index, next) })} />
      ))}
      <Row gap={6}>
        <Button size="compact-xs" variant="default" leftSection={<Icon name="plus" size={12} />} onClick={() => add(NEW)}>
          {t("builder.condition.add")}
        </Button>
        <Button size="compact-xs" variant="default" leftSection={<Icon name="plus" size={12} />} onClick={() => add({ kind: group.kind === "all" ? "any" : "all", of: [NEW, NEW] })}>
          {t("builder.group.add")}
        </Button>
        <Button size="compact-xs" variant="default" leftSection={<Icon name="plus" size={12} />} onClick={() => add({ kind: "expression", text: "" })}>
          {t("builder.expression.add")}
        </Button>
      </Row>
    </Stack>
  );
}

function Member({ member, paths, depth, change }: { member: Group; paths: Paths; depth: number; change: (next: Group | null) => void }) {
  const { t } = useText();
  const negated = member.kind === "not";
  const inner = negated ? member.of : member;
  const settle = (next: Group | null) => change(next === null ? null : negated ? { kind: "not", of: next } : next);
  return (
    <Row gap={6} wrap="nowrap" align="flex-start">
      <Chip size="xs" mt={3} checked={negated} onChange={(on) => change(on ? { kind: "not", of: inner } : inner)}>
        {t("builder.negate")}
      </Chip>
      {inner.kind === "condition" ? (
        <ConditionEditor condition={inner} paths={paths} change={settle} />
      ) : inner.kind === "expression" ? (
        <ExpressionInput label={t("builder.expression")} value={inner.text} change={(text) => settle({ kind: "expression", text })} />
      ) : inner.kind === "not" ? (
        <Member member={inner} paths={paths} depth={depth} change={settle} />
      ) : (
        <GroupEditor group={inner} paths={paths} change={(next) => settle(next.of.length ? next : null)} depth={depth + 1} />
      )}
      <RemoveButton label={t("builder.condition.remove")} remove={() => change(null)} />
    </Row>
  );
}

function ConditionEditor({ condition, paths, change }: { condition: Condition; paths: Paths; change: (next: Condition) => void }) {
  const { t } = useText();
  const known = paths.get(condition.path);
  const kind = kindOf(known?.type ?? "");
  const operators = operatorsFor(kind, condition.operator);
  const set = (part: Partial<Omit<Condition, "kind">>) => change(changed(condition, kindOf(paths.get(part.path ?? condition.path)?.type ?? ""), part));
  return (
    <Row gap={6} flex={1} align="flex-start">
      <PathInput label={t("builder.path")} value={condition.path} paths={paths} width={190} change={(path) => set({ path })} />
      <Select size="xs" title={known?.type} w={112} aria-label={t("builder.operator")} allowDeselect={false} data={[...operators]} value={condition.operator} onChange={(next) => set({ operator: operators.find((one) => one === next) ?? condition.operator })} />
      <ValueEditor condition={condition} known={known} set={set} />
    </Row>
  );
}

function ValueEditor({ condition: { operator, value, type }, known, set }: { condition: Condition; known: KnownPath | undefined; set: (part: Partial<Condition>) => void }) {
  const { t } = useText();
  const kind = type ?? kindOf(known?.type ?? "");
  const offered = known?.values ?? [];
  if (operator === "is null" || operator === "is not null") return null;
  if (takesMany(operator)) return <TagsInput size="xs" flex={1} miw={200} aria-label={t("builder.values")} placeholder={t("builder.values")} data={[...offered]} value={(Array.isArray(value) ? value : []).map(String)} onChange={(values) => set({ value: values })} styles={MONO} />;
  if (typeof value === "boolean" || kind === "bool") return <Select size="xs" w={110} aria-label={t("builder.value")} allowDeselect={false} data={["true", "false"]} value={String(value)} onChange={(next) => set({ value: next === "true" })} />;
  if (typeof value === "number" && kind !== "array") return <NumberInput size="xs" w={140} aria-label={t("builder.value")} allowDecimal={kind !== "int64"} value={value} onChange={(next) => (next === "" ? undefined : set({ value: Number(next) }))} />;
  return <Autocomplete size="xs" flex={1} miw={130} aria-label={t("builder.value")} placeholder={t("builder.value")} data={[...offered]} limit={60} value={value === null || value === undefined || Array.isArray(value) ? "" : String(value)} onChange={(next) => set({ value: next })} styles={MONO} />;
}
