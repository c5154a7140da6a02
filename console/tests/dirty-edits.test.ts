import { describe, expect, it } from "vitest";
import { EMPTY_EDIT, editsOf, pretty, valueOf } from "../src/pages/dirty/edits";

describe("edits of dirty events", () => {
  it("read values as JSON where they are JSON, else as text", () => {
    expect(["12", '"12"', "SGD", "true", "null", '{"a":1}', ""].map(valueOf)).toEqual([12, "12", "SGD", true, null, { a: 1 }, ""]);
  });

  it("give the API only what each kind takes", () => {
    expect(
      editsOf([
        { op: "set", path: " what.n ", value: "1", to: "x" },
        { op: "unset", path: "what.m", value: "1", to: "" },
        { op: "rename", path: "what.a", value: "", to: "what.b" },
        { op: "cast", path: "what.c", value: "", to: "" },
        { op: "text", path: " NaN", value: "", to: "null" },
      ]),
    ).toEqual([
      { op: "set", path: "what.n", value: 1 },
      { op: "unset", path: "what.m" },
      { op: "rename", path: "what.a", to: "what.b" },
      { op: "cast", path: "what.c", to: "string" },
      { op: "text", path: " NaN", to: "null" },
    ]);
  });

  it("leave out lines that are not ready", () => {
    expect(editsOf([EMPTY_EDIT, { ...EMPTY_EDIT, op: "rename", path: "what.a" }])).toEqual([]);
  });

  it("show the client's bytes as they are where they are no JSON", () => {
    expect(pretty("{broken")).toBe("{broken");
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  });
});
