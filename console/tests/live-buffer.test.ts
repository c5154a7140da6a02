import { describe, expect, it } from "vitest";
import type { Message } from "../src/api/sse";
import { CAPACITY, LiveBuffer, matching } from "../src/pages/live/buffer";

const event = (name: string, violations: object[] = []): Message => ({
  event: "message",
  data: JSON.stringify({ id: "1", event: name, who: { user_id: "Ada" }, when: { server: 5 }, meta: { app: "shop", env: "prod", grade: "P1", violations } }),
});
const dirty: Message = { event: "dirty", data: JSON.stringify({ app: "shop", env: "prod", stage: "plan", reason: "type", event: "purchase", violations: [] }) };

describe("the buffer of live events", () => {
  it("keeps the newest 500, newest first", () => {
    const buffer = new LiveBuffer();
    buffer.push(Array.from({ length: 1_200 }, (_, number) => event(`e${number}`)), 0);
    const { events, seen } = buffer.view(0);
    expect(events).toHaveLength(CAPACITY);
    expect(events[0]?.event).toBe("e1199");
    expect(seen).toBe(1_200);
  });

  it("stands still while paused and counts what passed", () => {
    const buffer = new LiveBuffer();
    buffer.push([event("before")], 0);
    buffer.pause(0);
    buffer.push([event("after"), dirty], 0);
    expect(buffer.view(0).events.map((one) => one.event)).toEqual(["before"]);
    expect(buffer.view(0).passed).toBe(2);
    buffer.resume();
    expect(buffer.view(0).events).toHaveLength(3);
  });

  it("counts what the server left out and hands on its failure", () => {
    const buffer = new LiveBuffer();
    expect(buffer.push([{ event: "dropped", data: '{"messages":2,"events":40}' }], 0)).toBeUndefined();
    expect(buffer.push([{ event: "failure", data: '"cannot read"' }], 0)).toBe("cannot read");
    expect(buffer.view(0)).toMatchObject({ droppedEvents: 40, droppedMessages: 2 });
  });

  it("filters by words anywhere in the event and by violations", () => {
    const buffer = new LiveBuffer();
    buffer.push([event("cart"), event("purchase", [{ code: "type", pointer: "/what/total" }]), dirty], 0);
    const { events } = buffer.view(0);
    expect(matching(events, "ada PURCHASE", false).map((one) => one.kind)).toEqual(["event"]);
    expect(matching(events, "", true)).toHaveLength(2);
  });

  it("survives what is not JSON", () => {
    const buffer = new LiveBuffer();
    buffer.push([{ event: "message", data: "{" }, { event: "message", data: "[1]" }], 0);
    expect(buffer.view(0).events.length).toBeLessThanOrEqual(1);
  });
});
