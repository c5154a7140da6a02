/** The session: a token kept in this tab only, and who it is. */
import { useSyncExternalStore } from "react";

const KEY = "trackplane.token";

export type Ending = "none" | "expired" | "signed_out";
interface Held {
  token: string;
  ending: Ending;
}

const listeners = new Set<() => void>();
let held: Held = { token: read(), ending: "none" };

function read(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage is switched off: the token lasts as long as the page
  }
}

function change(next: Held): void {
  held = next;
  try {
    if (next.token) sessionStorage.setItem(KEY, next.token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
  for (const listener of listeners) listener();
}

export const currentToken = (): string => held.token;
export const beginSession = (token: string): void => change({ token, ending: "none" });
export const endSession = (ending: Ending = "signed_out"): void => change({ token: "", ending });

/** Follow the session from a component. */
export function useHeld(): Held {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => held,
  );
}
