import { describe, expect, it } from "vitest";
import { bytes, nanoseconds } from "../src/format";
import { rowFields, shareOf } from "../src/pages/rules/shadow-model";

describe("a shadow's samples", () => {
  it("show fields that differ first, and say where there is no row", () => {
    expect(rowFields({ old: { a: 1, b: "x" }, new: { a: 1, b: "y", c: null }, fields: ["b", "c"] })).toEqual([
      { field: "b", old: '"x"', new: '"y"', differs: true },
      { field: "c", old: "", new: "null", differs: true },
      { field: "a", old: "1", new: "1", differs: false },
    ]);
    expect(rowFields({ old: null, new: { a: 1 }, fields: [] })).toEqual([{ field: "a", old: null, new: "1", differs: false }]);
  });

  it("have no share of nothing", () => {
    expect(shareOf(0, 0)).toBe(0);
    expect(shareOf(1, 4)).toBe(0.25);
  });
});

describe("units", () => {
  it("are the largest that leaves a whole number", () => {
    expect([0, 0.4, 850, 3_240, 1_400_000, 2e9, 5e12].map((value) => nanoseconds(value, "en"))).toEqual(["0 ns", "0.4 ns", "850 ns", "3.2 µs", "1.4 ms", "2 s", "5,000 s"]);
    expect([0, 312, 4_100, 2_300_000, 7e15].map((value) => bytes(value, "en"))).toEqual(["0 B", "312 B", "4.1 kB", "2.3 MB", "7,000 TB"]);
  });
});
