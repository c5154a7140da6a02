/** Received and stored events a second over the last minutes. */
import { useComputedColorScheme, Box } from "@mantine/core";
import { LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use as register, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";
import { rate } from "../../format";
import { useText } from "../../i18n";
import { storedRate, type Sample } from "./model";

register([LineChart, GridComponent, LegendComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

const SHOWN_MS = 5 * 60_000;

export function RateChart({ history }: { history: readonly Sample[] }) {
  const { t, locale } = useText();
  const dark = useComputedColorScheme("light") === "dark";
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType>(undefined);

  useEffect(() => {
    if (!place.current) return undefined;
    const made = init(place.current);
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);

  useEffect(() => {
    const ink = dark ? "#a6adb6" : "#565e67";
    const grid = dark ? "#31353c" : "#e9ecef";
    const received = dark ? "#91a7ff" : "#3b5bdb";
    const stored = dark ? "#38d9a9" : "#099268";
    const end = history.at(-1)?.at ?? 0;
    const begin = Math.max(end - SHOWN_MS, Math.min(history[0]?.at ?? end, end - 60_000));
    const fontFamily = getComputedStyle(document.body).fontFamily;
    const line = { type: "line" as const, showSymbol: false, lineStyle: { width: 2 }, animation: false };
    chart.current?.setOption({
      aria: { enabled: true, label: { description: t("home.rates.about") } },
      color: [received, stored],
      textStyle: { fontFamily },
      grid: { left: 8, right: 12, top: 34, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 4, textStyle: { color: ink, fontSize: 12 } },
      tooltip: {
        trigger: "axis",
        backgroundColor: dark ? "#25292f" : "#fff",
        borderColor: grid,
        textStyle: { color: dark ? "#dee2e6" : "#212529", fontSize: 12 },
        valueFormatter: (value: unknown) => (typeof value === "number" ? `${rate(value, locale)} ${t("unit.per_s")}` : "–"),
      },
      xAxis: {
        type: "time",
        min: begin,
        max: end,
        axisLine: { lineStyle: { color: grid } },
        axisLabel: { color: ink, fontSize: 11, hideOverlap: true, formatter: "{HH}:{mm}:{ss}" },
        splitNumber: 5,
      },
      yAxis: { type: "value", min: 0, minInterval: 1, axisLabel: { color: ink, fontSize: 11, formatter: (value: number) => rate(value, locale) }, splitLine: { lineStyle: { color: grid } } },
      series: [
        { ...line, name: t("home.received"), areaStyle: { opacity: dark ? 0.16 : 0.08 }, data: history.map((sample) => [sample.at, sample.received]) },
        { ...line, name: t("home.stored"), data: history.map((sample, index) => [sample.at, storedRate(history, index)]) },
      ],
    });
  }, [history, dark, locale, t]);

  return <Box ref={place} h={230} role="img" aria-label={t("home.rates.about")} />;
}
