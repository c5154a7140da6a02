/** Server-sent events over fetch: EventSource cannot send an Authorization header. */
import { currentToken, endSession } from "../session";
import { problemOf } from "./client";

export interface Message {
  event: string;
  data: string;
}

/** Split a text/event-stream, whatever the chunks it comes in, into messages. */
export class MessageParser {
  #rest = "";
  #event = "";
  #data: string[] = [];

  push(chunk: string): Message[] {
    const found: Message[] = [];
    const text = this.#rest + chunk;
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
      start = end + 1;
      const message = this.#line(line);
      if (message) found.push(message);
    }
    this.#rest = text.slice(start);
    return found;
  }

  #line(line: string): Message | undefined {
    if (line === "") {
      const message = this.#data.length ? { event: this.#event || "message", data: this.#data.join("\n") } : undefined;
      this.#event = "";
      this.#data = [];
      return message;
    }
    if (line.startsWith(":")) return undefined;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    return undefined;
  }
}

/** Read a stream until it ends or is aborted; call back with each chunk's messages together. */
export async function followStream(
  path: string,
  signal: AbortSignal,
  on: { open: () => void; messages: (messages: Message[]) => void },
): Promise<void> {
  const token = currentToken();
  const response = await fetch(path, {
    headers: { Accept: "text/event-stream", Authorization: `Bearer ${token}` },
    cache: "no-store",
    signal,
  });
  if (!response.ok || !response.body) {
    if (response.status === 401 && token === currentToken()) endSession("expired");
    throw await problemOf(response);
  }
  on.open();
  const parser = new MessageParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = parser.push(value);
    if (messages.length) on.messages(messages);
  }
}
