/** Nothing has arrived yet: from nothing to the first event, by one copied line. */
import { Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { api, data } from "../../api/client";
import { appsQuery, eventsQuery, sessionQuery } from "../../api/queries";
import { AppSelect } from "../../components/app-select";
import { CopyCode } from "../../components/copy-code";
import { ErrorState, Loading } from "../../components/states";
import { useText } from "../../i18n";

/** The line that sends one event to the collector of this machine. */
export function curlLine(host: string, key: string, event: string): string {
  const record = { header: { who: { user_id: "u1" }, how: { platform: "web" } }, events: [{ id: "1", event, what: {} }] };
  return `curl -s http://${host}:8080/v1/records -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(record)}'`;
}

export function FirstSteps() {
  const { t } = useText();
  const cache = useQueryClient();
  const session = useQuery(sessionQuery).data;
  const apps = useQuery(appsQuery);
  const [chosen, setChosen] = useState<string>();
  const [name, setName] = useState("shop");
  const app = chosen ?? apps.data?.[0]?.app ?? "";
  const env = apps.data?.find((one) => one.app === app)?.environments[0] ?? "prod";
  const planned = useQuery(eventsQuery(app, "", "", 1)).data?.items[0]?.event;
  const makeApp = useMutation({
    mutationFn: () => data(api.POST("/api/v1/apps", { body: { app: name.trim() } })),
    onSuccess: async (made) => {
      setChosen(made.app);
      await cache.invalidateQueries({ queryKey: appsQuery.queryKey });
    },
  });
  const makeKey = useMutation({
    mutationFn: () => data(api.POST("/api/v1/apps/{app}/keys", { params: { path: { app } }, body: { env, label: "console" } })),
  });
  const key = makeKey.data?.app === app ? makeKey.data.key : undefined;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    makeApp.mutate();
  };
  return (
    <section className="tp-panel" style={{ padding: 28 }}>
      <Stack gap="lg" maw={820}>
        <div>
          <Title order={2} fz={19}>
            {t("first.title")}
          </Title>
          <Text c="dimmed" fz="sm" mt={4}>
            {t("first.about")}
          </Text>
        </div>
        {apps.isPending ? (
          <Loading rows={2} />
        ) : apps.isError ? (
          <ErrorState error={apps.error} retry={() => void apps.refetch()} />
        ) : apps.data.length === 0 ? (
          session?.role === "admin" ? (
            <form onSubmit={submit}>
              <Group align="flex-end" gap="sm">
                <TextInput label={t("first.app_name")} value={name} onChange={(event) => setName(event.currentTarget.value)} w={240} />
                <Button type="submit" loading={makeApp.isPending} disabled={!name.trim()}>
                  {t("first.make_app")}
                </Button>
              </Group>
            </form>
          ) : (
            <Text fz="sm">{t("first.no_app")}</Text>
          )
        ) : (
          <Group align="flex-end" gap="sm">
            <AppSelect label={t("first.app")} value={app} change={setChosen} w={240} />
            {session?.role !== "viewer" && (
              <Button onClick={() => makeKey.mutate()} loading={makeKey.isPending}>
                {t("first.make_key", { env })}
              </Button>
            )}
          </Group>
        )}
        {makeApp.isError && <ErrorState error={makeApp.error} />}
        {makeKey.isError && <ErrorState error={makeKey.error} />}
        <div>
          <Text fz="sm" mb={8}>
            {key ? t("first.send_with_key") : t("first.send")}
          </Text>
          <CopyCode text={curlLine(window.location.hostname, key ?? t("first.your_key"), planned ?? "hello")} label={t("first.line")} />
        </div>
        <Text fz="sm" c="dimmed" role="status">
          {t("first.waiting")}
        </Text>
      </Stack>
    </section>
  );
}
