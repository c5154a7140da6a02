/** The revisions of a plan, newest first; any two of them compared in meaning and in text. */
import { Button, Group, SegmentedControl, Select, Stack, Text, UnstyledButton } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import type { Schemas } from "../../api/client";
import { planDiffQuery, revisionQuery, revisionsQuery } from "../../api/queries-plans";
import { Compatibility } from "../../components/badges";
import { PlanDiff } from "../../components/plan-diff";
import { Empty, ErrorState, Loading, Panel } from "../../components/states";
import { ago, count, moment } from "../../format";
import { useText } from "../../i18n";
import { changedFiles } from "./model";

const SideBySide = lazy(async () => ({ default: (await import("../rules/side-by-side")).SideBySide }));

type Revision = Schemas["Revision"];
const LAYOUTS = ["list", "side", "text"] as const;
type Layout = (typeof LAYOUTS)[number];

export function RevisionsTab({ app }: { app: string }) {
  const { t, locale } = useText();
  const { from, to } = useSearch({ from: "/plans/$app" });
  const navigate = useNavigate({ from: "/plans/$app" });
  const found = useInfiniteQuery(revisionsQuery(app));
  const [layout, setLayout] = useState<Layout>("list");
  if (found.isPending) return <Loading rows={6} />;
  if (found.isError) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  const revisions = found.data.pages.flatMap((page) => page.items);
  const newest = revisions[0];
  if (!newest)
    return (
      <Panel>
        <Empty title={t("plans.empty")}>{t("events.empty.about")}</Empty>
      </Panel>
    );
  const after = to ?? newest.revision;
  const before = from ?? Math.max(0, after - 1);
  const show = (next: { from?: number; to?: number }) => void navigate({ search: { from: before, to: after, ...next }, replace: true });
  const options = revisions.map((one) => ({ value: String(one.revision), label: t("plan.revision", { revision: one.revision }) }));
  const known = (revision: number) => (options.some((one) => one.value === String(revision)) ? options : [...options, { value: String(revision), label: revision === 0 ? t("plan.nothing") : t("plan.revision", { revision }) }]);
  return (
    <div className="tp-history">
      <Panel flush title={t("plan.tab.revisions")}>
        <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none", maxHeight: "70vh", overflow: "auto" }}>
          {revisions.map((one) => (
            <li key={one.revision}>
              <UnstyledButton className="tp-finding" data-row aria-pressed={one.revision === after} onClick={() => show({ from: Math.max(0, one.revision - 1), to: one.revision })} style={one.revision === after ? { background: "var(--tp-hover)" } : undefined}>
                <OneRevision revision={one} />
                <Text fz="xs" c="dimmed" title={moment(one.created_at, locale)}>
                  {ago(one.created_at, locale)} · {one.author} · {t("plan.events", { count: count(one.events, locale) })}
                </Text>
              </UnstyledButton>
            </li>
          ))}
          {found.hasNextPage && (
            <Button variant="subtle" size="xs" m={8} loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              {t("plan.older")}
            </Button>
          )}
        </Stack>
      </Panel>
      <Stack gap="md" style={{ minWidth: 0 }}>
        <Group justify="space-between">
          <Group gap={8}>
            <Select size="xs" w={150} aria-label={t("plan.from")} allowDeselect={false} data={known(before)} value={String(before)} onChange={(value) => value && show({ from: Number(value) })} />
            →
            <Select size="xs" w={150} aria-label={t("plan.to")} allowDeselect={false} data={known(after)} value={String(after)} onChange={(value) => value && show({ to: Number(value) })} />
          </Group>
          <SegmentedControl size="xs" aria-label={t("plan.layout")} value={layout} onChange={(value) => setLayout(value)} data={LAYOUTS.map((value) => ({ value, label: t(`plan.layout.${value}`) }))} />
        </Group>
        {layout === "text" ? <TextDiff app={app} before={before} after={after} /> : <Meaning app={app} before={before} after={after} layout={layout} />}
      </Stack>
    </div>
  );
}

function OneRevision({ revision }: { revision: Revision }) {
  const { t } = useText();
  return (
    <Text fz="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
      {t("plan.revision", { revision: revision.revision })}
      {revision.message && (
        <Text span fz="sm" fw={400}>
          {" "}
          {revision.message}
        </Text>
      )}
    </Text>
  );
}

function Meaning({ app, before, after, layout }: { app: string; before: number; after: number; layout: "list" | "side" }) {
  const { t, locale } = useText();
  const diff = useQuery(planDiffQuery(app, before, after));
  if (diff.isPending) return <Loading rows={5} />;
  if (diff.isError) return <ErrorState error={diff.error} retry={() => void diff.refetch()} />;
  const { difference } = diff.data;
  const parts = difference.parts ?? [];
  const { counts } = difference;
  const total = (counts.added ?? 0) + (counts.changed ?? 0) + (counts.removed ?? 0) + (counts.renamed ?? 0) + (counts.affected ?? 0);
  return (
    <>
      <Group gap={10}>
        {difference.compatibility !== "same" && <Compatibility kind={difference.compatibility} />}
        <Text fz="sm" c="dimmed">
          {(["added", "changed", "renamed", "removed", "affected"] as const)
            .filter((kind) => counts[kind])
            .map((kind) => `${t(`diff.part.${kind}`)} ${count(counts[kind] ?? 0, locale)}`)
            .join(" · ")}
        </Text>
      </Group>
      <PlanDiff changes={parts} layout={layout} />
      {total > parts.length && (
        <Text fz="xs" c="dimmed">
          {t("plan.cut", { shown: count(parts.length, locale), total: count(total, locale) })}
        </Text>
      )}
    </>
  );
}

function TextDiff({ app, before, after }: { app: string; before: number; after: number }) {
  const { t } = useText();
  const left = useQuery(revisionQuery(app, before));
  const right = useQuery(revisionQuery(app, after));
  const error = left.error ?? right.error;
  if (error) return <ErrorState error={error} />;
  if ((before > 0 && !left.data) || !right.data) return <Loading rows={6} />;
  const files = changedFiles(left.data?.files ?? {}, right.data.files ?? {});
  if (files.length === 0)
    return (
      <Panel>
        <Empty title={t("diff.same")} />
      </Panel>
    );
  return (
    <Suspense fallback={<Loading rows={6} />}>
      <Stack gap="md">
        {files.map((file) => (
          <Panel key={file.path} title={<span className="tp-mono">{file.path}</span>}>
            <SideBySide left={{ title: before ? t("plan.revision", { revision: before }) : t("plan.nothing"), text: file.before }} right={{ title: t("plan.revision", { revision: after }), text: file.after }} />
          </Panel>
        ))}
      </Stack>
    </Suspense>
  );
}
