/** Keeps the text of an editor as the rule's draft: saved a second after the last key, never over another's. */
import { useDebouncedValue } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { api, ApiError, data, type Schemas } from "../../api/client";
import { draftQuery } from "../../api/queries-rules";

export type DraftState = "none" | "saving" | "saved" | "failed" | "conflict";
export type Conflict = Schemas["Conflict"];

const SETTLE_MS = 1_000;

interface Draft {
  /** "" while the text has no name that a rule can have. */
  rule: string;
  source: string;
  /** The text that needs no draft: the rule in force, or the template. */
  base: string;
  baseVersion: number;
  etag: string;
  enabled: boolean;
}

/** Save the text while it differs from ``base``; say how it stands, and what is in the way. */
export function useDraft({ rule, source, base, baseVersion, etag: first, enabled }: Draft) {
  const cache = useQueryClient();
  const [settled] = useDebouncedValue(source, SETTLE_MS);
  const [state, setState] = useState<DraftState>(first === "0" ? "none" : "saved");
  const [conflict, setConflict] = useState<Conflict>();
  const etag = useRef(first);
  const saved = useRef(first === "0" ? undefined : source);
  const savedAs = useRef(rule);

  // One request at a time: each is made with the ETag that the one before it left.
  const queue = useRef(Promise.resolve());
  const turn = useRef(0);
  const drop = useCallback(async (name: string) => {
    const known = etag.current;
    if (known === "0") return;
    etag.current = "0";
    saved.current = undefined;
    await data(api.DELETE("/api/v1/rules/{rule}/draft", { params: { path: { rule: name }, header: { "If-Match": `"${known}"` } } })).catch(() => undefined);
  }, []);

  useEffect(() => {
    // What is still being typed, or was just replaced by what is in force, is no draft yet.
    if (!enabled || !rule || settled !== source) return;
    const mine = ++turn.current;
    const save = async () => {
      if (mine !== turn.current) return; // a later text is waiting
      if (savedAs.current !== rule) {
        // A new rule got another name while it was being written: its draft goes along.
        await drop(savedAs.current);
        savedAs.current = rule;
      }
      if (settled === base) {
        await drop(rule);
        setState("none");
        return;
      }
      if (settled === saved.current) return;
      setState("saving");
      try {
        const draft = await data(
          api.PUT("/api/v1/rules/{rule}/draft", {
            params: { path: { rule }, header: { "If-Match": `"${etag.current}"` } },
            body: { source: settled, base_version: baseVersion },
          }),
        );
        etag.current = draft.etag;
        saved.current = settled;
        cache.setQueryData(draftQuery(rule).queryKey, draft);
        setState("saved");
      } catch (error) {
        if (error instanceof ApiError && error.conflict) {
          setConflict(error.conflict);
          setState("conflict");
        } else setState("failed");
      }
    };
    queue.current = queue.current.then(save);
  }, [cache, drop, enabled, rule, source, settled, base, baseVersion]);

  return {
    state,
    conflict,
    /** Go on from another's draft: the next save replaces it. */
    settle: (seen: string) => {
      etag.current = seen;
      saved.current = undefined;
      setConflict(undefined);
      setState("saved");
    },
    /** The draft is gone: published, or thrown away. */
    forget: () => {
      // A save may have come after what was published: such a draft goes too.
      queue.current = queue.current.then(() => drop(rule));
      cache.setQueryData(draftQuery(rule).queryKey, null);
      setState("none");
    },
    discard: async () => {
      if (etag.current === "0") return;
      await data(api.DELETE("/api/v1/rules/{rule}/draft", { params: { path: { rule }, header: { "If-Match": `"${etag.current}"` } } }));
    },
  };
}
