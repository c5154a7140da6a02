/** JSON for reading: indented, coloured, the paths of violations marked. */
import { useMemo, type ReactNode } from "react";

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

export function Json({ value, label }: { value: unknown; label: string }) {
  const parts = useMemo(() => colour(JSON.stringify(value, null, 2)), [value]);
  return (
    <pre className="tp-code" aria-label={label} tabIndex={0}>
      {parts}
    </pre>
  );
}

function colour(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(at, match.index));
    const [whole, string, colon] = match;
    const kind = string ? (colon ? "key" : "string") : "number";
    parts.push(
      <span key={match.index} className={`tp-json-${kind}`}>
        {string ?? whole}
      </span>,
      colon ?? "",
    );
    at = match.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts;
}
