/** Variants in the form: when they hold as fields, what they change as YAML. */
import { ActionIcon, Button, Group, SimpleGrid, Stack, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { parse, stringify } from "yaml";
import { Icon } from "../../components/icons";
import { useText } from "../../i18n";
import { Section, useEditing, useFault } from "./fields";
import { isValues, type Values } from "./part";

const CLOSED = new Set(["platform", "app", "app_version"]);

export function VariantsForm() {
  const { t } = useText();
  const { values, put, readOnly } = useEditing();
  const variants = (Array.isArray(values.variants) ? values.variants : []).map((one: unknown): Values => (isValues(one) ? one : {}));
  return (
    <Section
      title={t("event.variants")}
      about={t("editor.variants.about")}
      aside={
        !readOnly &&
        variants.length < 6 && (
          <Button size="compact-sm" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => put(["variants"], [...variants, { applies: { platform: ["ios"] }, what: {} }])}>
            {t("editor.variants.add")}
          </Button>
        )
      }
    >
      <Stack gap="md">
        {variants.map((variant, index) => (
          <OneVariant key={index} index={index} variant={variant} remove={() => put(["variants"], variants.length > 1 ? variants.filter((_, at) => at !== index) : undefined)} />
        ))}
      </Stack>
    </Section>
  );
}

function OneVariant({ index, variant, remove }: { index: number; variant: Values; remove: () => void }) {
  const { t } = useText();
  const { put, readOnly } = useEditing();
  const fault = useFault(["variants", index]);
  const applies: Values = isValues(variant.applies) ? variant.applies : {};
  const changes = Object.fromEntries(Object.entries(variant).filter(([key]) => key !== "applies"));
  const others = Object.fromEntries(Object.entries(applies).filter(([key]) => !CLOSED.has(key)));
  const listed = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : []);
  const apply = (key: string, value: unknown) => put(["variants", index, "applies", key], value);
  return (
    <div className="tp-property-form" data-fault={fault ? "" : undefined}>
      <Stack gap={8}>
        <Group gap="sm" wrap="nowrap" align="flex-start">
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" flex={1}>
            <TagsInput size="xs" label={t("editor.variants.platform")} value={listed(applies.platform)} readOnly={readOnly} onChange={(next) => apply("platform", next.length ? next : undefined)} />
            <TextInput
              size="xs"
              label={t("editor.variants.version")}
              placeholder="<9.2"
              value={typeof applies.app_version === "string" ? applies.app_version : ""}
              readOnly={readOnly}
              onChange={(change) => apply("app_version", change.currentTarget.value || undefined)}
            />
          </SimpleGrid>
          {!readOnly && (
            <ActionIcon variant="subtle" color="gray" c="dimmed" mt={22} aria-label={t("editor.variants.remove", { number: index + 1 })} onClick={remove}>
              <Icon name="clear" size={16} />
            </ActionIcon>
          )}
        </Group>
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
          <YamlField
            label={t("editor.variants.equals")}
            placeholder="what.total.currency: CNY"
            value={others}
            change={(next) => put(["variants", index, "applies"], { ...Object.fromEntries(Object.entries(applies).filter(([key]) => CLOSED.has(key))), ...next })}
          />
          <YamlField label={t("editor.variants.changes")} placeholder={"what:\n  total: {required: false}"} value={changes} change={(next) => put(["variants", index], { applies: variant.applies ?? {}, ...next })} fault={fault} />
        </SimpleGrid>
      </Stack>
    </div>
  );
}

/** Values as YAML, taken whenever they can be read. */
function YamlField({ label, placeholder, value, change, fault }: { label: string; placeholder: string; value: Values; change: (next: Values) => void; fault?: string | undefined }) {
  const { t } = useText();
  const { readOnly } = useEditing();
  const shown = Object.keys(value).length ? stringify(value, { lineWidth: 0, flowCollectionPadding: false }).trimEnd() : "";
  const [text, setText] = useState(shown);
  const [wrong, setWrong] = useState(false);
  const [writing, setWriting] = useState(false);
  useEffect(() => {
    if (!writing) setText(shown);
  }, [shown, writing]);
  return (
    <Textarea
      size="xs"
      label={label}
      placeholder={placeholder}
      autosize
      minRows={2}
      maxRows={10}
      readOnly={readOnly}
      value={text}
      error={wrong ? t("editor.not_yaml") : fault}
      styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
      onFocus={() => setWriting(true)}
      onBlur={() => setWriting(false)}
      onChange={(event) => {
        setText(event.currentTarget.value);
        try {
          const read: unknown = parse(event.currentTarget.value) ?? {};
          if (!isValues(read)) throw new TypeError("no mapping");
          setWrong(false);
          change(read);
        } catch {
          setWrong(true);
        }
      }}
    />
  );
}
