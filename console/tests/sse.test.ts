import { describe, expect, it } from "vitest";
import { MessageParser } from "../src/api/sse";

const STREAM = ': live\n\ndata: {"event":"a"}\n\nevent: dirty\ndata: {"reason":"type"}\n\ndata: one\r\ndata: two\r\n\r\n';
const WHOLE = [
  { event: "message", data: '{"event":"a"}' },
  { event: "dirty", data: '{"reason":"type"}' },
  { event: "message", data: "one\ntwo" },
];

describe("the parser of server-sent events", () => {
  it("reads messages, their kinds and several data lines; skips comments", () => {
    expect(new MessageParser().push(STREAM)).toEqual(WHOLE);
  });

  it.each(Array.from({ length: STREAM.length - 1 }, (_, index) => index + 1))("gives the same when the stream is cut at %i", (at) => {
    const parser = new MessageParser();
    expect([...parser.push(STREAM.slice(0, at)), ...parser.push(STREAM.slice(at))]).toEqual(WHOLE);
  });

  it("keeps the kind of a message for that message only", () => {
    const parser = new MessageParser();
    expect(parser.push("event: dropped\ndata: 1\n\n")[0]?.event).toBe("dropped");
    expect(parser.push("data: 2\n\n")[0]?.event).toBe("message");
  });
});
