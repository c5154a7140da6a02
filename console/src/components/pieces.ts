/** Cut a text by ranges; pure. */
export interface Piece {
  text: string;
  marked: boolean;
}

/** The text in pieces: what lies in a range (of UTF-16 units) is marked. Ranges may overlap, and lie outside. */
export function piecesOf(text: string, ranges: readonly (readonly number[])[]): Piece[] {
  const edges = new Set([0, text.length]);
  const within = ranges.map(([from = 0, to = 0]) => [Math.max(0, from), Math.min(text.length, to)] as const).filter(([from, to]) => from < to);
  for (const [from, to] of within) edges.add(from).add(to);
  const places = [...edges].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  for (let index = 0; index + 1 < places.length; index += 1) {
    const [from = 0, to = 0] = [places[index], places[index + 1]];
    const marked = within.some(([begin, end]) => begin <= from && to <= end);
    const last = pieces.at(-1);
    if (last?.marked === marked) last.text += text.slice(from, to);
    else pieces.push({ text: text.slice(from, to), marked });
  }
  return pieces;
}
