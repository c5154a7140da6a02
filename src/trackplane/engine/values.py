"""What generated code calls: failures, type checks of properties, and functions of the language.

Semantics: ``spec/rules/semantics.md``. NULL is None, an ERROR is a ``Failure``. The functions here get
values only: generated code has dealt with NULL and ERROR before it calls them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import xxhash

from trackplane.rules import values as read
from trackplane.rules.library.failure import CAST, OVERFLOW, TYPE, ZERO_DIVISOR, Failure

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


def sampled(key: Any, event_id: str, rate: float) -> bool:
    """Say whether a key (NULL: the event's id) is among a share of all keys."""
    text = event_id if key is None else str(key)
    return xxhash.xxh64_intdigest(text.encode(errors="surrogatepass")) < rate * 2.0**64


def by_index(value: Any, index: int) -> Any:
    """Take a step by index."""
    if value.__class__ is list:
        return value[index] if index < len(value) else None
    return value if value is None or value.__class__ is Failure else TYPE


def _whole(value: int) -> Any:
    return value if _LOW <= value < _HIGH else OVERFLOW


def _finite(value: float) -> Any:
    return value if math.isfinite(value) else OVERFLOW


def _number(value: Any) -> Any:
    return _whole(value) if value.__class__ is int else _finite(value)


def _add(a: Any, b: Any) -> Any:
    return a + b if a.__class__ is str else _number(a + b)


def _divide(a: Any, b: Any) -> Any:
    if b == 0:
        return ZERO_DIVISOR
    return _finite(float(a) / float(b))


def _remainder(a: Any, b: Any) -> Any:
    if b == 0:
        return ZERO_DIVISOR
    return math.fmod(a, b) if a.__class__ is float else abs(a) % abs(b) * (-1 if a < 0 else 1)


def _to_whole(function: Callable[[float], float]) -> Callable[[float], float]:
    # Beyond 2**52 every float64 is whole already; a zero keeps its sign.
    return lambda a: math.copysign(function(a), a) if abs(a) < 2.0**52 else a


def _int_of_float(value: float) -> Any:
    return _whole(int(value))


def _cast(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a cast of a function that answers None where it cannot read."""

    def cast(value: Any) -> Any:
        found = reader(value)
        return CAST if found is None else found

    return cast


def _within_years(value: int) -> Any:
    text = read.format_timestamp(value)
    return OVERFLOW if text is None else text


def _date(value: int) -> Any:
    text = read.format_timestamp(value)
    return OVERFLOW if text is None else text[:10]


def _substr(text: str, start: int, count: int) -> str:
    start = max(start, 0)
    return text[start : start + max(count, 0)]


def _same(value: Any) -> Any:
    return value


# (function, kinds of its arguments that tell overloads apart) -> implementation.
STRICT: Final[Mapping[str, Callable[..., Any]]] = {
    "add": _add,
    "sub": lambda a, b: _number(a - b),
    "mul": lambda a, b: _number(a * b),
    "div": _divide,
    "mod": _remainder,
    "neg": lambda a: _number(-a),
    "abs": lambda a: _number(abs(a)),
    "round": _to_whole(round),
    "floor": _to_whole(math.floor),
    "ceil": _to_whole(math.ceil),
    "min_": min,
    "max_": max,
    "lower": lambda s: s.translate(_LOWER),
    "upper": lambda s: s.translate(_UPPER),
    "trim": lambda s: s.strip(_SPACE),
    "length": len,
    "contains": lambda s, t: t in s,
    "starts_with": lambda s, t: s.startswith(t),
    "ends_with": lambda s, t: s.endswith(t),
    "substr": _substr,
    "concat": lambda *parts: "".join(parts),
    "date": _date,
}
CASTS: Final[Mapping[tuple[str, str], Callable[[Any], Any]]] = {
    ("int", "int64"): _same,
    ("int", "float64"): _int_of_float,
    ("int", "bool"): int,
    ("int", "timestamp"): _same,
    ("int", "string"): _cast(read.parse_int64),
    ("int", "json"): _cast(read.read_int64),
    ("float", "float64"): _same,
    ("float", "int64"): float,
    ("float", "string"): _cast(read.parse_float64),
    ("float", "json"): _cast(read.read_float64),
    ("string", "string"): _same,
    ("string", "int64"): str,
    ("string", "float64"): repr,
    ("string", "bool"): lambda b: "true" if b else "false",
    ("string", "timestamp"): _within_years,
    ("string", "json"): _cast(read.read_string),
    ("bool", "bool"): _same,
    ("bool", "json"): _cast(read.read_bool),
    ("timestamp", "timestamp"): _same,
    ("timestamp", "int64"): _same,
    ("timestamp", "string"): _cast(read.parse_timestamp),
}
