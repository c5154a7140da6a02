/** Received and stored events a second over the last minutes. */
import { useCallback, useMemo } from "react";
import { TimeChart, type Line } from "../../components/chart";
import { rate } from "../../format";
import { useText } from "../../i18n";
import { storedRate, type Sample } from "./model";

const SHOWN_MS = 5 * 60_000;

export function RateChart({ history }: { history: readonly Sample[] }) {
  const { t, locale } = useText();
  const end = history.at(-1)?.at ?? 0;
  const begin = Math.max(end - SHOWN_MS, Math.min(history[0]?.at ?? end, end - 60_000));
  const lines = useMemo<Line[]>(
    () => [
      { name: t("home.received"), tone: "blue", filled: true, points: history.map((sample) => [sample.at, sample.received]) },
      { name: t("home.stored"), tone: "green", points: history.map((sample, index) => [sample.at, storedRate(history, index)]) },
    ],
    [history, t],
  );
  const written = useCallback((value: number) => `${rate(value, locale)} ${t("unit.per_s")}`, [locale, t]);
  return <TimeChart label={t("home.rates.about")} lines={lines} begin={begin} end={end} written={written} />;
}
