/** The forms of a metric, a property group and a type. */
import { SimpleGrid, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import type { Shapes } from "../../api/design";
import { eventsQuery } from "../../api/queries";
import { ownersQuery } from "../../api/queries-editor";
import { useText } from "../../i18n";
import { BothLanguages, Section, SuggestField, TagsField, TextField, useEditing } from "./fields";
import { PropertyForm, PropertyList } from "./property-form";

const NAMESPACES = ["what", "where", "who", "how", "when"] as const;
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function MetricForm({ app }: { app: string }) {
  const { t } = useText();
  const { values } = useEditing();
  const owners = useQuery(ownersQuery).data ?? [];
  const [of] = useDebouncedValue(text(values.of), 200);
  const events = useQuery(eventsQuery(app, of, "", 20)).data?.items ?? [];
  return (
    <Stack gap="xl" p={18}>
      <Section title={t("editor.section.meaning")}>
        <Stack gap="sm">
          <BothLanguages path={["title"]} value={values.title} label={t("editor.title")} />
          <BothLanguages area path={["description"]} value={values.description} label={t("editor.description")} />
        </Stack>
      </Section>
      <Section title={t("metric.definition")}>
        <Stack gap="sm">
          <SuggestField path={["of"]} value={values.of} label={t("metrics.of")} data={events.map((one) => one.event)} placeholder="order_pay" />
          <TextField mono path={["measure"]} value={text(values.measure)} label={t("metric.measure")} placeholder="sum(what.total.value)" description={t("editor.measure.about")} />
          <TextField mono path={["where"]} value={text(values.where)} label={t("metric.where")} placeholder='what.total.currency == "SGD"' />
        </Stack>
      </Section>
      <Section title={t("editor.section.facts")}>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
          <SuggestField path={["owner"]} value={values.owner} label={t("events.owner")} data={owners} placeholder="team:pay" />
          <TextField path={["unit"]} value={text(values.unit)} label={t("metric.unit")} placeholder="SGD" />
          <TagsField path={["tags"]} value={values.tags} label={t("events.tags")} />
        </SimpleGrid>
      </Section>
    </Stack>
  );
}

export function GroupForm({ shapes }: { shapes: Shapes | undefined }) {
  const { t } = useText();
  const { values } = useEditing();
  return (
    <Stack gap="xl" p={18}>
      <Section title={t("events.properties")} about={t("editor.group.about")}>
        <Stack gap="md">
          {NAMESPACES.map((namespace) => (
            <div key={namespace}>
              <Text fz="sm" fw={600} mb={6}>
                <span className="tp-mono">{namespace}</span>{" "}
                <Text span fz="xs" c="dimmed" fw={400}>
                  {t(`namespace.${namespace}`)}
                </Text>
              </Text>
              <PropertyList path={[namespace]} value={values[namespace]} shapes={shapes} depth={0} label={t(`namespace.${namespace}`)} />
            </div>
          ))}
        </Stack>
      </Section>
    </Stack>
  );
}

export function TypeForm({ name, shapes }: { name: string; shapes: Shapes | undefined }) {
  const { t } = useText();
  const { values } = useEditing();
  return (
    <Stack gap="xl" p={18}>
      <Section title={t("editor.type")} about={t("editor.type.about")}>
        <PropertyForm path={[]} name={name} value={values} shapes={shapes} depth={0} />
      </Section>
    </Stack>
  );
}
