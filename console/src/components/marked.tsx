/** A text of a search hit with what was looked for marked. */
import { Fragment } from "react";
import type { Hit } from "../api/design";
import { piecesOf } from "./pieces";

export function Marked({ hit, field }: { hit: Hit; field: "name" | "title" | "description" }) {
  const highlight = hit.highlights.find((one) => one.field === field);
  if (!highlight) return <>{hit[field]}</>;
  return (
    <>
      {piecesOf(highlight.text, highlight.ranges).map((piece, index) => (piece.marked ? <mark key={index} className="tp-mark">{piece.text}</mark> : <Fragment key={index}>{piece.text}</Fragment>))}
    </>
  );
}
