import { describe, expect, it } from "vitest";
import type { Approval, Change, Comment, PartConflict } from "../src/api/review";
import { changeSearch, changesSearch } from "../src/pages/changes/addresses";
import { allowedOf, approvalCount, contestedParts, countsOf, daysUntil, nextAction, partsOf, settlementOf, stepsOf, threadsAt, threadsOf, type Choice } from "../src/pages/changes/model";
import { reasonWords } from "../src/pages/changes/reasons";

const change = (more: Partial<Change> = {}): Change =>
  ({ state: "in_review", created_at: 1, submitted_at: 2, approved_at: null, merged_at: null, actions: [], counts: { added: 1 }, ...more }) as Change;
const comment = (n: number, more: Partial<Comment> = {}): Comment => ({ n, version: 1, author: "ann", at: n, edited_at: null, text: `#${n}`, event: "", property: "", reply_to: null, resolved_by: null, resolved_at: null, unread: false, ...more });

describe("the way of a change request", () => {
  it("has one step that is now, those before it done", () => {
    expect(stepsOf(change(), null).map((step) => step.state)).toEqual(["done", "now", "waits", "waits", "waits"]);
  });

  it("is at its end only when every node has it", () => {
    const merged = change({ state: "merged", approved_at: 3, merged_at: 4 });
    expect(stepsOf(merged, null).at(-1)).toMatchObject({ id: "effective", state: "now" });
    expect(stepsOf(merged, 5).every((step) => step.state === "done")).toBe(true);
  });

  it("keeps what was reached when it was closed", () => {
    expect(stepsOf(change({ state: "closed" }), null).map((step) => step.state)).toEqual(["done", "done", "waits", "waits", "waits"]);
  });

  it("names the one action that comes next", () => {
    expect((["draft", "in_review", "approved", "merged", "closed"] as const).map(nextAction)).toEqual(["submit", "approve", "merge", undefined, undefined]);
  });
});

describe("what one may do", () => {
  it("is what the API says, and nothing it does not name", () => {
    const seen = change({ actions: [{ action: "merge", allowed: false, reasons: ["it is in review"] }] });
    expect(allowedOf(seen, "merge").reasons).toEqual(["it is in review"]);
    expect(allowedOf(seen, "approve")).toMatchObject({ allowed: false });
  });

  it("is not to submit what changes nothing", () => {
    const actions: Change["actions"] = [{ action: "submit", allowed: true, reasons: [] }];
    expect(allowedOf(change({ actions, counts: {} }), "submit").allowed).toBe(false);
    expect(allowedOf(change({ actions, counts: { renamed: 1 } }), "submit").allowed).toBe(true);
  });

  it("counts what is renamed or affected as touched", () => {
    expect(partsOf(countsOf(change({ counts: { added: 1, renamed: 2, affected: 3, breaking: 6 } })))).toBe(6);
  });
});

describe("reasons", () => {
  const t = ((id: string, values?: Record<string, unknown>) => `${id} ${Object.values(values ?? {}).join(" ")}`.trim()) as Parameters<typeof reasonWords>[1];
  it.each([
    ["the role viewer may not (change.merge)", "reason.role role.viewer"],
    ["it is in review", "reason.state change.state.in_review"],
    ["it is ann's", "reason.whose ann"],
    ["3 finding(s) are to be mended first", "reason.findings 3"],
    ["its impact is to be worked out anew first", "reason.impact"],
    ["nobody approves their own change of a grade above P3", "reason.own"],
    ["P0 asks for a data owner of the owning team who is not the author: ben, eve", "reason.grade_names P0 ben, eve"],
    ["P1 regraded asks for a data owner who is not the author", "reason.grade P1"],
  ])("are said in the reader's language: %s", (given, expected) => expect(reasonWords(given, t)).toBe(expected));

  it("that are not known stay as the server says them", () => expect(reasonWords("the moon is full", t)).toBe("the moon is full"));
});

describe("threads", () => {
  const comments = [comment(1, { event: "pay", property: "what.total" }), comment(3, { reply_to: 2, unread: true }), comment(2, { reply_to: 1 }), comment(4, { event: "pay", resolved_at: 9, resolved_by: "ben" })];

  it("are one deep, whatever an answer answers, and unread if any of theirs is", () => {
    const threads = threadsOf(comments);
    expect(threads.map((thread) => [thread.root.n, thread.replies.map((reply) => reply.n), thread.unread, thread.resolved])).toEqual([[1, [2, 3], true, false], [4, [], false, true]]);
  });

  it("hang on an event or on a property of it, not on both", () => {
    const threads = threadsOf(comments);
    expect(threadsAt(threads, "pay").map((thread) => thread.root.n)).toEqual([4]);
    expect(threadsAt(threads, "pay", "what.total").map((thread) => thread.root.n)).toEqual([1]);
  });

  it("end with comments that answer each other in a circle", () => {
    expect(threadsOf([comment(1, { reply_to: 2 }), comment(2, { reply_to: 1 })]).length).toBeGreaterThan(0);
  });
});

describe("approvals", () => {
  it("count over the whole change, not over the page that is shown", () => {
    const fell = [{ by: "ben", at: 1, because: "it changed" }];
    const shown = [{ approved: true, fallen: fell }, { approved: false, fallen: fell }, { approved: false, fallen: [] }] as unknown as Approval[];
    expect(approvalCount(change({ counts: { added: 10_000, changed: 3 }, waiting: 10_001 }), shown)).toEqual({ given: 2, needed: 10_003, fallen: 1 });
  });
});

describe("conflicts", () => {
  const conflict = (name: string, path: string): PartConflict => ({ section: "events", name, path, base: "b", yours: "y", theirs: "t" });
  const parts = contestedParts([conflict("pay", "what.total"), conflict("view", ""), conflict("pay", "owner")]);
  const mine = (part: { name: string }) => `mine of ${part.name}`;
  const settled = (...takes: [string, Choice][]) => settlementOf(parts, new Map(takes), mine);

  it("are decided by part, however many keys of it differ", () => {
    expect(parts.map((part) => [part.name, part.keys.length])).toEqual([["pay", 2], ["view", 1]]);
  });

  it("that go one way are settled key by key, so that all else stays", () => {
    expect(settled(["events/pay", { take: "mine" }], ["events/view", { take: "mine" }])).toEqual({ take: "mine", resolutions: [] });
    expect(settled(["events/pay", { take: "theirs" }], ["events/view", { take: "theirs" }])).toEqual({ take: "theirs", resolutions: [] });
  });

  it("that are mixed send mine as whole texts over theirs", () => {
    expect(settled(["events/pay", { take: "mine" }], ["events/view", { take: "theirs" }])).toEqual({ take: "theirs", resolutions: [{ section: "events", name: "pay", text: "mine of pay" }] });
  });

  it("send what was written", () => {
    expect(settled(["events/pay", { take: "edit", text: "both" }], ["events/view", { take: "mine" }])).toEqual({ take: "mine", resolutions: [{ section: "events", name: "pay", text: "both" }] });
  });
});

describe("deadlines", () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  it.each([["2026-11-23", 0], ["2026-11-24", 1], ["2026-11-20", -3], ["2027-11-23", 365]])("are counted in whole days: %s", (iso, days) => expect(daysUntil(iso, noon)).toBe(days));
});

describe("addresses", () => {
  it("are read with care", () => {
    expect(changesSearch({ view: "waits", state: "open", app: 7, junk: 1, new: "yes" })).toEqual({ view: "waits", state: "open", app: "7" });
    expect(changeSearch({ tab: "nonsense", event: "pay" })).toEqual({ event: "pay" });
  });
});
