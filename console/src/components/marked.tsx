/** A text of a search hit with what was looked for marked. */
import { Fragment } from "react";
import { piecesOf } from "./pieces";

interface Searched {
  name: string;
  title: string;
  description: string;
  highlights: readonly { field: string; text: string; ranges: readonly (readonly number[])[] }[];
}

export function Marked({ hit, field }: { hit: Searched; field: "name" | "title" | "description" }) {
  const highlight = hit.highlights.find((one) => one.field === field);
  if (!highlight) return <>{hit[field]}</>;
  return (
    <>
      {piecesOf(highlight.text, highlight.ranges).map((piece, index) => (piece.marked ? <mark key={index} className="tp-mark">{piece.text}</mark> : <Fragment key={index}>{piece.text}</Fragment>))}
    </>
  );
}
