/** Start a change request: a title is enough, the rest may come later. */
import { Button, Group, Modal, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type SyntheticEvent } from "react";
import { appsQuery } from "../../api/queries";
import { makeChange, requirementsQuery } from "../../api/queries-review";
import { AppSelect } from "../../components/app-select";
import { ErrorState } from "../../components/states";
import { useText } from "../../i18n";

export function NewChange({ app: first, requirement: need, close }: { app: string; requirement?: number | undefined; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const apps = useQuery(appsQuery).data ?? [];
  const requirements = useQuery(requirementsQuery({ text: "", app: "", mine: false })).data?.items ?? [];
  const [app, setApp] = useState(first);
  const [title, setTitle] = useState("");
  const [description, setDescription] = useState("");
  const [requirement, setRequirement] = useState<string | null>(need === undefined ? null : String(need));
  const [deadline, setDeadline] = useState("");
  const chosen = app || apps[0]?.app || "";
  const make = useMutation({
    mutationFn: () => makeChange({ app: chosen, title: title.trim(), description, requirement: requirement === null ? null : Number(requirement), deadline: deadline || null }),
    onSuccess: (change) => {
      void cache.invalidateQueries({ queryKey: ["changes", "list"] });
      void navigate({ to: "/changes/$id", params: { id: String(change.id) } });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (title.trim() && chosen) make.mutate();
  };
  return (
    <Modal opened onClose={close} size="lg" title={<Text fw={650}>{t("changes.new")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <form onSubmit={submit}>
        <Stack>
          <Text fz="sm" c="dimmed">
            {t("changes.new.about")}
          </Text>
          <AppSelect label={t("live.app")} value={chosen} change={setApp} />
          <TextInput label={t("change.title")} placeholder={t("change.title.hint")} value={title} onChange={(event) => setTitle(event.currentTarget.value)} required maxLength={200} data-autofocus />
          <Textarea label={t("change.description")} description={t("change.description.about")} autosize minRows={3} maxRows={10} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
          <Group grow align="flex-start">
            <Select label={t("change.requirement")} placeholder={t("change.requirement.none")} clearable searchable data={requirements.map((one) => ({ value: String(one.id), label: one.title }))} value={requirement} onChange={setRequirement} />
            <TextInput type="date" label={t("change.deadline")} value={deadline} onChange={(event) => setDeadline(event.currentTarget.value)} />
          </Group>
          {make.isError && <ErrorState error={make.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={make.isPending} disabled={!title.trim() || !chosen}>
              {t("changes.new.make")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
