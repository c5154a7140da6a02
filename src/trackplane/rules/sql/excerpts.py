"""Pieces of an excerpt, and pieces put together, each character keeping its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from trackplane.rules.source import Excerpt


def cut(excerpt: Excerpt, start: int, end: int, without: Iterable[tuple[int, int]] = ()) -> Excerpt:
    """Return the characters from ``start`` to ``end``, those in the ranges ``without`` left out.

    >>> cut(Excerpt.of("a + e.b"), 0, 7, [(4, 6)]).text
    'a + b'
    """
    out = {at for first, last in without for at in range(first, last)}
    kept = [at for at in range(start, end) if at not in out]
    places = [*(excerpt.places[at] for at in kept), excerpt.places[end]]
    text = "".join(excerpt.text[at] for at in kept)
    return msgspec.structs.replace(excerpt, text=text, places=tuple(places))


def joined(parts: Sequence[str | Excerpt]) -> Excerpt:
    """Return pieces as one excerpt; plain text has the place of what stands after it.

    >>> joined(["not (", Excerpt.of("a"), ")"]).text
    'not (a)'
    """
    excerpts = [part for part in parts if isinstance(part, Excerpt)]
    place = excerpts[0].places[0]
    places: list[tuple[int, int]] = []
    left = list(excerpts)
    for part in parts:
        if isinstance(part, Excerpt):
            left.pop(0)
            places += part.places[:-1]
            place = part.places[-1]
        else:
            places += [left[0].places[0] if left else place] * len(part)
    text = "".join(part if isinstance(part, str) else part.text for part in parts)
    return msgspec.structs.replace(excerpts[0], text=text, places=(*places, place))
