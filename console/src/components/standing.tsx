/** How an event stands: where in its life it is, and how far its data can be trusted. */
import { Badge } from "@mantine/core";
import { useText, type MessageId } from "../i18n";
import { Icon } from "./icons";

const STATES: Record<string, readonly [tone: string, words: MessageId]> = {
  draft: ["gray", "state.draft"],
  in_review: ["yellow", "state.in_review"],
  approved: ["cyan", "state.approved"],
  implemented: ["blue", "state.implemented"],
  verified: ["indigo", "state.verified"],
  online: ["teal", "state.online"],
  deprecated: ["orange", "state.deprecated"],
  offline: ["gray", "state.offline"],
  unplanned: ["red", "state.unplanned"],
};

/** Where in its life something is. */
export function LifeCycle({ state }: { state: string }) {
  const { t } = useText();
  const [tone, words] = STATES[state] ?? ["gray", undefined];
  if (!state) return null;
  return (
    <Badge variant="outline" color={tone} c="var(--mantine-color-text)" miw="max-content" leftSection={<span className="tp-dot" style={{ background: `var(--mantine-color-${tone}-6)` }} />}>
      {words ? t(words) : state}
    </Badge>
  );
}

const TRUST: Record<string, readonly [tone: string, words: MessageId]> = {
  high: ["teal", "trust.high"],
  medium: ["blue", "trust.medium"],
  low: ["orange", "trust.low"],
  unknown: ["gray", "trust.unknown"],
};

/** How far the data can be trusted. */
export function TrustMark({ level, words = true }: { level: string; words?: boolean }) {
  const { t } = useText();
  const [tone, id] = TRUST[level] ?? ["gray", undefined];
  if (!level) return null;
  const text = id ? t(id) : level;
  return (
    <span className="tp-trust" data-tone={tone} title={words ? undefined : t("trust.title", { level: text })} style={{ color: `light-dark(${tone === "orange" ? "#a03a00" : `var(--mantine-color-${tone}-9)`}, var(--mantine-color-${tone}-3))` }}>
      <Icon name="shield" size={15} />
      {words ? text : <span className="tp-hidden">{text}</span>}
    </span>
  );
}
