import { describe, expect, it } from "vitest";
import { progressOf } from "../src/pages/rules/effective";

const node = (name: string, number: number, effective_ms: number | null, connected = true) => ({
  node: name,
  kind: name.startsWith("worker") ? "worker" : "collector",
  number,
  connected,
  effective_ms,
  acknowledged_at: effective_ms === null ? null : 1,
  nacks: [],
});
const ruleset = (nodes: ReturnType<typeof node>[]) => ({ number: 7, published_at: 0, reason: "", changed: [], removed: [], effective_ms: null, nodes });

describe("what is said after publishing", () => {
  it("waits until every connected node has the number", () => {
    const progress = progressOf(ruleset([node("collector", 7, 12), node("worker-1", 7, 40), node("worker-2", 6, null)]));
    expect(progress).toMatchObject({ nodes: 3, taken: 2, ms: undefined });
  });

  it("gives the time of the slowest, and leaves out who has gone", () => {
    const progress = progressOf(ruleset([node("collector", 7, 12), node("worker-1", 7, 40), node("worker-2", 3, null, false)]));
    expect(progress).toMatchObject({ nodes: 2, taken: 2, ms: 40 });
  });

  it("is never done when nobody is connected", () => {
    expect(progressOf(ruleset([]))).toMatchObject({ nodes: 0, ms: undefined });
  });
});
