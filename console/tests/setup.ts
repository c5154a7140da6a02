/** What jsdom lacks and the components ask for. */
import { afterEach, vi } from "vitest";
import { cleanup } from "@testing-library/react";

Object.defineProperty(window, "matchMedia", {
  value: (query: string): Partial<MediaQueryList> => ({ matches: false, media: query, addEventListener: vi.fn(), removeEventListener: vi.fn() }),
});
globalThis.ResizeObserver = class {
  observe = vi.fn();
  unobserve = vi.fn();
  disconnect = vi.fn();
};
afterEach(() => {
  cleanup();
  sessionStorage.clear();
});
