import { describe, expect, it } from "vitest";
import { count, duration, localised, percent, rate } from "../src/format";

describe("numbers and times for people", () => {
  it.each([
    [0.4, "0.4 ms"],
    [340, "340 ms"],
    [1_250, "1.3 s"],
    [42_000, "42 s"],
    [185_000, "3 min 5 s"],
    [7_800_000, "2 h 10 min"],
    [356_400_000, "4 d 3 h"],
  ])("says %d ms as %s", (ms, text) => {
    expect(duration(ms, "en")).toBe(text);
  });

  it("groups digits, and keeps one decimal of small rates", () => {
    expect(count(1_234_567, "en")).toBe("1,234,567");
    expect(rate(3.14, "en")).toBe("3.1");
    expect(rate(314.15, "en")).toBe("314");
  });

  it("never rounds a share to nothing or everything", () => {
    expect(percent(0.0001, "en")).toBe("<0.1%");
    expect(percent(0.9999, "en")).toBe(">99.9%");
    expect(percent(1, "en")).toBe("100%");
  });

  it("takes a plan's text in the reader's language, else in English, else in any", () => {
    expect(localised({ en: "Paid", zh: "付款" }, "zh")).toBe("付款");
    expect(localised({ en: "Paid" }, "zh")).toBe("Paid");
    expect(localised({ fr: "Payé" }, "en")).toBe("Payé");
    expect(localised(undefined, "en")).toBe("");
  });
});
