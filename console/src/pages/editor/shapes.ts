/** Shapes of properties as the plan writes them; pure. */
import { isValues } from "./part";

export const BUILT_IN_TYPES = ["string", "integer", "number", "boolean", "timestamp", "array", "object", "map", "json"] as const;
export const PII = ["name", "email", "phone", "address", "location", "ip", "device_id", "account_id", "government_id", "payment", "health", "biometric", "birth_date", "free_text", "other"] as const;
export const PURPOSES = ["service", "support", "analytics", "personalisation", "advertising", "fraud", "security", "research", "legal"] as const;
export const GRADES = ["P0", "P1", "P2", "P3"] as const;

/** The types of a property: its short form, its `type`, or none where a group has it. */
export function typeOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  const type = isValues(value) ? value.type : undefined;
  if (typeof type === "string") return [type];
  return Array.isArray(type) ? type.map(String) : [];
}

/** The values of an enum, with or without labels, as texts. */
export function enumOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((one) => (one === null ? "null" : String(one)));
  return isValues(value) ? Object.keys(value) : [];
}

/** Texts as an enum of a type; labels that it had stay. */
export function enumWritten(texts: readonly string[], before: unknown, types: readonly string[]): unknown {
  if (texts.length === 0) return undefined;
  const typed = (text: string): unknown => {
    if (types.some((type) => type === "integer" || type === "number") && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
    if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
    return text;
  };
  if (isValues(before)) return Object.fromEntries(texts.map((text) => [text, before[text] ?? text]));
  return texts.map(typed);
}
