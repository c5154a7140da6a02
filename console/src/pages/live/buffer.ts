/** The live stream's last events: a bounded buffer outside React, read in snapshots. */
import type { Message } from "../../api/sse";

export const CAPACITY = 500;
const RATE_WINDOW_MS = 5_000;

export interface Flaw {
  code: string;
  pointer: string;
}

export interface LiveEvent {
  key: number;
  kind: "event" | "dirty";
  /** When the collector had it, Unix ms. */
  at: number;
  app: string;
  env: string;
  event: string;
  id: string;
  grade: string;
  /** Of a dirty event: why, and where it failed. */
  reason: string;
  stage: string;
  message: string;
  flaws: readonly Flaw[];
  body: Readonly<Record<string, unknown>>;
  /** What a text filter looks through, in lower case. */
  text: string;
}

type Loose = Record<string, unknown>;
const object = (value: unknown): Loose => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {});
const word = (value: unknown): string => (typeof value === "string" ? value : "");

function flawsOf(value: unknown): Flaw[] {
  if (!Array.isArray(value)) return [];
  return value.map((one) => ({ code: word(object(one).code), pointer: word(object(one).pointer) }));
}

/** Read one message of the stream; undefined for what is not an event. */
export function readEvent(message: Message, key: number, now: number): LiveEvent | undefined {
  if (message.event !== "message" && message.event !== "dirty") return undefined;
  let body: Loose;
  try {
    body = object(JSON.parse(message.data));
  } catch {
    return undefined;
  }
  const text = message.data.toLowerCase();
  if (message.event === "dirty") {
    return {
      key,
      kind: "dirty",
      at: typeof body.received_at === "number" ? body.received_at : now,
      app: word(body.app),
      env: word(body.env),
      event: word(body.event),
      id: word(body.id),
      grade: "",
      reason: word(body.reason),
      stage: word(body.stage),
      message: word(body.message),
      flaws: flawsOf(body.violations),
      body,
      text,
    };
  }
  const meta = object(body.meta);
  const server = object(body.when).server;
  return {
    key,
    kind: "event",
    at: typeof server === "number" ? server : now,
    app: word(meta.app),
    env: word(meta.env),
    event: word(body.event),
    id: word(body.id),
    grade: word(meta.grade),
    reason: "",
    stage: "",
    message: "",
    flaws: flawsOf(meta.violations),
    body,
    text,
  };
}

export interface View {
  /** Newest first. */
  events: readonly LiveEvent[];
  perSecond: number;
  /** Seen since the stream was opened. */
  seen: number;
  /** Left out by the server because this viewer was too slow: events, and whole queue messages. */
  droppedEvents: number;
  droppedMessages: number;
  paused: boolean;
  /** Arrived while paused. */
  passed: number;
}

export class LiveBuffer {
  #events: LiveEvent[] = [];
  #key = 0;
  #seen = 0;
  #dropped = { events: 0, messages: 0 };
  #recent: { at: number; events: number }[] = [];
  #opened = 0;
  #frozen: View | undefined;

  open(now: number): void {
    this.#recent = [];
    this.#opened = now;
  }

  clear(): void {
    this.#events = [];
    this.#seen = 0;
    this.#dropped = { events: 0, messages: 0 };
    if (this.#frozen) this.#frozen = { ...this.#frozen, events: [], seen: 0 };
  }

  /** Take messages; return a failure the server told, if it did. */
  push(messages: readonly Message[], now: number): string | undefined {
    let failure: string | undefined;
    let events = 0;
    // What would be pushed out at once need not be read.
    const skipped = Math.max(0, messages.length - CAPACITY);
    for (const [index, message] of messages.entries()) {
      if (message.event === "dropped") {
        const figures = object(safeParse(message.data));
        if (typeof figures.events === "number") this.#dropped.events += figures.events;
        if (typeof figures.messages === "number") this.#dropped.messages += figures.messages;
      } else if (message.event === "failure") {
        failure = word(safeParse(message.data)) || message.data;
      } else {
        events += 1;
        if (index < skipped) continue;
        const event = readEvent(message, (this.#key += 1), now);
        if (event) this.#events.push(event);
      }
    }
    this.#seen += events;
    this.#recent.push({ at: now, events });
    this.#forget(now);
    if (this.#events.length > CAPACITY) this.#events = this.#events.slice(-CAPACITY);
    return failure;
  }

  pause(now: number): void {
    this.#frozen ??= { ...this.view(now), paused: true };
  }

  resume(): void {
    this.#frozen = undefined;
  }

  view(now: number): View {
    this.#forget(now);
    const seconds = Math.min(RATE_WINDOW_MS, Math.max(1_000, now - this.#opened)) / 1_000;
    const perSecond = this.#recent.reduce((total, one) => total + one.events, 0) / seconds;
    const figures = { perSecond, droppedEvents: this.#dropped.events, droppedMessages: this.#dropped.messages };
    if (this.#frozen) return { ...this.#frozen, ...figures, passed: this.#seen - this.#frozen.seen };
    return { events: this.#events.toReversed(), seen: this.#seen, paused: false, passed: 0, ...figures };
  }

  #forget(now: number): void {
    while (this.#recent[0] && now - this.#recent[0].at > RATE_WINDOW_MS) this.#recent.shift();
  }
}

function safeParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Filter by words: each must be somewhere in the event. */
export function matching(events: readonly LiveEvent[], query: string, flawedOnly: boolean): readonly LiveEvent[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && !flawedOnly) return events;
  return events.filter((event) => (!flawedOnly || event.kind === "dirty" || event.flaws.length > 0) && words.every((one) => event.text.includes(one)));
}
