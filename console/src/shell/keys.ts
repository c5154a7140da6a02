/** Keys that work everywhere: search, places, lists. Rows and buttons say what they are by `data-` attributes. */
import { useEffect, useRef } from "react";
import { PLACES, type Place } from "./places";

/** How long after `g` the second key may come, ms. */
const CHORD_MS = 1_500;

const FIELDS = "input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable=true], [role=textbox], [role=combobox], .cm-editor";

/** Whether keys belong to what has the focus, or to a dialog that stands over the page. */
export function keysAreTaken(target: EventTarget | null): boolean {
  if (target instanceof Element && target.closest(FIELDS)) return true;
  return document.querySelector("[role=dialog], [role=menu]") !== null;
}

/** The rows one can go through: marked `data-row`, in the order they stand on the page. */
const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("main [data-row]")].filter((row) => row.offsetParent !== null || row.getClientRects().length > 0);

/** Put the focus on the next (1) or previous (-1) row; tell whether there was one. */
export function stepRow(step: 1 | -1): boolean {
  const all = rows();
  const at = all.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = at < 0 ? (step === 1 ? all[0] : all.at(-1)) : all[at + step];
  if (!next) return false;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

const currentRow = (): HTMLElement | undefined => rows().find((row) => row === document.activeElement || row.contains(document.activeElement));

/** Follow what a row or the page offers for editing. */
function edit(): boolean {
  const offered = currentRow()?.querySelector<HTMLElement>("[data-edit]") ?? document.querySelector<HTMLElement>("main [data-edit]");
  if (!offered) return false;
  offered.click();
  return true;
}

interface Doing {
  go: (place: Place) => void;
  search: () => void;
  help: () => void;
}

/** Listen to keys until the frame goes. */
export function useKeys(doing: Doing): void {
  const latest = useRef(doing);
  useEffect(() => {
    latest.current = doing;
  });
  useEffect(() => {
    let chord = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      if ((event.ctrlKey || event.metaKey) && event.key === "k" && !event.altKey) {
        event.preventDefault();
        latest.current.search();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || keysAreTaken(event.target)) return;
      const after = chord;
      chord = 0;
      if (Date.now() - after < CHORD_MS) {
        const place = PLACES.find(({ key }) => key === event.key);
        if (place) {
          event.preventDefault();
          latest.current.go(place);
          return;
        }
      }
      if (event.key === "g") chord = Date.now();
      else if (event.key === "/") latest.current.search();
      else if (event.key === "?") latest.current.help();
      else if (event.key === "j" || event.key === "k") stepRow(event.key === "j" ? 1 : -1);
      else if (event.key === "e") {
        if (!edit()) return;
      } else if (event.key === "x") {
        const box = currentRow()?.querySelector<HTMLElement>("[data-choose]");
        if (!box) return;
        box.click();
      } else if (event.key === "Enter") {
        // A row that is no link or button opens by its own click.
        if (!(document.activeElement instanceof HTMLElement) || !document.activeElement.matches("[data-row]:not(a, button)")) return;
        document.activeElement.click();
      } else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
