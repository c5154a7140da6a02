/** Which parts of a change the reader has looked at, in this browser; a new version begins anew. */
import { useState } from "react";
import type { Change } from "../../api/review";

interface Viewed {
  has: (name: string) => boolean;
  toggle: (name: string) => void;
}

export function useViewed(change: Change): Viewed {
  const key = `trackplane.viewed.${change.id}`;
  const [kept, setKept] = useState(() => read(key));
  const names = new Set(kept.version === change.version ? kept.names : []);
  return {
    has: (name) => names.has(name),
    toggle: (name) => {
      if (!names.delete(name)) names.add(name);
      const next = { version: change.version, names: [...names] };
      setKept(next);
      try {
        localStorage.setItem(key, JSON.stringify(next));
      } catch {
        // storage is switched off: it lasts as long as the page
      }
    },
  };
}

function read(key: string): { version: number; names: string[] } {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    if (kept !== null && typeof kept === "object" && "version" in kept && "names" in kept && typeof kept.version === "number" && Array.isArray(kept.names)) return { version: kept.version, names: kept.names.filter((name) => typeof name === "string") };
  } catch {
    // nothing was kept, or it cannot be read
  }
  return { version: 0, names: [] };
}
