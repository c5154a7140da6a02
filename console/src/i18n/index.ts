/** Languages: two complete catalogues, the type of the second made from the first. */
import { i18n } from "@lingui/core";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { useLingui } from "@lingui/react";
import { useCallback } from "react";
import { en } from "./en";
import { zh } from "./zh";

export type MessageId = keyof typeof en;
export type Locale = "en" | "zh";
export const LOCALES: readonly { value: Locale; label: string }[] = [
  { value: "en", label: "English" },
  { value: "zh", label: "中文" },
];
export const CATALOGUES: Record<Locale, Record<MessageId, string>> = { en, zh };

const KEY = "trackplane.language";
type Values = Record<string, string | number>;

function compiled(catalogue: Record<string, string>) {
  return Object.fromEntries(Object.entries(catalogue).map(([id, text]) => [id, compileMessage(text)]));
}

function preferred(): Locale {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // storage is switched off: the browser's language decides
  }
  return (kept ?? navigator.language).startsWith("zh") ? "zh" : "en";
}

/** Show the console in a language from now on. */
export function showIn(locale: Locale): void {
  i18n.activate(locale);
  document.documentElement.lang = locale === "zh" ? "zh-CN" : "en";
}

export function keepLanguage(locale: Locale): void {
  try {
    localStorage.setItem(KEY, locale);
  } catch {
    // as above
  }
  showIn(locale);
}

/** Load both catalogues and choose the reader's language. */
export function startLanguages(): void {
  i18n.load({ en: compiled(en), zh: compiled(zh) });
  showIn(preferred());
}

export type Translate = (id: MessageId, values?: Values) => string;

/** Texts in the current language, and the language itself for numbers and dates. */
export function useText(): { t: Translate; locale: Locale } {
  const { i18n: current } = useLingui();
  const locale = current.locale as Locale;
  // The locale is what makes texts differ: it must make a new function.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const t = useCallback<Translate>((id, values) => current._(id, values), [current, locale]);
  return { t, locale };
}
