"""Forms: an event's properties as types of msgspec, which says in C that nothing is wrong with an event.

Most events are as planned. What converts to the form of its event breaks nothing; the copy that
msgspec makes of it on the way is thrown away. A form may refuse an event that is fine (1.0 for an
integer): the closures of ``validate.py`` then decide. It never takes what is not. What msgspec has
no type for (patterns, which RE2 runs; unions) becomes a class of its own with a predicate, which
msgspec asks by ``ask``. Equal parts of forms are one type, held as long as a form uses it.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from hashlib import blake2b
from types import GenericAlias
from typing import Annotated, Any, Final, Literal
from weakref import WeakValueDictionary

import msgspec

from trackplane.plan.model import Properties, Property
from trackplane.plan.patterns import compile_pattern
from trackplane.plan.properties import timestamp_pattern

Predicate = Callable[[Any], bool]
Form = type[msgspec.Struct]

UNFIT: Final = (msgspec.ValidationError, UnicodeError)  # what a conversion to a form may raise

_LOW: Final = -(1 << 63)
_HIGH: Final = (1 << 63) - 1
_EXACT: Final = 1 << 53  # msgspec compares numbers as doubles: below it, no integer becomes another
_INT64: Final = Annotated[int, msgspec.Meta(ge=_LOW, le=_HIGH)]
_TIME: Final = Annotated[str, msgspec.Meta(pattern=rf"^(?:{timestamp_pattern()})\Z")]
_MOST_FIELDS: Final = 256  # msgspec looks for a name among them one by one, from the last one found
_ENUMERABLE: Final[Mapping[str, type]] = {"string": str, "integer": int}
_UNNAMEABLE: Final = re.compile(r'["\\\x00-\x1f]')  # no field of a struct has such a name
_parts: Final[WeakValueDictionary[bytes, type]] = WeakValueDictionary()
_encode: Final = msgspec.json.Encoder().encode


class _Asked:
    """A type of values that a predicate knows; ``token`` stands for each of them."""

    __slots__ = ()
    fits: Predicate
    token: _Asked


def ask(kind: type[_Asked], value: Any) -> _Asked | None:
    """Say whether a value is of an asked type, as msgspec's ``dec_hook``: by None it is not."""
    return kind.token if kind.fits(value) else None


def form_of(properties: Properties, otherwise: Callable[[Property], Predicate]) -> Form:
    """Return what an event must convert to, with ``ask`` as its hook, to have surely no violation.

    ``otherwise`` makes the predicate of a property that msgspec has no type for.
    """
    return _Maker(otherwise).event(properties)


class _Maker:
    def __init__(self, otherwise: Callable[[Property], Predicate]) -> None:
        self._otherwise = otherwise

    def event(self, properties: Properties) -> Form:
        fields = [
            (namespace, self._members(members))
            if any(shape.required for shape in members.values())
            else (namespace, self._members(members), None)
            for namespace, members in properties.items()
        ]
        return msgspec.defstruct("Event", fields, kw_only=True, gc=False, eq=False)

    def _members(self, members: Mapping[str, Property]) -> Any:
        """Return the type of an object that has these properties and no others."""
        lacks_one = any(p.required and not _has_field(name, p) for name, p in members.items())
        if lacks_one or len(members) > _MOST_FIELDS:
            return self._told(Property(type=("object",), properties=dict(members)))
        return _shared("members", members, lambda: self._struct(members))

    def _struct(self, members: Mapping[str, Property]) -> Form:
        fields: list[tuple[str, Any, Any]] = []
        for name, shape in members.items():
            if _has_field(name, shape):  # else it is unknown, and events that have it are refused
                default = msgspec.NODEFAULT if shape.required else None
                spec = msgspec.field(name=name, default=default)
                fields.append((f"f{len(fields)}", self._type(shape), spec))
        return msgspec.defstruct(
            "Members", fields, kw_only=True, forbid_unknown_fields=True, gc=False, eq=False
        )

    def _told(self, shape: Property) -> Any:
        return _shared("told", shape, lambda: _asked(self._otherwise(shape)))

    def _type(self, shape: Property) -> Any:
        found = self._own_type(shape)
        if found is None:
            return self._told(shape)
        return found | None if shape.nullable and found is not Any else found

    def _own_type(self, shape: Property) -> Any:
        """Return the type of a property's values but null, or None if msgspec has none."""
        if len(shape.type) > 1 or shape.deprecated is not None or (shape.max_length or 0) < 0:
            return None
        if shape.enum is not None:
            return _literal(shape)
        match shape.type[0]:
            case "string":
                return _sized(str, shape) if shape.pattern is None else _text(shape)
            case "integer" | "number":
                return _number(shape)
            case "boolean":
                return bool
            case "timestamp":
                return _INT64 | _TIME
            case "array":
                item = self._type(shape.items) if shape.items else Any
                return _sized(GenericAlias(list, (item,)), shape)
            case "map":
                each = self._type(shape.values) if shape.values else Any
                return _sized(GenericAlias(dict, (str, each)), shape)
            case "object" if shape.properties is None and shape.additional:
                return _sized(dict, shape)
            case "object" if shape.min_length is None is shape.max_length:
                return self._members(shape.properties or {})
            case "json":
                return Any
        return None


def _has_field(name: str, shape: Property) -> bool:
    return shape.deprecated is None and not _UNNAMEABLE.search(name)


def _shared(use: str, part: Any, make: Callable[[], type]) -> Any:
    """Return the type of an equal part of a plan in the same use, if one is held, or make it."""
    key = blake2b(_encode((use, part)), digest_size=16).digest()
    found = _parts.get(key)
    if found is None:
        found = _parts[key] = make()
    return found


def _asked(fits: Predicate) -> type[_Asked]:
    class Asked(_Asked):
        __slots__ = ()

    Asked.fits = staticmethod(fits)
    Asked.token = Asked()
    return Asked


def _literal(shape: Property) -> Any:
    kind = _ENUMERABLE.get(shape.type[0])
    limits = (shape.pattern, shape.min_length, shape.max_length, shape.min, shape.max)
    if kind is None or any(limit is not None for limit in limits):
        return None
    planned = [
        value
        for value in shape.enum or ()
        if type(value) is kind and (not isinstance(value, int) or _LOW <= value <= _HIGH)
    ]
    return Literal[tuple(planned)] if planned else None


def _sized(kind: Any, shape: Property) -> Any:
    low, high = shape.min_length, shape.max_length
    if low is None and high is None:
        return kind
    low, high = (None if n is None else min(max(n, 0), sys.maxsize) for n in (low, high))
    return Annotated[kind, msgspec.Meta(min_length=low, max_length=high)]


def _number(shape: Property) -> Any:
    low, high = shape.min, shape.max
    if shape.type[0] == "integer":
        low = _LOW if low is None else max(math.ceil(low), _LOW)
        high = _HIGH if high is None else min(math.floor(high), _HIGH)
        return Annotated[int, msgspec.Meta(ge=low, le=high)] if low <= high else None
    if low is None and high is None:
        return float
    exact = all(-_EXACT < bound < _EXACT for bound in (low, high) if bound is not None)
    return Annotated[float, msgspec.Meta(ge=low, le=high)] if exact else None


def _text(shape: Property) -> Any:
    """Return the type of texts with a pattern."""
    low, high = shape.min_length or 0, shape.max_length
    most = sys.maxsize if high is None else high
    matches = compile_pattern(shape.pattern or "")

    def fits(value: Any) -> bool:
        return type(value) is str and low <= len(value) <= most and matches(value)

    return _shared("text", (shape.pattern, low, high), lambda: _asked(fits))
