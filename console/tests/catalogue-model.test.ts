import { describe, expect, it } from "vitest";
import { piecesOf } from "../src/components/pieces";
import { pathOf } from "../src/components/sparkline-model";
import { windowOf } from "../src/components/window-model";
import { catalogueSearch, chosenIn, filterOf, toggled } from "../src/pages/catalogue/filter";

describe("the catalogue's address", () => {
  it("is read with care, whatever it says", () => {
    expect(catalogueSearch({ q: 42, grade: "P0", tag: ["a", 7, null], sort: "volume", state: [], nonsense: true })).toEqual({ q: "42", grade: ["P0"], tag: ["a", "7"], sort: "volume" });
    expect(catalogueSearch({ q: "", sort: "sideways" })).toEqual({});
  });

  it("takes a value in and out again", () => {
    const one = toggled({ q: "pay" }, "grade", "P0");
    const two = toggled(one, "grade", "P1");
    expect(two).toEqual({ q: "pay", grade: ["P0", "P1"] });
    expect(chosenIn(two)).toEqual([
      { facet: "grade", value: "P0" },
      { facet: "grade", value: "P1" },
    ]);
    expect(toggled(toggled(two, "grade", "P0"), "grade", "P1")).toEqual({ q: "pay" });
    expect(filterOf(two).chosen).toMatchObject({ grade: ["P0", "P1"], owner: [] });
  });
});

describe("a list of which a window is drawn", () => {
  it("draws what is seen and a little more, wherever it stands in 200,000 rows", () => {
    for (const top of [0, 540, 5_000_000, 200_000 * 54 - 600]) {
      const { first, end, before, after } = windowOf(top, 600, 200_000, 54);
      expect(first * 54).toBeLessThanOrEqual(top);
      expect(end * 54).toBeGreaterThanOrEqual(Math.min(top + 600, 200_000 * 54));
      expect(end - first).toBeLessThan(40);
      expect(before + (end - first) * 54 + after).toBe(200_000 * 54);
    }
  });

  it("stands on its feet when rows go while one looks at the end", () => {
    expect(windowOf(10_000, 600, 3, 54)).toMatchObject({ first: 0, end: 3, before: 0, after: 0 });
    expect(windowOf(0, 600, 0, 54)).toMatchObject({ first: 0, end: 0 });
  });
});

describe("what a hit shows", () => {
  it("marks ranges, overlapping and outside ones too", () => {
    const marked = (text: string, ranges: number[][]) => piecesOf(text, ranges).map((piece) => (piece.marked ? `[${piece.text}]` : piece.text)).join("");
    expect(marked("order_pay", [[0, 5]])).toBe("[order]_pay");
    expect(marked("order_pay", [[0, 3], [2, 5], [6, 99]])).toBe("[order]_[pay]");
    expect(marked("订单支付", [[2, 4]])).toBe("订单[支付]");
    expect(marked("pay", [])).toBe("pay");
    expect(marked("pay", [[2, 1]])).toBe("pay");
  });

  it("has a sparkline where there is something to show", () => {
    expect(pathOf([0, 0, 0], 84, 22).line).toBe("");
    expect(pathOf([5], 84, 22).line).toBe("");
    expect(pathOf([0, 10], 84, 22).line).toBe("M1 20L83 2");
  });
});
