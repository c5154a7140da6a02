/** The properties of an event: what is planned beside what is really sent. */
import { Badge, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Fragment, useEffect, useMemo, useRef, useState } from "react";
import type { Schemas } from "../../api/client";
import type { EventValues, PropertyValues } from "../../api/design";
import { Icon } from "../../components/icons";
import { Panel } from "../../components/states";
import { count, localised, percent } from "../../format";
import { useText } from "../../i18n";
import { Distribution } from "./distribution";
import { constraintWords, rowsOf, typeWords, type PropertyRow } from "./model";

interface PropertyTableProps {
  app: string;
  event: string;
  spec: Schemas["EventSpec"];
  values: EventValues | undefined;
  failed: boolean;
  groupOf: ReadonlyMap<string, string>;
  /** The property that the address names. */
  chosen: string | undefined;
}

/** How many unplanned properties are listed. */
const UNPLANNED = 8;

export function PropertyTable({ app, event, spec, values, failed, groupOf, chosen }: PropertyTableProps) {
  const { t, locale } = useText();
  const rows = useMemo(() => rowsOf(spec.properties), [spec.properties]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(chosen ? [chosen] : []));
  const known = useMemo(() => new Map((values?.properties ?? []).map((one) => [one.path, one])), [values]);
  const unplanned = (values?.properties ?? []).filter((one) => !one.planned && one.sent);
  const place = useRef<HTMLTableSectionElement>(null);
  useEffect(() => {
    if (chosen) place.current?.querySelector(`[data-path="${CSS.escape(chosen)}"]`)?.scrollIntoView({ block: "center" });
  }, [chosen]);
  const toggle = (path: string) => {
    const next = new Set(open);
    if (!next.delete(path)) next.add(path);
    setOpen(next);
  };
  return (
    <Panel
      flush
      title={t("property.title", { count: rows.length })}
      aside={
        <Text fz="xs" c="dimmed">
          {values ? t("property.sample", { count: count(values.sampled, locale) }) : failed ? t("property.no_values") : ""}
        </Text>
      }
    >
      {rows.length === 0 ? (
        <Text fz="sm" c="dimmed" px={18} pb={16}>
          {t("events.no_properties")}
        </Text>
      ) : (
        <div className="tp-scroll" role="region" aria-label={t("events.properties")} tabIndex={0}>
          <table className="tp-table tp-properties">
            <thead>
              <tr>
                <th scope="col">{t("events.property")}</th>
                <th scope="col">{t("events.type")}</th>
                <th scope="col">{t("events.constraints")}</th>
                <th scope="col">{t("property.real")}</th>
                <th scope="col" className="right">
                  {t("property.filled")}
                </th>
              </tr>
            </thead>
            <tbody ref={place}>
              {rows.map((row) => {
                const real = known.get(row.path);
                const shown = open.has(row.path);
                return (
                  <Fragment key={row.path}>
                    <tr className="tp-row" data-row={row.path} data-path={row.path} tabIndex={-1} data-open={shown || undefined} onClick={() => toggle(row.path)}>
                      <td>
                        <div style={{ paddingLeft: row.depth * 18 }}>
                          <UnstyledButton
                            aria-expanded={shown}
                            className="tp-property-name"
                            onClick={(click) => {
                              click.stopPropagation();
                              toggle(row.path);
                            }}
                          >
                            <span className="tp-mono">
                              {row.depth === 0 && <span style={{ color: "var(--mantine-color-dimmed)" }}>{row.namespace}.</span>}
                              <b>{row.name}</b>
                            </span>
                          </UnstyledButton>
                          <Marks row={row} group={groupOf.get(row.path)} app={app} />
                        </div>
                      </td>
                      <td>
                        {typeWords(row.spec, t)}
                        {row.spec.required && (
                          <Text fz="xs" c="dimmed">
                            {t("events.required")}
                          </Text>
                        )}
                      </td>
                      <td>
                        <Text fz="xs" component="div" maw={230} lineClamp={2}>
                          {constraintWords(row.spec, locale, t).join(" · ")}
                        </Text>
                      </td>
                      <td>
                        <Real real={real} />
                      </td>
                      <td className="right">{real?.sent && values ? percent(real.count / Math.max(1, values.sampled), locale) : "–"}</td>
                    </tr>
                    {shown && (
                      <tr className="tp-property-more">
                        <td colSpan={5}>
                          <More app={app} event={event} row={row} real={real} sampled={values?.sampled ?? 0} />
                        </td>
                      </tr>
                    )}
                  </Fragment>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {unplanned.length > 0 && (
        <Stack gap={4} px={18} py={12} style={{ borderTop: "1px solid var(--tp-border)" }}>
          <Text fz="sm" fw={600}>
            {t("property.unplanned", { count: unplanned.length })}
          </Text>
          <Text fz="xs" c="dimmed" className="tp-mono" style={{ overflowWrap: "anywhere" }}>
            {unplanned
              .slice(0, UNPLANNED)
              .map((one) => `${one.path}: ${one.type.join(" | ")}`)
              .join(", ")}
            {unplanned.length > UNPLANNED && " …"}
          </Text>
        </Stack>
      )}
    </Panel>
  );
}

/** What is particular about a property: personal, from a group, deprecated. */
function Marks({ row, group, app }: { row: PropertyRow; group: string | undefined; app: string }) {
  const { t, locale } = useText();
  const { spec } = row;
  const title = localised(spec.title, locale);
  return (
    <Group gap={6}>
      {title && (
        <Text span fz="xs" c="dimmed">
          {title}
        </Text>
      )}
      {spec.pii && (
        <Badge size="sm" variant="light" color="grape" c="var(--mantine-color-text)" title={(spec.purpose ?? []).map((one) => t(`purpose.${one}`)).join(", ")}>
          {t("property.pii", { kind: t(`pii.${spec.pii}`) })}
        </Badge>
      )}
      {group && (
        <Link className="tp-group-mark" to="/plans/$app" params={{ app }} search={{ tab: "groups", name: group }} title={t("property.from_group", { group })} onClick={(click) => click.stopPropagation()}>
          {group}
        </Link>
      )}
      {spec.deprecated && (
        <Badge size="sm" variant="light" color="orange" c="var(--mantine-color-text)">
          {spec.deprecated.replaced_by ? t("property.deprecated_for", { path: spec.deprecated.replaced_by }) : t("events.deprecated")}
        </Badge>
      )}
    </Group>
  );
}

/** A few real values. */
function Real({ real }: { real: PropertyValues | undefined }) {
  const { t } = useText();
  if (!real) return <span style={{ color: "var(--mantine-color-dimmed)" }}>–</span>;
  if (!real.sent)
    return (
      <Text span fz="xs" c="dimmed">
        {t("property.not_sent")}
      </Text>
    );
  if (real.masked)
    return (
      <Text span fz="xs" c="dimmed">
        <Icon name="shield" size={12} /> {t("property.masked")}
      </Text>
    );
  const shown = real.top.length ? real.top.map((one) => one.value) : real.examples;
  return (
    <div className="tp-examples">
      {shown.slice(0, 3).map((value) => (
        <code key={value}>{value}</code>
      ))}
    </div>
  );
}

function More({ app, event, row, real, sampled }: { app: string; event: string; row: PropertyRow; real: PropertyValues | undefined; sampled: number }) {
  const { t, locale } = useText();
  const { spec } = row;
  const description = localised(spec.description, locale);
  const constraints = constraintWords(spec, locale, t);
  return (
    <div className="tp-property-body">
      <Stack gap={8}>
        <Group gap={8}>
          <code className="tp-mono">{row.path}</code>
          <Link className="tp-link" to="/edit" search={{ app, section: "events", name: event }} style={{ fontSize: 12 }}>
            {t("event.edit")}
          </Link>
        </Group>
        {description && <Text fz="sm">{description}</Text>}
        {constraints.length > 0 && (
          <ul className="tp-lines">
            {constraints.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        )}
        {spec.pii && (
          <Text fz="sm">
            {t("property.pii", { kind: t(`pii.${spec.pii}`) })} · {t("property.purpose")}: {(spec.purpose ?? []).map((one) => t(`purpose.${one}`)).join(", ") || t("property.no_purpose")}
          </Text>
        )}
        {spec.deprecated?.until && <Text fz="sm">{t("event.until", { date: spec.deprecated.until })}</Text>}
        {real && (
          <Text fz="xs" c="dimmed">
            {[
              t("property.seen_in", { count: count(real.count, locale), of: count(sampled, locale) }),
              real.nulls > 0 ? t("property.nulls", { count: count(real.nulls, locale) }) : "",
              real.distinct !== null ? t("property.distinct", { count: count(real.distinct, locale) }) : "",
              Object.keys(real.kinds).length > 1 ? Object.entries(real.kinds).map(([kind, number]) => `${kind} ${count(number, locale)}`).join(", ") : "",
            ]
              .filter(Boolean)
              .join(" · ")}
          </Text>
        )}
      </Stack>
      {real && !real.masked && real.sent && <Distribution values={real} />}
    </div>
  );
}
