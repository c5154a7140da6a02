import { describe, expect, it } from "vitest";
import { accounts, lagByGroup, storedRate } from "../src/pages/home/model";

const row = (kind: string, count: number, app = "shop") => ({ app, env: "prod", kind, count });

describe("what Home computes", () => {
  it("adds transmitted up from the outcomes, and from nothing else", () => {
    const [shop] = accounts([row("stored", 90), row("dirty", 5), row("deduplicated", 3), row("refused", 2), row("warned", 40)]);
    expect(shop?.transmitted).toBe(100);
    expect(Object.values(shop?.terms ?? {}).reduce((total, count) => total + count, 0)).toBe(100);
    expect(shop?.remarks.warned).toBe(40);
  });

  it("keeps apps apart, the biggest first", () => {
    expect(accounts([row("stored", 1, "small"), row("stored", 9, "big")]).map((one) => one.app)).toEqual(["big", "small"]);
  });

  it("sums lag over partitions by group", () => {
    const lag = [0, 1].map((partition) => ({ group: "raw", topic: `events.p${partition}`, partition, end: 9, committed: 5, lag: 4 }));
    expect(lagByGroup(lag)).toEqual([["raw", 8]]);
  });

  it("makes a rate of two samples, and none of one", () => {
    const history = [
      { at: 0, received: 0, stored: 0 },
      { at: 5_000, received: 0, stored: 500 },
    ];
    expect(storedRate(history, 0)).toBeNull();
    expect(storedRate(history, 1)).toBe(100);
  });
});
