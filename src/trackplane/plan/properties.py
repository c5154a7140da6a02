"""Properties from their written form, and the properties that hold under a set of variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trackplane.event import BUILT_IN
from trackplane.plan.model import EventSpec, Properties, Property


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` with a JSON merge patch laid over it (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def timestamp_pattern() -> str:
    """Return the pattern of an RFC 3339 time with offset, anchored nowhere."""
    day = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    time = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
    offset = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    return f"{day}[Tt]{time}{offset}"


def touched(spec: EventSpec) -> dict[tuple[str, str], list[int]]:
    """Return the properties (namespace, name) that variants change, each with those variants."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, variant in enumerate(spec.variants):
        for namespace, members in variant.patch.items():
            for name in members:
                found.setdefault((namespace, name), []).append(index)
    return found


def variant_properties(spec: EventSpec, mask: int) -> Properties:
    """Return the properties under the variants whose bit is set, applied in list order.

    What no variant touches is shared with the event's own.
    """
    if not mask:
        return spec.properties
    changed = {namespace: dict(members) for namespace, members in spec.properties.items()}
    for (namespace, name), by in touched(spec).items():
        if not any(mask >> index & 1 for index in by):
            continue
        tree = tree_of(spec.properties.get(namespace, {}).get(name))
        for index in by:
            if mask >> index & 1:
                tree = patched(tree, spec.variants[index].patch[namespace][name])
        members = changed.setdefault(namespace, {})
        if tree is None:
            members.pop(name, None)
        else:
            members[name] = msgspec.convert(tree, Property)
    return changed


def tree_of(shape: Property | None) -> Any:
    """Return a property as JSON; None for none."""
    return msgspec.to_builtins(shape) if shape is not None else None


def patched(tree: Any, change: object) -> Any:
    """Return a property as JSON with a variant's change of it; None: it is taken away."""
    return None if change is None else merge_patch(tree, with_type_lists(change))


class Form(msgspec.Struct, frozen=True):
    """What a property is after some of the variants that touch it, and what it is after the next.

    ``without`` and ``applied`` are the numbers of forms of the next step.
    """

    shape: Property | None
    without: int
    applied: int


def forms_of(spec: EventSpec, namespace: str, name: str) -> list[list[Form]]:
    """Return every form of a property, variant by variant that touches it.

    Step n holds the forms after the first n of them, equal ones once; so there is one step more
    than such variants, and a step is as long as there are forms, not combinations.
    """
    steps: list[list[Form]] = []
    trees = [tree_of(spec.properties.get(namespace, {}).get(name))]
    for index in touched(spec).get((namespace, name), []):
        change = spec.variants[index].patch[namespace][name]
        following = _Numbered()
        steps.append(
            [
                Form(_shape_of(tree), following.of(tree), following.of(patched(tree, change)))
                for tree in trees
            ]
        )
        trees = following.trees
    steps.append([Form(_shape_of(tree), -1, -1) for tree in trees])
    return steps


class _Numbered:
    """Trees by number, equal ones once."""

    def __init__(self) -> None:
        self.trees: list[Any] = []
        self._numbers: dict[bytes, int] = {}

    def of(self, tree: Any) -> int:
        """Return the number of a tree."""
        number = self._numbers.setdefault(
            msgspec.json.encode(tree, order="deterministic"), len(self.trees)
        )
        if number == len(self.trees):
            self.trees.append(tree)
        return number


def _shape_of(tree: Any) -> Property | None:
    return msgspec.convert(tree, Property) if tree is not None else None


def with_type_lists(change: Any) -> Any:
    """Return a change of a property in the form of ``Property``: a single type as a list of one."""
    if not isinstance(change, Mapping):
        return change
    found = dict(change)
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"]]
    for key in ("items", "values"):
        if key in found:
            found[key] = with_type_lists(found[key])
    if isinstance(found.get("properties"), Mapping):
        members = found["properties"].items()
        found["properties"] = {name: with_type_lists(inner) for name, inner in members}
    return found


def property_at(spec: EventSpec, path: str) -> Property | None:
    """Return the property at a path such as ``what.total.value``, built-ins included, or None."""
    namespace, *parts = path.split(".")
    if not parts:
        return built_in_property(path)
    found = spec.properties.get(namespace, {}).get(parts[0])
    if found is None:
        return built_in_property(path)
    for part in parts[1:]:
        if found is None:
            return None
        found = found.properties.get(part) if found.properties is not None else found.values
    return found


def built_in_property(path: str) -> Property | None:
    """Return a built-in property (``trackplane.event.BUILT_IN``), or None."""
    kind = BUILT_IN.get(path)
    return msgspec.convert({"type": [kind], "nullable": True}, Property) if kind else None


def paths_of(spec: EventSpec) -> list[str]:
    """Return the paths of all planned properties, nested ones included."""
    found: list[str] = []

    def walk(prefix: str, properties: Mapping[str, Property]) -> None:
        for name, shape in properties.items():
            found.append(f"{prefix}.{name}")
            if shape.properties:
                walk(f"{prefix}.{name}", shape.properties)

    for namespace, properties in spec.properties.items():
        walk(namespace, properties)
    return found
