/** The arithmetic of a list of which only a window is drawn; pure. */

/** Rows drawn beyond each end, so that the next row can take the focus before it is seen. */
const BEYOND = 8;

export interface Shown {
  first: number;
  /** One past the last. */
  end: number;
  /** What stands in for the rows before and after, px. */
  before: number;
  after: number;
}

export function windowOf(top: number, height: number, rows: number, rowHeight: number): Shown {
  const seen = Math.ceil(height / rowHeight) + 1;
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - BEYOND, rows - seen - BEYOND));
  const end = Math.min(rows, Math.floor(top / rowHeight) + seen + BEYOND);
  return { first, end: Math.max(first, end), before: first * rowHeight, after: Math.max(0, rows - Math.max(first, end)) * rowHeight };
}
