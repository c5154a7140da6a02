/** Where a new part starts: empty, from a template, from what arrives unplanned, from one that is there. */
import { Alert, Badge, Button, Group, Loader, Modal, SimpleGrid, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { appsQuery } from "../../api/queries";
import { draftOfUnplanned, saveFiles, startChange, templateQuery, templatesQuery, unplannedQuery } from "../../api/queries-editor";
import { searchQuery } from "../../api/queries-design";
import { readPlanPart } from "../../api/queries-plans";
import { AppSelect } from "../../components/app-select";
import { Icon, type IconName } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { ago, count } from "../../format";
import { useText } from "../../i18n";
import type { EditSearch, Section } from "../addresses";
import { renamed } from "./part";

export interface Begun {
  app: string;
  section: Section;
  name: string;
  text: string;
  change?: number;
  notes?: readonly Record<string, string>[];
}

type Way = "template" | "traffic" | "copy";
const NAME = /^[\p{L}_$][\p{L}\p{N}_.$-]{0,199}$/u;

export function Start({ search, begin }: { search: EditSearch; begin: (begun: Begun) => void }) {
  const { t } = useText();
  const apps = useQuery(appsQuery);
  const section = search.section ?? "events";
  const [app, setApp] = useState(search.app ?? "");
  const [name, setName] = useState(search.name ?? "");
  const [way, setWay] = useState<Way>();
  const chosen = app || apps.data?.[0]?.app || "";
  const good = NAME.test(name.trim());
  const blank = () => begin({ app: chosen, section, name: name.trim(), text: `${name.trim()}:\n` });
  return (
    <>
      <PageHead title={t(`editor.new.${section}`)} about={t("editor.new.about")} />
      <Stack gap="md" maw={860}>
        <Panel>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (good && chosen) blank();
            }}
          >
            <Group align="flex-end" gap="sm">
              <AppSelect label={t("live.app")} w={200} value={chosen} change={setApp} />
              <TextInput
                label={t("editor.name")}
                data-autofocus
                autoFocus
                flex={1}
                placeholder="order_paid"
                value={name}
                error={name && !good ? t("editor.name.wrong") : undefined}
                onChange={(change) => setName(change.currentTarget.value)}
              />
              <Button type="submit" disabled={!good || !chosen}>
                {t("editor.start.blank")}
              </Button>
            </Group>
          </form>
        </Panel>
        {section === "events" && (
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
            <WayCard icon="live" title={t("editor.start.traffic")} about={t("editor.start.traffic.about")} disabled={!chosen} open={() => setWay("traffic")} />
            <WayCard icon="book" title={t("editor.start.template")} about={t("editor.start.template.about")} disabled={!chosen} open={() => setWay("template")} />
            <WayCard icon="copy" title={t("editor.start.copy")} about={t("editor.start.copy.about")} disabled={!chosen} open={() => setWay("copy")} />
          </SimpleGrid>
        )}
      </Stack>
      {way === "traffic" && <FromTraffic app={chosen} close={() => setWay(undefined)} begin={begin} />}
      {way === "template" && <FromTemplate app={chosen} close={() => setWay(undefined)} begin={begin} />}
      {way === "copy" && <FromCopy app={chosen} name={name.trim()} close={() => setWay(undefined)} begin={begin} />}
    </>
  );
}

function WayCard({ icon, title, about, disabled, open }: { icon: IconName; title: string; about: string; disabled: boolean; open: () => void }) {
  return (
    <UnstyledButton className="tp-way" disabled={disabled} onClick={open}>
      <Icon name={icon} size={22} />
      <Text fw={650} fz="sm">
        {title}
      </Text>
      <Text fz="xs" c="dimmed">
        {about}
      </Text>
    </UnstyledButton>
  );
}

function Dialog({ title, close, children }: { title: string; close: () => void; children: ReactNode }) {
  const { t } = useText();
  return (
    <Modal opened onClose={close} size={720} title={<Text fw={650}>{title}</Text>} closeButtonProps={{ "aria-label": t("action.close") }}>
      {children}
    </Modal>
  );
}

/** What arrives and was never planned, the most frequent first. */
function FromTraffic({ app, close, begin }: { app: string; close: () => void; begin: (begun: Begun) => void }) {
  const { t, locale } = useText();
  const [query, setQuery] = useState("");
  const [wanted] = useDebouncedValue(query.trim(), 200);
  const found = useQuery(unplannedQuery(app, wanted));
  const draft = useMutation({
    mutationFn: (event: string) => draftOfUnplanned(app, event),
    onSuccess: (made) => begin({ app, section: "events", name: made.event, text: made.text, notes: made.notes }),
  });
  return (
    <Dialog title={t("editor.start.traffic")} close={close}>
      <Stack>
        <TextInput data-autofocus aria-label={t("catalogue.search")} placeholder={t("editor.unplanned.search")} leftSection={<Icon name="search" size={16} />} value={query} onChange={(change) => setQuery(change.currentTarget.value)} />
        {draft.isError && <ErrorState error={draft.error} />}
        {found.isPending ? (
          <Loading />
        ) : found.isError ? (
          <ErrorState error={found.error} retry={() => void found.refetch()} />
        ) : found.data.items.length === 0 ? (
          <Empty title={t("editor.unplanned.none")}>{t("editor.unplanned.none.about")}</Empty>
        ) : (
          <ul className="tp-choices">
            {found.data.items.map((one) => (
              <li key={one.event}>
                <UnstyledButton onClick={() => draft.mutate(one.event)} disabled={draft.isPending}>
                  <Group justify="space-between" wrap="nowrap">
                    <div style={{ minWidth: 0 }}>
                      <Text fz="sm" fw={600} truncate>
                        {one.event}
                      </Text>
                      <Text fz="xs" c="dimmed">
                        {t("editor.unplanned.seen", { count: count(one.seen + one.dirty, locale), ago: ago(one.last_at, locale) })}
                        {one.platforms.length > 0 && ` · ${one.platforms.join(", ")}`}
                        {one.near && ` · ${t("editor.unplanned.near", { event: one.near })}`}
                      </Text>
                    </div>
                    {draft.isPending && draft.variables === one.event ? <Loader size="xs" /> : <Icon name="chevron" size={16} />}
                  </Group>
                </UnstyledButton>
              </li>
            ))}
          </ul>
        )}
      </Stack>
    </Dialog>
  );
}

/** A template is more than an event: its groups and types come along, all into one change request. */
function FromTemplate({ app, close, begin }: { app: string; close: () => void; begin: (begun: Begun) => void }) {
  const { t, locale } = useText();
  const templates = useQuery(templatesQuery);
  const [chosen, setChosen] = useState<string>();
  const [prefix, setPrefix] = useState("");
  const [wanted] = useDebouncedValue(prefix.trim(), 200);
  const template = useQuery({ ...templateQuery(chosen ?? "", app, wanted), enabled: chosen !== undefined });
  const take = useMutation({
    mutationFn: async (event: string) => {
      const made = template.data;
      if (!made) return;
      const change = await startChange(app, t("editor.template.change", { template: made.title[locale] ?? made.name }));
      await saveFiles(change.id, change.etag, { [made.file]: made.text });
      begin({ app, section: "events", name: event, text: "", change: change.id });
    },
  });
  return (
    <Dialog title={t("editor.start.template")} close={close}>
      {templates.isPending ? (
        <Loading />
      ) : templates.isError ? (
        <ErrorState error={templates.error} retry={() => void templates.refetch()} />
      ) : chosen === undefined ? (
        <ul className="tp-choices">
          {templates.data.map((one) => (
            <li key={one.name}>
              <UnstyledButton onClick={() => setChosen(one.name)}>
                <Text fz="sm" fw={600}>
                  {one.title[locale] ?? one.name}
                </Text>
                <Text fz="xs" c="dimmed">
                  {one.description[locale]}
                </Text>
                <Text fz="xs" c="dimmed">
                  {t("editor.template.holds", { events: one.events.length, groups: one.groups.length, types: one.types.length, metrics: one.metrics.length })}
                </Text>
              </UnstyledButton>
            </li>
          ))}
        </ul>
      ) : template.isPending ? (
        <Loading />
      ) : template.isError ? (
        <ErrorState error={template.error} />
      ) : (
        <Stack>
          <Group align="flex-end" gap="sm">
            <Button variant="default" onClick={() => setChosen(undefined)} leftSection={<Icon name="back" size={16} />}>
              {t("editor.template.other")}
            </Button>
            <TextInput label={t("editor.template.prefix")} placeholder="web_" value={prefix} onChange={(change) => setPrefix(change.currentTarget.value.toLowerCase().replaceAll(/[^a-z0-9_]/g, ""))} />
          </Group>
          {template.data.collisions.length > 0 && (
            <Alert color="orange" variant="outline" styles={{ title: { color: "var(--mantine-color-text)" } }} title={t("editor.template.collisions")}>
              {template.data.collisions.join(", ")}
            </Alert>
          )}
          {take.isError && <ErrorState error={take.error} />}
          <Text fz="sm">{t("editor.template.choose")}</Text>
          <ul className="tp-choices">
            {template.data.events.map((event) => (
              <li key={event}>
                <UnstyledButton disabled={take.isPending} onClick={() => take.mutate(event)}>
                  <Group justify="space-between">
                    <Text fz="sm" fw={600}>
                      {event}
                    </Text>
                    {take.isPending && take.variables === event ? <Loader size="xs" /> : <Icon name="chevron" size={16} />}
                  </Group>
                </UnstyledButton>
              </li>
            ))}
          </ul>
        </Stack>
      )}
    </Dialog>
  );
}

/** A copy of an event under another name. */
function FromCopy({ app, name, close, begin }: { app: string; name: string; close: () => void; begin: (begun: Begun) => void }) {
  const { t, locale } = useText();
  const [query, setQuery] = useState("");
  const [wanted] = useDebouncedValue(query.trim(), 150);
  const found = useQuery({ ...searchQuery(wanted, locale, 30), select: (hits) => hits.items.filter((hit) => hit.kind === "event") });
  const copy = useMutation({
    mutationFn: async (from: { app: string; event: string }) => {
      const { text: part } = await readPlanPart(from.app, "events", from.event);
      const to = name || `${from.event}_copy`;
      return { app, section: "events" as const, name: to, text: renamed(part, to) };
    },
    onSuccess: begin,
  });
  return (
    <Dialog title={t("editor.start.copy")} close={close}>
      <Stack>
        <TextInput data-autofocus aria-label={t("catalogue.search")} placeholder={t("catalogue.search")} leftSection={<Icon name="search" size={16} />} value={query} onChange={(change) => setQuery(change.currentTarget.value)} />
        {copy.isError && <ErrorState error={copy.error} />}
        {found.isError ? (
          <ErrorState error={found.error} />
        ) : (
          <ul className="tp-choices">
            {(found.data ?? []).map((hit) => (
              <li key={`${hit.app} ${hit.name}`}>
                <UnstyledButton disabled={copy.isPending} onClick={() => copy.mutate({ app: hit.app, event: hit.name })}>
                  <Group justify="space-between" wrap="nowrap">
                    <div style={{ minWidth: 0 }}>
                      <Text fz="sm" fw={600} truncate>
                        {hit.name}
                      </Text>
                      <Text fz="xs" c="dimmed" truncate>
                        {hit.app} {hit.title && `· ${hit.title}`}
                      </Text>
                    </div>
                    <Badge variant="outline" color="gray" c="var(--mantine-color-text)">
                      {hit.grade}
                    </Badge>
                  </Group>
                </UnstyledButton>
              </li>
            ))}
          </ul>
        )}
      </Stack>
    </Dialog>
  );
}
