"""Arithmetic, rounding and elementary functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from trackplane.rules.ir import Call
from trackplane.rules.library.core import ORDERED
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.failure import OVERFLOW, ZERO_DIVISOR
from trackplane.rules.library.table import (
    FailureClass,
    Function,
    Implementation,
    Signature,
    literal,
    overload,
    plain,
    same,
)

LOW: Final = -(1 << 63)
HIGH: Final = 1 << 63
_NUMBERS: Final = ("int64", "float64")
_WHOLE_FROM: Final = 2.0**52  # every float64 from here on is whole
_MAX_DIGITS: Final = 15


def whole(value: int) -> Any:
    """Return an int64, or that it overflows."""
    return value if LOW <= value < HIGH else OVERFLOW


def finite(value: float) -> Any:
    """Return a float64, or that it is not finite."""
    return value if math.isfinite(value) else OVERFLOW


def _number(value: Any) -> Any:
    return whole(value) if value.__class__ is int else finite(value)


def _add(a: Any, b: Any) -> Any:
    return a + b if a.__class__ is str else _number(a + b)


def _divide(a: Any, b: Any) -> Any:
    return finite(float(a) / float(b)) if b != 0 else ZERO_DIVISOR


def _remainder(a: Any, b: Any) -> Any:
    if b == 0:
        return ZERO_DIVISOR
    if a.__class__ is float:
        return math.fmod(a, b)
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def to_whole(function: Callable[[float], float]) -> Implementation:
    """Return a rounding of float64 that leaves whole numbers alone and keeps the sign of zero."""
    return lambda a: math.copysign(function(a), a) if abs(a) < _WHOLE_FROM else a


def _round(call: Call, _: Environment) -> Implementation:
    digits = literal(call, 1)
    nearest = to_whole(round)
    if not digits:
        return lambda a, *_: nearest(a)
    if not 0 <= digits <= _MAX_DIGITS:
        raise BindError(1, f"round takes 0 to {_MAX_DIGITS} digits")
    scale = 10.0**digits

    def to_digits(a: float, _: int) -> float:
        scaled = a * scale
        return nearest(scaled) / scale if abs(scaled) < _WHOLE_FROM else a

    return to_digits


def _elementary(function: Callable[..., float]) -> Implementation:
    def result(*arguments: float) -> Any:
        try:
            found = function(*map(float, arguments))
        except (ValueError, OverflowError, ZeroDivisionError):
            return OVERFLOW
        return finite(found)

    return result


def _sign(a: float) -> int:
    return (a > 0) - (a < 0)


def _floats(
    name: str,
    doc: str,
    function: Callable[..., float],
    failure: FailureClass,
    *examples: tuple[str, Any],
    count: int = 1,
) -> Function:
    return Function(
        name=name,
        group="Numbers",
        doc=doc,
        signatures=same(_NUMBERS, count, "float64", failure),
        make=plain(_elementary(function)),
        cost=4,
        examples=examples,
    )


def _operator(
    name: str, sign: str, doc: str, function: Implementation, *examples: tuple[str, Any]
) -> Function:
    return Function(
        name=name,
        sign=sign,
        group="Numbers",
        doc=doc,
        signatures=same(_NUMBERS, 1 if name == "neg" else 2, "", "edge"),
        make=plain(function),
        examples=examples,
    )


def _rounding(
    name: str, doc: str, function: Callable[[float], float], *examples: tuple[str, Any]
) -> Function:
    return Function(
        name=name,
        group="Numbers",
        doc=doc,
        signatures=(overload("float64 -> float64"),),
        make=plain(to_whole(function)),
        examples=examples,
    )


FUNCTIONS: Final = (
    Function(
        name="add",
        sign="+",
        group="Numbers",
        doc="Sum; of strings, one after the other.",
        signatures=(*same(_NUMBERS, 2, "", "edge"), overload("string, string -> string")),
        make=plain(_add),
        examples=(("1 + 2", 3), ('"a" + "b"', "ab")),
    ),
    _operator("sub", "-", "Difference.", lambda a, b: _number(a - b), ("1 - 2", -1)),
    _operator("mul", "*", "Product.", lambda a, b: _number(a * b), ("2.5 * 2.0", 5.0)),
    Function(
        name="div",
        sign="/",
        group="Numbers",
        doc="Quotient, always float64.",
        signatures=same(_NUMBERS, 2, "float64", "input"),
        make=plain(_divide),
        examples=(("7 / 2", 3.5),),
    ),
    Function(
        name="mod",
        sign="%",
        group="Numbers",
        doc="Remainder, with the dividend's sign.",
        signatures=same(_NUMBERS, 2, "", "input"),
        make=plain(_remainder),
        examples=(("-7 % 3", -1),),
    ),
    _operator("neg", "-", "Negation.", lambda a: _number(-a), ("-(1 + 2)", -3)),
    Function(
        name="abs",
        group="Numbers",
        doc="Distance from zero.",
        signatures=same(_NUMBERS, 1, "", "edge"),
        make=plain(lambda a: _number(abs(a))),
        examples=(("abs(-7)", 7),),
    ),
    Function(
        name="sign",
        group="Numbers",
        doc="-1, 0 or 1.",
        signatures=same(_NUMBERS, 1, "int64"),
        make=plain(_sign),
        examples=(("sign(-2.5)", -1), ("sign(0)", 0)),
    ),
    Function(
        name="round",
        group="Numbers",
        doc="Nearest float64 with so many decimal digits (none given: whole), halves to even.",
        signatures=(
            overload("float64 -> float64"),
            overload("float64, literal int64 -> float64"),
        ),
        make=_round,
        examples=(("round(2.5)", 2.0), ("round(3.14159, 2)", 3.14)),
    ),
    _rounding("floor", "Next whole float64 below.", math.floor, ("floor(-2.5)", -3.0)),
    _rounding("ceil", "Next whole float64 above.", math.ceil, ("ceil(2.1)", 3.0)),
    _rounding("trunc", "Whole float64 next towards zero.", math.trunc, ("trunc(-2.9)", -2.0)),
    Function(
        name="min_",
        group="Numbers",
        doc="The least; the first where several are equal.",
        signatures=tuple(Signature((kind, kind, "…"), kind) for kind in ORDERED),
        make=plain(min),
        examples=(("min_(3, 1, 2)", 1), ('min_("b", "a")', "a")),
    ),
    Function(
        name="max_",
        group="Numbers",
        doc="The greatest; the first where several are equal.",
        signatures=tuple(Signature((kind, kind, "…"), kind) for kind in ORDERED),
        make=plain(max),
        examples=(("max_(3.0, 1.0)", 3.0),),
    ),
    _floats(
        "power",
        "The first to the power of the second.",
        math.pow,
        "input",
        ("power(2, 10)", 1024.0),
        ("try_(power(-8.0, 0.5))", None),
        count=2,
    ),
    _floats("sqrt", "Square root.", math.sqrt, "input", ("sqrt(9.0)", 3.0)),
    _floats("exp", "e to the power of a number.", math.exp, "edge", ("exp(0)", 1.0)),
    _floats("ln", "Natural logarithm.", math.log, "input", ("ln(1)", 0.0)),
    _floats("log10", "Logarithm to base 10.", math.log10, "input", ("log10(1000)", 3.0)),
)
