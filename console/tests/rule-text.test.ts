import { describe, expect, it } from "vitest";
import { appsIn, diagnosticsOf, itemsIn, nameIn, NEW_RULE, placeAt, quotedIn } from "../src/pages/rules/text";

const SOURCE = `rule: trouble
from: events
apps: [shop, "web shop"]
where: evnt in ("checkout_bug", "error_page")
`;
const at = (line: number | null, column: number | null, severity?: "warning") => ({ code: "c", message: "m", line, column, ...(severity && { severity }) });
const marked = (line: number | null, column: number | null): string => {
  const [mark] = diagnosticsOf(SOURCE, [at(line, column)]);
  return SOURCE.slice(mark?.from, mark?.to);
};

describe("the text of a rule", () => {
  it("is marked at the word a finding names", () => {
    expect(marked(4, 8)).toBe("evnt");
    expect(marked(4, 17)).toBe('"checkout_bug"');
  });

  it("is marked over the line when a finding has no column, and at its start when it has no line", () => {
    expect(marked(2, null)).toBe("from: events");
    expect(marked(null, null)).toBe("rule: trouble");
  });

  it.each([0, 5, 99])("takes a finding on line %i, which it may not have any more", (line) => {
    for (const column of [1, 500]) {
      const [mark] = diagnosticsOf(SOURCE, [at(line, column)]);
      expect(mark?.from).toBeGreaterThanOrEqual(0);
      expect(mark?.to).toBeLessThanOrEqual(SOURCE.length);
    }
  });

  it("keeps warnings warnings, and shows hints", () => {
    const [mark] = diagnosticsOf(SOURCE, [{ ...at(1, 1, "warning"), hint: "did you mean 'event'?" }]);
    expect(mark?.severity).toBe("warning");
    expect(mark?.message).toContain("did you mean");
  });

  it("gives its name, its apps and its quoted words", () => {
    expect(nameIn(SOURCE)).toBe("trouble");
    expect(appsIn(SOURCE)).toEqual(["shop", "web shop"]);
    expect(quotedIn(SOURCE)).toEqual(expect.arrayContaining(["checkout_bug", "error_page"]));
    expect(appsIn("rule: x\napps:\n  - shop\n  - web\n")).toEqual(["shop", "web"]);
  });

  it.each([
    ["wh", "key"],
    ["to: shop.tr", "dataset"],
    ["apps: [sh", "app"],
    ['where: event == "che', "event"],
    ["where: what.total.va", "expression"],
    ["do:\n  - dr", "action"],
    ["do:\n  - drop: event\n  - sa", "action"],
    ["do:\n  - drop: event\ntests:\n  - gi", "expression"],
    ["script: br", "script"],
    ['where: lookup("reg', "table"],
    ["# to: x", undefined],
  ])("knows what can follow %j", (text, kind) => {
    expect(placeAt(text, text.length)?.kind).toBe(kind);
  });

  it("knows what items of arrays are called", () => {
    expect(itemsIn("explode: {over: what.items, as: line}\nwhere: any(x.price > 3.0 for x in what.items)")).toEqual([
      { item: "line", over: "what.items" },
      { item: "x", over: "what.items" },
    ]);
    expect(itemsIn("explode: {over: what.items}")).toEqual([{ item: "item", over: "what.items" }]);
  });

  it("has a template that names the app, the event and the dataset", () => {
    const template = NEW_RULE("shop", "shop.trouble", "purchase");
    expect(appsIn(template)).toEqual(["shop"]);
    expect(template).toContain('event == "purchase"');
    expect(template).toContain("to: shop.trouble");
  });
});
