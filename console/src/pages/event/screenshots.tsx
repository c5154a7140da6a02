/** Pictures of where an event happens: looked at large, added by file or by pasting. */
import { Button, FileButton, Group, Modal, SimpleGrid, Text, UnstyledButton } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import type { Screenshot } from "../../api/design";
import { sessionQuery } from "../../api/queries";
import { Icon } from "../../components/icons";
import { Picture } from "../../components/picture";
import { ErrorState, Panel } from "../../components/states";
import { uploadScreenshot } from "../../api/screenshots";
import { bytes } from "../../format";
import { useText } from "../../i18n";
import { Missing } from "./facts";

export function Screenshots({ app, event, spec, known }: { app: string; event: string; spec: Schemas["EventSpec"]; known: readonly Screenshot[] }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const may = useQuery(sessionQuery).data?.may.includes("screenshot.add") ?? false;
  const [large, setLarge] = useState<string>();
  const names = spec.screenshots ?? [];
  const upload = useMutation({
    mutationFn: (file: File) => uploadScreenshot(app, file),
    onSuccess: (made) => {
      void cache.invalidateQueries({ queryKey: ["screenshots", app] });
      // A picture becomes the event's by a change of the plan, like everything else of it.
      void navigate({ to: "/edit", search: { app, section: "events", name: event, from: `screenshot:${made.name}` } });
    },
  });
  if (!names.length && !may) return null;
  const about = known.find((one) => one.name === large);
  return (
    <Panel
      title={t("screenshot.title")}
      aside={
        may && (
          <FileButton accept="image/png,image/jpeg,image/webp,image/gif" onChange={(file) => file && upload.mutate(file)}>
            {(props) => (
              <Button {...props} size="compact-sm" variant="default" loading={upload.isPending} leftSection={<Icon name="image" size={14} />}>
                {t("screenshot.add")}
              </Button>
            )}
          </FileButton>
        )
      }
    >
      {upload.isError && <ErrorState error={upload.error} />}
      {names.length === 0 ? (
        <Missing>{t("screenshot.none")}</Missing>
      ) : (
        <SimpleGrid cols={{ base: 2, md: 3, xl: 4 }} spacing="sm">
          {names.map((name, index) => (
            <UnstyledButton key={name} className="tp-thumb" onClick={() => setLarge(name)} aria-label={t("screenshot.large", { number: index + 1 })}>
              <Picture app={app} name={name} alt={known.find((one) => one.name === name)?.label ?? t("screenshot.of", { event })} />
            </UnstyledButton>
          ))}
        </SimpleGrid>
      )}
      <Modal opened={large !== undefined} onClose={() => setLarge(undefined)} size="min(1200px, 94vw)" title={about?.label ?? t("screenshot.of", { event })} closeButtonProps={{ "aria-label": t("action.close") }}>
        {large !== undefined && (
          <>
            <Picture app={app} name={large} alt={t("screenshot.of", { event })} large />
            {about?.bytes ? (
              <Group mt={8}>
                <Text fz="xs" c="dimmed">
                  {about.width} × {about.height} · {bytes(about.bytes, locale)} · {about.created_by}
                </Text>
              </Group>
            ) : null}
          </>
        )}
      </Modal>
    </Panel>
  );
}
