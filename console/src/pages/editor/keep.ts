/** Texts that are not saved yet, kept in this browser until they are: closing, crashing and reloading lose nothing. */
const PREFIX = "trackplane.edit.";

export interface Kept {
  text: string;
  /** What it was made from: another base means that somebody saved meanwhile. */
  base: string;
  at: number;
}

export const keyOf = (app: string, section: string, name: string, change: number | undefined): string => `${PREFIX}${[app, section, name, change ?? ""].map(encodeURIComponent).join("/")}`;

export function keepText(key: string, kept: Kept): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(kept));
    return true;
  } catch {
    return false; // storage is full or switched off: leaving asks first
  }
}

export function keptText(key: string): Kept | undefined {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return isKept(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

export function forgetText(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // as above
  }
}

const isKept = (value: unknown): value is Kept => typeof value === "object" && value !== null && "text" in value && typeof value.text === "string" && "base" in value && typeof value.base === "string" && "at" in value && typeof value.at === "number";
