"""Every function and operator of the language, once: name, signatures, meaning, cost, failing.

``docs/rules.md`` lists this table and a test holds the two equal; what each means exactly is in
``spec/rules/semantics.md``, section 5.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Failure = Literal["never", "edge", "input"]


class Signature(msgspec.Struct, frozen=True):
    """One overload. ``args`` and ``result`` are type kinds.

    ``any`` is every type; ``T`` one type, the same each time; ``…`` repeats the one before it. Only
    a ``failure`` of ``input`` must stand in a ``try_``.
    """

    args: tuple[str, ...]
    result: str
    failure: Failure = "never"

    def __str__(self) -> str:
        return f"({', '.join(self.args)}) -> {self.result}"


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One function.

    ``sign`` is how the Python front end spells an operator; ``cost`` is in units of about 30 ns of
    generated Python.
    """

    name: str
    doc: str
    signatures: tuple[Signature, ...]
    sign: str | None = None
    cost: int = 1


_INT: Final = "int64"
_FLOAT: Final = "float64"
_COMPARABLE: Final = ("string", _INT, _FLOAT, "bool", "timestamp")
_ORDERED: Final = ("string", _INT, _FLOAT, "timestamp")


def _same(kinds: tuple[str, ...], count: int, result: str | None = None) -> tuple[Signature, ...]:
    return tuple(Signature((kind,) * count, result or kind) for kind in kinds)


def _numeric(count: int, failure: Failure) -> tuple[Signature, ...]:
    return tuple(Signature((kind,) * count, kind, failure) for kind in (_INT, _FLOAT))


def _table(*functions: Function) -> dict[str, Function]:
    return {function.name: function for function in functions}


def _text(name: str, doc: str, *args: str, result: str = "string", cost: int = 2) -> Function:
    return Function(name=name, doc=doc, signatures=(Signature(args, result),), cost=cost)


_TRUTH: Final = (Signature(("bool", "bool", "…"), "bool"),)
_WHOLE: Final = (Signature((_FLOAT,), _FLOAT),)

FUNCTIONS: Final[dict[str, Function]] = _table(
    Function(name="eq", sign="==", doc="Equal.", signatures=_same(_COMPARABLE, 2, "bool")),
    Function(name="ne", sign="!=", doc="Not equal.", signatures=_same(_COMPARABLE, 2, "bool")),
    Function(name="lt", sign="<", doc="Less.", signatures=_same(_ORDERED, 2, "bool")),
    Function(name="le", sign="<=", doc="Less or equal.", signatures=_same(_ORDERED, 2, "bool")),
    Function(name="gt", sign=">", doc="Greater.", signatures=_same(_ORDERED, 2, "bool")),
    Function(name="ge", sign=">=", doc="Greater or equal.", signatures=_same(_ORDERED, 2, "bool")),
    Function(
        name="in",
        sign="in",
        doc="Equal to one of some literals.",
        signatures=tuple(Signature((kind, kind, "…"), "bool") for kind in _COMPARABLE),
    ),
    Function(name="and", sign="and", doc="All are TRUE.", signatures=_TRUTH),
    Function(name="or", sign="or", doc="One is TRUE.", signatures=_TRUTH),
    Function(
        name="not", sign="not", doc="The contrary.", signatures=(Signature(("bool",), "bool"),)
    ),
    Function(
        name="is_null",
        doc="Missing or null; also `x is None`.",
        signatures=(Signature(("any",), "bool"),),
    ),
    Function(
        name="add",
        sign="+",
        doc="Sum; of strings, one after the other.",
        signatures=(*_numeric(2, "edge"), Signature(("string", "string"), "string")),
    ),
    Function(name="sub", sign="-", doc="Difference.", signatures=_numeric(2, "edge")),
    Function(name="mul", sign="*", doc="Product.", signatures=_numeric(2, "edge")),
    Function(
        name="div",
        sign="/",
        doc="Quotient, always float64.",
        signatures=(
            Signature((_INT, _INT), _FLOAT, "input"),
            Signature((_FLOAT, _FLOAT), _FLOAT, "input"),
        ),
    ),
    Function(
        name="mod",
        sign="%",
        doc="Remainder, with the dividend's sign.",
        signatures=_numeric(2, "input"),
    ),
    Function(name="neg", sign="-", doc="Negation.", signatures=_numeric(1, "edge")),
    Function(name="abs", doc="Distance from zero.", signatures=_numeric(1, "edge")),
    Function(name="round", doc="Nearest whole float64, halves to even.", signatures=_WHOLE),
    Function(name="floor", doc="Next whole float64 below.", signatures=_WHOLE),
    Function(name="ceil", doc="Next whole float64 above.", signatures=_WHOLE),
    Function(name="min_", doc="The lesser of two.", signatures=_same(_ORDERED, 2)),
    Function(name="max_", doc="The greater of two.", signatures=_same(_ORDERED, 2)),
    Function(
        name="int",
        doc="To int64; a float64 is cut towards zero, a timestamp gives milliseconds.",
        signatures=(
            Signature((_INT,), _INT),
            Signature((_FLOAT,), _INT, "edge"),
            Signature(("bool",), _INT),
            Signature(("timestamp",), _INT),
            Signature(("string",), _INT, "input"),
            Signature(("json",), _INT, "input"),
        ),
        cost=3,
    ),
    Function(
        name="float",
        doc="To float64.",
        signatures=(
            Signature((_FLOAT,), _FLOAT),
            Signature((_INT,), _FLOAT),
            Signature(("string",), _FLOAT, "input"),
            Signature(("json",), _FLOAT, "input"),
        ),
        cost=3,
    ),
    Function(
        name="string",
        doc="To text.",
        signatures=(
            Signature(("string",), "string"),
            Signature((_INT,), "string"),
            Signature((_FLOAT,), "string"),
            Signature(("bool",), "string"),
            Signature(("timestamp",), "string", "edge"),
            Signature(("json",), "string", "input"),
        ),
        cost=3,
    ),
    Function(
        name="bool",
        doc="To bool: a JSON boolean.",
        signatures=(Signature(("bool",), "bool"), Signature(("json",), "bool", "input")),
    ),
    Function(
        name="timestamp",
        doc="To timestamp: from milliseconds or an RFC 3339 text with offset.",
        signatures=(
            Signature(("timestamp",), "timestamp"),
            Signature((_INT,), "timestamp"),
            Signature(("string",), "timestamp", "input"),
        ),
        cost=5,
    ),
    Function(
        name="date",
        doc="The UTC day of a timestamp, as `2026-11-23`.",
        signatures=(Signature(("timestamp",), "string", "edge"),),
        cost=5,
    ),
    _text("lower", "ASCII letters to lower case.", "string"),
    _text("upper", "ASCII letters to upper case.", "string"),
    _text("trim", "Without ASCII white space at both ends.", "string"),
    Function(
        name="length",
        doc="Code points of a string, items of an array, names of an object; also `len`.",
        signatures=_same(("string", "array", "object", "map"), 1, _INT),
    ),
    _text("contains", "The second string is in the first.", "string", "string", result="bool"),
    _text("starts_with", "The first begins with the second.", "string", "string", result="bool"),
    _text("ends_with", "The first ends with the second.", "string", "string", result="bool"),
    _text("substr", "`count` code points from `start`, counted from 0.", "string", _INT, _INT),
    _text("concat", "Strings, one after the other.", "string", "string", "…"),
    _text(
        "matches",
        "The RE2 pattern (a literal) matches somewhere.",
        "string",
        "string",
        result="bool",
        cost=20,
    ),
    Function(
        name="coalesce",
        doc="The first that is not NULL.",
        signatures=(Signature(("T", "T", "…"), "T"),),
    ),
    Function(
        name="try_",
        doc="The second (NULL if there is none) where the first fails.",
        signatures=(Signature(("T",), "T"), Signature(("T", "T"), "T")),
    ),
    Function(
        name="if_",
        doc="The second where the first is TRUE, else the third; also `a if c else b`.",
        signatures=(Signature(("bool", "T", "T"), "T"),),
    ),
)

# Names people try first -> the name here.
ALIASES: Final = {
    "len": "length",
    "str": "string",
    "min": "min_",
    "max": "max_",
    "ifnull": "coalesce",
    "nvl": "coalesce",
    "size": "length",
    "substring": "substr",
    "startswith": "starts_with",
    "endswith": "ends_with",
    "match": "matches",
    "strip": "trim",
    "double": "float",
    "iff": "if_",
    "isnull": "is_null",
}
