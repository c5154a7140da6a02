/** Completion in rules: keys, apps, datasets, events and properties of the plan, functions. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { QueryClient } from "@tanstack/react-query";
import { appsQuery, datasetsQuery, eventQuery, eventsQuery } from "../../api/queries";
import type { Schemas } from "../../api/client";
import { localised } from "../../format";
import type { Locale } from "../../i18n";
import { appsIn, placeAt, quotedIn } from "./text";

const KEYS = ["rule", "from", "apps", "env", "where", "select", "set", "keep", "drop", "to", "owner", "tests"];
const FUNCTIONS = [
  "abs", "ceil", "coalesce", "concat", "contains", "date", "ends_with", "float", "floor", "int", "is_null", "length",
  "lower", "max_", "min_", "round", "starts_with", "string", "substr", "trim", "try_", "upper",
];
const WORDS = ["and", "or", "not", "in", "if", "else", "True", "False", "None"];
const BUILT_IN: Readonly<Record<string, string>> = {
  id: "string",
  event: "string",
  "who.user_id": "string",
  "who.anonymous_id": "string",
  "who.device_id": "string",
  "who.session_id": "string",
  "who.install_id": "string",
  "when.client": "timestamp",
  "when.sent": "timestamp",
  "when.offset_min": "integer",
  "when.server": "timestamp",
  "when.at": "timestamp",
  "where.page": "string",
  "where.module": "string",
  "where.referrer": "string",
  "where.country": "string",
  "how.platform": "string",
  "how.os_version": "string",
  "how.app_version": "string",
  "how.network": "string",
  "how.sdk": "string",
  "how.seq": "integer",
  "meta.app": "string",
  "meta.env": "string",
  "meta.grade": "string",
  "meta.revision": "integer",
};
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
      return KEYS.map((label) => ({ label, type: "keyword", apply: `${label}: ` }));
    case "app":
      return (await cache.query(appsQuery)).map(({ app, title }) => ({ label: app, detail: title }));
    case "dataset":
      return (await cache.query(datasetsQuery)).map(({ dataset }) => ({ label: dataset, type: "class" }));
    case "event": {
      const pages = await Promise.all((await appsOf(source, cache)).map((app) => cache.query(eventsQuery(app, "", "", 1000))));
      return pages.flatMap((page) => page.items).map(({ event, title, grade }) => ({ label: event, detail: [grade, title].filter(Boolean).join(" "), type: "constant" }));
    }
    case "expression": {
      const found = new Map<string, Completion>(Object.entries(BUILT_IN).map(([label, detail]) => [label, { label, detail, type: "property" }]));
      for (const { spec } of await eventsOf(source, cache)) {
        for (const [label, { type, spec: property }] of propertyPaths(spec.properties)) {
          found.set(label, { label, detail: type, type: "property", info: localised(property.title ?? property.description, locale) || undefined });
        }
      }
      for (const label of FUNCTIONS) found.set(label, { label, type: "function", apply: `${label}(`, boost: -1 });
      for (const label of WORDS) found.set(label, { label, type: "keyword", boost: -2 });
      return [...found.values()];
    }
  }
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
