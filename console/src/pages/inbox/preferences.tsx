/** How the reader wants to be told: by which way for which kind of notice; language, addresses, a trial. */
import { Alert, Button, Checkbox, Group, PasswordInput, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { meQuery, patchMe, tryWebhook } from "../../api/queries-review";
import type { Me, Notice } from "../../api/review";
import { Person } from "../../components/person";
import { ErrorState, Loading, Panel } from "../../components/states";
import { keepLanguage, LOCALES, useText } from "../../i18n";
import { KINDS } from "./kinds";

const CHANNELS = ["inbox", "email", "webhook"] as const;
type Channel = (typeof CHANNELS)[number];

export function Preferences() {
  const me = useQuery(meQuery);
  if (me.isPending) return <Loading rows={6} />;
  if (me.isError) return <ErrorState error={me.error} retry={() => void me.refetch()} />;
  return <Form key={me.data.etag} me={me.data} />;
}

function Form({ me }: { me: Me }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [notify, setNotify] = useState(me.notify);
  const [email, setEmail] = useState(me.email);
  const [webhook, setWebhook] = useState(me.webhook);
  const [language, setLanguage] = useState(me.language);
  const keep = useMutation({
    mutationFn: () => patchMe({ notify, email: email.trim(), webhook: webhook.trim(), language }),
    onSuccess: (now) => {
      cache.setQueryData(meQuery.queryKey, now);
      keepLanguage(now.language);
    },
  });
  const trial = useMutation({ mutationFn: tryWebhook });
  const has = (kind: Notice["kind"], channel: Channel): boolean => (notify[kind] ?? []).includes(channel);
  const toggle = (kind: Notice["kind"], channel: Channel) => {
    const now = notify[kind] ?? [];
    setNotify({ ...notify, [kind]: now.includes(channel) ? now.filter((one) => one !== channel) : [...now, channel] });
  };
  const possible: Record<Channel, boolean> = { inbox: true, email: me.email_possible && email.trim() !== "", webhook: webhook.trim() !== "" };
  const changed = JSON.stringify([notify, email, webhook, language]) !== JSON.stringify([me.notify, me.email, me.webhook, me.language]);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    keep.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md" maw={860}>
        <Panel title={t("preferences.you")}>
          <Stack gap="sm">
            <Group gap="sm">
              <Person name={me.person} size={28} strong />
              <Text fz="sm" c="dimmed">
                {[t(`role.${me.role}`), ...me.teams.map((team) => team.replace(/^team:/, ""))].join(" · ")}
              </Text>
            </Group>
            <Group grow align="flex-start">
              <TextInput type="email" label={t("preferences.email")} value={email} onChange={(event) => setEmail(event.currentTarget.value)} description={me.email_possible ? undefined : t("preferences.email.impossible")} />
              <Radio.Group label={t("preferences.language")} value={language} onChange={(next) => setLanguage(next === "zh" ? "zh" : "en")}>
                <Group gap="md" mt={8}>
                  {LOCALES.map((choice) => (
                    <Radio key={choice.value} value={choice.value} label={choice.label} lang={choice.value} />
                  ))}
                </Group>
              </Radio.Group>
            </Group>
            <Group align="flex-end">
              <TextInput type="url" flex={1} label={t("preferences.webhook")} placeholder="https://" value={webhook} onChange={(event) => setWebhook(event.currentTarget.value)} />
              <Button variant="default" disabled={!me.webhook || webhook.trim() !== me.webhook} loading={trial.isPending} onClick={() => trial.mutate()}>
                {t("preferences.webhook.try")}
              </Button>
            </Group>
            {trial.data && (
              <Alert color={trial.data.ok ? "teal" : "red"} variant="outline" role="status" styles={{ title: { color: "var(--mantine-color-text)" } }} title={trial.data.ok ? t("preferences.webhook.ok", { status: trial.data.status }) : t("preferences.webhook.failed")}>
                {trial.data.error}
              </Alert>
            )}
            {trial.isError && <ErrorState error={trial.error} />}
            {me.webhook_secret && <PasswordInput label={t("preferences.secret")} description={t("preferences.secret.about")} value={me.webhook_secret} readOnly visibilityToggleButtonProps={{ "aria-label": t("signin.show") }} />}
          </Stack>
        </Panel>
        <Panel flush title={t("preferences.notices")}>
          <div className="tp-scroll" role="region" aria-label={t("preferences.notices")} tabIndex={0}>
            <table className="tp-table tp-matrix">
              <thead>
                <tr>
                  <th scope="col">{t("inbox.kind")}</th>
                  {CHANNELS.map((channel) => (
                    <th key={channel} scope="col">
                      {t(`preferences.channel.${channel}`)}
                      {!possible[channel] && (
                        <Text fz={11} c="dimmed" fw={400}>
                          {t("preferences.no_address")}
                        </Text>
                      )}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {KINDS.map((kind) => (
                  <tr key={kind}>
                    <th scope="row" style={{ fontSize: 13.5, fontWeight: 500, color: "inherit" }}>
                      {t(`inbox.name.${kind}`)}
                    </th>
                    {CHANNELS.map((channel) => (
                      <td key={channel}>
                        <Checkbox display="inline-block" aria-label={`${t(`inbox.name.${kind}`)}: ${t(`preferences.channel.${channel}`)}`} checked={has(kind, channel)} disabled={!possible[channel] && !has(kind, channel)} onChange={() => toggle(kind, channel)} />
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
        {keep.isError && <ErrorState error={keep.error} />}
        <Group>
          <Button type="submit" loading={keep.isPending} disabled={!changed}>
            {t("thread.keep")}
          </Button>
          {keep.isSuccess && !changed && (
            <Text fz="sm" c="dimmed" role="status">
              {t("preferences.kept")}
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}
