/** What an event means and what it carries. */
import { Alert, Badge, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { EventInsight } from "../../api/design";
import type { Schemas } from "../../api/client";
import { valuesQuery } from "../../api/queries-event";
import { shapesQuery } from "../../api/queries-plans";
import { Person } from "../../components/person";
import { Sparkline } from "../../components/sparkline";
import { Panel } from "../../components/states";
import { count, localised, percent } from "../../format";
import { useText } from "../../i18n";
import { sentence } from "../../i18n/said";
import { appliesWords, variantLines } from "./model";
import { Fact, Missing } from "./facts";
import { PropertyTable } from "./properties";
import { Screenshots } from "./screenshots";

type Spec = Schemas["EventSpec"];

interface AboutProps {
  app: string;
  event: string;
  spec: Spec;
  revision: number;
  insight: EventInsight | undefined;
  property: string | undefined;
}

export function About({ app, event, spec, revision, insight, property }: AboutProps) {
  const { t, locale } = useText();
  const values = useQuery(valuesQuery(app, event));
  const shapes = useQuery(shapesQuery(app)).data;
  const description = localised(spec.description, locale);
  const trigger = localised(spec.trigger, locale);
  const groupOf = useMemo(() => {
    const found = new Map<string, string>();
    for (const group of shapes?.groups ?? []) {
      if (!(spec.groups ?? []).includes(group.name)) continue;
      for (const [namespace, properties] of Object.entries(group.properties)) for (const name of Object.keys(properties)) found.set(`${namespace}.${name}`, group.name);
    }
    return found;
  }, [shapes, spec.groups]);
  return (
    <div className="tp-about">
      <Stack gap="md" style={{ minWidth: 0 }}>
        {spec.deprecated && (
          <Alert color="orange" variant="outline" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("event.deprecated")}>
            <Group gap={8}>
              {spec.deprecated.replaced_by && (
                <Text fz="sm">
                  {t("event.replaced_by")}{" "}
                  <Link className="tp-link" to="/events/$app/$event" params={{ app, event: spec.deprecated.replaced_by }}>
                    {spec.deprecated.replaced_by}
                  </Link>
                </Text>
              )}
              {spec.deprecated.until && <Text fz="sm">{t("event.until", { date: spec.deprecated.until })}</Text>}
            </Group>
          </Alert>
        )}
        <Panel title={t("event.meaning")}>
          <Stack gap="sm">
            {description ? (
              <Text fz="sm" style={{ whiteSpace: "pre-line" }}>
                {description}
              </Text>
            ) : (
              <Missing>{t("event.no_description")}</Missing>
            )}
            <div>
              <Text fz="xs" fw={650} c="dimmed">
                {t("events.trigger")}
              </Text>
              {trigger ? <Text fz="sm">{trigger}</Text> : <Missing>{t("event.no_trigger")}</Missing>}
            </div>
          </Stack>
        </Panel>
        <Screenshots app={app} event={event} spec={spec} known={insight?.screenshots ?? []} />
        <PropertyTable app={app} event={event} spec={spec} values={values.data} failed={values.isError} groupOf={groupOf} chosen={property} />
        {(spec.checks ?? []).length > 0 && (
          <Panel title={t("event.checks")}>
            <ul className="tp-plain-list">
              {(spec.checks ?? []).map((check) => (
                <li key={check.name}>
                  <Group gap={8}>
                    <Text fz="sm" fw={600}>
                      {localised(check.message, locale) || check.name}
                    </Text>
                    <Badge size="sm" variant="light" color={check.severity === "warning" ? "yellow" : "red"} c="var(--mantine-color-text)">
                      {check.severity === "warning" ? t("event.check.warning") : t("event.check.error")}
                    </Badge>
                  </Group>
                  <code className="tp-mono">{check.that}</code>
                </li>
              ))}
            </ul>
          </Panel>
        )}
        {(spec.variants ?? []).length > 0 && (
          <Panel title={t("event.variants")}>
            <ul className="tp-plain-list">
              {(spec.variants ?? []).map((variant, index) => (
                <li key={index}>
                  <Text fz="sm" fw={600}>
                    {t("variant.when", { when: appliesWords(variant, t) })}
                  </Text>
                  <ul className="tp-lines">
                    {variantLines(variant).map((line) => (
                      <li key={`${line.path} ${line.key}`} className="tp-mono">
                        {line.path} <span style={{ color: "var(--mantine-color-dimmed)" }}>{line.key ? `${line.key}: ` : t("variant.gone")}</span>
                        {line.value}
                      </li>
                    ))}
                  </ul>
                </li>
              ))}
            </ul>
          </Panel>
        )}
      </Stack>
      <Stack gap="md">
        <Panel title={t("event.figures")}>
          <dl className="tp-fact-list">
            <Fact name={t("event.volume")}>
              {insight && insight.daily.length > 0 ? (
                <Group gap={10} justify="space-between">
                  <span className="tp-num">{count(insight.seen, locale)}</span>
                  <Sparkline values={insight.daily.slice(-30).map((day) => day.seen + day.dirty)} label={t("event.volume.about")} />
                </Group>
              ) : (
                "–"
              )}
            </Fact>
            <Fact name={t("event.valid")}>{insight?.valid_share == null ? "–" : percent(insight.valid_share, locale)}</Fact>
            <Fact name={t("event.dirty")}>
              {insight && insight.dirty > 0 ? (
                <Link className="tp-link" to="/dirty" search={{ app, event }}>
                  {count(insight.dirty, locale)}
                </Link>
              ) : (
                "0"
              )}
            </Fact>
            <Fact name={t("event.consumers")}>{insight ? count(Object.values(insight.consumers).reduce((sum, list) => sum + list.length, 0), locale) : "–"}</Fact>
          </dl>
        </Panel>
        <Panel title={t("event.facts")}>
          <dl className="tp-fact-list">
            {spec.owner && (
              <Fact name={t("events.owner")}>
                <Link to="/events" search={{ owner: [spec.owner] }} className="tp-quiet-link">
                  <Person name={spec.owner} size={18} />
                </Link>
              </Fact>
            )}
            {spec.category && <Fact name={t("event.category")}>{spec.category}</Fact>}
            {(spec.platforms ?? []).length > 0 && <Fact name={t("events.platforms")}>{(spec.platforms ?? []).join(", ")}</Fact>}
            {(spec.groups ?? []).length > 0 && (
              <Fact name={t("events.groups")}>
                {(spec.groups ?? []).map((group, index) => (
                  <span key={group}>
                    {index > 0 && ", "}
                    <Link className="tp-link" to="/plans/$app" params={{ app }} search={{ tab: "groups", name: group }}>
                      {group}
                    </Link>
                  </span>
                ))}
              </Fact>
            )}
            {(spec.tags ?? []).length > 0 && (
              <Fact name={t("events.tags")}>
                <Group gap={4}>
                  {(spec.tags ?? []).map((tag) => (
                    <Link key={tag} className="tp-chip" to="/events" search={{ tag: [tag] }}>
                      {tag}
                    </Link>
                  ))}
                </Group>
              </Fact>
            )}
            {spec.expires && (
              <Fact name={t("event.expires")}>
                {spec.expires}
                {spec.renew_days != null && (
                  <Text fz="xs" c="dimmed">
                    {t("event.renewed", { days: spec.renew_days })}
                  </Text>
                )}
              </Fact>
            )}
            <Fact name={t("events.revision")}>
              <Link className="tp-link" to="/plans/$app" params={{ app }}>
                {revision}
              </Link>
            </Fact>
          </dl>
        </Panel>
        {(insight?.notes.length ?? 0) > 0 && (
          <Panel title={t("event.notes")}>
            <Stack gap={6}>
              {insight?.notes.map((note) => (
                <Text key={note} fz="xs" c="dimmed">
                  {sentence(note)}
                </Text>
              ))}
            </Stack>
          </Panel>
        )}
      </Stack>
    </div>
  );
}
