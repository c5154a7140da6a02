"""Values for people to look at: what is planned as personal is masked, and what is not planned at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trackplane.event import BUILT_IN
from trackplane.plan.model import EventSpec, Property

MASK: Final = "…"
_MOST: Final = 200  # characters, items or properties shown
# Built-in properties that tell who it was or where: no plan has to say so.
PERSONAL: Final = frozenset(path for path in BUILT_IN if path.startswith("who."))


def holds_personal(shape: Property) -> bool:
    """Say whether a property, or a part of it, is planned as personal."""
    inner = [shape.items, shape.values, *(shape.properties or {}).values()]
    return shape.pii is not None or any(part is not None and holds_personal(part) for part in inner)


def shape_of(spec: EventSpec | None, path: Sequence[str]) -> Property | None:
    """Return the planned shape at a path of parts (namespace first), or None.

    A variant that marks a property as personal counts whether or not it applies.
    """
    if spec is None or len(path) < 2:
        return None
    return spec.properties.get(path[0], {}).get(path[1])


def personal_in_variants(spec: EventSpec, namespace: str, name: str) -> bool:
    """Say whether a variant plans a property as personal."""
    return any(_names_pii(variant.patch.get(namespace, {}).get(name)) for variant in spec.variants)


def _names_pii(patch: Any) -> bool:
    if not isinstance(patch, Mapping):
        return False
    return patch.get("pii") is not None or any(_names_pii(value) for value in patch.values())


def masked_properties(
    namespace: str, values: Mapping[str, Any], specs: Sequence[EventSpec]
) -> dict[str, Any]:
    """Return an event's properties of a namespace with what may be personal masked.

    ``specs`` are the plans that may know it: where one calls it personal it is, and what none knows is
    masked unless it is a number or a truth value.
    """
    shown: dict[str, Any] = {}
    for name, value in list(values.items())[:_MOST]:
        shapes = [
            shape for spec in specs if (shape := shape_of(spec, (namespace, name))) is not None
        ]
        personal = f"{namespace}.{name}" in PERSONAL or any(
            personal_in_variants(spec, namespace, name) for spec in specs
        )
        shown[name] = MASK if personal else masked(value, shapes)
    return shown


def masked(value: Any, shapes: Sequence[Property]) -> Any:
    """Return a value with what may be personal masked; ``shapes`` are its planned ones, perhaps none."""
    if any(shape.pii is not None for shape in shapes):
        return MASK
    if isinstance(value, dict):
        return {
            str(name): masked(inner, _inside(shapes, str(name)))
            for name, inner in list(value.items())[:_MOST]
        }
    if isinstance(value, list):
        items = [shape.items for shape in shapes if shape.items is not None]
        return [masked(inner, items) for inner in value[:_MOST]]
    if isinstance(value, str):
        return (value if len(value) <= _MOST else value[:_MOST] + MASK) if shapes else MASK
    return value


def _inside(shapes: Sequence[Property], name: str) -> list[Property]:
    found = []
    for shape in shapes:
        inner = (shape.properties or {}).get(name) or shape.values
        if inner is not None:
            found.append(inner)
    return found
