/** The API client: typed by the generated schema, errors as one class that carries the findings. */
import createClient from "openapi-fetch";
import { currentToken, endSession } from "../session";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Finding = Schemas["Finding"];
export type Problem = Schemas["Problem"];

/** An answer that is an error: RFC 9457, or the network's own (status 0). */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly findings: readonly Finding[];
  /** Both texts and their merge, where somebody else was faster. */
  readonly conflict: Schemas["Conflict"] | undefined;
  /** Parts of a plan that both sides changed. */
  readonly conflicts: readonly Schemas["PartConflict"][];

  constructor(problem: { conflicts?: readonly Schemas["PartConflict"][]; conflict?: Schemas["Conflict"] | null; status: number; detail?: string; title?: string; code?: string; hint?: string | null; findings?: readonly Finding[] }) {
    super(problem.detail || problem.title || `HTTP ${problem.status}`);
    this.status = problem.status;
    this.code = problem.code ?? "error";
    this.hint = problem.hint ?? undefined;
    this.findings = problem.findings ?? [];
    this.conflict = problem.conflict ?? undefined;
    this.conflicts = problem.conflicts ?? [];
  }
}

/** Read a response that is not 2xx. */
export async function problemOf(response: Response): Promise<ApiError> {
  try {
    const problem = (await response.json()) as Partial<Problem>;
    return new ApiError({ ...problem, status: response.status });
  } catch {
    return new ApiError({ status: response.status, title: response.statusText });
  }
}

const client = createClient<paths>({ baseUrl: "/" });
client.use({
  onRequest({ request }) {
    const token = currentToken();
    if (token && !request.headers.has("Authorization")) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return undefined;
    // The token was withdrawn while somebody was using it.
    if (response.status === 401 && request.headers.get("Authorization") === `Bearer ${currentToken()}`) endSession("expired");
    throw await problemOf(response);
  },
  onError({ error }) {
    if (error instanceof ApiError) return error;
    if (error instanceof DOMException && error.name === "AbortError") return error;
    return new ApiError({ status: 0, code: "network", detail: error instanceof Error ? error.message : String(error) });
  },
});

/** Unwrap an openapi-fetch answer: its errors are thrown already. */
export async function data<T>(answer: Promise<{ data?: T | undefined }>): Promise<T> {
  return (await answer).data as T;
}

/** Read a list to its end, page by page. */
export async function every<T>(page: (cursor: string) => Promise<{ items: T[]; next: string | null }>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { items, next }: { items: T[]; next: string | null } = await page(cursor);
    found.push(...items);
    cursor = next;
  }
  return found;
}

export { client as api };
