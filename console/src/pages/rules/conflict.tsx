/** Somebody was faster: both texts side by side, and their merge where there is one. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { Schemas } from "../../api/client";
import { useText } from "../../i18n";
import { SideBySide } from "./side-by-side";

interface ConflictDialogProps {
  conflict: Schemas["Conflict"];
  /** What is there instead of the reader's: a version in force, or a draft. */
  title: string;
  about: string;
  busy: boolean;
  mine: string;
  close: () => void;
  take: (source: string) => void;
  keepMine: () => void;
  /** What keeping mine is called, where it publishes nothing. */
  keepLabel?: string;
}

export function ConflictDialog({ conflict, title, about, busy, mine, close, take, keepMine, keepLabel }: ConflictDialogProps) {
  const { t } = useText();
  return (
    <Modal opened onClose={close} size="min(1100px, 94vw)" title={<Text fw={650}>{t("conflict.title")}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <Stack>
        <Text fz="sm">{about}</Text>
        <SideBySide left={{ title, text: conflict.theirs }} right={{ title: t("conflict.yours"), text: mine }} />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {t("conflict.edit")}
          </Button>
          <Button variant="default" onClick={() => take(conflict.theirs)}>
            {t("conflict.take_theirs")}
          </Button>
          {conflict.merged !== null && <Button onClick={() => take(conflict.merged ?? "")}>{t("rule.merge.take")}</Button>}
          <Button variant={conflict.merged === null ? "filled" : "default"} loading={busy} onClick={keepMine}>
            {keepLabel ?? t("conflict.publish_mine")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
