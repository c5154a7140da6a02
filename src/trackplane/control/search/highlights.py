"""Which parts of a hit's texts matched. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from trackplane.control.search.documents import Body, texts
from trackplane.wording import has_chinese

_LONGEST = 240  # characters of a text that are shown
_BEFORE = 60
_MOST = 6
_INNER = {"properties", "values", "groups", "titles"}


def highlights(
    name: str, owner: str, tags: Collection[str], body: Body, words: Collection[str]
) -> list[tuple[str, str, list[tuple[int, int]]]]:
    """Return fields whose texts have one of the words: field, text (cut), ranges in UTF-16 units."""
    pattern = _pattern(words)
    if pattern is None:
        return []
    found: list[tuple[str, str, list[tuple[int, int]]]] = []
    inner = 0
    for field, text in _texts(name, owner, tags, body):
        if field in _INNER and inner >= _MOST:
            continue
        ranges = [(m.start(), m.end()) for m in pattern.finditer(text)]
        if ranges:
            inner += field in _INNER
            shown, kept = _cut(text, ranges)
            found.append((field, shown, [(_units(shown, a), _units(shown, b)) for a, b in kept]))
    return found


def _texts(name: str, owner: str, tags: Collection[str], body: Body) -> Iterator[tuple[str, str]]:
    yield "name", name
    for text in texts(body.title):
        yield "title", text
    for text in texts(body.description):
        yield "description", text
    for text in texts(body.trigger):
        yield "trigger", text
    if owner:
        yield "owner", owner
    for text in tags:
        yield "tags", text
    for field in ("groups", "properties", "titles", "values"):
        for text in getattr(body, field):
            yield field, text


def _pattern(words: Collection[str]) -> re.Pattern[str] | None:
    """Return what finds the words at their beginnings, whatever the case; Chinese ones anywhere."""
    latin = sorted((w for w in words if w and not has_chinese(w)), key=len, reverse=True)
    chinese = sorted((w for w in words if has_chinese(w)), key=len, reverse=True)
    parts = []
    if latin:
        # After no letter, or where camel case begins a word.
        parts.append(
            rf"(?:(?<![^\W\d_])|(?-i:(?<=[a-z0-9])(?=[A-Z])))(?:{'|'.join(map(re.escape, latin))})"
        )
    parts += map(re.escape, chinese)
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _cut(text: str, ranges: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    if len(text) <= _LONGEST:
        return text, ranges
    start = max(0, ranges[0][0] - _BEFORE)
    end = min(len(text), start + _LONGEST)
    lead = "…" if start else ""
    shift = len(lead) - start
    kept = [(a + shift, b + shift) for a, b in ranges if b <= end]
    return lead + text[start:end] + ("…" if end < len(text) else ""), kept


def _units(text: str, at: int) -> int:
    """Return a place in code points as one in UTF-16 units, which JavaScript counts in."""
    return at + sum(1 for character in text[:at] if ord(character) > 0xFFFF)
