/** The form of an event: the same part as the YAML, field by field. */
import { ActionIcon, Button, FileButton, Group, Input, MultiSelect, SegmentedControl, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Shapes } from "../../api/design";
import { ownersQuery } from "../../api/queries-editor";
import { sessionQuery } from "../../api/queries";
import { uploadScreenshot } from "../../api/screenshots";
import { Icon } from "../../components/icons";
import { Picture } from "../../components/picture";
import { ErrorState } from "../../components/states";
import { useText } from "../../i18n";
import { BothLanguages, ChoiceField, NumberField, Section, SuggestField, SwitchField, TagsField, TextField, useEditing, useFault } from "./fields";
import { isValues, type Values } from "./part";
import { PropertyList } from "./property-form";
import { GRADES } from "./shapes";
import { VariantsForm } from "./variants-form";

const PLATFORMS = ["web", "ios", "android", "desktop", "mobile", "tablet", "server", "mini_program"];
const NAMESPACES = ["what", "where", "who", "how", "when"] as const;
const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

export function EventForm({ app, shapes }: { app: string; shapes: Shapes | undefined }) {
  const { t } = useText();
  const { values, put, readOnly } = useEditing();
  const owners = useQuery(ownersQuery).data ?? [];
  const gradeFault = useFault(["grade"]);
  const groupsFault = useFault(["groups"]);
  const groups = Array.isArray(values.groups) ? values.groups.map(String) : [];
  const groupOf = useMemo(() => {
    const found = new Map<string, string>();
    for (const group of shapes?.groups ?? []) for (const [namespace, properties] of Object.entries(group.properties)) for (const name of Object.keys(properties)) found.set(`${namespace}.${name}`, group.name);
    return found;
  }, [shapes]);
  const shown = NAMESPACES.filter((namespace) => namespace === "what" || values[namespace] !== undefined);
  const missing = NAMESPACES.filter((namespace) => !shown.includes(namespace));
  const deprecated: Values = isValues(values.deprecated) ? values.deprecated : {};
  const expires = isValues(values.expires) ? values.expires : undefined;
  return (
    <Stack gap="xl" p={18}>
      <Section title={t("editor.section.meaning")}>
        <Stack gap="sm">
          <BothLanguages path={["title"]} value={values.title} label={t("editor.title")} />
          <BothLanguages area path={["description"]} value={values.description} label={t("editor.description")} />
          <BothLanguages area path={["trigger"]} value={values.trigger} label={t("events.trigger")} />
        </Stack>
      </Section>
      <Section title={t("editor.section.facts")}>
        <Stack gap="sm">
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
            <SuggestField path={["owner"]} value={values.owner} label={t("events.owner")} data={owners} placeholder="team:pay" />
            <div>
              <Input.Label id="grade-label" component="div">
                {t("events.grade")}
              </Input.Label>
              <SegmentedControl fullWidth aria-labelledby="grade-label" value={text(values.grade) || "P2"} readOnly={readOnly} onChange={(value) => put(["grade"], value)} data={[...GRADES]} />
              {gradeFault && (
                <Text fz="xs" c="var(--mantine-color-error)">
                  {gradeFault}
                </Text>
              )}
            </div>
            <TagsField path={["platforms"]} value={values.platforms} label={t("events.platforms")} data={PLATFORMS} />
            <TagsField path={["tags"]} value={values.tags} label={t("events.tags")} />
            <TextField path={["category"]} value={text(values.category)} label={t("event.category")} />
            <SimpleGrid cols={2} spacing="sm">
              <TextField path={expires ? ["expires", "on"] : ["expires"]} value={text(expires ? expires.on : values.expires)} label={t("event.expires")} placeholder="2027-06-30" />
              {(values.expires !== undefined || expires) && (
                <NumberField whole path={["expires", "renew_days"]} value={expires?.renew_days} label={t("editor.renew_days")} />
              )}
            </SimpleGrid>
          </SimpleGrid>
        </Stack>
      </Section>
      <ScreenshotsForm app={app} />
      <Section title={t("events.groups")} about={t("editor.groups.about")}>
        <MultiSelect
          aria-label={t("events.groups")}
          data={[...new Set([...(shapes?.groups ?? []).map((group) => group.name), ...groups])]}
          value={groups}
          readOnly={readOnly}
          error={groupsFault}
          searchable
          onChange={(next) => put(["groups"], next.length ? next : undefined)}
        />
        {groups.map((name) => {
          const group = shapes?.groups.find((one) => one.name === name);
          return group ? (
            <Text key={name} fz="xs" c="dimmed" mt={4}>
              <b>{name}</b>: {Object.entries(group.properties).flatMap(([namespace, properties]) => Object.keys(properties).map((property) => `${namespace}.${property}`)).join(", ")}
            </Text>
          ) : null;
        })}
      </Section>
      <Section title={t("events.properties")}>
        <Stack gap="md">
          {shown.map((namespace) => (
            <div key={namespace}>
              <Text fz="sm" fw={600} mb={6}>
                <span className="tp-mono">{namespace}</span>{" "}
                <Text span fz="xs" c="dimmed" fw={400}>
                  {t(`namespace.${namespace}`)}
                </Text>
              </Text>
              <PropertyList path={[namespace]} value={values[namespace]} shapes={shapes} depth={0} label={t(`namespace.${namespace}`)} groupOf={groupOf} />
            </div>
          ))}
          {!readOnly && (
            <Group gap={6}>
              {missing.map((namespace) => (
                <Button key={namespace} size="compact-xs" variant="default" onClick={() => put([namespace, "new_property"], { type: "string" })}>
                  {t("editor.property.add", { where: namespace })}
                </Button>
              ))}
            </Group>
          )}
        </Stack>
      </Section>
      <ChecksForm />
      <VariantsForm />
      <Section title={t("events.deprecated")}>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm" style={{ alignItems: "end" }}>
          <SwitchField path={["deprecated"]} value={values.deprecated !== undefined} label={t("events.deprecated")} />
          {values.deprecated !== undefined && (
            <>
              <TextField mono path={["deprecated", "replaced_by"]} value={text(deprecated.replaced_by)} label={t("editor.replaced_by")} />
              <TextField path={["deprecated", "until"]} value={text(deprecated.until)} label={t("editor.until")} placeholder="2027-06-30" />
            </>
          )}
        </SimpleGrid>
      </Section>
    </Stack>
  );
}

function ScreenshotsForm({ app }: { app: string }) {
  const { t } = useText();
  const { values, put, readOnly } = useEditing();
  const may = useQuery(sessionQuery).data?.may.includes("screenshot.add") ?? false;
  const names = Array.isArray(values.screenshots) ? values.screenshots.map(String) : [];
  const set = (next: readonly string[]) => put(["screenshots"], next.length ? next : undefined);
  const upload = useMutation({ mutationFn: (file: File) => uploadScreenshot(app, file), onSuccess: (made) => names.includes(made.name) || set([...names, made.name]) });
  return (
    <Section
      title={t("screenshot.title")}
      aside={
        may &&
        !readOnly && (
          <FileButton accept="image/png,image/jpeg,image/webp,image/gif" onChange={(file) => file && upload.mutate(file)}>
            {(props) => (
              <Button {...props} size="compact-sm" variant="default" loading={upload.isPending} leftSection={<Icon name="image" size={14} />}>
                {t("screenshot.add")}
              </Button>
            )}
          </FileButton>
        )
      }
    >
      {upload.isError && <ErrorState error={upload.error} />}
      {names.length === 0 ? (
        <Text fz="xs" c="dimmed">
          {t("screenshot.none")}
        </Text>
      ) : (
        <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
          {names.map((name, index) => (
            <div key={name} className="tp-thumb" style={{ position: "relative" }}>
              <Picture app={app} name={name} alt={t("screenshot.large", { number: index + 1 })} />
              {!readOnly && (
                <ActionIcon variant="default" size="sm" style={{ position: "absolute", top: 4, right: 4 }} aria-label={t("editor.screenshot.remove", { number: index + 1 })} onClick={() => set(names.filter((one) => one !== name))}>
                  <Icon name="cross" size={13} />
                </ActionIcon>
              )}
            </div>
          ))}
        </SimpleGrid>
      )}
    </Section>
  );
}

function ChecksForm() {
  const { t } = useText();
  const { values, put, readOnly } = useEditing();
  const checks = (Array.isArray(values.checks) ? values.checks : []).map((one: unknown) => (isValues(one) ? one : {}));
  return (
    <Section
      title={t("event.checks")}
      about={t("editor.checks.about")}
      aside={
        !readOnly && (
          <Button size="compact-sm" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => put(["checks"], [...checks, { name: `check_${checks.length + 1}`, that: "" }])}>
            {t("editor.checks.add")}
          </Button>
        )
      }
    >
      <Stack gap="md">
        {checks.map((check, index) => (
          <div key={index} className="tp-property-form">
            <Stack gap={8}>
              <Group gap="sm" align="flex-start" wrap="nowrap">
                <div style={{ width: 190 }}>
                  <TextField mono path={["checks", index, "name"]} value={text(check.name)} label={t("editor.checks.name")} />
                </div>
                <div style={{ flex: 1 }}>
                  <TextField mono path={["checks", index, "that"]} value={text(check.that)} label={t("editor.checks.that")} placeholder="what.total.value >= what.discount" />
                </div>
                <div style={{ width: 120 }}>
                  <ChoiceField
                    clearable={false}
                    path={["checks", index, "severity"]}
                    value={check.severity ?? "error"}
                    label={t("editor.checks.severity")}
                    data={[
                      { value: "error", label: t("event.check.error") },
                      { value: "warning", label: t("event.check.warning") },
                    ]}
                  />
                </div>
                {!readOnly && (
                  <ActionIcon variant="subtle" color="gray" c="dimmed" mt={26} aria-label={t("editor.checks.remove", { name: text(check.name) })} onClick={() => put(["checks"], checks.length > 1 ? checks.filter((_, at) => at !== index) : undefined)}>
                    <Icon name="clear" size={16} />
                  </ActionIcon>
                )}
              </Group>
              <BothLanguages dense path={["checks", index, "message"]} value={check.message} label={t("editor.checks.message")} />
            </Stack>
          </div>
        ))}
      </Stack>
    </Section>
  );
}
