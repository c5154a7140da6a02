/** Cut a text by ranges of code points; pure. */
export interface Piece {
  text: string;
  marked: boolean;
}

/** The text in pieces: what lies in a range is marked. Ranges may overlap, and lie outside. */
export function piecesOf(text: string, ranges: readonly (readonly [number, number])[]): Piece[] {
  const points = Array.from(text);
  const marks = new Array<boolean>(points.length).fill(false);
  for (const [from, to] of ranges) marks.fill(true, Math.max(0, from), Math.min(points.length, to));
  const pieces: Piece[] = [];
  points.forEach((point, at) => {
    const last = pieces.at(-1);
    const marked = marks[at] ?? false;
    if (last && last.marked === marked) last.text += point;
    else pieces.push({ text: point, marked });
  });
  return pieces;
}
