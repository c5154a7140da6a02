"""Checks a user function where it is written: its body, its name, its tests."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from trackplane.errors import Finding
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import ALIASES, FUNCTIONS
from trackplane.rules.inline import Functions, TypedFunction
from trackplane.rules.library import Environment
from trackplane.rules.load_definitions import FunctionSource
from trackplane.rules.reference import RuleFailure, evaluate
from trackplane.rules.source import RuleError

_EVENT: Final[dict[str, Any]] = {"id": "", "event": "", "when": {}, "meta": {}}


def check_function(source: FunctionSource, definitions: Definitions) -> TypedFunction:
    """Return a function, typed; its tests pass.

    ``definitions`` may hold it already, or an older one of its name.

    Raises:
        RuleError: with every finding, in the function's own file.
    """
    name = source.name
    if name in FUNCTIONS or name in ALIASES:
        message = f"{name!r} is a function of the language"
        found = source.body.finding("name", message, hint="call it otherwise")
        raise RuleError(f"the function {name!r} is wrong", findings=[found])
    functions = {**definitions.functions, name: source.function}
    among = msgspec.structs.replace(definitions, functions=functions)
    typed = Functions(among).check(source.function, source.body)
    if isinstance(typed, tuple):
        raise RuleError(f"the function {name!r} is wrong", findings=list(typed))
    findings = list(_failed(source, typed, Environment.of(definitions)))
    if findings:
        raise RuleError(f"{len(findings)} test(s) of {name!r} failed", findings=findings)
    return typed


def _failed(
    source: FunctionSource, typed: TypedFunction, environment: Environment
) -> list[Finding]:
    findings = []
    for number, test in enumerate(source.tests, start=1):
        items = {name: test.given.get(name) for name, _ in typed.parameters}
        value = evaluate(typed.body, _EVENT, environment, items)
        if isinstance(value, RuleFailure):
            message = f"it failed with {value.code} ({value.message})"
        elif (
            type(value) is not type(test.expect) and not _numbers(value, test.expect)
        ) or value != test.expect:
            message = f"it is {value!r}, expected {test.expect!r}"
        else:
            continue
        findings.append(
            Finding(
                code="rule_test",
                message=f"test {number}: {message}",
                file=source.body.file,
                line=test.line or None,
            )
        )
    return findings


def _numbers(one: object, other: object) -> bool:
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in (one, other))
