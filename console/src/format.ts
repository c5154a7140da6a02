/** Numbers, durations and times as people read them; pure. */
import type { Locale } from "./i18n";

const TAGS: Record<Locale, string> = { en: "en-GB", zh: "zh-CN" };
const formats = new Map<string, Intl.NumberFormat>();

function format(locale: Locale, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  const kept = formats.get(key) ?? new Intl.NumberFormat(TAGS[locale], options);
  formats.set(key, kept);
  return kept;
}

/** 12,345 */
export const count = (value: number, locale: Locale): string => format(locale, { maximumFractionDigits: 0 }).format(value);

/** A rate: whole numbers from 10 up, one decimal below. */
export const rate = (value: number, locale: Locale): string =>
  format(locale, { maximumFractionDigits: value >= 10 ? 0 : 1 }).format(value);

/** 12.3 %, never rounded to 0 or 100 while it is neither. */
export function percent(share: number, locale: Locale): string {
  const text = format(locale, { style: "percent", maximumFractionDigits: 1 });
  if (share > 0 && share < 0.001) return `<${text.format(0.001)}`;
  if (share < 1 && share > 0.999) return `>${text.format(0.999)}`;
  return text.format(share);
}

/** 340 ms, 1.25 s, 42 s, 3 min 5 s, 2 h 10 min, 4 d 3 h: two units at most. */
export function duration(ms: number, locale: Locale): string {
  if (ms < 1_000) return `${format(locale, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms)} ms`;
  if (ms < 60_000) return `${format(locale, { maximumFractionDigits: ms < 10_000 ? 1 : 0 }).format(ms / 1_000)} s`;
  const units: [string, number][] = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  let rest = Math.round(ms / 1_000);
  const parts: string[] = [];
  for (const [unit, seconds] of units) {
    const whole = Math.floor(rest / seconds);
    rest -= whole * seconds;
    if (whole || parts.length) parts.push(`${whole} ${unit}`);
    if (parts.length === 2) break;
  }
  return parts.filter((part) => !part.startsWith("0 ")).join(" ");
}

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

/** The time of day, local, with milliseconds: 14:03:07.215 */
export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

/** Date and time, local, in the reader's language. */
export const moment = (ms: number, locale: Locale, timeStyle: "medium" | "short" = "medium"): string =>
  new Intl.DateTimeFormat(TAGS[locale], { dateStyle: "medium", timeStyle }).format(ms);

/** A text of the plan: one for all languages, or one per language. */
export function localised(text: string | Record<string, string> | null | undefined, locale: Locale): string {
  if (!text) return "";
  if (typeof text === "string") return text;
  return text[locale] ?? text.en ?? Object.values(text)[0] ?? "";
}

/** A time in ns as people read it: 850 ns, 3.2 µs, 1.4 ms. */
export function nanoseconds(value: number, locale: Locale): string {
  const units = ["ns", "µs", "ms", "s"];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const shown = value / 1_000 ** step;
  return `${format(locale, { maximumFractionDigits: shown < 10 ? 1 : 0 }).format(shown)} ${units[step] ?? "s"}`;
}

/** A number of bytes: 312 B, 4.1 kB, 2.3 MB. */
export function bytes(value: number, locale: Locale): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const shown = value / 1_000 ** step;
  return `${format(locale, { maximumFractionDigits: shown < 10 && step ? 1 : 0 }).format(shown)} ${units[step] ?? "TB"}`;
}

/** How long ago, or in how long: 3 minutes ago, yesterday, in 5 days. */
export function ago(ms: number, locale: Locale, now = Date.now()): string {
  const seconds = (ms - now) / 1_000;
  const units: [Intl.RelativeTimeFormatUnit, number][] = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];
  const relative = new Intl.RelativeTimeFormat(TAGS[locale], { numeric: "auto" });
  for (const [unit, length] of units) if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  return relative.format(0, "second");
}

/** A day as ISO says it, written for reading: 30 Jun 2027. */
export const day = (iso: string, locale: Locale): string => {
  const at = Date.parse(`${iso.slice(0, 10)}T00:00:00`);
  return Number.isNaN(at) ? iso : new Intl.DateTimeFormat(TAGS[locale], { dateStyle: "medium" }).format(at);
};
