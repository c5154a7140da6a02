/** A part of a plan as its author writes it: one YAML text, read as values, changed without losing a comment; pure. */
import { Document, isMap, isScalar, LineCounter, parseDocument, type Node } from "yaml";
import type { Finding } from "../../api/client";

export type Key = string | number;
export type Path = readonly Key[];
export type Values = Record<string, unknown>;

export interface Part {
  name: string;
  /** What stands under the name; empty where the text is not YAML (yet). */
  values: Values;
  /** Why it cannot be read; then the form stands still and the text has to be mended. */
  fault: string | undefined;
}

const WRITTEN = { lineWidth: 0, flowCollectionPadding: false, indent: 2 } as const;

export const isValues = (value: unknown): value is Values => typeof value === "object" && value !== null && !Array.isArray(value);

const parsed = (text: string, lines?: LineCounter) => parseDocument(text, { ...(lines && { lineCounter: lines }), prettyErrors: false, version: "1.2" });

/** The one name at the top of a part. */
function nameIn(document: Document): string | undefined {
  const root = document.contents;
  if (!isMap(root) || root.items.length !== 1) return undefined;
  const key: unknown = root.items[0]?.key;
  return isScalar(key) ? String(key.value) : undefined;
}

/** Read a part's text. */
export function readPart(text: string): Part {
  const document = parsed(text);
  const fault = document.errors[0]?.message;
  const name = nameIn(document);
  if (fault !== undefined) return { name: name ?? "", values: {}, fault };
  if (name === undefined) return { name: "", values: {}, fault: text.trim() === "" ? undefined : "name" };
  const whole: unknown = document.toJS();
  const values = isValues(whole) ? whole[name] : undefined;
  if (values === null || values === undefined) return { name, values: {}, fault: undefined };
  return isValues(values) ? { name, values, fault: undefined } : { name, values: {}, fault: "shape" };
}

/** Whether a value is written in one line: a property's definition is, a list of them is not. */
function isShort(value: unknown): boolean {
  if (!isValues(value) && !Array.isArray(value)) return true;
  return JSON.stringify(value).length <= 88;
}

function nodeOf(document: Document, value: unknown): Node {
  const node = document.createNode(value, { flow: isShort(value) }) as Node;
  return node;
}

/** The text with a value put at a path under the name; undefined takes it away, with what is left empty above it. */
export function withValue(text: string, path: Path, value: unknown): string {
  const document = parsed(text);
  const name = nameIn(document);
  if (document.errors.length > 0 || name === undefined) return text;
  const whole = [name, ...path];
  if (value === undefined) {
    document.deleteIn(whole);
    for (let depth = whole.length - 1; depth > 1; depth -= 1) {
      const above: unknown = document.getIn(whole.slice(0, depth), true);
      if (!isMap(above) || above.items.length > 0) break;
      document.deleteIn(whole.slice(0, depth));
    }
  } else {
    // What stands above may be missing, or a short form (`query: string`): it becomes a mapping.
    for (let depth = 1; depth < whole.length; depth += 1) {
      const above: unknown = document.getIn(whole.slice(0, depth), true);
      if (isScalar(above) && above.value !== null && typeof above.value === "string" && depth > 2) document.setIn(whole.slice(0, depth), nodeOf(document, { type: above.value }));
      else if (above === undefined || isScalar(above)) document.setIn(whole.slice(0, depth), document.createNode({}, { flow: depth > 2 }));
    }
    const held: unknown = document.getIn(whole, true);
    if (isScalar(held) && !isValues(value) && !Array.isArray(value)) held.value = value; // its comment stays
    else document.setIn(whole, nodeOf(document, value));
    loosen(document, whole);
  }
  return document.toString(WRITTEN);
}

/** Write long one-line mappings above a changed value over several lines. */
function loosen(document: Document, path: readonly Key[]): void {
  for (let depth = 1; depth < path.length; depth += 1) {
    const above: unknown = document.getIn(path.slice(0, depth), true);
    if (isMap(above) && above.flow && (depth <= 2 || JSON.stringify(above.toJSON()).length > 110)) above.flow = false;
  }
}

/** The text with one key of a mapping called otherwise, in its place. */
export function withKey(text: string, path: Path, to: string): string {
  const document = parsed(text);
  const name = nameIn(document);
  if (document.errors.length > 0 || name === undefined) return text;
  const whole = [name, ...path];
  const above: unknown = whole.length === 1 ? document.contents : document.getIn(whole.slice(0, -1), true);
  if (!isMap(above)) return text;
  const pair = above.items.find((one) => isScalar(one.key) && one.key.value === whole.at(-1));
  if (pair && isScalar(pair.key)) pair.key.value = to;
  return document.toString(WRITTEN);
}

/** The text under another name. */
export const renamed = (text: string, to: string): string => (text.trim() === "" ? `${to}:\n` : withKey(text, [], to));

/** The text of values under a name. */
export function writtenPart(name: string, values: unknown): string {
  const document = new Document({ [name]: values });
  const inner: unknown = document.getIn([name], true);
  if (isMap(inner)) {
    for (const pair of inner.items) {
      const value = pair.value;
      if (isMap(value)) for (const below of value.items) if (isMap(below.value) && isShort(below.value.toJSON())) below.value.flow = true;
    }
  }
  return document.toString(WRITTEN);
}

/** One part out of a whole plan's text: `section` and name; undefined where it is not there. */
export function partOf(source: string, section: string, name: string): string | undefined {
  const whole: unknown = parsed(source).toJS();
  const parts = isValues(whole) ? whole[section] : undefined;
  return isValues(parts) && name in parts ? writtenPart(name, parts[name]) : undefined;
}

/** The path under the name that a finding is about, by its pointer, else by where it stands in the text. */
export function pathOf(finding: Finding, section: string, name: string, text: string): Key[] {
  const pointer = (finding.pointer ?? "").split("/").slice(1).map((one) => one.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (pointer[0] === section && pointer[1] === name) return pointer.slice(2);
  if (!finding.line) return [];
  return pathAt(text, finding.line, finding.column ?? 1);
}

/** The path under the name of what stands at a place of the text (line and column from 1). */
export function pathAt(text: string, line: number, column: number): Key[] {
  const lines = new LineCounter();
  const document = parsed(text, lines);
  const start = lines.lineStarts[line - 1];
  if (start === undefined) return [];
  const offset = start + column - 1;
  const path: Key[] = [];
  let node: unknown = document.contents;
  while (isMap(node)) {
    const pair: (typeof node.items)[number] | undefined = node.items.find((one) => {
      const key = one.key as Node | null;
      const value = one.value as Node | null;
      const from = key?.range?.[0] ?? 0;
      const to = value?.range?.[2] ?? key?.range?.[2] ?? 0;
      return from <= offset && offset < Math.max(to, from + 1);
    });
    if (!pair || !isScalar(pair.key)) break;
    path.push(String(pair.key.value));
    node = pair.value;
  }
  return path.slice(1);
}

/** A text of a plan in each language: one text is of the language it is written in. */
export function byLanguage(value: unknown): { en: string; zh: string } {
  if (typeof value === "string") return /[\u3400-\u9fff]/.test(value) ? { en: "", zh: value } : { en: value, zh: "" };
  const texts = isValues(value) ? value : {};
  return { en: typeof texts.en === "string" ? texts.en : "", zh: typeof texts.zh === "string" ? texts.zh : "" };
}

/** The same as a plan writes it: one text where there is one, else one per language. */
export function written({ en, zh }: { en: string; zh: string }): unknown {
  if (!en && !zh) return undefined;
  if (!zh) return en;
  return en ? { en, zh } : { zh };
}
