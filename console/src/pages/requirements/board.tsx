/** What the business needs, and how far each need is: columns that follow from plan, code, tests and traffic. */
import { Badge, Button, Group, Modal, MultiSelect, SegmentedControl, Stack, Switch, Text, Textarea, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState, type SyntheticEvent } from "react";
import { makeRequirement, patchRequirement, peopleQuery, requirementsQuery, useMay } from "../../api/queries-review";
import type { Requirement } from "../../api/review";
import { AppSelect } from "../../components/app-select";
import { Icon } from "../../components/icons";
import { People } from "../../components/person";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { useText } from "../../i18n";
import { Deadline } from "../changes/parts";
import { COLUMNS, columnsOf } from "./model";

export function RequirementsPage() {
  const { t } = useText();
  const may = useMay("requirement.edit");
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const [app, setApp] = useState("");
  const [whose, setWhose] = useState("all");
  const [overdue, setOverdue] = useState(false);
  const [making, { open: make, close: unmake }] = useDisclosure();
  const requirements = useQuery(requirementsQuery({ text: wanted, app, mine: whose === "mine", overdue }));
  const columns = useMemo(() => columnsOf(requirements.data?.items ?? []), [requirements.data]);
  const narrowed = wanted !== "" || app !== "" || whose !== "all" || overdue;
  const button = may && (
    <Button leftSection={<Icon name="plus" size={16} />} onClick={make}>
      {t("requirements.new")}
    </Button>
  );
  return (
    <>
      <PageHead title={t("requirements.title")} about={t("requirements.about")} actions={button} />
      <Stack gap="md">
        <Group gap="sm">
          <SegmentedControl aria-label={t("changes.view")} value={whose} onChange={setWhose} data={[{ value: "all", label: t("changes.view.all") }, { value: "mine", label: t("changes.view.mine") }]} />
          <TextInput data-search aria-label={t("requirements.search")} placeholder={t("requirements.search")} leftSection={<Icon name="search" size={16} />} value={text} onChange={(event) => setText(event.currentTarget.value)} w={240} />
          <AppSelect w={150} all value={app} change={setApp} />
          <Switch label={t("requirements.overdue")} checked={overdue} onChange={(event) => setOverdue(event.currentTarget.checked)} />
          <Text fz="sm" c="dimmed" w="100%">
            {t("requirements.derived")}
          </Text>
        </Group>
        {requirements.isPending ? (
          <Loading rows={6} />
        ) : requirements.isError ? (
          <ErrorState error={requirements.error} retry={() => void requirements.refetch()} />
        ) : requirements.data.items.length === 0 ? (
          <Panel>
            <Empty title={narrowed ? t("requirements.none_found") : t("requirements.empty")} action={narrowed ? undefined : button}>
              {!narrowed && t("requirements.empty.about")}
            </Empty>
          </Panel>
        ) : (
          <div className="tp-board" role="region" aria-label={t("requirements.title")} tabIndex={0}>
            {COLUMNS.map((column) => (
              <section key={column} className="tp-column" aria-label={t(`requirements.state.${column}`)}>
                <Group gap={8} mb={10} px={4}>
                  <Tooltip label={t(`requirements.state.${column}.about`)} multiline maw={280}>
                    <Text fz="sm" fw={650} component="h2" m={0} tabIndex={0}>
                      {t(`requirements.state.${column}`)}
                    </Text>
                  </Tooltip>
                  <Text fz="sm" c="dimmed" className="tp-num">
                    {columns[column].length}
                  </Text>
                </Group>
                <Stack gap={8}>
                  {columns[column].map((requirement) => (
                    <Ticket key={requirement.id} requirement={requirement} />
                  ))}
                </Stack>
              </section>
            ))}
          </div>
        )}
        {requirements.data?.next && (
          <Text fz="sm" c="dimmed">
            {t("requirements.more")}
          </Text>
        )}
      </Stack>
      {making && <RequirementDialog close={unmake} />}
    </>
  );
}

function Ticket({ requirement }: { requirement: Requirement }) {
  const { t } = useText();
  const online = requirement.events.filter((event) => event.stage === "online").length;
  return (
    <Link className="tp-ticket" to="/requirements/$id" params={{ id: String(requirement.id) }} data-row={requirement.id} data-late={requirement.overdue || undefined}>
      <Text fz="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
        {requirement.title}
      </Text>
      <Group gap={6} mt={6} fz="xs" c="dimmed">
        <span className="tp-num">#{requirement.id}</span>
        {requirement.apps.length > 0 && <span>{requirement.apps.join(", ")}</span>}
        {requirement.events.length > 0 && <span>{t("requirements.events", { online, count: requirement.events.length })}</span>}
      </Group>
      {requirement.events.length > 0 && (
        <div className="tp-bar" style={{ marginTop: 8, height: 5 }} aria-hidden="true">
          <span style={{ width: `${(online / requirement.events.length) * 100}%`, background: "var(--mantine-color-teal-6)" }} />
        </div>
      )}
      <Group gap={8} mt={8} justify="space-between">
        <People names={requirement.people} most={3} />
        {requirement.deadline &&
          (requirement.overdue ? (
            <Badge variant="outline" color="red" c="var(--mantine-color-text)">
              <Deadline date={requirement.deadline} />
            </Badge>
          ) : (
            <Deadline date={requirement.deadline} over={requirement.state === "online"} />
          ))}
      </Group>
    </Link>
  );
}

export function RequirementDialog({ requirement, close }: { requirement?: Requirement; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const people = useQuery(peopleQuery({ query: "", team: "" }, "", 1_000)).data?.items ?? [];
  const [title, setTitle] = useState(requirement?.title ?? "");
  const [description, setDescription] = useState(requirement?.description ?? "");
  const [link, setLink] = useState(requirement?.link ?? "");
  const [who, setWho] = useState<string[]>(requirement?.people ?? []);
  const [deadline, setDeadline] = useState(requirement?.deadline ?? "");
  const keep = useMutation({
    mutationFn: () => {
      const body = { title: title.trim(), description, link: link.trim(), people: who, deadline: deadline || null };
      return requirement ? patchRequirement(requirement, body) : makeRequirement(body);
    },
    onSuccess: async (kept) => {
      await cache.invalidateQueries({ queryKey: ["requirements"] });
      close();
      if (!requirement) await navigate({ to: "/requirements/$id", params: { id: String(kept.id) } });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (title.trim()) keep.mutate();
  };
  return (
    <Modal opened onClose={close} size="lg" title={<Text fw={650}>{requirement ? t("requirements.edit") : t("requirements.new")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput label={t("change.title")} value={title} onChange={(event) => setTitle(event.currentTarget.value)} required maxLength={200} data-autofocus />
          <Textarea label={t("change.description")} autosize minRows={3} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
          <TextInput type="url" label={t("requirements.link")} placeholder="https://" value={link} onChange={(event) => setLink(event.currentTarget.value)} />
          <Group grow align="flex-start">
            <MultiSelect label={t("requirements.people")} searchable data={[...new Set([...people.map((one) => one.person), ...who])]} value={who} onChange={setWho} clearButtonProps={{ "aria-label": t("people.members.none") }} />
            <TextInput type="date" label={t("change.deadline")} value={deadline} onChange={(event) => setDeadline(event.currentTarget.value)} />
          </Group>
          {keep.isError && <ErrorState error={keep.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={keep.isPending} disabled={!title.trim()}>
              {t("thread.keep")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
