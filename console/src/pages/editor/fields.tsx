/** Fields of the form: each shows a value of the part's text, and writes it back. */
import { Autocomplete, Group, NumberInput, Select, SimpleGrid, Switch, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import type { Finding } from "../../api/client";
import { useText } from "../../i18n";
import { said } from "../../i18n/said";
import { byLanguage, isValues, written, type Path, type Values } from "./part";

export interface Editing {
  values: Values;
  /** Put a value at a path; undefined takes it away. */
  put: (path: Path, value: unknown) => void;
  /** Call a key otherwise. */
  rename: (path: Path, to: string) => void;
  /** What is wrong, by path. */
  findings: readonly { path: readonly (string | number)[]; finding: Finding }[];
  readOnly: boolean;
}

const EditingContext = createContext<Editing | undefined>(undefined);
export const EditingProvider = EditingContext.Provider;

export function useEditing(): Editing {
  const editing = useContext(EditingContext);
  if (!editing) throw new Error("a field stands outside the form");
  return editing;
}

/** What is wrong with exactly this field; with `deep` also below it. */
export function useFault(path: Path, deep = true): string | undefined {
  const { findings } = useEditing();
  const found = findings.filter(({ path: at }) => path.every((key, index) => String(at[index]) === String(key)) && (deep || at.length === path.length));
  return found.length ? found.map(({ finding }) => said(finding)).join("\n") : undefined;
}

/** A text field that writes when one stops typing, so that each key is not a change of the document. */
export function TextField({ path, value, label, placeholder, area = false, mono = false, description }: { path: Path; value: string; label: string; placeholder?: string; area?: boolean; mono?: boolean; description?: ReactNode }) {
  const { put, readOnly } = useEditing();
  const fault = useFault(path);
  const shared = {
    label,
    placeholder,
    value,
    readOnly,
    error: fault,
    description,
    styles: mono ? { input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } } : undefined,
    onChange: (change: { currentTarget: { value: string } }) => put(path, change.currentTarget.value || undefined),
  };
  return area ? <Textarea {...shared} autosize minRows={2} maxRows={8} /> : <TextInput {...shared} />;
}

/** A text in both languages. */
export function BothLanguages({ path, value, label, area = false, dense = false }: { path: Path; value: unknown; label: string; area?: boolean; dense?: boolean }) {
  const { t } = useText();
  const { put, readOnly } = useEditing();
  const fault = useFault(path);
  const texts = byLanguage(value);
  const set = (language: "en" | "zh", text: string) => put(path, written({ ...texts, [language]: text }));
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      {(["en", "zh"] as const).map((language) => {
        const shared = {
          label: `${label} · ${t(`editor.language.${language}`)}`,
          lang: language === "zh" ? "zh-CN" : "en",
          value: texts[language],
          readOnly,
          size: dense ? "xs" : "sm",
          error: language === "en" ? fault : undefined,
          onChange: (change: { currentTarget: { value: string } }) => set(language, change.currentTarget.value),
        };
        return area ? <Textarea key={language} {...shared} autosize minRows={2} maxRows={8} /> : <TextInput key={language} {...shared} />;
      })}
    </SimpleGrid>
  );
}

/** A number that may be left out. */
export function NumberField({ path, value, label, whole = false }: { path: Path; value: unknown; label: string; whole?: boolean }) {
  const { put, readOnly } = useEditing();
  const fault = useFault(path);
  return (
    <NumberInput
      size="xs"
      label={label}
      value={typeof value === "number" ? value : ""}
      allowDecimal={!whole}
      hideControls
      readOnly={readOnly}
      error={fault}
      onChange={(next) => put(path, typeof next === "number" ? next : undefined)}
    />
  );
}

export function SwitchField({ path, value, label, otherwise = false }: { path: Path; value: unknown; label: string; /** What it is when left out. */ otherwise?: boolean }) {
  const { put, readOnly } = useEditing();
  const on = typeof value === "boolean" ? value : otherwise;
  return <Switch size="xs" label={label} checked={on} disabled={readOnly} onChange={(change) => put(path, change.currentTarget.checked === otherwise ? undefined : change.currentTarget.checked)} />;
}

export function TagsField({ path, value, label, data = [], placeholder }: { path: Path; value: unknown; label: string; data?: readonly string[]; placeholder?: string }) {
  const { put, readOnly } = useEditing();
  const fault = useFault(path);
  const texts = Array.isArray(value) ? value.map(String) : [];
  return <TagsInput label={label} data={[...data]} placeholder={texts.length ? undefined : placeholder} value={texts} readOnly={readOnly} error={fault} onChange={(next) => put(path, next.length ? next : undefined)} clearable />;
}

export function ChoiceField({ path, value, label, data, size = "sm", clearable = true }: { path: Path; value: unknown; label: string; data: readonly (string | { value: string; label: string })[]; size?: "xs" | "sm"; clearable?: boolean }) {
  const { put, readOnly } = useEditing();
  const fault = useFault(path);
  return <Select size={size} label={label} data={[...data]} value={typeof value === "string" ? value : null} clearable={clearable} allowDeselect={false} searchable={data.length > 8} readOnly={readOnly} error={fault} onChange={(next) => put(path, next ?? undefined)} />;
}

export function SuggestField({ path, value, label, data, placeholder }: { path: Path; value: unknown; label: string; data: readonly string[]; placeholder?: string }) {
  const { put, readOnly } = useEditing();
  const fault = useFault(path);
  return <Autocomplete label={label} data={[...data]} placeholder={placeholder} value={typeof value === "string" ? value : ""} readOnly={readOnly} error={fault} onChange={(next) => put(path, next || undefined)} limit={30} />;
}

/** A name that is only taken when one is through with it: a half-written one would be another property. */
export function NameField({ path, value, label }: { path: Path; value: string; label: string }) {
  const { t } = useText();
  const { values, rename, readOnly } = useEditing();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const to = text.trim();
  const beside = path.slice(0, -1).reduce<unknown>((held, key) => (isValues(held) ? held[key] : undefined), values);
  const taken = to !== value && isValues(beside) && to in beside;
  const done = () => {
    if (taken) return;
    if (to && to !== value) rename(path, to);
    else setText(value);
  };
  return (
    <TextInput
      size="xs"
      aria-label={label}
      value={text}
      readOnly={readOnly}
      error={taken && t("editor.property.taken")}
      styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontWeight: 600 } }}
      onChange={(change) => setText(change.currentTarget.value)}
      onBlur={done}
      onKeyDown={(event) => event.key === "Enter" && done()}
    />
  );
}

export function Section({ title, about, children, aside }: { title: string; about?: string; children: ReactNode; aside?: ReactNode }) {
  return (
    <section className="tp-form-section" aria-label={title}>
      <Group justify="space-between" mb={8}>
        <div>
          <Text fw={650} fz={15}>
            {title}
          </Text>
          {about && (
            <Text fz="xs" c="dimmed">
              {about}
            </Text>
          )}
        </div>
        {aside}
      </Group>
      {children}
    </section>
  );
}
