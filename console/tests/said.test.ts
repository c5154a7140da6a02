import { afterEach, describe, expect, it } from "vitest";
import { showIn } from "../src/i18n";
import { hinted, said, sentence } from "../src/i18n/said";

afterEach(() => showIn("en"));

describe("what the server says", () => {
  it("is shown as it is in English", () => {
    showIn("en");
    expect(sentence("owned by team:pay")).toBe("owned by team:pay");
    expect(said({ code: "missing", message: "missing /what/total" })).toBe("missing /what/total");
  });

  it.each([
    ["owned by team:pay", "负责人：team:pay"],
    ["3 of 20 properties are described", "20 个属性中 3 个有描述"],
    ["98.50% of what arrived in 7 days is valid", "最近 7 天的数据 98.50% 合规"],
    ["-40% against the week before", "与前一周相比 -40%"],
    ["the volume of 200 of 20,100 new events is estimated", "20,100 个新事件中，仅估算了 200 个的量"],
    ["because I say so", "because I say so"],
  ])("is Chinese where the console knows it: %s", (given, expected) => {
    showIn("zh");
    expect(sentence(given)).toBe(expected);
  });

  it("has a Chinese headline before its details, and the commonest hint", () => {
    showIn("zh");
    expect(said({ code: "missing", message: "missing /what/total" })).toBe("缺少必填属性：missing /what/total");
    expect(hinted("did you mean 'total'?")).toBe("是不是“total”？");
    expect(hinted("known: who, what")).toBe("可用：who, what");
  });
});
