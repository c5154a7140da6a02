/** Who uses an event, and how to send it. */
import { Badge, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import type { Consumers, EventInsight } from "../../api/design";
import { CopyCode } from "../../components/copy-code";
import { Person } from "../../components/person";
import { Empty, Panel } from "../../components/states";
import { useText } from "../../i18n";

const KINDS = ["metrics", "rules", "queries", "clients", "subscriptions"] as const;
type Kind = (typeof KINDS)[number];
type Consumer = Consumers[Kind][number];

export function UseTab({ app, event, insight }: { app: string; event: string; insight: EventInsight }) {
  const { t } = useText();
  const [language, setLanguage] = useState(insight.snippets[0]?.language ?? "");
  const snippet = insight.snippets.find((one) => one.language === language) ?? insight.snippets[0];
  return (
    <div className="tp-halves">
      <ConsumersPanel app={app} consumers={insight.consumers} />
      <Panel
        title={t("use.snippet")}
        aside={insight.snippets.length > 1 && <SegmentedControl size="xs" aria-label={t("use.language")} value={language} onChange={setLanguage} data={insight.snippets.map((one) => one.language)} />}
      >
        {snippet ? <CopyCode text={snippet.code} label={t("use.snippet.of", { event, language: snippet.language })} /> : <Text fz="sm" c="dimmed">{t("use.no_snippet")}</Text>}
      </Panel>
    </div>
  );
}

export function ConsumersPanel({ app, consumers }: { app: string; consumers: Consumers }) {
  const { t } = useText();
  const some = KINDS.filter((kind) => consumers[kind].length > 0);
  return (
    <Panel title={t("use.consumers")}>
      {some.length === 0 ? (
        <Empty title={t("use.nobody")}>{t("use.nobody.about")}</Empty>
      ) : (
        <Stack gap="md">
          {some.map((kind) => (
            <section key={kind} aria-label={t(`use.${kind}`)}>
              <Text fz="xs" fw={650} c="dimmed" mb={4}>
                {t(`use.${kind}`)} · {consumers[kind].length}
              </Text>
              <ul className="tp-plain-list">
                {consumers[kind].map((one) => (
                  <li key={one.id || one.name}>
                    <Group gap={8} justify="space-between" wrap="nowrap">
                      <div style={{ minWidth: 0 }}>
                        <Text fz="sm" truncate>
                          <To app={app} kind={kind} one={one} />
                        </Text>
                        {(one.title || one.detail) && (
                          <Text fz="xs" c="dimmed" lineClamp={2}>
                            {[one.title, one.detail].filter(Boolean).join(" · ")}
                          </Text>
                        )}
                      </div>
                      <Group gap={8} wrap="nowrap">
                        {one.exact === false && (
                          <Badge size="sm" variant="light" color="gray" c="var(--mantine-color-text)" title={t("use.perhaps.about")}>
                            {t("use.perhaps")}
                          </Badge>
                        )}
                        {one.owner && <Person name={one.owner} size={18} />}
                      </Group>
                    </Group>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function To({ app, kind, one }: { app: string; kind: Kind; one: Consumer }): ReactNode {
  if (kind === "rules")
    return (
      <Link className="tp-link" to="/rules/edit/$rule" params={{ rule: one.name }}>
        {one.name}
      </Link>
    );
  if (kind === "metrics")
    return (
      <Link className="tp-link" to="/metrics/$app/$metric" params={{ app, metric: one.name }}>
        {one.name}
      </Link>
    );
  if (kind === "queries")
    return (
      <Link className="tp-link" to="/query" search={{ saved: one.id || one.name }}>
        {one.name}
      </Link>
    );
  return <b>{one.name}</b>;
}
