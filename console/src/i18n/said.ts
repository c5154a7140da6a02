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
  const known = i18n.locale === "zh" ? sentencesZh.find(([pattern]) => pattern.test(text)) : undefined;
  return known ? text.replace(...known) : text;
}

const MEANT = /^did you mean '(.+)'\?$/;

/** A hint; the commonest one in Chinese too. */
export function hinted(hint: string): string {
  const meant = i18n.locale === "zh" ? MEANT.exec(hint)?.[1] : undefined;
  return meant ? `是不是“${meant}”？` : hint;
}
