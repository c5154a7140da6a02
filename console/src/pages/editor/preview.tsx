/** What a part would become: what differs, an example, JSON Schema, generated code. */
import { SegmentedControl, Stack, Text } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import type { Preview } from "../../api/design";
import { CopyCode } from "../../components/copy-code";
import { PlanDiff } from "../../components/plan-diff";
import { Loading } from "../../components/states";
import { useText } from "../../i18n";

const SideBySide = lazy(async () => ({ default: (await import("../rules/side-by-side")).SideBySide }));

const VIEWS = ["diff", "example", "schema", "code"] as const;
type View = (typeof VIEWS)[number];

export function PreviewPanel({ preview, text }: { preview: Preview | undefined; text: string }) {
  const { t } = useText();
  const [view, setView] = useState<View>("diff");
  const code = preview?.code[0];
  return (
    <Stack gap="sm" p={14}>
      <SegmentedControl size="xs" aria-label={t("preview.view")} value={view} onChange={(value) => setView(value)} data={VIEWS.map((value) => ({ value, label: t(`preview.${value}`) }))} />
      {!preview ? (
        <Text fz="sm" c="dimmed">
          {t("preview.nothing")}
        </Text>
      ) : view === "diff" ? (
        <>
          <PlanDiff changes={preview.changes} open />
          <details className="tp-details">
            <summary>{t("preview.text")}</summary>
            <Suspense fallback={<Loading rows={3} />}>
              <SideBySide left={{ title: t("diff.before"), text: preview.base ?? "" }} right={{ title: t("diff.after"), text }} />
            </Suspense>
          </details>
        </>
      ) : view === "example" ? (
        preview.example ? <CopyCode text={preview.example} label={t("preview.example")} /> : <Text fz="sm" c="dimmed">{t("preview.no_example")}</Text>
      ) : view === "schema" ? (
        preview.json_schema ? <CopyCode text={JSON.stringify(preview.json_schema, null, 2)} label={t("preview.schema")} /> : <Text fz="sm" c="dimmed">{t("preview.not_readable")}</Text>
      ) : code ? (
        <CopyCode text={code.code} label={t("preview.code")} />
      ) : (
        <Text fz="sm" c="dimmed">
          {t("preview.not_readable")}
        </Text>
      )}
    </Stack>
  );
}
