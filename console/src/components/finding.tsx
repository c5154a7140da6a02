/** A finding of the server: what is wrong and what to do. */
import { Text } from "@mantine/core";
import type { Finding } from "../api/client";
import { useText } from "../i18n";
import { hinted, said } from "../i18n/said";

export function FindingText({ finding }: { finding: Finding }) {
  useText(); // another language is another text
  return (
    <>
      <Text fz="sm" style={{ overflowWrap: "anywhere" }}>
        {said(finding)}
      </Text>
      {finding.hint && (
        <Text fz="xs" c="dimmed">
          {hinted(finding.hint)}
        </Text>
      )}
    </>
  );
}
