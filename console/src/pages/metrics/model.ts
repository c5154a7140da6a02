/** A metric's values as people write them; pure. */
import type { Locale } from "../../i18n";

const CURRENCY = /^[A-Z]{3}$/;

/** `12,345 SGD`, `45.2 %`, `3.1 s`; a dash where there is none. */
export function measured(value: number | null | undefined, unit: string | null | undefined, locale: Locale): string {
  if (value == null) return "–";
  const tag = locale === "zh" ? "zh-CN" : "en-GB";
  if (unit === "%") return new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }).format(value) + " %";
  const digits = Math.abs(value) >= 1_000 || Number.isInteger(value) ? 0 : 2;
  const number = new Intl.NumberFormat(tag, { maximumFractionDigits: unit && CURRENCY.test(unit) && Math.abs(value) < 1_000 ? 2 : digits }).format(value);
  return unit ? `${number} ${unit}` : number;
}

export const STEPS = ["hour", "day", "week", "month"] as const;
export type Step = (typeof STEPS)[number];
const DAY = 86_400_000;

/** How far back a chart of each step looks, ms. */
export const SPANS: Record<Step, number> = { hour: 2 * DAY, day: 30 * DAY, week: 26 * 7 * DAY, month: 730 * DAY };
