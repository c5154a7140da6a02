/** Where a search hit leads. */
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Hit } from "../../api/design";

/** The event that a property hit belongs to: its name is `event · path`. */
export const eventOf = (name: string): [event: string, path: string] => {
  const at = name.indexOf(" ");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
};

export function useOpenHit(): (hit: Hit) => void {
  const navigate = useNavigate();
  return useCallback(
    (hit: Hit) => {
      if (hit.kind === "metric") void navigate({ to: "/metrics/$app/$metric", params: { app: hit.app, metric: hit.name } });
      else if (hit.kind === "group") void navigate({ to: "/plans/$app", params: { app: hit.app }, search: { tab: "groups", name: hit.name } });
      else {
        const [event, property] = hit.kind === "property" ? eventOf(hit.name) : [hit.name, ""];
        void navigate({ to: "/events/$app/$event", params: { app: hit.app, event }, search: property ? { property } : {} });
      }
    },
    [navigate],
  );
}
