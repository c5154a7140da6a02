/** Names of the shapes of review. */
import type { Schemas } from "./client";

export type Change = Schemas["ChangeRequest"];
export type ChangeState = Change["state"];
export type Allowed = Schemas["Allowed"];
export type ChangeAction = Allowed["action"];
export type Approval = Schemas["Approval"];
export type Approved = Schemas["Approved"];
export type Comment = Schemas["Comment"];
export type HistoryEntry = Schemas["HistoryEntry"];
export type PartChange = Schemas["PartChange"];
export type Notice = Schemas["Notice"];
export type Me = Schemas["Me"];
export type Person = Schemas["Person"];
export type Team = Schemas["Team"];
export type Compatibility = Approval["compatibility"];

export type PartConflict = Schemas["PartConflict"];
export type Resolution = Schemas["Resolution"];
export type Impact = Schemas["Impact"];
export type Touched = Schemas["Touched"];
export type Replayed = Schemas["Replayed"];

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

export interface MyEvents {
  waits: { change: number; title: string; app: string; state: ChangeState; events: number; since: number; deadline: string | null }[];
  wrong: { app: string; event: string; grade: string; code: string; pointer: string; count: number; share: number | null; last_at: number }[];
  expires: { app: string; event: string; on: string; renew_days: number | null; last_seen: number | null; owner: string }[];
  unowned: { app: string; event: string; grade: string; seen: number }[];
}
