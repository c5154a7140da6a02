import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, problemOf } from "../src/api/client";
import { followStream } from "../src/api/sse";
import { beginSession, currentToken, endSession } from "../src/session";

const problem = { type: "urn:x", title: "Unprocessable", status: 422, detail: "the rule has errors", code: "rule", hint: "mend it", findings: [{ code: "rule_name", message: "there is no name 'evnt'", line: 4, column: 8 }] };
const answer = (body: unknown, status: number) => new Response(typeof body === "string" ? body : JSON.stringify(body), { status });

afterEach(() => {
  vi.unstubAllGlobals();
  endSession();
});

describe("errors of the API", () => {
  it("carry every finding, the hint and the status", async () => {
    const error = await problemOf(answer(problem, 422));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 422, code: "rule", hint: "mend it", message: "the rule has errors" });
    expect(error.findings).toHaveLength(1);
  });

  it("are errors too when the answer is no problem document", async () => {
    expect(await problemOf(answer("<html>", 502))).toMatchObject({ status: 502 });
  });
});

describe("the live stream", () => {
  it("sends the token in a header and hands messages on", async () => {
    beginSession("tpt_x");
    const fetched = vi.fn(() => Promise.resolve(answer("data: 1\n\nevent: dirty\ndata: 2\n\n", 200)));
    vi.stubGlobal("fetch", fetched);
    const seen: string[] = [];
    await followStream("/api/v1/live", new AbortController().signal, { open: () => seen.push("open"), messages: (messages) => seen.push(...messages.map((one) => one.event)) });
    expect(seen).toEqual(["open", "message", "dirty"]);
    expect(fetched).toHaveBeenCalledWith("/api/v1/live", expect.objectContaining({ headers: expect.objectContaining({ Authorization: "Bearer tpt_x" }) as unknown }));
  });

  it("ends the session when the token was withdrawn", async () => {
    beginSession("tpt_x");
    vi.stubGlobal("fetch", () => Promise.resolve(answer(problem, 401)));
    await expect(followStream("/api/v1/live", new AbortController().signal, { open: vi.fn(), messages: vi.fn() })).rejects.toBeInstanceOf(ApiError);
    expect(currentToken()).toBe("");
  });
});

describe("the session", () => {
  it("is kept in this tab only", () => {
    beginSession("tpt_x");
    expect(JSON.stringify(Object.entries(sessionStorage))).toContain("tpt_x");
    expect(JSON.stringify(Object.entries(localStorage))).not.toContain("tpt_x");
    endSession();
    expect(sessionStorage.length).toBe(0);
  });
});
