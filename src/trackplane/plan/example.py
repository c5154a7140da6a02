"""An example of a planned event: what a client might send, which its validator takes.

Values follow from the plan alone: the first of an enum, the middle of bounds, the shortest text that a
pattern matches. So the same plan always gives the same example.
"""

from __future__ import annotations

import re
from typing import Any, Final

import re2

from trackplane.plan.model import EventSpec, Property

# Printable, and in most classes: what a negated class is tried with.
_TRIED: Final = "a0AxX_- .#\u4e2d"
_MOST: Final = 64


def example(spec: EventSpec) -> dict[str, Any]:
    """Return an event with every planned property that has a value of its own.

    Deprecated properties are left out unless they are required. A pattern that no text is found for
    gives ``"…"``: the caller validates what it shows.
    """
    event: dict[str, Any] = {"event": spec.event}
    for namespace, properties in spec.properties.items():
        values = _members(properties)
        if values:
            event[namespace] = values
    if spec.platforms:
        how = event.setdefault("how", {})
        planned = spec.properties.get("how", {}).get("platform")
        if "platform" not in how or planned is None or not planned.enum:
            how["platform"] = spec.platforms[0]
    return event


def _members(properties: dict[str, Property]) -> dict[str, Any]:
    return {
        name: value_of(shape, name)
        for name, shape in properties.items()
        if shape.deprecated is None or shape.required
    }


def value_of(shape: Property, name: str = "") -> Any:
    """Return a value of a shape; ``name`` is what a text is about."""
    if shape.enum is not None:
        return next((value for value in shape.enum if value is not None), None)
    match shape.type[0]:
        case "string":
            return _text(shape, name)
        case "integer":
            return int(_number(shape, whole=True))
        case "number":
            return _number(shape, whole=False)
        case "boolean":
            return True
        case "timestamp":
            return 1_767_225_600_000
        case "array":
            item = value_of(shape.items, name) if shape.items is not None else "…"
            return [item] * max(1, min(shape.min_length or 1, _MOST))
        case "map":
            return _map(shape)
        case "object":
            return _members(shape.properties or {})
        case _:
            return {}


def _map(shape: Property) -> dict[str, Any]:
    value = value_of(shape.values) if shape.values is not None else "…"
    wanted = max(1, min(shape.min_length or 1, _MOST))
    return {f"key{number or ''}": value for number in range(wanted)}


def _number(shape: Property, *, whole: bool) -> float | int:
    low, high = shape.min, shape.max
    if low is None and high is None:
        return 1 if whole else 12.5
    if low is None or high is None:
        bound = low if low is not None else high
        return bound if bound is not None else 1
    middle = (low + high) / 2
    if not whole:
        return middle if abs(middle) < 1_000 else low
    return int(low) if high - low > 1_000 or int(middle) < low else int(middle)


def _text(shape: Property, name: str) -> str:
    low = shape.min_length or 0
    high = shape.max_length if shape.max_length is not None else 1 << 30
    if shape.pattern is not None:
        found = _matching(shape.pattern, low, high)
        return "…" if found is None else found
    text = name or "text"
    if len(text) < low:
        text = (text * (low // len(text) + 1))[:low]
    return text[:high]


def _matching(pattern: str, low: int, high: int) -> str | None:
    """Return a text that a pattern matches and that is long enough, None where none is found."""
    whole = re2.compile(pattern)
    for more in (0, 1, 2, 4, 8, 16, low):
        text = _alternatives(pattern, more)
        if text is not None and low <= len(text) <= high and whole.fullmatch(text):
            return text
    return None


# --- patterns: the subset that RE2 and ECMA-262 share, read by hand

_QUANTIFIER: Final = re.compile(r"(\*|\+|\?|\{(\d+)(,(\d*))?\})\??")
_ESCAPED: Final = {"d": "0", "w": "a", "D": "a", "W": "-", "n": "\n", "r": "\r", "t": "\t"}


def _alternatives(pattern: str, more: int) -> str | None:
    """Return what the first branch of a pattern matches, each repetition ``more`` times over its least."""
    out, at = _sequence(pattern, 0, more)
    # What follows the first branch is other branches: the first one is enough.
    return out if at == len(pattern) or pattern[at] == "|" else None


def _sequence(pattern: str, at: int, more: int) -> tuple[str, int]:
    out: list[str] = []
    while at < len(pattern) and pattern[at] not in "|)":
        atom, at = _atom(pattern, at, more)
        found = _QUANTIFIER.match(pattern, at)
        if found is None:
            out.append(atom)
            continue
        at = found.end()
        out.append(atom * _times(found, more))
    return "".join(out), at


def _times(found: re.Match[str], more: int) -> int:
    sign = found[1]
    if sign in {"*", "?"}:
        return min(more, 1) if sign == "?" else more
    if sign == "+":
        return 1 + more
    least = int(found[2])
    if found[3] is None:
        return least
    most = int(found[4]) if found[4] else 1 << 30
    return min(least + more, most)


def _atom(pattern: str, at: int, more: int) -> tuple[str, int]:
    char = pattern[at]
    if char == "(":
        at += 3 if pattern.startswith("(?:", at) else 1
        inner, at = _sequence(pattern, at, more)
        depth = 1
        while at < len(pattern):  # past the other branches of this group
            step = 2 if pattern[at] == "\\" else 1
            depth += {"(": 1, ")": -1}.get(pattern[at], 0)
            at += step
            if depth == 0:
                break
        return inner, at
    if char == "[":
        end = _class_end(pattern, at)
        return _one_of(pattern[at:end]), end
    if char == "\\":
        escaped = pattern[at + 1 : at + 2]
        return _ESCAPED.get(escaped, escaped), at + 2
    if char in "^$":
        return "", at + 1
    return ("a" if char == "." else char), at + 1


def _class_end(pattern: str, at: int) -> int:
    end = at + 2 if pattern.startswith("[^", at) else at + 1
    if pattern[end : end + 1] == "]":
        end += 1
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end + 1


def _one_of(text: str) -> str:
    """Return a character of a class."""
    inner = text[1:-1]
    first = inner[:1]
    if first == "\\":
        first = _ESCAPED.get(inner[1:2], inner[1:2])
    tried = _TRIED if inner.startswith("^") else first + _TRIED
    held = re2.compile(text)
    return next((char for char in tried if held.fullmatch(char)), first)


__all__ = ["example", "value_of"]
