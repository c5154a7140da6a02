/** Where one can go, in groups; and the keys that go there. */
import type { IconName } from "../components/icons";
import type { MessageId } from "../i18n";

export interface Place {
  to: "/" | "/events" | "/plans" | "/metrics" | "/changes" | "/requirements" | "/my-events" | "/live" | "/rules" | "/functions" | "/dirty" | "/query" | "/people" | "/inbox";
  label: MessageId;
  icon: IconName;
  /** After `g`. */
  key: string;
  /** Other addresses that belong to it. */
  also?: readonly string[];
}

export interface PlaceGroup {
  label: MessageId | null;
  places: readonly Place[];
}

export const GROUPS: readonly PlaceGroup[] = [
  { label: null, places: [{ to: "/", label: "nav.home", icon: "home", key: "h" }] },
  {
    label: "nav.group.design",
    places: [
      { to: "/events", label: "nav.catalogue", icon: "events", key: "e" },
      { to: "/changes", label: "nav.changes", icon: "branch", key: "c", also: ["/edit"] },
      { to: "/requirements", label: "nav.requirements", icon: "board", key: "r" },
      { to: "/my-events", label: "nav.mine", icon: "person", key: "m" },
      { to: "/plans", label: "nav.plans", icon: "history", key: "p", also: ["/libraries"] },
    ],
  },
  {
    label: "nav.group.stream",
    places: [
      { to: "/live", label: "nav.live", icon: "live", key: "l" },
      { to: "/rules", label: "nav.rules", icon: "rules", key: "u" },
      { to: "/functions", label: "nav.definitions", icon: "definitions", key: "f", also: ["/tables", "/scripts"] },
      { to: "/dirty", label: "nav.dirty", icon: "dirty", key: "d" },
    ],
  },
  {
    label: "nav.group.analyse",
    places: [
      { to: "/query", label: "nav.query", icon: "query", key: "q" },
      { to: "/metrics", label: "nav.metrics", icon: "metric", key: "t" },
    ],
  },
];

/** Places that stand elsewhere in the frame. */
export const BESIDES: readonly Place[] = [
  { to: "/inbox", label: "nav.inbox", icon: "bell", key: "i" },
  { to: "/people", label: "nav.people", icon: "people", key: "o" },
];

export const PLACES: readonly Place[] = [...GROUPS.flatMap((group) => group.places), ...BESIDES];

/** Whether an address belongs to a place. */
export function isAt(place: Place, pathname: string): boolean {
  if (place.to === "/") return pathname === "/";
  return [place.to, ...(place.also ?? [])].some((path) => pathname === path || pathname.startsWith(`${path}/`));
}
