"""Comparison and logic; what is not strict has no maker: each evaluator knows it."""

from __future__ import annotations

import operator
from typing import Final

from trackplane.rules.ir import Call, Literal
from trackplane.rules.library.environment import Environment
from trackplane.rules.library.table import (
    Function,
    Implementation,
    Signature,
    overload,
    plain,
    same,
)

COMPARABLE: Final = ("string", "int64", "float64", "bool", "timestamp")
ORDERED: Final = ("string", "int64", "float64", "timestamp")
_TRUTH: Final = (overload("bool, bool, … -> bool"),)


def _is_in(call: Call, _: Environment) -> Implementation:
    if not all(isinstance(item, Literal) for item in call.args[1:]):
        return lambda value, *items: value in items
    # A float64 may have been written as an integer in the IR's JSON.
    items = frozenset(item.value for item in call.args[1:] if isinstance(item, Literal)) - {None}
    return lambda value, *_: value in items


FUNCTIONS: Final = (
    Function(
        name="eq",
        sign="==",
        group="Comparison",
        doc="Equal.",
        signatures=same(COMPARABLE, 2, "bool"),
        make=plain(operator.eq),
        examples=(('"a" == "a"', True), ("1.0 == -1.0", False)),
    ),
    Function(
        name="ne",
        sign="!=",
        group="Comparison",
        doc="Not equal.",
        signatures=same(COMPARABLE, 2, "bool"),
        make=plain(operator.ne),
        examples=(("1 != 2", True),),
    ),
    Function(
        name="lt",
        sign="<",
        group="Comparison",
        doc="Less.",
        signatures=same(ORDERED, 2, "bool"),
        make=plain(operator.lt),
        examples=(('"Z" < "a"', True), ("1 < 2 < 2", False)),
    ),
    Function(
        name="le",
        sign="<=",
        group="Comparison",
        doc="Less or equal.",
        signatures=same(ORDERED, 2, "bool"),
        make=plain(operator.le),
        examples=(("2 <= 2", True),),
    ),
    Function(
        name="gt",
        sign=">",
        group="Comparison",
        doc="Greater.",
        signatures=same(ORDERED, 2, "bool"),
        make=plain(operator.gt),
        examples=(("2.5 > 2.0", True),),
    ),
    Function(
        name="ge",
        sign=">=",
        group="Comparison",
        doc="Greater or equal.",
        signatures=same(ORDERED, 2, "bool"),
        make=plain(operator.ge),
        examples=(("1 >= 2", False),),
    ),
    Function(
        name="in",
        sign="in",
        group="Comparison",
        doc="Equal to one of some literals.",
        signatures=tuple(Signature((kind, kind, "…"), "bool") for kind in COMPARABLE),
        make=_is_in,
        examples=(('"b" in ("a", "b")', True), ("3 not in (1, 2)", True)),
    ),
    Function(
        name="and",
        sign="and",
        group="Logic",
        doc="All are TRUE.",
        signatures=_TRUTH,
        examples=(("True and None is None", True),),
    ),
    Function(
        name="or",
        sign="or",
        group="Logic",
        doc="One is TRUE.",
        signatures=_TRUTH,
        examples=(("False or 1 == 1", True),),
    ),
    Function(
        name="not",
        sign="not",
        group="Logic",
        doc="The contrary.",
        signatures=(overload("bool -> bool"),),
        make=plain(operator.not_),
        examples=(("not False", True),),
    ),
    Function(
        name="is_null",
        group="Logic",
        doc="Missing or null; also `x is None`.",
        signatures=(overload("any -> bool"),),
        examples=(('is_null(get(split("a", ","), 3))', True),),
    ),
    Function(
        name="coalesce",
        group="Logic",
        doc="The first that is not NULL.",
        signatures=(overload("T, T, … -> T"),),
        examples=(('coalesce(get(split("a", ","), 3), "none")', "none"),),
    ),
    Function(
        name="try_",
        group="Logic",
        doc="The second (NULL if there is none) where the first fails.",
        signatures=(overload("T -> T"), overload("T, T -> T")),
        examples=(("try_(sqrt(-1.0), 0.0)", 0.0), ("try_(1 / 0)", None)),
    ),
    Function(
        name="if_",
        group="Logic",
        doc="The second where the first is TRUE, else the third; also `a if c else b`.",
        signatures=(overload("bool, T, T -> T"),),
        examples=(('"big" if 7 > 3 else "small"', "big"),),
    ),
)
