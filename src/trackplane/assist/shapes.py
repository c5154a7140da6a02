"""Comparing a property as written with a named type's shape."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from trackplane.plan.model import Property

# What a use of a type says beside it; the shape is the rest.
_ASIDE: Final = frozenset(
    {"required", "nullable", "title", "description", "pii", "purpose", "deprecated", "enum_labels"}
)


def same_shape(written: Any, shape: Property) -> bool:
    """Say whether a property, as written or expanded, has just a type's shape and not a plain one."""
    plain = _plain(written)
    return len(plain) > 1 and plain == _plain(shape)


def shape_overlap(written: Any, shape: Property) -> tuple[int, int]:
    """Return how many of an object's properties a type has too, and how many it has."""
    mine = _plain(written).get("properties")
    theirs = _plain(shape).get("properties")
    if not isinstance(mine, dict) or not isinstance(theirs, dict) or not mine:
        return 0, 0
    return len(mine.keys() & theirs.keys()), len(mine.keys() | theirs.keys())


def _plain(value: Any) -> dict[str, Any]:
    """Return a shape without what stands aside, its short forms spelt out."""
    if isinstance(value, Property):
        value = msgspec.to_builtins(value)
    if isinstance(value, str):
        return {"type": [value]}
    if not isinstance(value, dict):
        return {}
    found: dict[str, Any] = {}
    for key, part in value.items():
        if key in _ASIDE:
            continue
        if key == "type":
            found[key] = [part] if isinstance(part, str) else list(part)
        elif key == "properties" and isinstance(part, dict):
            found[key] = {name: _plain(shape) for name, shape in part.items()}
        elif key in {"items", "values"}:
            found[key] = _plain(part)
        elif key == "enum":
            found[key] = sorted(map(str, part))
        else:
            found[key] = part
    return found
