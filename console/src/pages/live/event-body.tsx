/** One event in full: what is wrong, then the five namespaces. */
import { Group, List, SimpleGrid, Stack, Text } from "@mantine/core";
import { Json } from "../../components/json";
import { useText } from "../../i18n";
import type { LiveEvent } from "./buffer";

const NAMESPACES = ["who", "when", "where", "how", "what"] as const;

export function EventBody({ event }: { event: LiveEvent }) {
  const { t } = useText();
  return (
    <Stack gap="sm" py={6}>
      <Group gap="lg">
        <Text fz="xs" c="dimmed">
          id <span className="tp-mono">{event.id || "–"}</span>
        </Text>
        {event.kind === "dirty" && (
          <Text fz="xs" c="dimmed">
            {t("live.stage")} <span className="tp-mono">{event.stage}</span>
          </Text>
        )}
      </Group>
      {event.message && <Text fz="sm">{event.message}</Text>}
      {event.flaws.length > 0 && (
        <List size="sm" withPadding>
          {event.flaws.map((flaw, index) => (
            <List.Item key={index}>
              <span className="tp-mono">
                {flaw.code} {flaw.pointer || "/"}
              </span>
            </List.Item>
          ))}
        </List>
      )}
      {event.kind === "event" ? (
        <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="sm">
          {[...NAMESPACES, "meta" as const].map((namespace) =>
            event.body[namespace] === undefined ? null : (
              <div key={namespace}>
                <Text fz="xs" fw={650} mb={4}>
                  {t(`namespace.${namespace}`)} <span className="tp-mono" style={{ color: "var(--mantine-color-dimmed)", fontWeight: 400 }}>{namespace}</span>
                </Text>
                <Json value={event.body[namespace]} label={namespace} />
              </div>
            ),
          )}
        </SimpleGrid>
      ) : (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="sm">
          {(["header", "data"] as const).map((part) => (
            <div key={part}>
              <Text fz="xs" fw={650} mb={4}>
                {t(`dirty.${part}`)}
              </Text>
              <ClientText text={typeof event.body[part] === "string" ? event.body[part] : ""} label={t(`dirty.${part}`)} />
            </div>
          ))}
        </SimpleGrid>
      )}
    </Stack>
  );
}

/** The client's own bytes: laid out when they are JSON, as they came when not. */
export function ClientText({ text, label }: { text: string; label: string }) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return (
      <pre className="tp-code" aria-label={label} tabIndex={0}>
        {text}
      </pre>
    );
  }
  return <Json value={value} label={label} />;
}
