/** Operations whose OpenAPI is under way; each goes when schema.d.ts has it. */
import { currentToken } from "../session";
import { ApiError, problemOf } from "./client";

export interface Page<T> {
  items: T[];
  next: string | null;
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
