/** What the editor knows of a rule's text without the server: places, names, where the cursor is; pure. */
import type { Diagnostic } from "@codemirror/lint";
import type { Finding } from "../../api/client";
import { hinted, said } from "../../i18n/said";

const WORD = /[\p{L}\p{N}_$.]+|"(?:[^"\\\n]|\\.)*"?|\S/uy;

/** Turn findings with line and column (from 1) into marks over the word that stands there. */
export function diagnosticsOf(source: string, findings: readonly Finding[]): Diagnostic[] {
  const starts = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return findings.map((finding) => {
    const line = Math.min(Math.max(1, finding.line ?? 1), starts.length);
    const start = starts[line - 1] ?? 0;
    const end = line < starts.length ? (starts[line] ?? source.length) - 1 : source.length;
    let from: number;
    let to: number;
    if (finding.line && finding.column) {
      from = Math.min(start + finding.column - 1, end);
      WORD.lastIndex = from;
      const word = WORD.exec(source);
      to = Math.min(word ? from + word[0].length : from + 1, Math.max(end, from));
    } else {
      from = start + (/^\s*/.exec(source.slice(start, end))?.[0].length ?? 0);
      to = end;
    }
    return {
      from,
      to: Math.max(from, to),
      severity: finding.severity === "warning" ? "warning" : "error",
      source: finding.code,
      message: finding.hint ? `${said(finding)}\n${hinted(finding.hint)}` : said(finding),
    };
  });
}

/** The apps a rule names; empty when it names none (every app). */
export function appsIn(source: string): string[] {
  const line = /^apps:\s*\[([^\]]*)\]/m.exec(source)?.[1];
  if (line !== undefined) return line.split(",").map((app) => app.trim().replace(/^["']|["']$/g, "")).filter(Boolean);
  const list = /^apps:\s*\n((?:\s*-\s*\S+\s*\n?)+)/m.exec(source)?.[1] ?? "";
  return [...list.matchAll(/-\s*(\S+)/g)].map((match) => match[1] ?? "").filter(Boolean);
}

/** Everything between quotes: what may be the name of an event. */
export function quotedIn(source: string): string[] {
  return [...new Set([...source.matchAll(/"([^"\n]{1,200})"|'([^'\n]{1,200})'/g)].flatMap((match) => (match[1] ?? match[2] ?? "").split(/["',\s]+/)))].filter(Boolean);
}

export type Place =
  | { kind: "key"; from: number }
  | { kind: "action"; from: number }
  | { kind: "script"; from: number }
  | { kind: "table"; from: number }
  | { kind: "app"; from: number }
  | { kind: "dataset"; from: number }
  | { kind: "event"; from: number }
  | { kind: "expression"; from: number; path: string }
  | undefined;

/** Where in a rule the cursor stands, so what can follow. */
export function placeAt(source: string, position: number): Place {
  const start = source.lastIndexOf("\n", position - 1) + 1;
  const before = source.slice(start, position);
  const back = (pattern: RegExp): number => position - (pattern.exec(before)?.[0].length ?? 0);
  if (/^\s*#/.test(before)) return undefined;
  if (/^[a-z]*$/.test(before)) return { kind: "key", from: start };
  if (/^\s*-\s+[a-z]*$/.test(before) && underDo(source.slice(0, start))) return { kind: "action", from: back(/[a-z]*$/) };
  if (/^(?:\s*-\s+)?script:\s*[\w.$-]*$/.test(before)) return { kind: "script", from: back(/[\w.$-]*$/) };
  if (/\blookup\(\s*["'][\w.$-]*$/.test(before)) return { kind: "table", from: back(/[\w.$-]*$/) };
  if (/^to:\s*[\w.$-]*$/.test(before)) return { kind: "dataset", from: back(/[\w.$-]*$/) };
  if (/^apps:\s*\[?[^\]]*$/.test(before)) return { kind: "app", from: back(/[\w.$-]*$/) };
  if (/\bevent\s*(?:==|!=|(?:not\s+)?in\s*\(?)[^)&|]*["'][\w$.-]*$/.test(before) || /\bevent:\s*[\w$.-]*$/.test(before)) return { kind: "event", from: back(/[\w$.-]*$/) };
  const path = /[\p{L}_][\p{L}\p{N}_.$]*$/u.exec(before)?.[0];
  if (path !== undefined) return { kind: "expression", from: position - path.length, path };
  return undefined;
}

/** Whether the next line would stand in the list of actions. */
const underDo = (before: string): boolean => [...before.matchAll(/^([a-z_]+):/gm)].at(-1)?.[1] === "do";

/** What the items of arrays are called after an explode or in a comprehension, and which arrays. */
export function itemsIn(source: string): { item: string; over: string }[] {
  const exploded = [...source.matchAll(/\bover:\s*([\w.$]+)(?:\s*,\s*as:\s*|\s*\n\s*as:\s*)?([\w]+)?/g)].map(([, over = "", item]) => ({ item: item ?? "item", over }));
  const each = [...source.matchAll(/\bfor\s+(\w+)\s+in\s+([\w.$]+)/g)].map(([, item = "", over = ""]) => ({ item, over }));
  return [...exploded, ...each];
}

/** The rule's name in its text. */
export const nameIn = (source: string): string => /^rule:\s*["']?([^"'\s#]+)/m.exec(source)?.[1] ?? "";

export const NEW_RULE = (app: string, dataset: string, event: string): string => `rule: my_rule
from: events
apps: [${app}]
where: event == "${event}"
select:
  id: id
  user: who.user_id
to: ${dataset}
owner: team:data
tests:
  - given: {event: ${event}, who: {user_id: u1}}
    expect: {user: u1}
`;

/** The events that a rule's filter names: quoted after ``event``. */
export function eventsIn(source: string): string[] {
  const named = [...source.matchAll(/\bevent\s*(?:==|=|in)\s*(\([^)]*\)|\[[^\]]*\]|"[^"\n]*"|'[^'\n]*')/gi)].flatMap((match) => [...(match[1] ?? "").matchAll(/["']([^"'\n]+)["']/g)].map((name) => name[1] ?? ""));
  return [...new Set(named)].filter(Boolean);
}
