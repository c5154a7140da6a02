"""A plan's text cut into pieces that can be read alone, so that a change reads only what changed.

A piece is one entry of a section that is written as a block, or another top-level key with its
value. Cutting is sound because YAML ends every value at a line that is not indented more than its
key: a reader of the whole text would stand at the same place, in the same state, at the first line
of each piece. What breaks that (an anchor used in a later piece, several documents, directives,
explicit keys, a value that cannot be read alone) is found when a piece is read, and the file is then
read whole.

Invariants: 1 the pieces in order are the text; 2 a piece of kind ``SKIP`` has only comments, blank
lines and a section's key; 3 any other piece begins with the line of its key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

SECTIONS: Final = ("types", "groups", "events", "metrics")
SKIP: Final = ""  # nothing to read
KEY: Final = "*"  # a top-level key with its value
WHOLE: Final = "**"  # the whole text: it could not be cut

_BLOCK: Final = 1 << 16  # characters: two of them fit a processor's cache

_LINE_OF_KEY: Final = re.compile(r"\n(?=[^\s#])")
_SECTION: Final = re.compile(r"(types|groups|events|metrics)[ \t]*:[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
_INDENT: Final = re.compile(r"^( +)(?=[^\s#])", re.MULTILINE)
_EMPTY_LINES: Final = re.compile(r"(?:[ \t]*(?:(?<![^\s])#[^\n]*)?\r?(?:\n|\Z))*")
_START: Final = re.compile(r"---[ \t]*\r?\n")
# A line that no plain key begins: markers, directives, explicit keys, flow at the top.
_ODD: Final = re.compile(r"---(?:\s|\Z)|\.\.\.(?:\s|\Z)|[?:](?:\s|\Z)|[%{\[]")
_ITEM: Final = re.compile(r"-(?:\s|\Z)")


class Piece(NamedTuple):
    """A part of the text: ``kind`` is a section's name for one of its entries, or a constant."""

    kind: str
    start: int
    end: int


def cut(text: str) -> list[Piece]:
    """Return the pieces of a text, in order."""
    pieces: list[Piece] = []
    head = 1 if text.startswith("\ufeff") else 0
    starts = [match.end() for match in _LINE_OF_KEY.finditer(text, head)]
    if len(text) > head and not text[head].isspace() and text[head] != "#":
        starts.insert(0, head)
    started = bool(starts) and _START.match(text, starts[0]) is not None
    if started:  # one `---` before everything is no second document
        starts.pop(0)
    starts = [start for start in starts if not _ITEM.match(text, start)]
    if not starts or any(_ODD.match(text, start) for start in starts):
        return [Piece(WHOLE, 0, len(text))]
    if not started and not _EMPTY_LINES.fullmatch(text, head, starts[0]):
        return [Piece(WHOLE, 0, len(text))]
    if starts[0]:
        pieces.append(Piece(SKIP, 0, starts[0]))
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        section = _SECTION.match(text, start, end)
        entries = _entries(text, section.end(), end) if section is not None else []
        if section is None or not entries:
            pieces.append(Piece(KEY, start, end))
            continue
        pieces.append(Piece(SKIP, start, entries[0]))
        pieces += [
            Piece(section[1], first, last)
            for first, last in zip(entries, [*entries[1:], end], strict=True)
        ]
    return pieces


def _entries(text: str, start: int, end: int) -> list[int]:
    """Return where the entries of a section's block begin; none if it is no plain block."""
    indent = _INDENT.search(text, start, end)
    if indent is None or not _EMPTY_LINES.fullmatch(text, start, indent.start()):
        return []
    return entries_at(text, len(indent[1]), indent.start() - 1, end) or []


def entries_at(text: str, indent: int, start: int, end: int) -> list[int] | None:
    """Return where lines of keys begin that are indented by ``indent``; None if one is odd.

    ``start`` is at the line break before the first line that is looked at.
    """
    found = []
    for match in re.compile(rf"\n {{{indent}}}(?=[^\s#])").finditer(text, start, end):
        if _ITEM.match(text, match.end()):
            continue  # an item of the entry above, written at its level
        if _ODD.match(text, match.end()):
            return None
        found.append(match.start() + 1)
    return found


def indent_of(text: str, start: int) -> int:
    """Return how far the line that begins at ``start`` is indented."""
    end = start
    while text.startswith(" ", end):
        end += 1
    return end - start


def common_ends(before: str, after: str) -> tuple[int, int]:
    """Return how many characters two texts share at their beginning, and then at their end."""
    limit = min(len(before), len(after))
    head = _common(limit, lambda low, high: after.startswith(before[low:high], low))
    old, new = len(before), len(after)
    tail = _common(
        limit - head, lambda low, high: after.startswith(before[old - high : old - low], new - high)
    )
    return head, tail


def _common(limit: int, equal: Callable[[int, int], bool]) -> int:
    """Return how long a common run is: by blocks, then by halves."""
    low = 0
    while low < limit and equal(low, min(low + _BLOCK, limit)):
        low = min(low + _BLOCK, limit)
    high = min(low + _BLOCK, limit)
    while low < high:
        middle = (low + high + 1) // 2
        if equal(low, middle):
            low = middle
        else:
            high = middle - 1
    return low
