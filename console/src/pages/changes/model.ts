/** Change requests as pages need them; pure. */
import type { Allowed, Approval, Change, ChangeAction, ChangeState, Comment, PartConflict, Resolution } from "../../api/review";

export const STATES: readonly ChangeState[] = ["draft", "in_review", "approved", "merged", "closed"];
export const TABS = ["overview", "events", "discussion", "checks", "reviewers", "impact", "history"] as const;
export type Tab = (typeof TABS)[number];
export const isTab = (value: unknown): value is Tab => TABS.some((tab) => tab === value);

export const STATE_TONES: Record<ChangeState, string> = { draft: "gray", in_review: "blue", approved: "teal", merged: "grape", closed: "red" };

/** Whether an action is open to the reader; unknown actions are not. */
export function allowedOf(change: Change, action: ChangeAction): Allowed {
  const found = change.actions.find((one) => one.action === action) ?? { action, allowed: false, reasons: [] };
  // The API says so once it is asked; a button that cannot work should not wait for that.
  if (action === "submit" && found.allowed && partsOf(countsOf(change)) === 0) return { action, allowed: false, reasons: ["it changes nothing"] };
  return found;
}

/** The one action that comes next for a change, whoever may do it; undefined once it is over. */
export function nextAction(state: ChangeState): "submit" | "approve" | "merge" | undefined {
  return ({ draft: "submit", in_review: "approve", approved: "merge", merged: undefined, closed: undefined } as const)[state];
}

export interface Step {
  id: "draft" | "in_review" | "approved" | "merged" | "effective";
  state: "done" | "now" | "waits";
  at: number | null;
}

/** The way of a change; `effective` is when all nodes have it, null until then. */
export function stepsOf(change: Change, effective: number | null): Step[] {
  const reached = change.state === "merged" ? (effective === null ? 4 : 5) : ["draft", "in_review", "approved"].indexOf(change.state);
  const times = [change.created_at, change.submitted_at, change.approved_at, change.merged_at, effective];
  return (["draft", "in_review", "approved", "merged", "effective"] as const).map((id, index) => ({
    id,
    state: change.state === "closed" ? (times[index] === null ? "waits" : "done") : index < reached ? "done" : index === reached ? "now" : "waits",
    at: times[index] ?? null,
  }));
}

export interface Thread {
  root: Comment;
  replies: Comment[];
  resolved: boolean;
  unread: boolean;
}

/** Comments in threads, the oldest first; an answer to an answer stands in the same thread. */
export function threadsOf(comments: readonly Comment[]): Thread[] {
  const byNumber = new Map(comments.map((comment) => [comment.n, comment]));
  const rootOf = (comment: Comment): number => {
    const seen = new Set<number>();
    let at = comment;
    while (at.reply_to !== null && !seen.has(at.n)) {
      seen.add(at.n);
      const above = byNumber.get(at.reply_to);
      if (!above) break;
      at = above;
    }
    return at.n;
  };
  const threads = new Map<number, Thread>();
  for (const comment of [...comments].sort((a, b) => a.n - b.n)) {
    const root = rootOf(comment);
    const thread = threads.get(root);
    if (!thread) threads.set(root, { root: comment, replies: [], resolved: comment.resolved_at !== null, unread: comment.unread });
    else {
      thread.replies.push(comment);
      thread.unread ||= comment.unread;
    }
  }
  return [...threads.values()];
}

/** Threads that hang on an event, or on one of its properties. */
export function threadsAt(threads: readonly Thread[], event: string, property = ""): Thread[] {
  return threads.filter(({ root }) => root.event === event && root.property === property);
}

/** How far the approvals of a change are; `shown` is a page of them, and tells of those that fell. */
export function approvalCount(change: Change, shown: readonly Approval[]): { given: number; needed: number; fallen: number } {
  const needed = partsOf(countsOf(change));
  return { needed, given: Math.max(0, needed - change.waiting), fallen: shown.filter((approval) => !approval.approved && approval.fallen.length > 0).length };
}

/** Days until an ISO date, negative once it has passed; both ends are whole days. */
export function daysUntil(iso: string, now: number): number {
  const [year, month, date] = iso.slice(0, 10).split("-").map(Number);
  const here = new Date(now);
  return Math.round((Date.UTC(year ?? 0, (month ?? 1) - 1, date ?? 1) - Date.UTC(here.getFullYear(), here.getMonth(), here.getDate())) / 86_400_000);
}

const isSection = (section: string): section is Resolution["section"] => ["events", "groups", "metrics", "types"].includes(section);

export type Choice = { take: "mine" | "theirs" } | { take: "edit"; text: string };

/** A part of the plan that both sides changed, with the keys in it that they changed otherwise. */
export interface Contested {
  section: string;
  name: string;
  keys: PartConflict[];
}

export const conflictKey = (part: Pick<Contested, "section" | "name">): string => `${part.section}/${part.name}`;

/** Conflicts by the part they are in: a part is decided as one. */
export function contestedParts(conflicts: readonly PartConflict[]): Contested[] {
  const parts = new Map<string, Contested>();
  for (const conflict of conflicts) {
    const part = parts.get(conflictKey(conflict)) ?? { section: conflict.section, name: conflict.name, keys: [] };
    part.keys.push(conflict);
    parts.set(conflictKey(conflict), part);
  }
  return [...parts.values()];
}

/**
 * What is sent to settle conflicts, once every part is decided.
 *
 * `take` settles key by key, so all else that both sides did stays. Where the sides are mixed, those
 * that keep mine are sent as whole texts over theirs.
 */
export function settlementOf(parts: readonly Contested[], choices: ReadonlyMap<string, Choice>, mine: (part: Contested) => string | null): { take: "mine" | "theirs"; resolutions: Resolution[] } {
  const chosen = parts.map((part) => choices.get(conflictKey(part))?.take);
  const take = chosen.includes("theirs") ? "theirs" : "mine";
  const resolutions = parts.flatMap((part) => {
    const choice = choices.get(conflictKey(part));
    if (!isSection(part.section) || !choice) return [];
    if (choice.take === "edit") return [{ section: part.section, name: part.name, text: choice.text }];
    return choice.take === take ? [] : [{ section: part.section, name: part.name, text: mine(part) }];
  });
  return { take, resolutions };
}

export type Counts = Required<Change["counts"]>;

/** How much a change does, every count there. */
export const countsOf = (change: Pick<Change, "counts">): Counts => ({ added: 0, changed: 0, removed: 0, renamed: 0, affected: 0, neutral: 0, additive: 0, narrowing: 0, breaking: 0, ...change.counts });

/** How many parts of the plan a change touches. */
export const partsOf = ({ added, changed, removed, renamed, affected }: Counts): number => added + changed + removed + renamed + affected;
