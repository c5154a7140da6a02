import { describe, expect, it } from "vitest";
import { byLanguage, partOf, pathAt, pathOf, readPart, renamed, withKey, withValue, writtenPart, written } from "../src/pages/editor/part";

const TEXT = `# asked for by finance
order_pay:
  title: {en: Order paid, zh: 订单支付} # shown to people
  grade: P0
  what:
    total: {type: money, required: true}
    query: string
`;

describe("a part of a plan in the editor", () => {
  it("is read under its name", () => {
    expect(readPart(TEXT)).toMatchObject({ name: "order_pay", fault: undefined, values: { grade: "P0", what: { query: "string" } } });
    expect(readPart("order_pay:\n")).toMatchObject({ name: "order_pay", values: {}, fault: undefined });
    expect(readPart("").fault).toBeUndefined();
  });

  it("says why it cannot be read, and is then left as it is", () => {
    expect(readPart("order_pay: {a: 1").fault).toBeTruthy();
    expect(withValue("order_pay: {a: 1", ["grade"], "P1")).toBe("order_pay: {a: 1");
    expect(readPart("a: {}\nb: {}\n").fault).toBe("name");
  });

  it("is changed in one place, comments and all else staying", () => {
    const after = withValue(TEXT, ["grade"], "P1");
    expect(after).toBe(TEXT.replace("P0", "P1"));
    expect(withValue(TEXT, ["what", "total", "required"], undefined)).toContain("total: {type: money}");
  });

  it("gives a short form a mapping when it gets a constraint", () => {
    expect(withValue(TEXT, ["what", "query", "max_length"], 200)).toContain("query: {type: string, max_length: 200}");
  });

  it("takes away what is left empty", () => {
    const one = withValue("home:\n  what:\n    query: string\n", ["what", "query"], undefined);
    expect(readPart(one).values).toEqual({});
  });

  it("makes what is missing above a value", () => {
    const after = withValue("home:\n", ["what", "query"], { type: "string", required: true });
    expect(after).toBe("home:\n  what:\n    query: {type: string, required: true}\n");
    expect(readPart(withValue("home: {}\n", ["owner"], "team:web")).values).toEqual({ owner: "team:web" });
  });

  it("keeps texts that YAML 1.1 would read otherwise", () => {
    expect(readPart(withValue("home:\n", ["what", "country"], { type: "string", enum: ["NO", "on", "1.10"] })).values).toEqual({ what: { country: { type: "string", enum: ["NO", "on", "1.10"] } } });
  });

  it("gets another name, and its properties too", () => {
    expect(readPart(renamed(TEXT, "order_paid"))).toMatchObject({ name: "order_paid", values: { grade: "P0" } });
    expect(renamed("", "home")).toBe("home:\n");
    expect(Object.keys(readPart(withKey(TEXT, ["what", "query"], "words")).values.what as object)).toEqual(["total", "words"]);
  });

  it("is taken out of a whole plan", () => {
    const part = partOf("format: 1\nevents:\n  home: {owner: team:web, what: {query: {type: string}}}\n", "events", "home");
    expect(readPart(part ?? "")).toMatchObject({ name: "home", values: { owner: "team:web", what: { query: { type: "string" } } } });
    expect(partOf("format: 1\n", "events", "home")).toBeUndefined();
    expect(readPart(writtenPart("a", { what: {} })).name).toBe("a");
  });

  it("knows which path a finding is about", () => {
    expect(pathOf({ code: "x", message: "", pointer: "/events/order_pay/what/total/type" }, "events", "order_pay", TEXT)).toEqual(["what", "total", "type"]);
    expect(pathAt(TEXT, 6, 14)).toEqual(["what", "total", "type"]);
    expect(pathAt(TEXT, 4, 3)).toEqual(["grade"]);
    expect(pathAt(TEXT, 99, 1)).toEqual([]);
  });

  it("has one text, or one per language", () => {
    expect(byLanguage("订单支付")).toEqual({ en: "", zh: "订单支付" });
    expect(byLanguage({ en: "Paid", zh: "支付" })).toEqual({ en: "Paid", zh: "支付" });
    expect(written({ en: "Paid", zh: "" })).toBe("Paid");
    expect(written({ en: "", zh: "支付" })).toEqual({ zh: "支付" });
    expect(written({ en: "", zh: "" })).toBeUndefined();
  });
});
