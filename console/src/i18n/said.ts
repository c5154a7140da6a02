/** What the server says, in the reader's language as far as it goes: a headline for its code, then its own words. */
import { i18n } from "@lingui/core";
import { codesZh } from "./codes.zh";
import { sentencesZh } from "./sentences.zh";

export function said({ code, message }: { code: string; message: string }): string {
  const headline = i18n.locale === "zh" ? codesZh[code] : undefined;
  return headline ? `${headline}：${message}` : message;
}

/** A sentence of the server, in Chinese where the console knows it. */
export function sentence(text: string): string {
  return translated(text, sentencesZh);
}

const HINTS: readonly [RegExp, string][] = [
  [/^did you mean '(.+)'\?$/, "是不是“$1”？"],
  [/^known: (.+)$/, "可用：$1"],
];

/** A hint; the commonest ones in Chinese too. */
export function hinted(hint: string): string {
  return translated(hint, HINTS);
}

function translated(text: string, patterns: readonly [RegExp, string][]): string {
  const known = i18n.locale === "zh" ? patterns.find(([pattern]) => pattern.test(text)) : undefined;
  return known ? text.replace(...known) : text;
}
