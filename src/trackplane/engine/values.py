"""What generated code calls: failures, type checks of properties, and functions of the language.

Semantics: ``spec/rules/semantics.md``. NULL is None, an ERROR is a ``Failure``. The functions here get
values only: generated code has dealt with NULL and ERROR before it calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import xxhash

from trackplane.rules import values as read
from trackplane.rules.library.failure import OVERFLOW, TYPE, Failure

__all__ = ["OVERFLOW", "TYPE", "Failure"]

_LOW: Final = -(1 << 63)
_HIGH: Final = 1 << 63
_NULL: Final = ord("n")
_SPACE: Final = " \t\n\v\f\r"
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def as_string(value: Any) -> Any:
    """Return a property's value as a string, or what stands in for it."""
    return value if value is None or value.__class__ in (str, Failure) else TYPE


def as_int64(value: Any) -> Any:
    """Return a property's value as an int64."""
    kind = value.__class__
    if kind is int:
        return value if _LOW <= value < _HIGH else TYPE
    if kind is float and value.is_integer() and _LOW <= value < _HIGH:
        return int(value)
    return value if value is None or kind is Failure else TYPE


def as_float64(value: Any) -> Any:
    """Return a property's value as a finite float64."""
    kind = value.__class__
    if kind is float:
        return value
    if kind is int:
        try:
            return float(value)
        except OverflowError:
            return TYPE
    return value if value is None or kind is Failure else TYPE


def as_bool(value: Any) -> Any:
    """Return a property's value as a bool."""
    return value if value is None or value.__class__ in (bool, Failure) else TYPE


def as_timestamp(value: Any) -> Any:
    """Return a property's value as milliseconds."""
    if value.__class__ is str:
        milliseconds = read.parse_timestamp(value)
        return TYPE if milliseconds is None else milliseconds
    return as_int64(value)


def as_array(value: Any) -> Any:
    """Return a property's value as an array."""
    return value if value is None or value.__class__ in (list, Failure) else TYPE


def as_object(value: Any) -> Any:
    """Return a property's value as an object."""
    return value if value is None or value.__class__ in (dict, Failure) else TYPE


def as_json(value: Any) -> Any:
    """Return a property's value as it is."""
    return value


AS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": as_string,
    "int64": as_int64,
    "float64": as_float64,
    "bool": as_bool,
    "timestamp": as_timestamp,
    "array": as_array,
    "object": as_object,
    "map": as_object,
    "json": as_json,
}


def _raw_check(kind: str) -> Callable[[msgspec.Raw | None], Any]:
    """Return the check of a part that is copied unread: only its first byte is looked at."""
    first = ord({"array": "[", "object": "{", "map": "{"}.get(kind, "n"))
    anything = kind == "json"

    def check(raw: msgspec.Raw | None) -> Any:
        # msgspec cuts a raw value without the white space around it.
        if raw is None or (start := memoryview(raw)[0]) == _NULL:
            return None
        return raw if anything or start == first else TYPE

    return check


RAW: Final = {kind: _raw_check(kind) for kind in ("array", "object", "map", "json")}


def sampled(key: str | None, event_id: str, bound: int) -> bool:
    """Say whether the hash of a key (NULL: the event's id) is below a bound."""
    text = event_id if key is None else key
    return xxhash.xxh64_intdigest(text.encode(errors="surrogatepass")) < bound


def by_index(value: Any, index: int) -> Any:
    """Take a step by index."""
    if value.__class__ is list:
        return value[index] if index < len(value) else None
    return value if value is None or value.__class__ is Failure else TYPE
