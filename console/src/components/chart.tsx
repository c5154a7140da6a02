/** Lines over time: one look for every chart of the console. */
import { Box, useComputedColorScheme } from "@mantine/core";
import { LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use as register, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

register([LineChart, GridComponent, LegendComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

export type Tone = "blue" | "green" | "red" | "grape";

const TONES: Record<Tone, readonly [light: string, dark: string]> = {
  blue: ["#3b5bdb", "#91a7ff"],
  green: ["#099268", "#38d9a9"],
  red: ["#c92a2a", "#ff8787"],
  grape: ["#862e9c", "#e599f7"],
};

export interface Line {
  name: string;
  tone: Tone;
  /** Times in ms, and values; null where nothing is known. */
  points: readonly (readonly [at: number, value: number | null])[];
  filled?: boolean;
}

export interface TimeChartProps {
  label: string;
  lines: readonly Line[];
  begin: number;
  end: number;
  /** How a value is written on the axis and in the tip. */
  written: (value: number) => string;
  height?: number;
}

export function TimeChart({ label, lines, begin, end, written, height = 230 }: TimeChartProps) {
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
    chart.current?.setOption(
      {
        aria: { enabled: true, label: { description: label } },
        color: lines.map((line) => TONES[line.tone][dark ? 1 : 0]),
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        grid: { left: 8, right: 12, top: 34, bottom: 4, containLabel: true },
        legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 4, textStyle: { color: ink, fontSize: 12 } },
        tooltip: {
          trigger: "axis",
          backgroundColor: dark ? "#25292f" : "#fff",
          borderColor: grid,
          textStyle: { color: dark ? "#dee2e6" : "#212529", fontSize: 12 },
          valueFormatter: (value: unknown) => (typeof value === "number" ? written(value) : "–"),
        },
        xAxis: {
          type: "time",
          min: begin,
          max: end,
          axisLine: { lineStyle: { color: grid } },
          axisLabel: { color: ink, fontSize: 11, hideOverlap: true, formatter: end - begin > 3 * 86_400_000 ? "{MM}-{dd}" : end - begin > 3_600_000 ? "{HH}:{mm}" : "{HH}:{mm}:{ss}" },
          splitNumber: 5,
        },
        yAxis: { type: "value", min: 0, axisLabel: { color: ink, fontSize: 11, formatter: written }, splitLine: { lineStyle: { color: grid } } },
        series: lines.map((line) => ({
          type: "line",
          name: line.name,
          // A point between two that are not known is no line: it is drawn as a dot.
          showSymbol: line.points.some((point, index) => point[1] !== null && (line.points[index - 1]?.[1] ?? null) === null && (line.points[index + 1]?.[1] ?? null) === null),
          lineStyle: { width: 2 },
          animation: false,
          areaStyle: line.filled ? { opacity: dark ? 0.16 : 0.08 } : undefined,
          data: line.points,
        })),
      },
      { replaceMerge: ["series"] },
    );
  }, [label, lines, begin, end, written, dark]);

  return <Box ref={place} h={height} role="img" aria-label={label} />;
}
