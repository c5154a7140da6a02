import { describe, expect, it } from "vitest";
import { scriptsOf, totalsOf } from "../src/pages/definitions/script-model";

const node = (name: string, connected: boolean, stats: unknown) => ({ node: name, kind: "worker", number: 1, connected, uptime_s: 1, stats: stats as Record<string, never> });
const counted = { version: 2, batches: 3, events: 10, outputs: 8, errors: { rule_script: 2 }, cpu_ms: 1.5, restarts: 1, circuit: "open", recent: ["ValueError, line 3"] };

describe("what workers say about a script", () => {
  it("is read from those that are connected and ran it", () => {
    const found = scriptsOf([node("w1", true, { scripts: { brand: counted } }), node("w2", false, { scripts: { brand: counted } }), node("w3", true, { scripts: {} }), node("c1", true, {})], "brand");
    expect(found.map(({ node: name, statistics }) => [name, statistics.circuit, statistics.recent])).toEqual([["w1", "open", ["ValueError, line 3"]]]);
  });

  it("stands what it does not know", () => {
    expect(scriptsOf([node("w1", true, { scripts: { brand: { circuit: 7, errors: [], recent: null } } })], "brand")[0]?.statistics).toMatchObject({ circuit: "closed", events: 0, errors: {}, recent: [] });
    expect(scriptsOf([node("w1", true, { scripts: { brand: 3 } })], "brand")).toEqual([]);
  });

  it("adds up", () => {
    const all = scriptsOf([node("w1", true, { scripts: { brand: counted } }), node("w2", true, { scripts: { brand: counted } })], "brand");
    expect(totalsOf(all.map(({ statistics }) => statistics))).toEqual({ batches: 6, events: 20, outputs: 16, cpu_ms: 3, restarts: 2, errors: { rule_script: 4 } });
  });
});
