/** Shapes of operations whose OpenAPI is under way; each goes when schema.d.ts has it. */
import { currentToken } from "../session";
import { ApiError, problemOf } from "./client";

export type ChangeState = "draft" | "in_review" | "approved" | "merged" | "closed";
export type Compatibility = "additive" | "narrowing" | "breaking";
export type ChangeAction = "edit" | "comment" | "submit" | "approve" | "reject" | "withdraw" | "rebase" | "merge" | "close";

export interface Allowed {
  action: ChangeAction;
  allowed: boolean;
  reasons: string[];
}

export interface Change {
  id: number;
  app: string;
  title: string;
  description: string;
  requirement: number | null;
  author: string;
  state: ChangeState;
  base: number;
  current: number;
  version: number;
  deadline: string | null;
  created_at: number;
  updated_at: number;
  submitted_at: number | null;
  approved_at: number | null;
  merged_at: number | null;
  closed_at: number | null;
  merged_revision: number | null;
  number: number | null;
  stale: boolean;
  counts: { added: number; changed: number; removed: number; additive: number; narrowing: number; breaking: number };
  unread: number;
  waits_for_me: boolean;
  actions: Allowed[];
  etag: string;
}

export interface PropertyChange {
  path: string;
  kind: string;
  before: unknown;
  after: unknown;
  compatibility: Compatibility;
  message: string;
}

export interface EventChange {
  section: string;
  name: string;
  kind: "added" | "changed" | "removed" | "renamed";
  was: string | null;
  compatibility: Compatibility;
  changes: PropertyChange[];
}

export interface Approval {
  event: string;
  grade: string;
  owner: string;
  rule: string;
  reviewers: string[];
  approved_by: string[];
  approved_at: number | null;
  fallen: { by: string; at: number; because: string }[];
}

export interface Comment {
  n: number;
  author: string;
  at: number;
  edited_at: number | null;
  text: string;
  event: string;
  property: string;
  reply_to: number | null;
  resolved_by: string | null;
  resolved_at: number | null;
  unread: boolean;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Requirement {
  id: number;
  title: string;
  description: string;
  link: string;
  apps: string[];
  people: string[];
  deadline: string | null;
  state: "designed" | "implemented" | "verified" | "online";
  overdue: boolean;
  changes: number[];
  events: { app: string; event: string; state: string }[];
  created_by: string;
  created_at: number;
  etag: string;
}

export interface Notice {
  id: number;
  kind: string;
  at: number;
  read: boolean;
  actor: string;
  app: string;
  change: number | null;
  event: string;
  title: string;
}

/** Ask an operation that the OpenAPI document does not name yet. */
export async function ask<T>(method: string, path: string, { query = {}, body, etag, signal }: { query?: Record<string, string | number | boolean | undefined>; body?: unknown; etag?: string; signal?: AbortSignal } = {}): Promise<T> {
  const address = new URL(`/api/v1${path}`, window.location.origin);
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") address.searchParams.set(name, String(value));
  const answer = await fetch(address, {
    method,
    headers: { Authorization: `Bearer ${currentToken()}`, ...(body !== undefined && { "Content-Type": "application/json" }), ...(etag !== undefined && { "If-Match": `"${etag}"` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    throw new ApiError({ status: 0, code: "network", detail: String(error) });
  });
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()) as T;
}
