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
export type Requirement = Schemas["Requirement"];
export type MyEvents = Schemas["MyEvents"];
