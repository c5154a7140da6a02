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
  branch: <path d="M7 4v16M17 9.500V7M7 14c6 0 10-1 10-4.500M7 6.500a2 2 0 1 0 0-.1M17 6.500a2 2 0 1 0 0-.1M7 19.500a2 2 0 1 0 0-.1" />,
  board: <path d="M4 5h16v14H4zM9.500 5v14M14.500 5v14M6 9h1.500M11.500 9h1.500M11.500 12.500h1.500" />,
  person: <path d="M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM5 20c.5-3.500 3.300-5.500 7-5.500s6.500 2 7 5.500" />,
  people: <path d="M9 5a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM3 19c.4-3 2.800-4.700 6-4.700s5.600 1.700 6 4.700M15.500 5.300a3.300 3.300 0 0 1 0 6.400M17.500 14.700c2 .6 3.200 2.100 3.500 4.300" />,
  history: <path d="M4 5v4h4M4.500 9A8 8 0 1 1 4 12.500M12 8v4.500l3 2" />,
  metric: <path d="M4 20h16M6.500 17v-5M11 17V6M15.500 17v-8M20 17v-3" />,
  bell: <path d="M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15zM10 20.500h4" />,
  keyboard: <path d="M3 7h18v11H3zM6.500 10.500h.1M10 10.500h.1M13.500 10.500h.1M17 10.500h.1M7.500 14.500h9" />,
  edit: <path d="M5 19h3.500L19 8.500 15.500 5 5 15.500zM13 7.500l3.500 3.500" />,
  shield: <path d="M12 3.500 5 6v5.500c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6zM9 12l2.300 2.300L15.200 10" />,
  image: <path d="M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9.500h.1" />,
  link: <path d="M10 14a4 4 0 0 0 6 .3l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.3l-3 3a4 4 0 0 0 5.700 5.700L12 17" />,
  up: <path d="m6 14 6-6 6 6" />,
  down: <path d="m6 10 6 6 6-6" />,
  warning: <path d="M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v5M12 15.800v.2" />,
  bulb: <path d="M9 17h6M10 20h4M8.500 14.500A6 6 0 1 1 15.500 14.500c-.6.600-.9 1.400-.9 2.500H9.400c0-1.100-.3-1.900-.9-2.500z" />,
  comment: <path d="M4 5h16v11H10l-4 4v-4H4z" />,
  book: <path d="M5 5.500A2.500 2.500 0 0 1 7.500 3H19v15H7.500A2.500 2.500 0 0 0 5 20.500zM5 20.500A1.500 1.500 0 0 0 6.500 21H19v-3" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.8} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" style={{ flex: "none" }}>
      {SHAPES[name]}
    </svg>
  );
}
