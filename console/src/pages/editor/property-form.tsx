/** Properties in the form: their names, shapes, constraints, nested ones. */
import { ActionIcon, Badge, Button, Group, MultiSelect, Select, SimpleGrid, Stack, TagsInput, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { Shapes } from "../../api/design";
import { Icon } from "../../components/icons";
import { useText, type Translate } from "../../i18n";
import { BothLanguages, ChoiceField, NameField, NumberField, SwitchField, TextField, useEditing, useFault } from "./fields";
import { isValues, type Path, type Values } from "./part";
import { BUILT_IN_TYPES, enumOf, enumWritten, PII, PURPOSES, typeOf } from "./shapes";

interface PropertyProps {
  path: Path;
  name: string;
  value: unknown;
  shapes: Shapes | undefined;
  depth: number;
  /** The group it comes from, where the event only changes it. */
  inherited?: string | undefined;
}

export function PropertyForm({ path, name, value, shapes, depth, inherited }: PropertyProps) {
  const { t } = useText();
  const { put, readOnly } = useEditing();
  const [open, setOpen] = useState(false);
  const fault = useFault(path);
  const types = typeOf(value);
  const own: Values = isValues(value) ? value : {};
  const named = (shapes?.types ?? []).map((one) => one.name);
  const known = [...BUILT_IN_TYPES, ...named];
  const setType = (next: string[]) => put([...path, "type"], next.length > 1 ? next : next[0]);
  const summary = summaryOf(own, t);
  return (
    <div className="tp-property-form" data-fault={fault ? "" : undefined} style={{ marginLeft: depth * 20 }}>
      <Group gap={8} className="tp-property-row" align="flex-start">
        <UnstyledButton aria-expanded={open} aria-label={t("editor.property.more", { name })} onClick={() => setOpen(!open)} style={{ paddingTop: 6 }}>
          <span style={{ display: "inline-flex", transform: open ? "rotate(90deg)" : undefined }}>
            <Icon name="chevron" size={16} />
          </span>
        </UnstyledButton>
        <div style={{ flex: "0 1 200px", minWidth: 90 }}>
          <NameField path={path} value={name} label={t("editor.property.name")} />
        </div>
        <div style={{ flex: "0 1 170px", minWidth: 100 }}>
          {types.length > 1 ? (
            <MultiSelect size="xs" aria-label={t("events.type")} data={known} value={types} onChange={setType} readOnly={readOnly} />
          ) : (
            <Select size="xs" aria-label={t("events.type")} placeholder={inherited ? t("editor.property.inherited", { group: inherited }) : t("events.type")} data={known} value={types[0] ?? null} searchable onChange={(next) => next && setType([next])} readOnly={readOnly} />
          )}
        </div>
        <div style={{ paddingTop: 6 }}>
          <SwitchField path={[...path, "required"]} value={own.required} label={t("events.required")} />
        </div>
        <Text fz="xs" c="dimmed" lineClamp={1} style={{ flex: 1, paddingTop: 7, minWidth: 0 }}>
          {summary}
        </Text>
        {own.pii !== undefined && (
          <Badge size="sm" variant="light" color="grape" c="var(--mantine-color-text)" mt={6}>
            PII
          </Badge>
        )}
        {!readOnly && (
          <Tooltip label={t("editor.property.remove", { name })}>
            <ActionIcon variant="subtle" color="gray" c="dimmed" mt={1} aria-label={t("editor.property.remove", { name })} onClick={() => put(path, undefined)}>
              <Icon name="clear" size={15} />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
      {fault && (
        <Text fz="xs" c="var(--mantine-color-error)" ml={26} mt={2} style={{ whiteSpace: "pre-line" }}>
          {fault}
        </Text>
      )}
      {open && <Details path={path} own={own} types={types} shapes={shapes} depth={depth} />}
      {!open && types.includes("object") && isValues(own.properties) && (
        <Text fz="xs" c="dimmed" ml={26}>
          {Object.keys(own.properties).join(", ")}
        </Text>
      )}
    </div>
  );
}

const plain = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

function summaryOf(own: Values, t: Translate): string {
  const words: string[] = [];
  if (own.enum !== undefined) words.push(enumOf(own.enum).join(", "));
  if (own.pattern !== undefined) words.push(`/${plain(own.pattern)}/`);
  if (own.min !== undefined || own.max !== undefined) words.push(`${plain(own.min)} … ${plain(own.max)}`);
  if (own.deprecated !== undefined) words.push(t("events.deprecated"));
  return words.join(" · ");
}

function Details({ path, own, types, shapes, depth }: { path: Path; own: Values; types: readonly string[]; shapes: Shapes | undefined; depth: number }) {
  const { t } = useText();
  const { put, readOnly } = useEditing();
  const is = (...kinds: string[]) => kinds.some((kind) => types.includes(kind));
  const sized = is("string", "array", "object", "map");
  const deprecated = isValues(own.deprecated) ? own.deprecated : {};
  return (
    <Stack gap={10} ml={26} mt={8} pb={6}>
      <BothLanguages dense path={[...path, "title"]} value={own.title} label={t("editor.title")} />
      <BothLanguages dense area path={[...path, "description"]} value={own.description} label={t("editor.description")} />
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm" style={{ alignItems: "end" }}>
        {is("integer", "number") && (
          <>
            <NumberField path={[...path, "min"]} value={own.min} label={t("editor.min")} />
            <NumberField path={[...path, "max"]} value={own.max} label={t("editor.max")} />
          </>
        )}
        {sized && (
          <>
            <NumberField whole path={[...path, "min_length"]} value={own.min_length} label={t("editor.min_length")} />
            <NumberField whole path={[...path, "max_length"]} value={own.max_length} label={t("editor.max_length")} />
          </>
        )}
        {is("string") && <TextField mono path={[...path, "pattern"]} value={typeof own.pattern === "string" ? own.pattern : ""} label={t("editor.pattern")} />}
        <SwitchField path={[...path, "nullable"]} value={own.nullable} label={t("editor.nullable")} />
        {is("object") && <SwitchField path={[...path, "additional"]} value={own.additional} otherwise label={t("editor.additional")} />}
      </SimpleGrid>
      {is("string", "integer", "number", "boolean") && (
        <TagsInput size="xs" label={t("editor.enum")} placeholder={t("editor.enum.placeholder")} value={enumOf(own.enum)} readOnly={readOnly} onChange={(next) => put([...path, "enum"], enumWritten(next, own.enum, types))} />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <ChoiceField size="xs" path={[...path, "pii"]} value={own.pii} label={t("editor.pii")} data={PII.map((value) => ({ value, label: t(`pii.${value}`) }))} />
        {own.pii !== undefined && (
          <MultiSelect size="xs" label={t("property.purpose")} data={PURPOSES.map((value) => ({ value, label: t(`purpose.${value}`) }))} value={Array.isArray(own.purpose) ? own.purpose.map(String) : []} readOnly={readOnly} onChange={(next) => put([...path, "purpose"], next.length ? next : undefined)} />
        )}
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm" style={{ alignItems: "end" }}>
        <SwitchField path={[...path, "deprecated"]} value={own.deprecated !== undefined} label={t("events.deprecated")} />
        {own.deprecated !== undefined && (
          <>
            <TextField mono path={[...path, "deprecated", "replaced_by"]} value={typeof deprecated.replaced_by === "string" ? deprecated.replaced_by : ""} label={t("editor.replaced_by")} />
            <TextField path={[...path, "deprecated", "until"]} value={typeof deprecated.until === "string" ? deprecated.until : ""} label={t("editor.until")} placeholder="2027-06-30" />
          </>
        )}
      </SimpleGrid>
      {is("array") && (
        <div>
          <Text fz="xs" fw={600} mb={4}>
            {t("editor.items")}
          </Text>
          <InnerShape path={[...path, "items"]} value={own.items} shapes={shapes} depth={depth} />
        </div>
      )}
      {is("map") && (
        <div>
          <Text fz="xs" fw={600} mb={4}>
            {t("editor.values")}
          </Text>
          <InnerShape path={[...path, "values"]} value={own.values} shapes={shapes} depth={depth} />
        </div>
      )}
      {is("object") && <PropertyList path={[...path, "properties"]} value={own.properties} shapes={shapes} depth={0} label={t("editor.inner")} />}
    </Stack>
  );
}

/** The shape of an array's items or a map's values. */
function InnerShape({ path, value, shapes }: { path: Path; value: unknown; shapes: Shapes | undefined; depth: number }) {
  const { t } = useText();
  const { put, readOnly } = useEditing();
  const own: Values = isValues(value) ? value : {};
  const types = typeOf(value);
  return (
    <Stack gap={8}>
      <Select
        size="xs"
        maw={220}
        aria-label={t("events.type")}
        data={[...BUILT_IN_TYPES, ...(shapes?.types ?? []).map((one) => one.name)]}
        value={types[0] ?? null}
        searchable
        readOnly={readOnly}
        onChange={(next) => next && put(path, isValues(value) ? { ...own, type: next } : next)}
      />
      {types.includes("object") && <PropertyList path={[...path, "properties"]} value={own.properties} shapes={shapes} depth={0} label={t("editor.inner")} />}
    </Stack>
  );
}

/** Properties by name, and a way to add one. */
export function PropertyList({ path, value, shapes, depth, label, groupOf }: { path: Path; value: unknown; shapes: Shapes | undefined; depth: number; label: string; groupOf?: ReadonlyMap<string, string> }) {
  const { t } = useText();
  const { put, readOnly } = useEditing();
  const held: Values = isValues(value) ? value : {};
  const add = () => {
    let name = "new_property";
    for (let number = 2; name in held; number += 1) name = `new_property_${number}`;
    put([...path, name], { type: "string" });
  };
  return (
    <Stack gap={6} role="group" aria-label={label}>
      {Object.entries(held).map(([name, spec], index) => (
        <PropertyForm key={index} path={[...path, name]} name={name} value={spec} shapes={shapes} depth={depth} inherited={groupOf?.get(`${String(path[0])}.${name}`)} />
      ))}
      {!readOnly && (
        <Button size="compact-sm" variant="subtle" leftSection={<Icon name="plus" size={14} />} onClick={add} style={{ alignSelf: "flex-start" }}>
          {t("editor.property.add", { where: String(path[path.length - 1] === "properties" ? path[path.length - 2] : path[path.length - 1]) })}
        </Button>
      )}
    </Stack>
  );
}
