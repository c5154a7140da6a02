/** The states every page has: loading, failed, empty. And the panel and page head they stand in. */
import { Alert, Button, Group, List, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError, type Finding } from "../api/client";
import { useText } from "../i18n";
import { hinted, said } from "../i18n/said";
import { FindingText } from "./finding";

export function PageHead({ title, about, actions }: { title: ReactNode; about?: ReactNode; actions?: ReactNode }) {
  return (
    <Group justify="space-between" align="flex-start" mb="lg" wrap="wrap" gap="sm">
      <div style={{ minWidth: 0, flex: "1 1 420px" }}>
        <Title order={1} fz={24} lh={1.3}>
          {title}
        </Title>
        {about && (
          <Text c="dimmed" fz="sm" mt={2} component="div">
            {about}
          </Text>
        )}
      </div>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}

export function Panel({ title, aside, children, flush }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="tp-panel">
      {(title ?? aside) && (
        <div className="tp-panel-head">
          <Title order={2} fz={15}>
            {title}
          </Title>
          {aside}
        </div>
      )}
      <div className={flush ? undefined : "tp-panel-body"} style={flush ? { paddingTop: title ? 8 : 0 } : undefined}>
        {children}
      </div>
    </section>
  );
}

export function Loading({ rows = 4 }: { rows?: number }) {
  const { t } = useText();
  return (
    <Stack gap="sm" role="status" aria-label={t("state.loading")}>
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={row ? 18 : 28} width={row ? `${95 - row * 9}%` : "40%"} radius="sm" />
      ))}
    </Stack>
  );
}

export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useText();
  const known = error instanceof ApiError ? error : undefined;
  const title = known?.status === 0 ? t("error.network") : known?.status === 403 ? t("error.forbidden") : t("error.title");
  return (
    <Alert color="red" variant="outline" title={title} role="alert" styles={{ title: { color: "var(--mantine-color-error)" } }}>
      <Stack gap="xs" align="flex-start">
        <Text fz="sm">{known?.status === 0 ? t("error.network.hint") : known ? said(known) : error instanceof Error ? error.message : String(error)}</Text>
        {known && <Findings findings={known.findings} />}
        {known?.hint && (
          <Text fz="sm" c="dimmed">
            {hinted(known.hint)}
          </Text>
        )}
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            {t("action.retry")}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

function Findings({ findings }: { findings: readonly Finding[] }) {
  if (!findings.length) return null;
  return (
    <List size="sm">
      {findings.map((finding, index) => (
        <List.Item key={index}>
          {finding.line ? `${finding.line}:${finding.column ?? 1} ` : ""}
          <FindingText finding={finding} />
        </List.Item>
      ))}
    </List>
  );
}

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py={40} px="md" ta="center">
      <Text fw={600}>{title}</Text>
      {children && (
        <Text c="dimmed" fz="sm" maw={520} component="div">
          {children}
        </Text>
      )}
      {action}
    </Stack>
  );
}
