/** Small words that mean the same on every page: grade, compatibility. */
import { Badge, Tooltip } from "@mantine/core";
import { useText } from "../i18n";

const GRADES: Record<string, string> = { P0: "red", P1: "orange", P2: "blue" };

export function Grade({ grade }: { grade: string }) {
  return (
    <Badge variant="outline" color={GRADES[grade] ?? "gray"} c="var(--mantine-color-text)" miw="max-content">
      {grade}
    </Badge>
  );
}

export type CompatibilityName = "neutral" | "additive" | "narrowing" | "breaking";
export const COMPATIBILITY_TONES: Record<CompatibilityName, string> = { neutral: "gray", additive: "teal", narrowing: "orange", breaking: "red" };

/** Whether events sent today still fit: additive yes, narrowing perhaps not, breaking no. */
export function Compatibility({ kind, count }: { kind: CompatibilityName; count?: number }) {
  const { t } = useText();
  const tone = COMPATIBILITY_TONES[kind];
  return (
    <Tooltip label={t(`compatibility.${kind}.about`)} multiline maw={300}>
      <Badge variant="outline" color={tone} c="var(--mantine-color-text)" miw="max-content" leftSection={<span className="tp-dot" style={{ background: `var(--mantine-color-${tone}-6)` }} />}>
        {count === undefined ? t(`compatibility.${kind}`) : `${count} ${t(`compatibility.${kind}`)}`}
      </Badge>
    </Tooltip>
  );
}
