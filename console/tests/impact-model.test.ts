import { describe, expect, it } from "vitest";
import type { Impact, Replayed, Touched } from "../src/api/review";
import { adviceOf, barsOf, compareVersions, platformsOf, touchedOf } from "../src/pages/changes/impact-model";

type Segment = Replayed["segments"][number];
const segment = (version: string, platform: string, fail: number, pass = 0): Segment => ({ event: "pay", platform, version, population: 100, sampled: 50, newly_fail: fail / 2, newly_pass: pass, estimated_fail: fail, estimated_pass: pass });
const touched = (kind: Touched["kind"], name: string, how: Touched["how"]): Touched => ({ kind, name, how, owner: "", app: "shop", events: [], findings: [] });
const impact = (more: Partial<Omit<Impact, "replay">> = {}, replay: Partial<Replayed> = {}): Impact =>
  ({ rules: [], metrics: [], queries: [], clients: [], added: [], changed: ["pay"], removed: [], broken: 0, ...more, replay: { newly_fail: 0, sampled: 10, mode: "enforce", segments: [], ...replay } }) as unknown as Impact;

describe("versions", () => {
  it("compare by their numbers, not by their letters", () => {
    expect(["9.9.0", "9.10.1", "10.0.0", "9.10"].sort(compareVersions)).toEqual(["9.9.0", "9.10", "9.10.1", "10.0.0"]);
  });
});

describe("bars", () => {
  it("are one for each version, the newest first, stacked by platform in one order", () => {
    const segments = [segment("9.2.0", "ios", 10), segment("9.10.0", "web", 40), segment("9.2.0", "web", 5)];
    expect(platformsOf(segments, "fail")).toEqual(["web", "ios"]);
    expect(barsOf(segments, "fail").map((bar) => [bar.label, bar.total, bar.parts.map((part) => part.count)])).toEqual([["9.10.0", 40, [40, 0]], ["9.2.0", 15, [5, 10]]]);
  });

  it("show the versions that pass beside those that fail", () => {
    expect(barsOf([segment("2", "ios", 10), segment("3", "ios", 0)], "fail").map((bar) => [bar.label, bar.total])).toEqual([["3", 0], ["2", 10]]);
  });

  it("are none where nothing fails", () => expect(barsOf([segment("2", "ios", 0)], "fail")).toEqual([]));

  it("put what does not fit into one, and lose nothing", () => {
    const segments = Array.from({ length: 40 }, (_, at) => segment(`1.${at}`, at % 2 ? "ios" : "web", 10));
    const bars = barsOf(segments, "fail", 12);
    expect(bars).toHaveLength(12);
    expect(bars.at(-1)?.label).toBeNull();
    expect(bars.reduce((sum, bar) => sum + bar.total, 0)).toBe(400);
    expect(bars.reduce((sum, bar) => sum + bar.population, 0)).toBe(4_000);
  });
});

describe("consumers", () => {
  it("stand with the broken ones first", () => {
    const found = touchedOf(impact({ rules: [touched("rule", "b", "touched")], metrics: [touched("metric", "gmv", "altered")], clients: [touched("client", "ios", "broken")] }));
    expect(found.map((one) => one.name)).toEqual(["ios", "gmv", "b"]);
  });
});

describe("advice", () => {
  it("tells failing of old versions from failing of all", () => {
    const old = impact({}, { newly_fail: 5, segments: [segment("9", "ios", 10), segment("10", "ios", 0)] });
    const all = impact({}, { newly_fail: 5, segments: [segment("9", "ios", 10), segment("10", "ios", 2)] });
    expect(adviceOf(old)).toEqual(["old_versions"]);
    expect(adviceOf(all)).toEqual(["all_versions"]);
  });

  it("says that a plan that is not enforced keeps nothing out", () => expect(adviceOf(impact({}, { newly_fail: 1, mode: "warn", segments: [segment("9", "ios", 2)] }))).toContain("mode_off"));
  it("begins with what breaks", () => expect(adviceOf(impact({ broken: 1, metrics: [touched("metric", "gmv", "altered")] }))).toEqual(["broken_consumers", "altered_metrics"]));
  it("does not call fine what could not be tried", () => {
    expect(adviceOf(impact({}, { sampled: 0 }))).toEqual(["no_traffic"]);
    expect(adviceOf(impact())).toEqual(["fine"]);
  });
});
