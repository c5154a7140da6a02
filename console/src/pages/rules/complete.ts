/** Completion in rules: keys, apps, datasets, events and properties of the plan, functions. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { QueryClient } from "@tanstack/react-query";
import { appsQuery, datasetsQuery, eventQuery, eventsQuery } from "../../api/queries";
import { languageQuery } from "../../api/queries-definitions";
import type { Schemas } from "../../api/client";
import { localised } from "../../format";
import type { Locale } from "../../i18n";
import { appsIn, itemsIn, placeAt, quotedIn } from "./text";

type LanguageFunction = Schemas["LanguageFunction"];

// What stands for an operator in the language's own list, and what an expression has besides.
const WORDS = ["and", "or", "not", "in", "if", "else", "is", "for", "True", "False", "None"];
const OPERATORS = new Set(["and", "or", "not", "in", "if_", "eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "div", "mod", "neg"]);
/** How many of a rule's events are asked for their properties. */
const EVENTS_READ = 12;

/** Every property of an event with its type, nested ones by their path. */
export function propertyPaths(properties: Schemas["EventSpec"]["properties"]): Map<string, { type: string; spec: Schemas["Property"] }> {
  const found = new Map<string, { type: string; spec: Schemas["Property"] }>();
  const walk = (prefix: string, inner: Record<string, Schemas["Property"]>) => {
    for (const [name, spec] of Object.entries(inner)) {
      const path = `${prefix}.${name}`;
      found.set(path, { type: spec.type.join(" | "), spec });
      if (spec.properties) walk(path, spec.properties);
    }
  };
  for (const [namespace, inner] of Object.entries(properties ?? {})) walk(namespace, inner);
  return found;
}

export function ruleCompletion(cache: QueryClient, locale: () => Locale) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const source = context.state.doc.toString();
    const place = placeAt(source, context.pos);
    if (!place) return null;
    try {
      const options = await optionsAt(place, source, cache, locale());
      return { from: place.from, options, validFor: place.kind === "expression" ? /^[\w.$]*$/ : /^[\w.$-]*$/ };
    } catch {
      return null; // completion is a help: without the server there is none
    }
  };
}

async function optionsAt(place: NonNullable<ReturnType<typeof placeAt>>, source: string, cache: QueryClient, locale: Locale): Promise<Completion[]> {
  switch (place.kind) {
    case "key":
      return (await cache.query(languageQuery)).rule_keys.map((label) => ({ label, type: "keyword", apply: `${label}: ` }));
    case "action":
      return (await cache.query(languageQuery)).actions.map((label) => ({ label, type: "keyword", apply: `${label}: ` }));
    case "script":
      return (await cache.query(languageQuery)).scripts.map((label) => ({ label, type: "class" }));
    case "table":
      return (await cache.query(languageQuery)).tables.map((label) => ({ label, type: "class" }));
    case "app":
      return (await cache.query(appsQuery)).map(({ app, title }) => ({ label: app, detail: title }));
    case "dataset":
      return (await cache.query(datasetsQuery)).map(({ dataset }) => ({ label: dataset, type: "class" }));
    case "event": {
      const pages = await Promise.all((await appsOf(source, cache)).map((app) => cache.query(eventsQuery(app, "", "", 1000))));
      return pages.flatMap((page) => page.items).map(({ event, title, grade }) => ({ label: event, detail: [grade, title].filter(Boolean).join(" "), type: "constant" }));
    }
    case "expression": {
      const language = await cache.query(languageQuery);
      const found = new Map<string, Completion>(language.properties.map(({ path, type }) => [path, { label: path, detail: type, type: "property" }]));
      const items = itemsIn(source);
      for (const { item } of items) found.set(item, { label: item, type: "variable" });
      for (const { spec } of await eventsOf(source, cache)) {
        for (const [label, { type, spec: property }] of propertyPaths(spec.properties)) {
          found.set(label, { label, detail: type, type: "property", info: localised(property.title ?? property.description, locale) || undefined });
          for (const { item, over } of items) {
            if (over !== label || !property.items?.properties) continue;
            for (const [below, inner] of propertyPaths({ [item]: property.items.properties })) found.set(below, { label: below, detail: inner.type, type: "property" });
          }
        }
      }
      for (const one of language.functions) {
        if (OPERATORS.has(one.name)) continue;
        found.set(one.name, { label: one.name, type: "function", detail: one.origin === "built_in" ? one.group : one.origin, apply: `${one.name}(`, boost: -1, info: () => functionCard(one) });
      }
      for (const label of WORDS) found.set(label, { label, type: "keyword", boost: -2 });
      return [...found.values()];
    }
  }
}

/** A property that a rule can name: its type, and the values it may have where the plan says so. */
export interface KnownPath {
  type: string;
  values: readonly string[];
}

/** The properties of the events a rule names, and those that every event has. */
export async function pathsOf(source: string, cache: QueryClient): Promise<Map<string, KnownPath>> {
  const found = new Map<string, KnownPath>((await cache.query(languageQuery)).properties.map(({ path, type }) => [path, { type, values: [] }]));
  const planned = await Promise.all((await appsOf(source, cache)).map((app) => cache.query(eventsQuery(app, "", "", 1000))));
  found.set("event", { type: "string", values: [...new Set(planned.flatMap((page) => page.items.map(({ event }) => event)))] });
  for (const { spec } of await eventsOf(source, cache)) {
    for (const [path, { type, spec: property }] of propertyPaths(spec.properties)) found.set(path, { type, values: (property.enum ?? []).filter((value) => value !== null).map(String) });
  }
  return found;
}

/** What a function takes, gives and is for, as an element: for completion and for hovering. */
export function functionCard({ name, doc, signatures, examples, can_fail }: Pick<LanguageFunction, "name" | "doc" | "signatures" | "examples" | "can_fail">): HTMLElement {
  const card = document.createElement("div");
  card.className = "tp-card";
  const add = (tag: string, text: string, kind = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = kind;
    card.append(made);
  };
  for (const signature of signatures.slice(0, 4)) add("code", `${name}${signature}`);
  if (doc) add("p", can_fail ? `${doc} (try_)` : doc);
  for (const example of examples.slice(0, 3)) add("code", example, "tp-card-example");
  return card;
}

/** What hovers over a word of a rule: a function, or a property with its type and meaning. */
export function ruleHover(cache: QueryClient, locale: () => Locale) {
  return async (word: string, source: string): Promise<HTMLElement | null> => {
    try {
      const language = await cache.query(languageQuery);
      const known = language.functions.find(({ name }) => name === (language.aliases[word] ?? word));
      if (known && !OPERATORS.has(known.name)) return functionCard(known);
      const options = await optionsAt({ kind: "expression", from: 0, path: word }, source, cache, locale());
      const property = options.find(({ label, type }) => label === word && type === "property");
      if (!property) return null;
      return functionCard({ name: word, signatures: [`: ${property.detail ?? ""}`], doc: typeof property.info === "string" ? property.info : "", examples: [], can_fail: false });
    } catch {
      return null; // as with completion
    }
  };
}

async function appsOf(source: string, cache: QueryClient): Promise<string[]> {
  const named = appsIn(source);
  return named.length ? named : (await cache.query(appsQuery)).map(({ app }) => app);
}

async function eventsOf(source: string, cache: QueryClient): Promise<Schemas["EventDetail"][]> {
  const names = new Set(quotedIn(source));
  const found: Promise<Schemas["EventDetail"] | undefined>[] = [];
  for (const app of await appsOf(source, cache)) {
    const planned = await cache.query(eventsQuery(app, "", "", 1000));
    for (const { event } of planned.items) {
      if (names.has(event) && found.length < EVENTS_READ) found.push(cache.query(eventQuery(app, event)).catch(() => undefined));
    }
  }
  return (await Promise.all(found)).filter((detail) => detail !== undefined);
}
