"""Demand decode: only the properties that some candidate rule reads are decoded.

From the paths of a bucket's rules come structs; a batch of events is decoded into them in one pass.
They are *strict*: each leaf has the type that the rules expect, so that generated code need not check
it, and parts that rules only copy stay raw bytes. An event that does not fit is decoded again,
loosely, and judged by generated code that checks everything (``MODES``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

import msgspec

from trackplane.event import NAMESPACES
from trackplane.rules.ir import Expression, Path, Rule, Select, expressions, walk

Property = tuple[str, str]  # namespace, name
# How an event came: strictly decoded where no header gives a value, where one does, or loosely.
Mode = Literal["bare", "merged", "loose"]
Leaf = Literal["string", "int64", "float64", "bool", "timestamp", "array", "object", "any", "raw"]

# Stamped by the platform: they come from the directory, not from the event's bytes.
STAMPED: Final = frozenset({("when", "server"), ("when", "at")})
_INT64: Final = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_TYPES: Final[dict[str, Any]] = {
    "string": str | None,
    "int64": _INT64 | None,
    "float64": float | None,
    "bool": bool | None,
    "timestamp": _INT64 | str | None,
    "array": list[Any] | None,
    "object": dict[str, Any] | None,
    "any": Any,
    "raw": msgspec.Raw,
}
# Kinds that a strictly decoded leaf never fails to have.
SURE: Final = frozenset({"string", "int64", "float64", "bool", "array", "object", "json"})
_RAW_KINDS: Final = frozenset({"array", "object", "map", "json"})
_LEAVES: Final[dict[str, Leaf]] = {
    "string": "string",
    "int64": "int64",
    "float64": "float64",
    "bool": "bool",
    "timestamp": "timestamp",
    "array": "array",
    "object": "object",
    "map": "object",
}


class Shape(msgspec.Struct, frozen=True):
    """What is decoded of a value: a leaf, or some members of an object by name."""

    leaf: Leaf = "any"
    members: tuple[tuple[str, Shape], ...] = ()

    def member(self, name: str) -> tuple[int, Shape] | None:
        """Return a member's number and shape."""
        for number, (known, shape) in enumerate(self.members):
            if known == name:
                return number, shape
        return None


class Demand(msgspec.Struct, frozen=True, dict=True):
    """The properties to decode, in order, and what of each."""

    properties: tuple[Property, ...]
    shapes: tuple[Shape, ...]

    def shape(self, wanted: Property) -> Shape:
        """Return what is decoded of a property."""
        return self.shapes[self.properties.index(wanted)]

    def field(self, wanted: Property) -> str:
        """Return the struct field that holds a property."""
        return f"f{self.properties.index(wanted)}"

    @cached_property
    def bare(self) -> msgspec.json.Decoder[Any]:
        """Return the strict decoder of a JSON array of events; a property missing is NULL."""
        return msgspec.json.Decoder(list[self._bare])  # type: ignore[name-defined]

    @cached_property
    def merged(self) -> msgspec.json.Decoder[Any]:
        """Return the strict decoder of a JSON array of events; a property missing is ``UNSET``."""
        return msgspec.json.Decoder(list[_event(self, msgspec.UNSET, strict=True)])  # type: ignore[misc]

    @cached_property
    def loose(self) -> msgspec.json.Decoder[Any]:
        """Return the decoder of one event that takes whatever a property is."""
        return msgspec.json.Decoder(_event(self, msgspec.UNSET, strict=False))

    def strict_header(self, data: bytes) -> tuple[Any, ...] | None:
        """Return a header's values in order, NULL where it has none; None: it has none at all.

        Raises:
            msgspec.MsgspecError: it does not fit.
        """
        values = self._values(self._header.decode(data))
        return None if values == self.nothing else values

    def loose_header(self, data: bytes) -> tuple[Any, ...]:
        """Return a header's values in order, whatever they are.

        Raises:
            msgspec.MsgspecError: it is not JSON, or a namespace is no object.
        """
        header = self._loose_header.decode(data)
        holders = [
            (getattr(header, root), self.field((root, name))) for root, name in self.properties
        ]
        return tuple(None if holder is None else getattr(holder, name) for holder, name in holders)

    @cached_property
    def _bare(self) -> type:
        return _event(self, None, strict=True)

    @cached_property
    def _header(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._bare)

    @cached_property
    def _loose_header(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(_event(self, None, strict=False))

    @cached_property
    def _values(self) -> Callable[[Any], tuple[Any, ...]]:
        paths = [f"{wanted[0]}.{self.field(wanted)}" for wanted in self.properties]
        if len(paths) > 1:
            return attrgetter(*paths)
        return lambda header: tuple(attrgetter(path)(header) for path in paths)

    @cached_property
    def nothing(self) -> tuple[None, ...]:
        """Return the values of a header that has none."""
        return (None,) * len(self.properties)


def _event(demand: Demand, missing: Any, *, strict: bool) -> type:
    fields: list[tuple[str, Any, Any]] = []
    for namespace in NAMESPACES:
        members = [p for p in demand.properties if p[0] == namespace]
        if not members:
            continue
        holder = msgspec.defstruct(
            f"Demand_{namespace}",
            [
                (demand.field(p), _type(shape) if strict or shape.leaf == "raw" else Any, missing)
                for p, shape in zip(demand.properties, demand.shapes, strict=True)
                if p[0] == namespace
            ],
            rename={demand.field(p): p[1] for p in members},
            frozen=True,
            gc=False,
        )
        # Strictly, a namespace that is null is for the loose decoder.
        fields.append((namespace, holder if strict else holder | None, holder()))
    return msgspec.defstruct("Demand", fields, frozen=True, gc=False)


def _type(shape: Shape) -> Any:
    if not shape.members:
        return _TYPES[shape.leaf]
    fields = [(f"f{n}", _type(inner), None) for n, (_, inner) in enumerate(shape.members)]
    names = {f"f{n}": name for n, (name, _) in enumerate(shape.members)}
    return msgspec.defstruct("Object", fields, rename=names, frozen=True, gc=False) | None


def fits_struct(name: str) -> bool:
    """Say whether msgspec takes a name as a struct's field."""
    return '"' not in name and "\\" not in name and min(name, default=" ") >= " "


def property_of(path: Path) -> Property | None:
    """Return the property whose bytes a path reads, or None for what the platform stamps."""
    if path.root in ("", "meta"):
        return None
    wanted = (str(path.root), str(path.parts[0]))
    return None if wanted in STAMPED else wanted


class _Read:
    """A value that rules read: as leaves of some kinds, and its members."""

    def __init__(self) -> None:
        self.leaves: set[Leaf] = set()
        self.members: dict[str, _Read] = {}

    def shape(self) -> Shape:
        if self.leaves:
            only = next(iter(self.leaves)) if len(self.leaves) == 1 else "any"
            return Shape("any" if self.members else only)
        if not all(map(fits_struct, self.members)):
            return Shape("any")
        return Shape("any", tuple((n, read.shape()) for n, read in sorted(self.members.items())))


def demand_of(rules: Iterable[Rule]) -> Demand:
    """Return what the rules' expressions read of an event's bytes."""
    return demand_for(reads_of(rules))


Reads = frozenset[tuple[Path, bool]]  # what rules read, and whether they only copy it


def reads_of(rules: Iterable[Rule]) -> Reads:
    """Return the paths that rules read; those of several sets of rules make a demand together."""
    return frozenset(read for rule in rules for read in _paths(rule))


def demand_for(reads: Reads) -> Demand:
    """Return the demand of what is read."""
    read: dict[Property, _Read] = {}
    for path, copied in reads:
        wanted = property_of(path)
        if wanted is None or not fits_struct(wanted[1]):
            continue
        here = read.setdefault(wanted, _Read())
        leaf: Leaf = "raw" if copied else _LEAVES.get(path.type.kind, "any")
        for part in path.parts[1:]:
            if isinstance(part, int):
                leaf = "any"
                break
            here = here.members.setdefault(part, _Read())
        here.leaves.add(leaf)
    order = sorted(read)
    return _interned(tuple(order), tuple(read[p].shape() for p in order))


@lru_cache(maxsize=4096)
def _interned(properties: tuple[Property, ...], shapes: tuple[Shape, ...]) -> Demand:
    """Return one object for equal demands: buckets that read the same share a decode."""
    return Demand(properties, shapes)


def _paths(rule: Rule) -> Iterator[tuple[Path, bool]]:
    """Return all paths a rule reads, and whether it only copies what is there as a column."""
    columns: set[Expression] = set()
    inner: set[Expression] = set()
    for top in expressions(rule):
        whole = isinstance(top, Path) and top.type.kind in _RAW_KINDS
        if whole and _is_column(top, rule):
            columns.add(top)
        else:
            inner.update(node for node in walk(top) if isinstance(node, Path))
    for path in columns | inner:
        assert isinstance(path, Path)
        yield path, path not in inner


def _is_column(top: Expression, rule: Rule) -> bool:
    return any(
        top is column.value
        for action in rule.actions
        if isinstance(action, Select)
        for column in action.columns
    )
