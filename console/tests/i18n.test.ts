import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { describe, expect, it } from "vitest";
import { CATALOGUES, type MessageId } from "../src/i18n";

const { en, zh } = CATALOGUES;
const placeholders = (text: string): string => [...new Set([...text.matchAll(/(?<!(?:one|other) )\{(\w+)/g)].map((match) => match[1] ?? ""))].sort().join();
const sources = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? sources(join(folder, entry.name)) : /\.tsx?$/.test(entry.name) ? [join(folder, entry.name)] : [],
  );

describe("the message catalogues", () => {
  it("have the same keys in every language", () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  });

  it("can be compiled, every message", () => {
    for (const catalogue of [en, zh]) for (const text of Object.values(catalogue)) expect(() => compileMessage(text), text).not.toThrow();
  });

  it("have no empty message", () => {
    for (const catalogue of [en, zh]) expect(Object.entries(catalogue).filter(([, text]) => !text.trim())).toEqual([]);
  });

  it("use the same placeholders in every language", () => {
    const differing = (Object.keys(en) as MessageId[]).filter((key) => placeholders(en[key]) !== placeholders(zh[key]));
    expect(differing).toEqual([]);
  });

  it("hold every key that the sources name", () => {
    const named = sources("src").flatMap((file) => [...readFileSync(file, "utf8").matchAll(/\bt\("([\w.]+)"/g)].map((match) => match[1] ?? ""));
    expect(named.length).toBeGreaterThan(50);
    expect([...new Set(named)].filter((key) => !(key in en))).toEqual([]);
  });

  it("hold Chinese, not English left over", () => {
    const untranslated = Object.entries(zh).filter(([key, text]) => text === en[key as MessageId] && /[a-z]{4,} [a-z]{3,}/.test(text));
    expect(untranslated).toEqual([]);
  });
});
