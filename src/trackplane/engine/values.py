"""What generated code calls: failures, type checks of properties, and functions of the language.

Semantics: ``spec/rules/semantics.md``. NULL is None, an ERROR is a ``Failure``. The functions here get
values only: generated code has dealt with NULL and ERROR before it calls them.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec


class Failure:
    """An ERROR value with its code."""

    __slots__ = ("code",)

    def __init__(self, code: str) -> None:
        self.code = code


TYPE: Final = Failure("rule_type")
OVERFLOW: Final = Failure("rule_overflow")
ZERO_DIVISOR: Final = Failure("rule_zero_divisor")
CAST: Final = Failure("rule_cast")

_LOW: Final = -(1 << 63)
_HIGH: Final = 1 << 63
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST_MS: Final = -62_135_596_800_000  # 0001-01-01
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
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
        milliseconds = parse_time(value)
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


def raw_check(kind: str) -> Callable[[msgspec.Raw], Any]:
    """Return the check of a part that is copied unread: only its first byte is looked at."""
    first = {"array": b"[", "object": b"{", "map": b"{"}.get(kind)

    def check(raw: msgspec.Raw) -> Any:
        view = memoryview(raw)
        if not view:
            return None
        start = bytes(view[:64]).lstrip()[:1]
        if start == b"n":
            return None
        return raw if first is None or start == first else TYPE

    return check


def by_name(value: Any, name: str) -> Any:
    """Take a step by name."""
    if value.__class__ is dict:
        return value.get(name)
    return value if value is None or value.__class__ is Failure else TYPE


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


def _int_of_float(value: float) -> Any:
    return _whole(int(value))


def _int_of_string(value: str) -> Any:
    if _INTEGER.fullmatch(value) is None or len(value.lstrip("+-0")) > 19:
        return CAST
    number = int(value)
    return number if _LOW <= number < _HIGH else CAST


def _int_of_json(value: Any) -> Any:
    found = as_int64(value) if value.__class__ in (int, float) else CAST
    return CAST if found is TYPE else found


def _float_of_string(value: str) -> Any:
    if _NUMBER.fullmatch(value) is None:
        return CAST
    number = float(value)
    return number if math.isfinite(number) else CAST


def _float_of_json(value: Any) -> Any:
    found = as_float64(value) if value.__class__ in (int, float) else CAST
    return CAST if found is TYPE else found


def _moment(milliseconds: int) -> dt.datetime | None:
    if not _FIRST_MS <= milliseconds <= _LAST_MS:
        return None
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def _string_of_timestamp(value: int) -> Any:
    moment = _moment(value)
    if moment is None:
        return OVERFLOW
    return (
        moment.strftime("%Y").zfill(4) + moment.strftime("-%m-%dT%H:%M:%S.") + f"{value % 1000:03}Z"
    )


def _date(value: int) -> Any:
    moment = _moment(value)
    return OVERFLOW if moment is None else moment.date().isoformat()


def parse_time(text: str) -> int | None:
    """Return the milliseconds of an RFC 3339 text with offset, cut to whole ones, or None."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    try:
        moment = dt.datetime(
            int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second),
            tzinfo=dt.UTC,
        )  # fmt: skip
    except ValueError:
        return None
    minutes = 0
    if offset not in "Zz":
        hours, rest = int(offset[1:3]), int(offset[4:6])
        if hours > 23 or rest > 59:
            return None
        minutes = (hours * 60 + rest) * (-1 if offset[0] == "-" else 1)
    whole = (moment - _EPOCH) // dt.timedelta(seconds=1) - minutes * 60 + leap
    return whole * 1000 + int((fraction or "0")[:3].ljust(3, "0"))


def _timestamp_of_string(value: str) -> Any:
    milliseconds = parse_time(value)
    return CAST if milliseconds is None else milliseconds


def _substr(text: str, start: int, count: int) -> str:
    start = max(start, 0)
    return text[start : start + max(count, 0)]


def _same(value: Any) -> Any:
    return value


def _of_kind(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if value.__class__ is kind else CAST


# (function, kinds of its arguments that tell overloads apart) -> implementation.
STRICT: Final[Mapping[str, Callable[..., Any]]] = {
    "add": _add,
    "sub": lambda a, b: _number(a - b),
    "mul": lambda a, b: _number(a * b),
    "div": _divide,
    "mod": _remainder,
    "neg": lambda a: _number(-a),
    "abs": lambda a: _number(abs(a)),
    "round": lambda a: float(round(a)) if abs(a) < 2**52 else a,
    "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)),
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
    ("int", "string"): _int_of_string,
    ("int", "json"): _int_of_json,
    ("float", "float64"): _same,
    ("float", "int64"): float,
    ("float", "string"): _float_of_string,
    ("float", "json"): _float_of_json,
    ("string", "string"): _same,
    ("string", "int64"): str,
    ("string", "float64"): repr,
    ("string", "bool"): lambda b: "true" if b else "false",
    ("string", "timestamp"): _string_of_timestamp,
    ("string", "json"): _of_kind(str),
    ("bool", "bool"): _same,
    ("bool", "json"): _of_kind(bool),
    ("timestamp", "timestamp"): _same,
    ("timestamp", "int64"): _same,
    ("timestamp", "string"): _timestamp_of_string,
}
