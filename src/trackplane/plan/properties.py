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


def variant_properties(spec: EventSpec, mask: int) -> Properties:
    """Return the properties under the variants whose bit is set, applied in list order."""
    if not mask:
        return spec.properties
    tree: Any = msgspec.to_builtins(spec.properties)
    for index, variant in enumerate(spec.variants):
        if mask >> index & 1:
            tree = merge_patch(tree, _with_type_lists(variant.patch))
    return msgspec.convert(tree, Properties)


def _with_type_lists(patch: Any) -> Any:
    """Return a patch in the form of ``Property``: a single type as a list of one."""
    if not isinstance(patch, Mapping):
        return patch
    return {
        key: [value] if key == "type" and isinstance(value, str) else _with_type_lists(value)
        for key, value in patch.items()
    }


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
