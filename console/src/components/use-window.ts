/** Which rows of a long list have to be on the page: rows of one height in a box that scrolls. */
import { useCallback, useEffect, useState, type RefObject } from "react";
import { windowOf, type Shown } from "./window-model";

export function useWindow(box: RefObject<HTMLElement | null>, rows: number, rowHeight: number): Shown {
  const [view, setView] = useState({ top: 0, height: 900 });
  const measure = useCallback(() => {
    const element = box.current;
    if (element) setView((before) => (before.top === element.scrollTop && before.height === element.clientHeight ? before : { top: element.scrollTop, height: element.clientHeight }));
  }, [box]);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    measure();
    element.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, [box, measure]);
  return windowOf(view.top, view.height, rows, rowHeight);
}
