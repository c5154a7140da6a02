import { describe, expect, it } from "vitest";
import type { Requirement } from "../src/api/review";
import { initialsOf, toneOf } from "../src/components/person";
import { ago, day } from "../src/format";
import { columnsOf } from "../src/pages/requirements/model";

describe("marks of people", () => {
  it.each([["ann", "AN"], ["team:pay", "PA"], ["Ann Lee", "AL"], ["ann.lee@example.com", "AL"], ["王小明", "明"], ["", "?"]])("%s is %s", (name, initials) => expect(initialsOf(name)).toBe(initials));
  it("have the same colour wherever they stand", () => expect(toneOf("ann")).toBe(toneOf("ann")));
});

describe("the requirement board", () => {
  const card = (id: number, more: Partial<Requirement>): Requirement => ({ id, state: "designed", overdue: false, deadline: null, ...more }) as Requirement;
  it("has what is overdue first, then what is due first, then the newest", () => {
    const board = columnsOf([card(1, {}), card(2, { deadline: "2027-01-01" }), card(3, { deadline: "2026-01-01", overdue: true }), card(4, {}), card(5, { state: "online" })]);
    expect(board.designed.map((one) => one.id)).toEqual([3, 2, 4, 1]);
    expect(board.online.map((one) => one.id)).toEqual([5]);
  });
});

describe("times in words", () => {
  it("say how long ago in the reader's language", () => {
    const now = Date.UTC(2026, 10, 23, 12);
    expect(ago(now - 3 * 60_000, "en", now)).toBe("3 minutes ago");
    expect(ago(now - 26 * 3_600_000, "en", now)).toBe("yesterday");
    expect(ago(now - 2 * 3_600_000, "zh", now)).toBe("2小时前");
  });
  it("leave a day that is none as it is", () => expect(day("whenever", "en")).toBe("whenever"));
});
