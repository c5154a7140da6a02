"""The table of functions, and how plug-ins add to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from trackplane.errors import ConflictError, InputError, did_you_mean
from trackplane.rules.ir import Call, Expression, Type
from trackplane.rules.library.aliases import ALIASES
from trackplane.rules.library.catalog import BUILT_IN
from trackplane.rules.library.table import FailureClass, Function, match, type_of

_functions: Final[dict[str, Function]] = {function.name: function for function in BUILT_IN}
FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(_functions)
# Not strict: NULL and ERROR arguments do not decide the result (semantics.md section 3).
SPECIAL: Final = frozenset(("and", "or", "is_null", "coalesce", "try_", "if_"))
_RESERVED: Final = frozenset(
    (
        "any",
        "all",
        "filter",
        "map",
        "len",
        "id",
        "event",
        "who",
        "when",
        "where",
        "how",
        "what",
        "meta",
    )
)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class FunctionError(InputError):
    """A plug-in's function is not well formed."""

    code = "function"


class FunctionConflictError(ConflictError):
    """There is a function of this name already."""

    code = "function_conflict"


def register(function: Function) -> None:
    """Add a plug-in's function to the table, for all rules of this process.

    It must be pure: of equal arguments always the same result, nothing read and nothing kept. The same
    description registered again changes nothing.

    Raises:
        FunctionError: no maker, no overload, a bad name or a type that does not exist.
        FunctionConflictError: the name is taken.
    """
    name = function.name
    if _NAME.fullmatch(name) is None or function.sign is not None:
        raise FunctionError(f"{name!r} is no name for a function: lower case, digits, _")
    if function.make is None or not function.signatures:
        raise FunctionError(f"the function {name!r} has no implementation or no signature")
    for signature in function.signatures:
        for text in (*signature.args, signature.result):
            try:
                if text not in ("…", "any", "T", "U"):
                    plain = text.removeprefix("literal ").replace("<T>", "").replace("<U>", "")
                    type_of(plain)
            except ValueError as error:
                raise FunctionError(f"the function {name!r}: {error}") from error
    known = _functions.get(name)
    if (known is not None and known != function) or name in _RESERVED or name in ALIASES:
        raise FunctionConflictError(
            f"there is a function {name!r} already",
            hint="begin the names of a plug-in's functions with the plug-in's own",
        )
    _functions[name] = function


def failure_of(name: str, args: Sequence[Expression]) -> FailureClass:
    """Return how a call fails by its overload; of a special function ``never``."""
    found = match(_functions[name], args, literals=False)
    return "never" if found is None else found[0].failure


def null_of(call: Call) -> bool:
    """Say whether a strict call can be NULL of arguments that are not."""
    found = match(_functions[call.function], call.args, literals=False)
    return found is not None and found[0].null


def result_of(name: str, args: Sequence[Expression]) -> Type | None:
    """Return the type of a call by its overload, or None where there is none."""
    found = match(_functions[name], args)
    return None if found is None else found[1]


def suggestion(name: str, candidates: Sequence[str]) -> str | None:
    """Return a hint for a function's name that nobody knows: its name here, or the nearest."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    for tried in (plain, name.lower(), plain.replace("_", "")):
        found = ALIASES.get(tried, tried)
        if found in candidates:
            return f"did you mean '{found}'?"
    return did_you_mean(plain, candidates)
