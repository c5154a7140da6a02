"""How a function is described: its name, meaning, overloads, examples and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, cast

import msgspec

from trackplane.rules.ir import JSON, NULL, Call, Expression, Type, TypeKind
from trackplane.rules.ir import Literal as Constant
from trackplane.rules.library.environment import BindError, Environment

FailureClass = Literal["never", "edge", "input"]
Group = Literal[
    "Comparison",
    "Logic",
    "Numbers",
    "Casts",
    "Text",
    "Patterns",
    "Time",
    "Arrays and objects",
    "JSON",
    "Hashes and privacy",
    "URLs",
    "Addresses and user agents",
    "Lookups",
    "Plug-ins",
]
Implementation = Callable[..., Any]
# A typed call and what the node has -> what takes the values of all arguments. Raises BindError.
Maker = Callable[[Call, Environment], Implementation]
# The arguments and what the node has -> the result's type. Raises BindError.
Typed = Callable[[Sequence[Expression], Environment], Type]

_LITERAL: Final = "literal "
_VARIABLES: Final = ("T", "U")


class Signature(msgspec.Struct, frozen=True):
    """One overload. ``args`` and ``result`` are types as text.

    ``any`` is every type; ``T`` one type, the same each time; ``array<T>`` an array of it; ``array``
    every array; ``literal string`` a constant; ``…`` repeats the one before it. Only a ``failure`` of
    ``input`` must stand in a ``try_``. ``null``: the result can be NULL of arguments that are not.
    """

    args: tuple[str, ...]
    result: str
    failure: FailureClass = "never"
    null: bool = False

    def __str__(self) -> str:
        return f"({', '.join(self.args)}) -> {self.result}"


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One function.

    ``sign`` is how the Python front end spells an operator; ``cost`` is in units of about 30 ns of
    generated Python. ``examples`` are expressions and their values (None: NULL). ``make`` prepares a
    call; None for those that are not strict, which each back end knows itself. ``takes_null``: it is
    called with NULL arguments too (an ERROR still decides). ``typed`` says the result's type where it
    depends on literals.
    """

    name: str
    doc: str
    signatures: tuple[Signature, ...]
    make: Maker | None = None
    group: Group = "Plug-ins"
    sign: str | None = None
    cost: int = 1
    examples: tuple[tuple[str, Any], ...] = ()
    takes_null: bool = False
    typed: Typed | None = None


def overload(text: str, failure: FailureClass = "never", *, null: bool = False) -> Signature:
    """Return a signature of its text.

    >>> overload("string, int64 -> string").args
    ('string', 'int64')
    """
    args, _, result = text.partition(" -> ")
    return Signature(tuple(args.split(", ")), result, failure, null)


def same(
    kinds: Sequence[str], count: int, result: str = "", failure: FailureClass = "never"
) -> Any:
    """Return an overload for each kind, of ``count`` arguments of it."""
    return tuple(Signature((kind,) * count, result or kind, failure) for kind in kinds)


def plain(function: Implementation) -> Maker:
    """Return the maker of a function that needs no preparation."""
    return lambda _call, _environment: function


def literal(call: Call, argument: int) -> Any:
    """Return the value of a literal argument; None where the call has no such argument."""
    if argument >= len(call.args):
        return None
    found = call.args[argument]
    if not isinstance(found, Constant):
        raise BindError(argument, "this must be a literal")
    return found.value


def one_of(call: Call, argument: int, choices: Sequence[str], what: str) -> str:
    """Return a literal argument that must be one of some words.

    Raises:
        BindError: it is none of them.
    """
    found = literal(call, argument)
    if found not in choices:
        raise BindError(argument, f"there is no {what} {found!r}; there is {', '.join(choices)}")
    return cast("str", found)


@lru_cache(maxsize=1024)
def type_of(text: str) -> Type:
    """Return the type that a text such as ``array<string>`` spells.

    Raises:
        ValueError: it spells none.
    """
    kind, open_, rest = text.partition("<")
    if kind not in _KINDS or (open_ and (kind not in ("array", "map") or not rest.endswith(">"))):
        raise ValueError(f"{text!r} is not a type")
    if kind in ("array", "map"):
        return Type(cast("TypeKind", kind), type_of(rest[:-1]) if rest else JSON)
    return Type(cast("TypeKind", kind))


_KINDS: Final = frozenset(
    ("string", "int64", "float64", "bool", "timestamp", "array", "object", "map", "json", "null")
)


def match(
    function: Function, args: Sequence[Expression], *, literals: bool = True
) -> tuple[Signature, Type] | None:
    """Return the overload that takes these arguments and its result's type, or None.

    Without ``literals`` what must be a literal may be anything of its type.
    """
    for signature in function.signatures:
        wanted = list(signature.args)
        if wanted[-1] == "…":
            wanted[-1:] = [wanted[-2]] * (len(args) - len(wanted) + 1)
        if len(wanted) != len(args):
            continue
        bound: dict[str, Type] = {}
        if all(_fits(a, w, bound, literals=literals) for a, w in zip(args, wanted, strict=True)):
            return signature, _result(signature.result, bound)
    return None


def _fits(argument: Expression, wanted: str, bound: dict[str, Type], *, literals: bool) -> bool:
    if wanted.startswith(_LITERAL):
        is_literal = isinstance(argument, Constant) and argument.value is not None
        if literals and not is_literal:
            return False
        wanted = wanted.removeprefix(_LITERAL)
    return _unify(argument.type, wanted, bound)


def _unify(given: Type, wanted: str, bound: dict[str, Type]) -> bool:
    if wanted == "any":
        return True
    if wanted in _VARIABLES:
        if given == NULL:
            bound.setdefault(wanted, NULL)
            return True
        known = bound.get(wanted, NULL)
        if known not in (NULL, given):
            if known.kind != given.kind:
                return False
            given = Type(given.kind)
        bound[wanted] = given
        return True
    kind, _, item = wanted.partition("<")
    return given.kind == kind and (not item or _unify(given.item or JSON, item[:-1], bound))


def _result(wanted: str, bound: dict[str, Type]) -> Type:
    if wanted in _VARIABLES:
        return bound[wanted]
    kind, _, item = wanted.partition("<")
    if item[:-1] in _VARIABLES:
        return Type(cast("TypeKind", kind), bound[item[:-1]])
    return type_of(wanted)
