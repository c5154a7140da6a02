/** The first of a long list, and a button for the next ones: a page never draws thousands at once. */
import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useText } from "../i18n";

export function useSome<T>(items: readonly T[], step: number): { shown: readonly T[]; more: ReactNode } {
  const { t } = useText();
  const [most, setMost] = useState(step);
  const left = items.length - most;
  return {
    shown: left > 0 ? items.slice(0, most) : items,
    more: left > 0 && (
      <Button variant="subtle" size="xs" onClick={() => setMost(most + step)}>
        {t("catalogue.more", { count: left })}
      </Button>
    ),
  };
}
