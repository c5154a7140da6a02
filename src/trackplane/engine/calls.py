"""What a call of a strict function becomes: an expression of Python over its arguments' values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from trackplane.rules.ir import Call
from trackplane.rules.library import Environment, bind, takes_null
from trackplane.rules.library.registry import FUNCTIONS
from trackplane.rules.library.table import match

# Functions that Python has an operator for: the table's own implementation is one call more.
_INLINE: Final = {
    "contains": "{1} in {0}",
    "starts_with": "{0}.startswith({1})",
    "ends_with": "{0}.endswith({1})",
    "length": "len({0})",
    "not": "not {0}",
}


class Callee(msgspec.Struct, frozen=True):
    """A strict call: Python that computes it, and whether that can be NULL or an ERROR itself.

    ``takes_null``: it is made with NULL arguments too.
    """

    formula: str
    null: bool
    error: bool
    takes_null: bool


def callee(
    call: Call,
    atoms: Sequence[str],
    constant: Callable[[Any], str],
    environment: Environment,
) -> Callee:
    """Return what computes a strict call of the values in ``atoms``.

    Raises:
        BindError: there is no such function, or the environment lacks what it needs.
    """
    inline = _INLINE.get(call.function)
    items_are_read = call.function == "contains" and call.args[0].type.kind != "string"
    if inline is not None and not items_are_read:
        return Callee(inline.format(*atoms), null=False, error=False, takes_null=False)
    run = bind(call, environment)
    formula = f"{constant(run)}({', '.join(atoms)})"
    found = match(FUNCTIONS[call.function], call.args, literals=False)
    if found is None:  # of no overload: the checker makes no such call, so nothing is known of it
        return Callee(formula, null=True, error=True, takes_null=takes_null(call))
    signature = found[0]
    return Callee(
        formula,
        null=signature.null,
        error=signature.failure != "never",
        takes_null=takes_null(call),
    )
