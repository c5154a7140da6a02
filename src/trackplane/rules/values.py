"""Reading JSON values as the language's types, and its casts (semantics.md sections 1 and 5).

Readers return the value or ``None``, which means: not of that type. Callers handle JSON null first.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS: Final = -62_135_596_800_000  # 0001-01-01T00:00:00Z
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_INT: Final = re.compile(r"[+-]?[0-9]+")
_FLOAT: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def read_string(value: Any) -> str | None:
    """Return a JSON string, or None."""
    return value if type(value) is str else None


def read_bool(value: Any) -> bool | None:
    """Return a JSON boolean, or None."""
    return value if type(value) is bool else None


def read_int64(value: Any) -> int | None:
    """Return a JSON number without fraction within int64, or None."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and INT64_MIN <= value <= INT64_MAX else None


def read_float64(value: Any) -> float | None:
    """Return a JSON number as a finite float64, or None."""
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None
    return value if type(value) is float and math.isfinite(value) else None


def read_timestamp(value: Any) -> int | None:
    """Return milliseconds of a JSON int64 or an RFC 3339 text with offset, or None."""
    return parse_timestamp(value) if type(value) is str else read_int64(value)


def parse_timestamp(text: str) -> int | None:
    """Return the milliseconds of an RFC 3339 text with offset, cut to whole ms, or None.

    Second 60 is taken as the first of the next minute.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign, offset_hour, offset_minute = found.groups()[6:]
    if hour > 23 or minute > 59 or second > 60:
        return None
    offset = 0
    if sign is not None:
        if int(offset_hour) > 23 or int(offset_minute) > 59:
            return None
        offset = (int(offset_hour) * 60 + int(offset_minute)) * (1 if sign == "+" else -1)
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    seconds = ((hour * 60 + minute - offset) * 60) + second
    milliseconds = int(f"{fraction or '':0<3}"[:3])
    return ((midnight - _EPOCH).days * 86_400 + seconds) * 1000 + milliseconds


def format_timestamp(milliseconds: int) -> str | None:
    """Return ``2026-11-23T02:00:00.000Z``, or None outside the years 1-9999."""
    if not _FIRST_MS <= milliseconds <= _LAST_MS:
        return None
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_int64(text: str) -> int | None:
    """Return the int64 a whole text spells, or None."""
    if _INT.fullmatch(text) is None or len(text.lstrip("+-").lstrip("0")) > 19:
        return None
    value = int(text.lstrip("+-").lstrip("0") or "0") * (-1 if text[0] == "-" else 1)
    return value if INT64_MIN <= value <= INT64_MAX else None


def parse_float64(text: str) -> float | None:
    """Return the finite float64 a whole text spells, or None."""
    if _FLOAT.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


READERS: Final = {
    "string": read_string,
    "bool": read_bool,
    "int64": read_int64,
    "float64": read_float64,
    "timestamp": read_timestamp,
}
