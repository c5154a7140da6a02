import { describe, expect, it } from "vitest";
import { changedFiles } from "../src/pages/plans/model";
import { appliesWords, compareVersions, constraintWords, furthest, matrixOf, rowsOf, typeWords, variantLines } from "../src/pages/event/model";
import { measured } from "../src/pages/metrics/model";
import type { Translate } from "../src/i18n";

const t: Translate = (id, values) => `${id}${values ? JSON.stringify(values) : ""}`;

describe("the plan of an event as rows and words", () => {
  const properties = {
    what: {
      total: { type: ["object" as const], properties: { value: { type: ["number" as const], min: 0, required: true } } },
      items: { type: ["array" as const], items: { type: ["object" as const], properties: { sku: { type: ["string" as const] } } } },
      attrs: { type: ["map" as const], values: { type: ["string" as const] } },
    },
    where: { page: { type: ["string" as const], nullable: true } },
  };

  it("has every property once, nested ones under their parent, namespaces in order", () => {
    expect(rowsOf(properties).map(({ path, depth }) => `${depth} ${path}`)).toEqual(["0 where.page", "0 what.total", "1 what.total.value", "0 what.items", "1 what.items[].sku", "0 what.attrs"]);
  });

  it("says types and constraints", () => {
    expect(typeWords(properties.what.attrs, t)).toBe('property.map_of{"type":"string"}');
    expect(typeWords(properties.where.page, t)).toBe("string | null");
    expect(constraintWords({ type: ["number"], min: 0, max: 5 }, "en", t)).toEqual(["0 – 5"]);
    expect(constraintWords({ type: ["string"], min_length: 2, max_length: 2, pattern: "[A-Z]{2}" }, "en", t)).toEqual(['property.characters{"range":"= 2"}', "/[A-Z]{2}/"]);
    expect(constraintWords({ type: ["string"], enum: ["SGD", "CNY"], enum_labels: { SGD: { en: "Singapore dollar", zh: "新加坡元" } } }, "zh", t)).toEqual(["SGD (新加坡元), CNY"]);
  });

  it("says when a variant holds, and what it changes down to the key", () => {
    const variant = { applies: { platform: ["ios"], app_version: "<9.2", equals: { "what.total.currency": ["CNY"] } }, patch: { what: { total: { properties: { value: { max: 50_000 } } }, amount: null } } };
    expect(appliesWords(variant, t)).toContain('variant.version{"range":"<9.2"}');
    expect(variantLines(variant as never)).toEqual([
      { path: "what.total.value", key: "max", value: "50000" },
      { path: "what.amount", key: "", value: "" },
    ]);
  });
});

describe("where an event stands", () => {
  it("orders versions as people do", () => {
    expect(["9.2", "9.10.1", "beta", "10.0", "9.2.0"].sort(compareVersions)).toEqual(["9.2", "9.2.0", "9.10.1", "10.0", "beta"]);
  });

  it("shows the newest releases of every platform, with what was seen of each environment together", () => {
    const seen = (version: string, count: number, env = "prod") => ({ platform: "ios", version, env, seen: count, violations: 0, dirty: 1, first_at: 1, last_at: count });
    const { releases, platforms, left } = matrixOf([{ platform: "web", release: "9.2", state: "online" }], [seen("9.2", 5), seen("9.2", 7, "staging"), ...Array.from({ length: 9 }, (_, minor) => seen(`8.${minor}`, 1))]);
    expect(releases[0]).toBe("9.2");
    expect(releases.length + left).toBe(10);
    expect(platforms.map((row) => row.platform)).toEqual(["ios", "web"]);
    expect(platforms[0]?.cells[0]?.seen).toMatchObject({ seen: 12, dirty: 2, last_at: 7 });
    expect(platforms[1]?.cells[0]?.state).toBe("online");
  });

  it("is as far as it has come anywhere", () => {
    const at = (state: string) => ({ platform: "ios", release: "1", state });
    expect(furthest([at("approved"), at("online"), at("draft")])).toBe("online");
    expect(furthest([at("online"), at("deprecated")])).toBe("deprecated");
    expect(furthest([])).toBe("");
  });
});

describe("values and files", () => {
  it("writes a measure with its unit", () => {
    expect(measured(12_345.6, "SGD", "en")).toBe("12,346 SGD");
    expect(measured(0.4567, null, "en")).toBe("0.46");
    expect(measured(null, "SGD", "en")).toBe("–");
  });

  it("finds the files that differ between revisions", () => {
    expect(changedFiles({ a: "1", b: "2" }, { a: "1", c: "3" })).toEqual([
      { path: "b", before: "2", after: "" },
      { path: "c", before: "", after: "3" },
    ]);
  });
});
