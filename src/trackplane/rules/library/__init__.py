"""One implementation of each strict function, for the reference evaluator and for generated code.

::

    multiply = bind(call, environment)  # once, when a rule is compiled
    result = multiply(2, 3)             # for each event: a value, None or a Failure

The evaluator deals with ERROR arguments, and with NULL arguments unless ``takes_null(call)``, before it
calls. Everything that literals decide (patterns, zones, networks, keys) is done by ``bind``.
"""

from __future__ import annotations

from trackplane.rules.ir import Call
from trackplane.rules.library.environment import (
    NOTHING,
    BindError,
    Environment,
    GeoReader,
    Known,
)
from trackplane.rules.library.failure import (
    CAST,
    OVERFLOW,
    TYPE,
    ZERO_DIVISOR,
    Failure,
    FailureCode,
)
from trackplane.rules.library.registry import FUNCTIONS, failure_of, null_of
from trackplane.rules.library.table import Implementation

__all__ = [
    "CAST",
    "NOTHING",
    "OVERFLOW",
    "TYPE",
    "ZERO_DIVISOR",
    "BindError",
    "Environment",
    "Failure",
    "FailureCode",
    "GeoReader",
    "Implementation",
    "Known",
    "bind",
    "may_be_null",
    "never_fails",
    "takes_null",
]


def bind(call: Call, environment: Environment = NOTHING) -> Implementation:
    """Return what computes a strict call of the values of all its arguments, in order.

    Raises:
        BindError: a literal argument is wrong, or the environment lacks what it names; also of a
            function that is not in the table, or not strict.
    """
    function = FUNCTIONS.get(call.function)
    if function is None or function.make is None:
        message = f"there is no strict function {call.function!r}"
        raise BindError(0, message, reason="rule_function", missing=True)
    return function.make(call, environment)


def never_fails(call: Call) -> bool:
    """Say whether a strict call gives no ERROR of its own, whatever its arguments."""
    return failure_of(call.function, call.args) == "never"


def may_be_null(call: Call) -> bool:
    """Say whether a strict call can be NULL of arguments that are not."""
    return null_of(call)


def takes_null(call: Call) -> bool:
    """Say whether a call is made with NULL arguments too, as None."""
    return FUNCTIONS[call.function].takes_null
