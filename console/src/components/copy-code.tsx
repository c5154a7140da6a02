import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { useText } from "../i18n";
import { Icon } from "./icons";

/** A piece of text to be taken elsewhere, with a button that does it. */
export function CopyCode({ text, label }: { text: string; label: string }) {
  const { t } = useText();
  return (
    <div style={{ position: "relative" }}>
      <pre className="tp-code" style={{ paddingRight: 48 }} aria-label={label} tabIndex={0}>
        {text}
      </pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? t("action.copied") : t("action.copy")}>
            <ActionIcon variant="default" onClick={copy} aria-label={copied ? t("action.copied") : t("action.copy")} style={{ position: "absolute", right: 8, top: 8 }}>
              <Icon name={copied ? "check" : "copy"} size={15} />
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}
