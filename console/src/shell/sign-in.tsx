/** Sign-in: a token is tried against the API before it is kept. */
import { Alert, Box, Button, Group, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { api, ApiError, data } from "../api/client";
import { sessionQuery } from "../api/queries";
import { useText } from "../i18n";
import { beginSession, useHeld } from "../session";
import { Brand, LanguageMenu, SchemeToggle } from "./shell";

export function SignIn() {
  const { t } = useText();
  const { ending } = useHeld();
  const cache = useQueryClient();
  const [token, setToken] = useState("");
  const attempt = useMutation({
    mutationFn: (wanted: string) => data(api.GET("/api/v1/session", { headers: { Authorization: `Bearer ${wanted}` } })),
    onSuccess: (session, wanted) => {
      cache.clear();
      cache.setQueryData(sessionQuery.queryKey, session);
      beginSession(wanted);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const wanted = token.trim();
    // What is not printable ASCII cannot be sent in a header, and no token holds any.
    if (wanted) attempt.mutate(encodeURI(wanted) === wanted ? wanted : "?");
  };
  const wrong = attempt.error instanceof ApiError && attempt.error.status === 401;
  return (
    <Box component="main" mih="100vh" style={{ display: "grid", placeItems: "center" }} p="md">
      <Box w="100%" maw={400}>
        <Group justify="space-between" mb="md">
          <Brand />
          <Group gap={2}>
            <LanguageMenu />
            <SchemeToggle />
          </Group>
        </Group>
        <form className="tp-panel" style={{ padding: 26 }} onSubmit={submit}>
          <Stack gap="md">
            <div>
              <Title order={1} fz={20}>
                {t("signin.title")}
              </Title>
              <Text c="dimmed" fz="sm" mt={4}>
                {t("signin.about")}
              </Text>
            </div>
            {ending === "expired" && !attempt.isError && (
              <Alert color="yellow" variant="outline" role="alert">
                {t("signin.expired")}
              </Alert>
            )}
            <PasswordInput
              label={t("signin.token")}
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
              autoComplete="current-password"
              data-autofocus
              autoFocus
              error={attempt.error ? (wrong ? t("signin.wrong") : t("error.network.hint")) : undefined}
              visibilityToggleButtonProps={{ "aria-label": t("signin.show") }}
            />
            <Button type="submit" loading={attempt.isPending} disabled={!token.trim()} fullWidth>
              {t("signin.submit")}
            </Button>
          </Stack>
        </form>
        <Text fz="xs" c="dimmed" mt="md" px={4}>
          {t("signin.where")}
        </Text>
      </Box>
    </Box>
  );
}
