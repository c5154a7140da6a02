"""Casts: the only way from one type to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from trackplane.rules import values
from trackplane.rules.ir import Call
from trackplane.rules.library.environment import Environment
from trackplane.rules.library.failure import OVERFLOW, or_cast
from trackplane.rules.library.numbers import whole
from trackplane.rules.library.table import Function, Implementation, Maker, overload


def _read(reader: Callable[[Any], Any]) -> Implementation:
    return lambda value: or_cast(reader(value))


def _same(value: Any) -> Any:
    return value


def _by_kind(table: Mapping[str, Implementation]) -> Maker:
    def make(call: Call, _: Environment) -> Implementation:
        return table[call.args[0].type.kind]

    return make


def _text_of_time(milliseconds: int) -> Any:
    text = values.format_timestamp(milliseconds)
    return OVERFLOW if text is None else text


def _is(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if value.__class__ is kind else None


FUNCTIONS: Final = (
    Function(
        name="int",
        group="Casts",
        doc="To int64; a float64 is cut towards zero, a timestamp gives milliseconds.",
        signatures=(
            overload("int64 -> int64"),
            overload("float64 -> int64", "edge"),
            overload("bool -> int64"),
            overload("timestamp -> int64"),
            overload("string -> int64", "input"),
            overload("json -> int64", "input"),
        ),
        cost=3,
        make=_by_kind(
            {
                "int64": _same,
                "float64": lambda value: whole(int(value)),
                "bool": int,
                "timestamp": _same,
                "string": _read(values.parse_int64),
                "json": _read(values.read_int64),
            }
        ),
        examples=(('int("42")', 42), ("int(-2.9)", -2), ('try_(int(lower("4x")), 0)', 0)),
    ),
    Function(
        name="float",
        group="Casts",
        doc="To float64.",
        signatures=(
            overload("float64 -> float64"),
            overload("int64 -> float64"),
            overload("string -> float64", "input"),
            overload("json -> float64", "input"),
        ),
        cost=3,
        make=_by_kind(
            {
                "float64": _same,
                "int64": float,
                "string": _read(values.parse_float64),
                "json": _read(values.read_float64),
            }
        ),
        examples=(('float("2.50")', 2.5), ("float(7)", 7.0)),
    ),
    Function(
        name="string",
        group="Casts",
        doc="To text.",
        signatures=(
            overload("string -> string"),
            overload("int64 -> string"),
            overload("float64 -> string"),
            overload("bool -> string"),
            overload("timestamp -> string", "edge"),
            overload("json -> string", "input"),
        ),
        cost=3,
        make=_by_kind(
            {
                "string": _same,
                "int64": str,
                "float64": repr,
                "bool": lambda value: "true" if value else "false",
                "timestamp": _text_of_time,
                "json": _read(values.read_string),
            }
        ),
        examples=(("string(42)", "42"), ("string(1.0)", "1.0"), ("string(1 == 1)", "true")),
    ),
    Function(
        name="bool",
        group="Casts",
        doc="To bool: a JSON boolean.",
        signatures=(overload("bool -> bool"), overload("json -> bool", "input")),
        make=_by_kind({"bool": _same, "json": _read(values.read_bool)}),
        examples=(('bool(parse_json("true"))', True),),
    ),
    Function(
        name="timestamp",
        group="Casts",
        doc="To timestamp: from milliseconds or an RFC 3339 text with offset.",
        signatures=(
            overload("timestamp -> timestamp"),
            overload("int64 -> timestamp"),
            overload("string -> timestamp", "input"),
        ),
        cost=5,
        make=_by_kind(
            {"timestamp": _same, "int64": _same, "string": _read(values.parse_timestamp)}
        ),
        examples=(('int(timestamp("1970-01-01T00:00:01Z"))', 1000),),
    ),
    Function(
        name="array",
        group="Casts",
        doc="To an array of any JSON: a JSON array.",
        signatures=(overload("json -> array<json>", "input"),),
        make=_by_kind({"json": _read(_is(list))}),
        examples=(('length(array(parse_json("[1, 2]")))', 2),),
    ),
    Function(
        name="map",
        group="Casts",
        doc="To a map of any JSON: a JSON object.",
        signatures=(overload("json -> map<json>", "input"),),
        make=_by_kind({"json": _read(_is(dict))}),
        examples=(("keys(map(parse_json('{\"a\": 1}')))", ["a"]),),
    ),
)
