/** The few icons there are, drawn on a 24-unit grid. */
import type { ReactNode } from "react";

const SHAPES = {
  home: <path d="M4 11.5 12 4l8 7.5M6 10v9h4v-5h4v5h4v-9" />,
  live: <path d="M3 12h4l3-7 4 14 3-7h4" />,
  rules: <path d="M4 6h10M18 6h2M4 12h3M11 12h9M4 18h9M17 18h3M16 4v4M9 10v4M15 16v4" />,
  definitions: <path d="M9 4c-2 0-3 1-3 3v2c0 2-1 3-2 3 1 0 2 1 2 3v2c0 2 1 3 3 3M15 4c2 0 3 1 3 3v2c0 2 1 3 2 3-1 0-2 1-2 3v2c0 2-1 3-3 3" />,
  events: <path d="M5 5h14v14H5zM5 10h14M10 10v9" />,
  query: <path d="M5 7l4 5-4 5M12 18h7" />,
  dirty: <path d="M12 4 3 19h18L12 4zM12 10v4M12 16.6v.2" />,
  sun: <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5" />,
  moon: <path d="M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z" />,
  language: <path d="M4 6h9M8.5 4v2M11 6c-.8 4-3.4 7-7 8.5M6 9c1 2.3 3.2 4.3 6 5.500M13 20l4-10 4 10M14.3 17h5.4" />,
  leave: <path d="M10 5H5v14h5M14 8l4 4-4 4M18 12H9" />,
  pause: <path d="M9 6v12M15 6v12" />,
  play: <path d="M8 5.500v13l10-6.500z" />,
  plus: <path d="M12 5v14M5 12h14" />,
  check: <path d="m5 12.5 4.5 4.500L19 7.5" />,
  cross: <path d="M6 6l12 12M18 6 6 18" />,
  copy: <path d="M9 9h10v11H9zM15 9V4H5v11h4" />,
  search: <path d="M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15.5 15.5 20 20" />,
  chevron: <path d="m9 6 6 6-6 6" />,
  clear: <path d="M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12" />,
  back: <path d="m14 6-6 6 6 6" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.8} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" style={{ flex: "none" }}>
      {SHAPES[name]}
    </svg>
  );
}
