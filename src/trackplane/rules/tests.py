"""A rule's own tests, run by the reference evaluator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from trackplane.event import JsonObject
from trackplane.rules.ir import Rule
from trackplane.rules.reference import RuleFailure, apply
from trackplane.rules.source import RuleTest, TestResult


def run_tests(rule: Rule, tests: Iterable[RuleTest]) -> list[TestResult]:
    """Run a rule's tests in order; ``number`` counts from 1.

    ``given`` is a merged event and need not fit the plan; what the platform stamps is filled in
    where it does not say (``stamped``). ``expect`` is a part of the output, None: there is none.
    """
    return [_run(rule, test, number) for number, test in enumerate(tests, start=1)]


def stamped(rule: Rule, given: JsonObject) -> JsonObject:
    """Return an event with what the platform would have stamped: id, times and ``meta``."""
    when = given.get("when") if isinstance(given.get("when"), dict) else {}
    server = (when or {}).get("server", (when or {}).get("client") or 0)
    meta = {
        "app": rule.apps[0] if rule.apps else "app",
        "env": rule.envs[0],
        "grade": "P2",
        "revision": 1,
        "weight": 1.0,
        "violations": [],
    }
    return {
        "id": "test",
        "event": rule.events[0] if rule.events else "test",
        **given,
        "when": {"at": server, "server": server, **(when or {})},
        "meta": {**meta, **(given.get("meta") or {})},
    }


def _run(rule: Rule, test: RuleTest, number: int) -> TestResult:
    output = apply(rule, stamped(rule, test.given))
    if isinstance(output, RuleFailure):
        message = f"it failed with {output.code} ({output.message})"
    elif test.expect is None:
        message = "" if output is None else f"no output was expected, got {_json(output)}"
    elif output is None:
        message = f"there was no output, expected {_json(test.expect)}"
    else:
        message = "; ".join(_differences(test.expect, output, ""))
    passed = not message
    return TestResult(
        number=number,
        passed=passed,
        message=message,
        line=test.line,
        output=None if isinstance(output, RuleFailure) else output,
    )


def _differences(expected: JsonObject, actual: JsonObject, prefix: str) -> Iterable[str]:
    for name, value in expected.items():
        path = f"{prefix}{name}"
        if name not in actual:
            yield f"{path} is not in the output"
        elif isinstance(value, dict) and isinstance(actual[name], dict):
            yield from _differences(value, actual[name], f"{path}.")
        elif not _equal(value, actual[name]):
            yield f"{path} is {_json(actual[name])}, expected {_json(value)}"


def _equal(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    return bool(expected == actual)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
