"""Timestamps: milliseconds since 1970-01-01 UTC; calendar questions are asked in a zone (UTC)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trackplane.rules.ir import Call
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.failure import CAST, OVERFLOW
from trackplane.rules.library.numbers import whole
from trackplane.rules.library.table import (
    Function,
    Implementation,
    Maker,
    literal,
    one_of,
    overload,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = -62_135_596_800_000  # 0001-01-01T00:00:00Z
_LAST: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_DAY: Final = 86_400_000
_LENGTHS: Final = {
    "millisecond": 1,
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": _DAY,
    "week": 7 * _DAY,
}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_UNITS: Final = (*_LENGTHS, *_MONTHS)
_SHORT_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH_NAMES: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_SHORT_MONTHS: Final = tuple(name[:3] for name in _MONTH_NAMES)


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    return ZoneInfo(name)


def zone_of(call: Call, argument: int) -> tzinfo:
    """Return the zone that a literal names; UTC where the call has none.

    Raises:
        BindError: there is no such zone.
    """
    name = literal(call, argument)
    if name is None:
        return UTC
    try:
        return _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        hint = 'zones are named as in the IANA database: "Europe/Berlin", "UTC"'
        raise BindError(argument, f"there is no time zone {name!r}", hint=hint) from error


def _local(milliseconds: int, zone: tzinfo) -> datetime | None:
    if not _FIRST <= milliseconds <= _LAST:
        return None
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    if zone is UTC:
        return moment
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return None


def _milliseconds(moment: datetime) -> int:
    """Return the instant of a local time: of two the earlier; of none, by the offset before."""
    passed = moment.replace(tzinfo=UTC) - _EPOCH - (moment.utcoffset() or timedelta())
    return passed // timedelta(milliseconds=1)


# --- parts


def _part(function: Callable[[datetime], Any]) -> Maker:
    def make(call: Call, _: Environment) -> Implementation:
        zone = zone_of(call, 1)

        def part(milliseconds: int, *_: Any) -> Any:
            moment = _local(milliseconds, zone)
            return OVERFLOW if moment is None else function(moment)

        return part

    return make


# --- arithmetic


def _months_on(moment: datetime, months: int) -> datetime | None:
    total = moment.year * 12 + moment.month - 1 + months
    year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        return None
    return moment.replace(
        year=year, month=month, day=min(moment.day, monthrange(year, month)[1]), fold=0
    )


def _add(call: Call, _: Environment) -> Implementation:
    unit = one_of(call, 2, _UNITS, "unit")
    zone = zone_of(call, 3)
    length, months = _LENGTHS.get(unit), _MONTHS.get(unit)
    calendar_days = {"day": 1, "week": 7}.get(unit) if zone is not UTC else None

    def add_length(milliseconds: int, count: int, *_: Any) -> Any:
        return whole(milliseconds + count * (length or 0))

    def add_days(milliseconds: int, count: int, *_: Any) -> Any:
        moment = _local(milliseconds, zone)
        try:
            moved = (
                None if moment is None else moment + timedelta(days=count * (calendar_days or 0))
            )
            return OVERFLOW if moved is None else _milliseconds(moved.replace(fold=0))
        except OverflowError:
            return OVERFLOW

    def add_months(milliseconds: int, count: int, *_: Any) -> Any:
        moment = _local(milliseconds, zone)
        moved = None if moment is None else _months_on(moment, count * (months or 0))
        return OVERFLOW if moved is None else _milliseconds(moved)

    if months is not None:
        return add_months
    return add_length if calendar_days is None else add_days


def _diff(call: Call, _: Environment) -> Implementation:
    unit = one_of(call, 2, _UNITS, "unit")
    length = _LENGTHS.get(unit)

    def in_lengths(start: int, end: int, _: str) -> Any:
        passed = abs(end - start) // (length or 1)
        return whole(passed if end >= start else -passed)

    def in_months(start: int, end: int, _: str) -> Any:
        first, last = _local(min(start, end), UTC), _local(max(start, end), UTC)
        if first is None or last is None:
            return OVERFLOW
        months = (last.year - first.year) * 12 + last.month - first.month
        reached = _months_on(first, months)
        if reached is None or reached > last:
            months -= 1
        passed = months // _MONTHS[unit]
        return passed if end >= start else -passed

    return in_months if length is None else in_lengths


def _truncate(call: Call, _: Environment) -> Implementation:
    unit = one_of(call, 1, _UNITS[1:], "unit")
    zone = zone_of(call, 2)
    length = _LENGTHS.get(unit)
    if length is not None and unit != "week" and (zone is UTC or unit == "second"):
        return lambda milliseconds, *_: whole(milliseconds - milliseconds % length)

    def truncate(milliseconds: int, *_: Any) -> Any:
        moment = _local(milliseconds, zone)
        if moment is None:
            return OVERFLOW
        if unit in ("minute", "hour"):
            inside = moment.second * 1000 + moment.microsecond // 1000
            inside += moment.minute * 60_000 if unit == "hour" else 0
            return milliseconds - inside
        start = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        try:
            if unit == "week":
                start -= timedelta(days=start.weekday())
            elif unit == "month":
                start = start.replace(day=1)
            elif unit == "quarter":
                start = start.replace(month=(start.month - 1) // 3 * 3 + 1, day=1)
            elif unit == "year":
                start = start.replace(month=1, day=1)
        except OverflowError:
            return OVERFLOW
        return _milliseconds(start)

    return truncate


# --- texts


def _offset_text(moment: datetime) -> str:
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


_FORMAT: Final[Mapping[str, Callable[[datetime], str]]] = {
    "Y": lambda t: f"{t.year:04d}",
    "y": lambda t: f"{t.year % 100:02d}",
    "m": lambda t: f"{t.month:02d}",
    "d": lambda t: f"{t.day:02d}",
    "H": lambda t: f"{t.hour:02d}",
    "I": lambda t: f"{(t.hour - 1) % 12 + 1:02d}",
    "p": lambda t: "AM" if t.hour < 12 else "PM",
    "M": lambda t: f"{t.minute:02d}",
    "S": lambda t: f"{t.second:02d}",
    "g": lambda t: f"{t.microsecond // 1000:03d}",
    "f": lambda t: f"{t.microsecond:06d}",
    "j": lambda t: f"{t.timetuple().tm_yday:03d}",
    "a": lambda t: _SHORT_DAYS[t.weekday()],
    "A": lambda t: _DAYS[t.weekday()],
    "b": lambda t: _SHORT_MONTHS[t.month - 1],
    "B": lambda t: _MONTH_NAMES[t.month - 1],
    "u": lambda t: str(t.isoweekday()),
    "G": lambda t: f"{t.isocalendar()[0]:04d}",
    "V": lambda t: f"{t.isocalendar()[1]:02d}",
    "z": _offset_text,
    "%": lambda _: "%",
}
_PARSE: Final = {
    "Y": "([0-9]{4})",
    "y": "([0-9]{2})",
    "m": "([0-9]{1,2})",
    "d": "([0-9]{1,2})",
    "H": "([0-9]{1,2})",
    "I": "([0-9]{1,2})",
    "p": "(AM|PM|am|pm)",
    "M": "([0-9]{1,2})",
    "S": "([0-9]{1,2})",
    "g": "([0-9]{1,3})",
    "f": "([0-9]{1,9})",
    "b": f"({'|'.join(_SHORT_MONTHS)})",
    "B": f"({'|'.join(_MONTH_NAMES)})",
    "z": r"([+-][0-9]{2}:?[0-9]{2}|Z)",
}


def _directives(call: Call, known: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Return the pieces of a format: (is a directive, its letter or plain text)."""
    written, pieces, place = literal(call, 1), [], 0
    for found in re.finditer(r"%(.?)", written, re.DOTALL):
        pieces.append((False, written[place : found.start()]))
        letter = found[1]
        if letter == "%":
            pieces.append((False, "%"))
        elif letter not in known:
            letters = " ".join(f"%{letter}" for letter in known if letter != "%")
            raise BindError(1, f"%{letter} is no part of a time here; there is {letters}")
        else:
            pieces.append((True, letter))
        place = found.end()
    pieces.append((False, written[place:]))
    return pieces


def _format(call: Call, _: Environment) -> Implementation:
    zone = zone_of(call, 2)
    pieces = _directives(call, _FORMAT)

    def formatted(milliseconds: int, *_: Any) -> Any:
        moment = _local(milliseconds, zone)
        if moment is None:
            return OVERFLOW
        return "".join(_FORMAT[text](moment) if is_part else text for is_part, text in pieces)

    return formatted


def _parse(call: Call, _: Environment) -> Implementation:
    zone = zone_of(call, 2)
    pieces = _directives(call, _PARSE)
    letters = [text for is_part, text in pieces if is_part]
    for twice in {letter for letter in letters if letters.count(letter) > 1}:
        raise BindError(1, f"%{twice} stands in the format twice")
    pattern = re.compile(
        "".join(_PARSE[text] if is_part else re.escape(text) for is_part, text in pieces)
    )

    def parsed(text: str, *_: Any) -> Any:
        found = pattern.fullmatch(text)
        if found is None:
            return CAST
        moment = _assembled(dict(zip(letters, found.groups(), strict=True)), zone)
        return CAST if moment is None else moment

    return parsed


def _assembled(parts: Mapping[str, str], zone: tzinfo) -> int | None:
    year = int(parts.get("Y", "1970"))
    if "y" in parts:
        short = int(parts["y"])
        year = short + (2000 if short < 69 else 1900)
    month = int(parts.get("m", "1"))
    if "b" in parts:
        month = _SHORT_MONTHS.index(parts["b"]) + 1
    if "B" in parts:
        month = _MONTH_NAMES.index(parts["B"]) + 1
    hour = int(parts.get("H", "0"))
    if "I" in parts:
        hour = int(parts["I"])
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if parts.get("p", "AM").upper() == "PM" else 0)
    fraction = parts.get("g") or parts.get("f") or "0"
    milliseconds = int(f"{fraction:0<3}"[:3])
    if "z" in parts and parts["z"] != "Z":
        digits = parts["z"].replace(":", "")
        minutes = int(digits[1:3]) * 60 + int(digits[3:])
        if minutes >= 24 * 60 or int(digits[3:]) > 59:
            return None
        zone = timezone(timedelta(minutes=minutes if digits[0] == "+" else -minutes))
    elif "z" in parts:
        zone = UTC
    try:
        moment = datetime(
            year,
            month,
            int(parts.get("d", "1")),
            hour,
            int(parts.get("M", "0")),
            int(parts.get("S", "0")),
            milliseconds * 1000,
            tzinfo=zone,
        )
        return _milliseconds(moment)
    except (ValueError, OverflowError):
        return None


def _part_function(
    name: str,
    doc: str,
    function: Callable[[datetime], Any],
    result: str,
    *examples: tuple[str, Any],
) -> Function:
    return Function(
        name=name,
        group="Time",
        doc=f"{doc}, in a zone (none given: UTC).",
        signatures=(
            overload(f"timestamp -> {result}", "edge"),
            overload(f"timestamp, literal string -> {result}", "edge"),
        ),
        make=_part(function),
        cost=30,
        examples=examples,
    )


def _day_text(moment: date) -> str:
    return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"


_T: Final = 'timestamp("2026-11-23T22:30:45.123Z")'

FUNCTIONS: Final = (
    _part_function(
        "date",
        "The day of a timestamp, as `2026-11-23`",
        _day_text,
        "string",
        (f"date({_T})", "2026-11-23"),
        (f'date({_T}, "Asia/Tokyo")', "2026-11-24"),
    ),
    _part_function(
        "year", "The year of a timestamp", lambda t: t.year, "int64", (f"year({_T})", 2026)
    ),
    _part_function(
        "quarter",
        "The quarter of a timestamp, 1 to 4",
        lambda t: (t.month + 2) // 3,
        "int64",
        (f"quarter({_T})", 4),
    ),
    _part_function(
        "month",
        "The month of a timestamp, 1 to 12",
        lambda t: t.month,
        "int64",
        (f"month({_T})", 11),
    ),
    _part_function(
        "week",
        "The ISO week of a timestamp, 1 to 53",
        lambda t: t.isocalendar()[1],
        "int64",
        (f"week({_T})", 48),
    ),
    _part_function(
        "day", "The day of the month of a timestamp", lambda t: t.day, "int64", (f"day({_T})", 23)
    ),
    _part_function(
        "day_of_year",
        "The day of the year of a timestamp, 1 to 366",
        lambda t: t.timetuple().tm_yday,
        "int64",
        (f"day_of_year({_T})", 327),
    ),
    _part_function(
        "weekday",
        "The day of the week of a timestamp, 1 (Monday) to 7",
        lambda t: t.isoweekday(),
        "int64",
        (f"weekday({_T})", 1),
        (f'weekday({_T}, "Asia/Tokyo")', 2),
    ),
    _part_function(
        "hour",
        "The hour of a timestamp, 0 to 23",
        lambda t: t.hour,
        "int64",
        (f"hour({_T})", 22),
        (f'hour({_T}, "Europe/Berlin")', 23),
    ),
    _part_function(
        "minute", "The minute of a timestamp", lambda t: t.minute, "int64", (f"minute({_T})", 30)
    ),
    _part_function(
        "second", "The second of a timestamp", lambda t: t.second, "int64", (f"second({_T})", 45)
    ),
    Function(
        name="truncate_time",
        group="Time",
        doc=(
            "The start of the second, minute, hour, day, week (Monday), month, quarter or year, in a "
            "zone (none given: UTC)."
        ),
        signatures=(
            overload("timestamp, literal string -> timestamp", "edge"),
            overload("timestamp, literal string, literal string -> timestamp", "edge"),
        ),
        make=_truncate,
        cost=40,
        examples=(
            (f'string(truncate_time({_T}, "hour"))', "2026-11-23T22:00:00.000Z"),
            (f'string(truncate_time({_T}, "day", "Europe/Berlin"))', "2026-11-22T23:00:00.000Z"),
        ),
    ),
    Function(
        name="add_time",
        group="Time",
        doc=(
            "A timestamp moved by so many units (millisecond to year); days and more by the calendar "
            "of a zone (none given: UTC)."
        ),
        signatures=(
            overload("timestamp, int64, literal string -> timestamp", "edge"),
            overload("timestamp, int64, literal string, literal string -> timestamp", "edge"),
        ),
        make=_add,
        cost=10,
        examples=(
            (f'string(add_time({_T}, -1, "day"))', "2026-11-22T22:30:45.123Z"),
            ('date(add_time(timestamp("2026-01-31T00:00:00Z"), 1, "month"))', "2026-02-28"),
        ),
    ),
    Function(
        name="time_diff",
        group="Time",
        doc="The whole units from the first timestamp to the second, cut towards zero.",
        signatures=(overload("timestamp, timestamp, literal string -> int64", "edge"),),
        make=_diff,
        cost=5,
        examples=(
            (f'time_diff(timestamp("2026-11-23T00:00:00Z"), {_T}, "hour")', 22),
            (f'time_diff({_T}, timestamp("2026-01-01T00:00:00Z"), "month")', -10),
        ),
    ),
    Function(
        name="format_time",
        group="Time",
        doc="A timestamp as text, such as `%Y-%m-%d %H:%M:%S`, in a zone (none given: UTC).",
        signatures=(
            overload("timestamp, literal string -> string", "edge"),
            overload("timestamp, literal string, literal string -> string", "edge"),
        ),
        make=_format,
        cost=60,
        examples=(
            (f'format_time({_T}, "%d %b %Y %H:%M:%S.%g")', "23 Nov 2026 22:30:45.123"),
            (f'format_time({_T}, "%H:%M %z", "Asia/Kolkata")', "04:00 +0530"),
        ),
    ),
    Function(
        name="parse_time",
        group="Time",
        doc="The timestamp that a text in a format spells; without %z in a zone (none given: UTC).",
        signatures=(
            overload("string, literal string -> timestamp", "input"),
            overload("string, literal string, literal string -> timestamp", "input"),
        ),
        make=_parse,
        cost=100,
        examples=(
            ('int(parse_time("23/11/2026 10:00", "%d/%m/%Y %H:%M"))', 1795428000000),
            ('int(parse_time("2026-11-23", "%Y-%m-%d", "Europe/Berlin"))', 1795388400000),
            ('try_(parse_time("yesterday", "%Y-%m-%d"))', None),
        ),
    ),
)
