/** Where a search hit leads. */
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Hit } from "../../api/design";

/** Go to what was found; a property leads to the events that have it. */
export function useOpenHit(): (hit: Hit) => void {
  const navigate = useNavigate();
  return useCallback(
    (hit: Hit) => {
      if (hit.kind === "metric") void navigate({ to: "/metrics/$app/$metric", params: { app: hit.app, metric: hit.name } });
      else if (hit.kind === "group") void navigate({ to: "/plans/$app", params: { app: hit.app }, search: { tab: "groups", name: hit.name } });
      else if (hit.kind === "property") void navigate({ to: "/events", search: { q: hit.name, kind: ["event"], app: [hit.app] } });
      else void navigate({ to: "/events/$app/$event", params: { app: hit.app, event: hit.name } });
    },
    [navigate],
  );
}
