import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { useText } from "../i18n";
import { Icon } from "./icons";

/** Take a name elsewhere. */
export function CopyName({ text }: { text: string }) {
  const { t } = useText();
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t("action.copied") : t("action.copy")}>
          <ActionIcon variant="subtle" color="gray" c="dimmed" onClick={copy} aria-label={copied ? t("action.copied") : t("action.copy")}>
            <Icon name={copied ? "check" : "copy"} size={15} />
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}
