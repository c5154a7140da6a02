"""Every function and operator of the language, once: name, signatures, meaning, cost, failing.

``docs/functions.md`` and ``docs/rules.md`` are made from this table and tests hold them equal; what
each means exactly is in ``spec/rules/semantics.md``, sections 3 and 5. Descriptions stand beside the
implementations, in ``trackplane.rules.library``.

Installed packages add pure functions with ``register``; nothing can be replaced or taken away.
"""

from __future__ import annotations

from trackplane.rules.library.aliases import ALIASES
from trackplane.rules.library.registry import (
    FUNCTIONS,
    SPECIAL,
    FunctionConflictError,
    FunctionError,
    failure_of,
    null_of,
    register,
    result_of,
    suggestion,
)
from trackplane.rules.library.table import FailureClass, Function, Signature, match, type_of

__all__ = [
    "ALIASES",
    "FUNCTIONS",
    "SPECIAL",
    "FailureClass",
    "Function",
    "FunctionConflictError",
    "FunctionError",
    "Signature",
    "failure_of",
    "match",
    "null_of",
    "register",
    "result_of",
    "suggestion",
    "type_of",
]
