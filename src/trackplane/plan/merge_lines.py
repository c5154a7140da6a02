"""Three-way merge of texts by lines: two people's changes of one text, kept both or refused."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

_Edit = tuple[int, int, Sequence[str]]  # lines of the base from, to, and what stands there instead


def merge_lines(base: str, theirs: str, yours: str) -> str | None:
    r"""Return the text with both changes of ``base``; None where they touch the same lines.

    Lines that both changed alike are no conflict. Changes right beside one another are one: whether
    both would be meant cannot be known.

    >>> merge_lines("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n")
    'A\nb\nc\nD\n'
    >>> merge_lines("a\n", "b\n", "c\n") is None
    True
    """
    if yours in (theirs, base):
        return theirs
    if theirs == base:
        return yours
    lines = base.splitlines(keepends=True)
    edits = sorted(_edits(lines, theirs) + _edits(lines, yours), key=lambda edit: edit[:2])
    merged: list[str] = []
    at = 0
    last: _Edit | None = None
    for edit in edits:
        start, end, text = edit
        if last is not None and start <= last[1]:
            if edit == last:
                continue
            return None
        merged += lines[at:start]
        merged += text
        at, last = end, edit
    return "".join([*merged, *lines[at:]])


def _edits(lines: Sequence[str], text: str) -> list[_Edit]:
    other = text.splitlines(keepends=True)
    found = SequenceMatcher(None, lines, other, autojunk=False).get_opcodes()
    return [(i1, i2, other[j1:j2]) for tag, i1, i2, j1, j2 in found if tag != "equal"]
