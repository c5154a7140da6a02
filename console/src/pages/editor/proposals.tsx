/** What the platform proposes for an event under design, and why; one click takes it. */
import { Badge, Button, Group, Loader, RingProgress, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Proposals, Why } from "../../api/design";
import { proposalsQuery } from "../../api/queries-editor";
import { Icon } from "../../components/icons";
import { ErrorState, Loading } from "../../components/states";
import { percent } from "../../format";
import { useText } from "../../i18n";
import { useEditing } from "./fields";

export function ProposalsPanel({ app, name, text, goTo }: { app: string; name: string; text: string; goTo: (path: string) => void }) {
  const { t } = useText();
  const [settled] = useDebouncedValue(text, 500);
  const found = useQuery(proposalsQuery(app, name, settled));
  const { values, put, rename, readOnly } = useEditing();
  if (found.isPending && found.fetchStatus !== "idle")
    return (
      <div style={{ padding: 14 }}>
        <Loading rows={4} />
      </div>
    );
  if (found.isError)
    return (
      <div style={{ padding: 14 }}>
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      </div>
    );
  if (!found.data) return <Text fz="sm" c="dimmed" p={14}>{t("proposals.name_first")}</Text>;
  const { duplicates, groups, properties, types, same_properties, completeness } = found.data;
  const chosen = Array.isArray(values.groups) ? values.groups.map(String) : [];
  const nothing = duplicates.length + groups.length + properties.length + types.length + same_properties.length === 0;
  return (
    <Stack gap={0}>
      <Completeness found={completeness} goTo={goTo} />
      {nothing && (
        <Group gap={8} p={14} wrap="nowrap" role="status">
          {found.data.preparing && <Loader size={14} />}
          <Text fz="sm" c="dimmed">
            {found.data.preparing ? t("proposals.preparing") : t("proposals.none")}
          </Text>
        </Group>
      )}
      <Kind title={t("proposals.duplicates")} about={t("proposals.duplicates.about")}>
        {duplicates.map((one) => (
          <Proposal key={`${one.app} ${one.event}`} score={one.score} reasons={one.reasons} title={
            <Link className="tp-link" to="/events/$app/$event" params={{ app: one.app, event: one.event }} target="_blank">
              {one.event}
            </Link>
          } about={`${one.app}${one.title ? ` · ${one.title}` : ""}`} />
        ))}
      </Kind>
      <Kind title={t("proposals.groups")}>
        {groups.map((one) => {
          const foreign = one.home.includes("@");
          return (
            <Proposal
              key={one.name}
              score={one.score}
              reasons={one.reasons}
              title={<b>{one.name}</b>}
              about={foreign ? t("proposals.from_library", { library: one.home }) : ""}
              take={readOnly || chosen.includes(one.name) ? undefined : { label: t("proposals.take"), name: one.name, act: () => put(["groups"], [...chosen, one.name]) }}
            />
          );
        })}
      </Kind>
      <Kind title={t("proposals.properties")}>
        {properties.map((one) => (
          <Proposal
            key={one.path}
            score={one.score}
            reasons={one.reasons}
            title={<b className="tp-mono">{one.path}</b>}
            about={one.text.trim()}
            take={readOnly ? undefined : { label: t("proposals.add"), name: one.path, act: () => put(one.path.split("."), one.definition) }}
          />
        ))}
      </Kind>
      <Kind title={t("proposals.types")}>
        {types.map((one) => (
          <Proposal
            key={`${one.path} ${one.name}`}
            score={one.score}
            reasons={one.reasons}
            title={
              <span className="tp-mono">
                {one.path}: <b>{one.name}</b>
              </span>
            }
            about={one.home.includes("@") ? t("proposals.from_library", { library: one.home }) : ""}
            take={readOnly ? undefined : { label: t("proposals.take"), name: one.name, act: () => put([...one.path.split("."), "type"], one.name) }}
          />
        ))}
      </Kind>
      <Kind title={t("proposals.names")}>
        {same_properties.map((one) => (
          <Proposal
            key={one.path}
            score={one.score}
            reasons={one.reasons}
            title={
              <span className="tp-mono">
                {one.path} → <b>{one.like}</b>
              </span>
            }
            about={t("proposals.used_by", { count: one.used_by })}
            take={readOnly ? undefined : { label: t("proposals.rename"), name: one.like, act: () => rename(one.path.split("."), one.like.split(".").at(-1) ?? one.like) }}
          />
        ))}
      </Kind>
      {!found.data.readable && (
        <Text fz="xs" c="dimmed" p={14}>
          {t("proposals.unreadable")}
        </Text>
      )}
    </Stack>
  );
}

function Completeness({ found, goTo }: { found: Proposals["completeness"]; goTo: (path: string) => void }) {
  const { t, locale } = useText();
  const tone = found.score >= 80 ? "teal" : found.score >= 50 ? "blue" : "orange";
  return (
    <div className="tp-finding">
      <Group gap={12} wrap="nowrap" align="center">
        <RingProgress
          size={58}
          thickness={6}
          roundCaps
          aria-label={t("proposals.complete", { score: found.score })}
          sections={[{ value: found.score, color: tone }]}
          label={
            <Text ta="center" fz="sm" fw={650} className="tp-num">
              {found.score}
            </Text>
          }
        />
        <Text fz="sm" fw={600}>
          {t("proposals.complete", { score: found.score })}
        </Text>
      </Group>
      {found.missing.length > 0 && (
        <ul className="tp-missing">
          {found.missing.slice(0, 8).map((one) => (
            <li key={`${one.code} ${one.path}`}>
              <button type="button" className="tp-plain-button" onClick={() => goTo(one.path)} title={one.fix}>
                {one.message[locale] ?? one.message.en}
              </button>
              <span className="tp-num">+{one.points}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Kind({ title, about, children }: { title: string; about?: string; children: readonly ReactNode[] }) {
  if (children.length === 0) return null;
  return (
    <section aria-label={title}>
      <Text fz="xs" fw={650} c="dimmed" px={14} pt={10} pb={2}>
        {title}
      </Text>
      {about && (
        <Text fz="xs" c="dimmed" px={14}>
          {about}
        </Text>
      )}
      {children}
    </section>
  );
}

function Proposal({ title, about, score, reasons, take }: { title: ReactNode; about: string; score: number; reasons: readonly Why[]; take?: { label: string; name: string; act: () => void } | undefined }) {
  const { locale } = useText();
  return (
    <div className="tp-finding">
      <Group justify="space-between" wrap="nowrap" gap={8} align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Group gap={8}>
            <Text fz="sm" component="div" style={{ overflowWrap: "anywhere" }}>
              {title}
            </Text>
            <Badge size="xs" variant="light" color="gray" c="var(--mantine-color-text)">
              {percent(score, locale)}
            </Badge>
          </Group>
          {about && (
            <Text fz="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {about}
            </Text>
          )}
          {reasons.map((reason) => (
            <Text key={reason.code} fz="xs" c="dimmed">
              <Icon name="bulb" size={11} /> {reason.text[locale] ?? reason.text.en}
            </Text>
          ))}
        </div>
        {take && (
          <Button size="compact-xs" variant="default" onClick={take.act} aria-label={`${take.label}: ${take.name}`} style={{ flex: "none" }}>
            {take.label}
          </Button>
        )}
      </Group>
    </div>
  );
}
