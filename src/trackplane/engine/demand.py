"""Demand decode: only the properties that some candidate rule reads are decoded.

From the properties of a bucket's rules comes a struct; a batch of events is decoded into it in one
pass. What rules only copy whole stays raw bytes. Everything else is decoded as it comes (a wrong
type never fails a batch) and checked in generated code.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import msgspec

from trackplane.event import NAMESPACES
from trackplane.rules.ir import Call, Expression, Keep, Path, Rule, Select, Set, expressions, walk

Property = tuple[str, str]  # namespace, name
_RAW_KINDS: Final = frozenset({"array", "object", "map", "json"})
EMPTY: Final = msgspec.Raw(b"")
# Stamped by the platform: they come from the directory, not from the event's bytes.
STAMPED: Final = frozenset({("when", "server"), ("when", "at")})


class Demand(msgspec.Struct, frozen=True):
    """The properties to decode, in order, and which of them stay raw."""

    properties: tuple[Property, ...]
    raw: frozenset[Property]

    @property
    def decoder(self) -> msgspec.json.Decoder[Any]:
        """Return the decoder of a JSON array of events."""
        return _decoders(self)[0]

    def header_values(self, header: bytes) -> tuple[Any, ...]:
        """Return an upload header's values, in order; NULL where it has none."""
        values = _decoders(self)[1].decode(header)
        found = []
        for namespace, name in self.properties:
            holder = getattr(values, namespace)
            value = getattr(holder, field_of(self, (namespace, name))) if holder else msgspec.UNSET
            if value is msgspec.UNSET:
                value = EMPTY if (namespace, name) in self.raw else None
            found.append(value)
        return tuple(found)


def field_of(demand: Demand, wanted: Property) -> str:
    """Return the struct field that holds a property."""
    return f"f{demand.properties.index(wanted)}"


@lru_cache(maxsize=4096)
def _decoders(demand: Demand) -> tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]:
    fields: list[tuple[str, Any, Any]] = []
    for namespace in NAMESPACES:
        members = [p for p in demand.properties if p[0] == namespace]
        if not members:
            continue
        definitions: list[tuple[str, Any, Any]] = [
            (field_of(demand, p), msgspec.Raw, EMPTY)
            if p in demand.raw
            else (field_of(demand, p), Any, msgspec.UNSET)
            for p in members
        ]
        holder = msgspec.defstruct(
            f"Demand_{namespace}",
            definitions,
            rename={field_of(demand, p): p[1] for p in members},
            frozen=True,
            gc=False,
        )
        fields.append((namespace, holder | None, holder()))
    event = msgspec.defstruct("Demand", fields, frozen=True, gc=False)
    return msgspec.json.Decoder(list[event]), msgspec.json.Decoder(event)  # type: ignore[valid-type]


def fits_struct(name: str) -> bool:
    """Say whether msgspec takes a name as a struct's field."""
    return '"' not in name and "\\" not in name and min(name, default=" ") >= " "


def demand_of(rules: Iterable[Rule]) -> Demand:
    """Return what the rules' expressions read of an event's bytes."""
    read: dict[Property, bool] = {}
    for rule in rules:
        copied = _copied(rule)
        for top in expressions(rule):
            for node in walk(top):
                if isinstance(node, Path) and (wanted := property_of(node)) is not None:
                    raw = node in copied
                    read[wanted] = read.get(wanted, True) and raw
    order = sorted(read)
    return _interned(tuple(order), frozenset(p for p in order if read[p]))


@lru_cache(maxsize=4096)
def _interned(properties: tuple[Property, ...], raw: frozenset[Property]) -> Demand:
    """Return one object for equal demands: buckets that read the same share a decode."""
    return Demand(properties, raw)


def property_of(path: Path) -> Property | None:
    """Return the property whose bytes a path reads, or None for what the platform stamps."""
    if path.root in ("", "meta"):
        return None
    wanted = (str(path.root), str(path.parts[0]))
    return None if wanted in STAMPED else wanted


def _copied(rule: Rule) -> frozenset[Expression]:
    """Return the paths to whole properties that are columns as they are, and read nowhere else."""
    columns: set[Expression] = set()
    inner: set[Expression] = set()
    for action in rule.actions:
        if isinstance(action, Select):
            for column in action.columns:
                value = column.value
                whole = isinstance(value, Path) and len(value.parts) == 1
                if whole and value.type.kind in _RAW_KINDS:
                    columns.add(value)
                else:
                    inner.update(walk(value))
        elif not isinstance(action, Keep):
            inner.update(node for top in _tops(action) for node in walk(top))
    if rule.where is not None:
        inner.update(walk(rule.where))
    return frozenset(columns - inner)


def _tops(action: Any) -> Iterable[Expression]:
    if isinstance(action, Set):
        return [assignment.value for assignment in action.values]
    when = getattr(action, "when", None)
    return [when] if isinstance(when, Call | Path) else []


def decode_each(demand: Demand, events: list[bytes]) -> list[Any]:
    """Decode one by one what did not decode together; what fails alone is the error."""
    decoded: list[Any] = []
    for event in events:
        try:
            decoded.append(demand.decoder.decode(b"[" + event + b"]")[0])
        except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
            decoded.append(error)
    return decoded
