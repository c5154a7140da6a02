"""What a call of a function becomes: a Python callable over values, and whether it can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from trackplane.engine import values
from trackplane.engine.source import GenerateError
from trackplane.rules.ir import Call

# Functions with an emitter of their own (``expressions.py``): they are not strict.
SPECIAL: Final = frozenset({"and", "or", "is_null", "coalesce", "try_", "if_"})
_NEVER_FAILS: Final = frozenset(
    {
        "round", "floor", "ceil", "min_", "max_", "lower", "upper", "trim", "length", "contains",
        "starts_with", "ends_with", "substr", "concat",
    }
)  # fmt: skip


class Callee(msgspec.Struct, frozen=True):
    """A strict function: ``run`` takes values and returns one, NULL or a ``Failure``."""

    run: Callable[..., Any]
    null: bool
    error: bool


def callee(call: Call) -> Callee:
    """Return what runs a strict function.

    Raises:
        GenerateError: this engine has no such function.
    """
    cast = values.CASTS.get((call.function, call.args[0].type.kind)) if call.args else None
    if cast is not None:
        return Callee(cast, False, True)
    function = values.STRICT.get(call.function)
    if function is None:
        raise GenerateError(f"this engine has no function {call.function!r}")
    return Callee(function, False, call.function not in _NEVER_FAILS)
