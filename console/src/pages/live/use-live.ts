/** Follow the live stream while a page is open; connect again when it breaks. */
import { useCallback, useEffect, useRef, useState } from "react";
import { followStream } from "../../api/sse";
import { LiveBuffer, type View } from "./buffer";

const PAINT_MS = 250;
const AGAIN_MS = [500, 1_000, 2_000, 5_000];

export type Connection = "connecting" | "open" | "broken";

export interface Live extends View {
  connection: Connection;
  error: unknown;
  pause: () => void;
  resume: () => void;
  clear: () => void;
}

export function useLive(filter: { app: string; event: string; violations: boolean }): Live {
  const [buffer] = useState(() => new LiveBuffer());
  const [view, setView] = useState<View>(() => buffer.view(Date.now()));
  const [connection, setConnection] = useState<Connection>("connecting");
  const [error, setError] = useState<unknown>(undefined);
  const changed = useRef(true);
  const { app, event, violations } = filter;

  useEffect(() => {
    const stop = new AbortController();
    const path = `/api/v1/live?${new URLSearchParams({ ...(app && { app }), ...(event && { event }), ...(violations && { violations: "true" }) })}`;
    const over = () => stop.signal.aborted;
    let failures = 0;
    const follow = async () => {
      while (!over()) {
        try {
          await followStream(path, stop.signal, {
            open: () => {
              failures = 0;
              buffer.open(Date.now());
              setConnection("open");
              setError(undefined);
            },
            messages: (messages) => {
              const failure = buffer.push(messages, Date.now());
              if (failure) setError(new Error(failure));
              changed.current = true;
            },
          });
        } catch (reason) {
          if (over()) return;
          setError(reason);
        }
        setConnection("broken");
        await wait(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)] ?? 0, stop.signal);
        failures += 1;
      }
    };
    setConnection("connecting");
    void follow();
    return () => stop.abort();
  }, [buffer, app, event, violations]);

  // The stream may bring thousands a second: the page is painted four times a second.
  useEffect(() => {
    const timer = setInterval(() => {
      const next = buffer.view(Date.now());
      setView((before) => (changed.current || next.perSecond !== before.perSecond || next.passed !== before.passed ? next : before));
      changed.current = false;
    }, PAINT_MS);
    return () => clearInterval(timer);
  }, [buffer]);

  const act = useCallback(
    (change: () => void) => {
      change();
      setView(buffer.view(Date.now()));
    },
    [buffer],
  );
  return {
    ...view,
    connection,
    error,
    pause: useCallback(() => act(() => buffer.pause(Date.now())), [act, buffer]),
    resume: useCallback(() => act(() => buffer.resume()), [act, buffer]),
    clear: useCallback(() => act(() => buffer.clear()), [act, buffer]),
  };
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
