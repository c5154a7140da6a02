import { describe, expect, it } from "vitest";
import { changed, frontEndOf, kindOf, moved, NEW_ACTIONS, operatorsFor, replaced, ruleIn, severalOf, withRule, writtenOf, type BuilderRule, type Condition } from "../src/pages/rules/builder-model";

const RULE: BuilderRule = { actions: [{ action: "keep" }], where: { kind: "condition", path: "event", operator: "==", value: "purchase", type: null } };
const TEXT = `rule: a
apps: [shop]
builder:
  {
    "actions": [{"action": "keep"}],

    "where": {"kind": "condition", "path": "event", "operator": "==", "value": "purchase", "type": null}
  }
to: shop.a
tests:
  - {given: {event: purchase}, expect: {event: purchase}}
`;
const condition = (part: Partial<Condition> = {}): Condition => ({ kind: "condition", path: "what.n", operator: "==", value: "5", ...part });

describe("the builder's place in a rule's text", () => {
  it("is read, and written back without touching the rest", () => {
    expect(ruleIn(TEXT)).toEqual(RULE);
    const after = withRule(TEXT, { ...RULE, actions: [{ action: "script", name: "$& brand\u2028" }] });
    expect(ruleIn(after)?.actions).toEqual([{ action: "script", name: "$& brand\u2028" }]);
    expect(after.startsWith("rule: a\napps: [shop]\nbuilder:\n  {")).toBe(true);
    expect(after.endsWith("  }\nto: shop.a\ntests:\n  - {given: {event: purchase}, expect: {event: purchase}}\n")).toBe(true);
    expect(after).not.toContain("\u2028");
  });

  it("may stand last, without a line end", () => {
    const text = TEXT.slice(0, TEXT.indexOf("\nto:"));
    expect(ruleIn(text)).toEqual(RULE);
    expect(ruleIn(withRule(text, RULE))).toEqual(RULE);
  });

  it.each(["rule: a\nwhere: event\n", "builder:\n  actions: [{action: keep}]\n", "builder:\n  {\n"])("is nothing in %j", (text) => {
    expect(ruleIn(text)).toBeUndefined();
  });

  it("tells the front end", () => {
    expect([TEXT, "rule: a\nsql: SELECT 1\n", "rule: a\nwhere: event\n"].map(frontEndOf)).toEqual(["builder", "sql", "python"]);
  });
});

describe("conditions", () => {
  it("stand alone, in a group, or not at all", () => {
    expect(severalOf(null).of).toEqual([]);
    expect(severalOf(condition())).toEqual({ kind: "all", of: [condition()] });
    expect(writtenOf({ kind: "any", of: [] })).toBeNull();
    expect(writtenOf({ kind: "any", of: [condition()] })).toEqual(condition());
    expect(writtenOf({ kind: "any", of: [condition(), condition()] })).toEqual({ kind: "any", of: [condition(), condition()] });
  });

  it("have operators by type, and keep the one they have", () => {
    expect(operatorsFor("string", "==")).not.toContain("<");
    expect(operatorsFor("string", "<")).toContain("<");
    expect(operatorsFor("float64", "==")).toContain("<=");
  });

  it.each([
    ["integer", "int64"],
    ["float64 | null", "float64"],
    ["array | null", "array"],
    ["string | integer", ""],
  ] as const)("know the type %j", (type, kind) => {
    expect(kindOf(type)).toBe(kind);
  });

  it("give their value the form that type and operator want", () => {
    expect(changed(condition(), "int64", {}).value).toBe(5);
    expect(changed(condition(), "float64", {})).toMatchObject({ value: 5, type: "float64" });
    expect(changed(condition(), "int64", { operator: "in" }).value).toEqual([5]);
    expect(changed(condition({ operator: "in", value: [5, 6] }), "int64", { operator: "==" }).value).toBe(5);
    expect(changed(condition(), "bool", {}).value).toBe(false);
    expect(changed(condition({ value: null }), "string", {}).value).toBe("");
    expect(changed(condition(), "timestamp", {})).toMatchObject({ value: "5", type: "timestamp" });
    expect(changed(condition(), "string", { operator: "is null" })).toEqual({ kind: "condition", path: "what.n", operator: "is null" });
  });
});

describe("lists of the builder", () => {
  it("replace, leave out and move", () => {
    expect(replaced([1, 2, 3], 1, 5)).toEqual([1, 5, 3]);
    expect(replaced([1, 2, 3], 1, null)).toEqual([1, 3]);
    expect(moved([1, 2, 3], 0, 1)).toEqual([2, 1, 3]);
    expect(moved([1, 2, 3], 2, -1)).toEqual([1, 3, 2]);
  });

  it("offer every action", () => {
    expect(new Set(NEW_ACTIONS.map(({ action }) => action))).toEqual(new Set(["drop", "sample", "change", "unset", "explode", "route", "select", "keep", "script"]));
  });
});
