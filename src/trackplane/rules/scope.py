"""What a rule can see: the properties of the events it names, as the plans of its apps give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from trackplane.errors import did_you_mean
from trackplane.event import BUILT_IN
from trackplane.plan.model import EventSpec, Property
from trackplane.plan.properties import paths_of, variant_properties
from trackplane.rules.ir import JSON, Path, Root, Type

Plans = Mapping[tuple[str, str], EventSpec]  # (app, event) -> its specification

STAMPED: Final = frozenset(
    (
        "id",
        "event",
        "when.server",
        "when.at",
        "meta.app",
        "meta.env",
        "meta.grade",
        "meta.revision",
        "meta.weight",
    )
)
_SCALARS: Final = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
    "timestamp": "timestamp",
    "object": "object",
    "json": "json",
}
_PLANNED: Final = {kind: name for name, kind in _SCALARS.items() if kind != "object"}


class Unknown(msgspec.Struct, frozen=True):
    """Why a path cannot be resolved; ``part`` counts the step at fault (0: the property)."""

    code: str
    message: str
    part: int
    hint: str | None = None


Shapes = tuple[Property, ...]  # what the plans say of one value: of each event and variant


class Resolved(msgspec.Struct, frozen=True):
    """A typed path, the property path it reads (down to the first array, map or json), its shapes."""

    path: Path
    reads: str
    shapes: Shapes = ()


class Scope:
    """The specifications of a rule's events. ``specs`` None: the rule runs over all events."""

    def __init__(self, specs: Sequence[EventSpec] | None) -> None:
        self._specs = specs

    def resolve(self, root: str, parts: tuple[str | int, ...]) -> Resolved | Unknown:
        """Type a path."""
        if root in ("id", "event"):
            if parts:
                return Unknown("rule_type", f"{root} is a string: it has no parts", 0)
            return self._resolved("", (root,), Type("string"), root)
        if not parts:
            hint = f"write {root}.<property>"
            return Unknown("rule_name", f"{root} is a namespace, not a property", 0, hint)
        if not isinstance(parts[0], str):
            return Unknown("rule_name", f"{root} is not an array", 0)
        built_in = BUILT_IN.get(f"{root}.{parts[0]}")
        shapes = list(self._shapes(root, parts[0]))
        if not shapes:
            if built_in is None:
                return self._unplanned(root, parts[0])
            shapes = [Property(type=(built_in,))]  # type: ignore[arg-type]
        return self._agreed(root, parts, shapes)

    def column(self, name: str) -> tuple[str, ...] | Unknown:
        """Return the path that the lake's views show under a flattened name.

        >>> Scope(None).column("where_page"), Scope(None).column("app")
        (('where', 'page'), ('meta', 'app'))
        """
        known = {path.removeprefix("meta."): path for path in (*BUILT_IN, *STAMPED)}
        for spec in self._specs or ():
            known |= {path: path for path in paths_of(spec)}
        flat = {short.replace(".", "_") for short in known}
        found = sorted(path for short, path in known.items() if short.replace(".", "_") == name)
        if len(found) == 1:
            return tuple(found[0].split("."))
        if found:
            message = f"{name} may be {' or '.join(found)}"
            return Unknown("rule_name", message, 0, f"write {found[0]}")
        hint = did_you_mean(name, flat) or "a property has its namespace, such as what.price"
        return Unknown("rule_name", f"there is no property or column {name!r}", 0, hint)

    def resolve_below(
        self, shapes: Shapes, parts: tuple[str | int, ...]
    ) -> tuple[Type, Shapes] | Unknown:
        """Type a path below a value, such as an array's item; return its shapes too."""
        return _walk_down(shapes, parts, 0)

    def _resolved(
        self,
        root: str,
        parts: tuple[str | int, ...],
        type_: Type,
        reads: str,
        shapes: Shapes = (),
    ) -> Resolved:
        name = ".".join(str(part) for part in (root, *parts) if part != "")
        path = Path(cast("Root", root), parts, type_, name not in STAMPED)
        return Resolved(path, reads, shapes)

    def _shapes(self, root: str, name: str) -> Iterator[Property]:
        for spec in self._specs or ():
            found = [spec.properties.get(root, {}).get(name)]
            found += [
                variant_properties(spec, 1 << index).get(root, {}).get(name)
                for index, variant in enumerate(spec.variants)
                if name in variant.patch.get(root, {})
            ]
            yield from (shape for shape in found if shape is not None)

    def _unplanned(self, root: str, name: str) -> Unknown:
        path = f"{root}.{name}"
        known = [built_in for built_in in BUILT_IN if built_in.startswith(f"{root}.")]
        if self._specs is None:
            hint = did_you_mean(path, known) if root != "what" else None
            hint = hint or 'name the events: event == "…" and …'
            message = f"a rule over all events reads built-in properties only, not {path}"
            return Unknown("rule_name", message, 0, hint)
        planned = {path for spec in self._specs for path in paths_of(spec)}
        events = ", ".join(sorted({spec.event for spec in self._specs})[:3]) or "no event"
        message = f"{path} is not planned for {events}"
        return Unknown("rule_name", message, 0, did_you_mean(path, [*planned, *known]))

    def _agreed(
        self, root: str, parts: tuple[str | int, ...], shapes: list[Property]
    ) -> Resolved | Unknown:
        found = _walk_down(tuple(shapes), parts[1:], 1)
        if isinstance(found, Unknown):
            return found
        reads, current = f"{root}.{parts[0]}", tuple(shapes)
        for part in parts[1:]:
            if any(shape.type != ("object",) for shape in current) or not isinstance(part, str):
                break
            reads += f".{part}"
            below = [_below(shape, part, 0) for shape in current]
            current = tuple(shape for shape in below if isinstance(shape, Property))
        type_, last = found
        return self._resolved(root, parts, type_, reads, last)


def items_of(shapes: Shapes) -> Shapes:
    """Return the shapes of the items of an array."""
    return tuple(
        (shape.items if shape.type == ("array",) else None) or _ANYTHING for shape in shapes
    )


def shapes_of(type_: Type) -> Shapes:
    """Return the shapes of a computed value, of which only the type is known."""
    item = None if type_.item is None else shapes_of(type_.item)[0]
    kind = type_.kind
    if kind == "array":
        return (Property(type=("array",), items=item),)
    if kind == "map":
        return (Property(type=("map",), values=item),)
    return (Property(type=(_PLANNED.get(kind, "json"),)),)  # type: ignore[arg-type]


def _walk_down(
    shapes: Shapes, parts: tuple[str | int, ...], first: int
) -> tuple[Type, Shapes] | Unknown:
    """Walk all shapes down the path together; they must agree in the end."""
    current = shapes
    for index, part in enumerate(parts, start=first):
        below = [_below(shape, part, index) for shape in current]
        after = tuple(shape for shape in below if isinstance(shape, Property))
        if not after:
            return next(shape for shape in below if isinstance(shape, Unknown))
        current = after
    types = {_type_of(shape) for shape in current}
    if len(types) > 1:
        each = ", ".join(sorted(str(type_) for type_ in types))
        hint = "name fewer events, or make the plan agree"
        message = f"its type differs between the events or variants named: {each}"
        return Unknown("rule_type", message, first + len(parts) - 1, hint)
    return types.pop(), current


_ANYTHING: Final = Property(type=("json",))


def _below(shape: Property, part: str | int, index: int) -> Property | Unknown:
    kind = shape.type[0] if len(shape.type) == 1 else "json"
    if kind == "json":
        return _ANYTHING
    if isinstance(part, int):
        if part < 0:
            return Unknown("rule_type", "an index counts from 0", index)
        if kind == "array":
            return shape.items or _ANYTHING
        return Unknown("rule_type", f"[{part}] of {kind}, which is not an array", index)
    if kind == "map":
        return shape.values or _ANYTHING
    if kind == "object":
        properties = shape.properties or {}
        found = properties.get(part)
        if found is not None:
            return found
        hint = did_you_mean(part, properties)
        return Unknown("rule_name", f"the object has no planned property {part!r}", index, hint)
    hint = "write [0] for the first item" if kind == "array" else None
    return Unknown("rule_type", f".{part} of {kind}, which has no parts", index, hint)


def _type_of(shape: Property) -> Type:
    if len(shape.type) != 1:
        return JSON
    kind = shape.type[0]
    if kind == "array":
        return Type("array", _type_of(shape.items) if shape.items is not None else JSON)
    if kind == "map":
        return Type("map", _type_of(shape.values) if shape.values is not None else JSON)
    return Type(_SCALARS[kind])  # type: ignore[arg-type]
