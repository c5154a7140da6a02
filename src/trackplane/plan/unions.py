"""Unions that name types: ``type: [money, string]``.

A property has one set of constraints, and each of them means something to some JSON types only. So
named types can stand in a union as long as each constraint speaks to one alternative; where it would
speak to two, the union is refused, because it would say something that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# Which types a constraint is about.
_ABOUT: Final[dict[str, frozenset[str]]] = {
    "min": frozenset({"integer", "number"}),
    "max": frozenset({"integer", "number"}),
    "min_length": frozenset({"string", "array", "object", "map"}),
    "max_length": frozenset({"string", "array", "object", "map"}),
    "pattern": frozenset({"string"}),
    "items": frozenset({"array"}),
    "values": frozenset({"map"}),
    "properties": frozenset({"object"}),
    "additional": frozenset({"object"}),
}
_ENUMERABLE: Final = frozenset({"string", "integer", "number", "boolean"})
_ALL: Final = frozenset({"timestamp", "json", *_ENUMERABLE, "array", "object", "map"})
# What describes the type, not the values: it goes, except what protects people.
_DESCRIPTIVE: Final = frozenset({"title", "description", "deprecated", "required"})
Fault = tuple[str, str]


def union_of(alternatives: Sequence[tuple[str, Any]]) -> tuple[dict[str, Any], Fault | None]:
    """Return the property that takes what one of the alternatives takes, and why there is none.

    ``alternatives`` are names with what they stand for, types in it expanded.
    """
    merged: dict[str, Any] = {"type": []}
    owners: dict[str, str] = {}  # constraint -> the alternative it came with
    fault: Fault | None = None
    for name, tree in alternatives:
        if not isinstance(tree, dict):
            continue
        kinds = tree.get("type", "json")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        for kind in kinds if isinstance(kinds, list) else ():
            if kind in merged["type"]:
                fault = fault or (
                    f"{name!r} is {kind}, as another of the union is: nobody could tell them apart",
                    "make one type of them, or give the union as `type: json`",
                )
            else:
                merged["type"].append(kind)
        for key, value in tree.items():
            if key == "type" or key in _DESCRIPTIVE or value is None:
                continue
            if key == "nullable":
                merged[key] = bool(merged.get(key)) or value is True
            elif key == "purpose":
                merged[key] = [
                    *merged.get(key, []),
                    *(p for p in value if p not in merged.get(key, [])),
                ]
            elif key in merged and merged[key] != value:
                fault = fault or (
                    f"`{key}` of {owners[key]!r} and of {name!r} differ",
                    "give the constraints in the union's own place",
                )
            else:
                merged[key], owners[key] = value, name
    return merged, fault or _spread(merged, owners, alternatives)


def _spread(
    merged: dict[str, Any], owners: dict[str, str], alternatives: Sequence[tuple[str, Any]]
) -> Fault | None:
    """Return the first constraint that would hold for an alternative it was not written for."""
    trees = dict(alternatives)
    for key, owner in owners.items():
        about = _ABOUT.get(key, _ALL if key == "enum" else frozenset())
        own = trees[owner].get("type", "json")
        others = set(merged["type"]) - set([own] if isinstance(own, str) else own)
        if about & others and not all(
            tree.get(key) == merged[key] for name, tree in trees.items() if name != owner
        ):
            return (
                f"`{key}` of {owner!r} would hold for {' and '.join(sorted(about & others))} too",
                "make the alternatives of types that the constraint does not touch",
            )
    return None
