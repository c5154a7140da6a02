/** How a property's real values are spread: the most frequent ones, or numbers by size. */
import { Group, Stack, Text } from "@mantine/core";
import type { PropertyValues } from "../../api/design";
import { count, percent } from "../../format";
import { useText } from "../../i18n";

const SHOWN = 8;
/** Which quantiles are written under a histogram: least, median, 95 of 100, greatest. */
const QUANTILES: readonly [at: number, name: string][] = [
  [0, "min"],
  [3, "p50"],
  [5, "p95"],
  [6, "max"],
];

export function Distribution({ values }: { values: PropertyValues }) {
  const { t, locale } = useText();
  const numeric = values.histogram.length > 1;
  const highest = Math.max(1, ...values.histogram.map((bin) => bin.count));
  const short = (value: number) => new Intl.NumberFormat(locale === "zh" ? "zh-CN" : "en-GB", { maximumSignificantDigits: 4 }).format(value);
  return (
    <Stack gap={8}>
      {numeric ? (
        <>
          <div className="tp-histogram" role="img" aria-label={t("property.histogram", { low: short(values.histogram[0]?.low ?? 0), high: short(values.histogram.at(-1)?.high ?? 0) })}>
            {values.histogram.map((bin) => (
              <span key={bin.low} style={{ height: `${Math.max(bin.count ? 3 : 0, (bin.count / highest) * 100)}%` }} title={`${short(bin.low)} – ${short(bin.high)}: ${count(bin.count, locale)}`} />
            ))}
          </div>
          <Group justify="space-between" gap={4}>
            <Text fz="xs" c="dimmed" className="tp-num">
              {short(values.histogram[0]?.low ?? 0)}
            </Text>
            <Text fz="xs" c="dimmed" className="tp-num">
              {short(values.histogram.at(-1)?.high ?? 0)}
            </Text>
          </Group>
        </>
      ) : (
        <dl className="tp-bars">
          {values.top.slice(0, SHOWN).map((one) => (
            <div key={one.value}>
              <dt title={one.value}>{one.value}</dt>
              <dd>
                <span className="tp-bar-line" style={{ width: `${Math.max(1, one.share * 100)}%` }} />
                <span className="tp-num">{percent(one.share, locale)}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {values.quantiles && (
        <Text fz="xs" c="dimmed" className="tp-num" style={{ whiteSpace: "normal" }}>
          {!numeric && t("property.lengths")}{" "}
          {QUANTILES.map(([at, name]) => `${name} ${short(values.quantiles?.[at] ?? 0)}`).join(" · ")}
          {values.mean !== null && ` · ${t("property.mean")} ${short(values.mean)}`}
        </Text>
      )}
    </Stack>
  );
}
