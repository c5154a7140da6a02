"""A rule's own tests, run by the reference evaluator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from trackplane.event import JsonObject
from trackplane.rules.apply import Applied, apply
from trackplane.rules.ir import Rule
from trackplane.rules.library import Environment
from trackplane.rules.source import RuleTest, TestResult

_ANY_KEY = Environment(keys=None)


def run_tests(
    rule: Rule, tests: Iterable[RuleTest], environment: Environment = _ANY_KEY
) -> list[TestResult]:
    """Run a rule's tests in order; ``number`` counts from 1.

    ``given`` is a merged event and need not fit the plan; what the platform stamps is filled in
    where it does not say (``stamped``). ``expect`` has a part of each output, in order. Of a rule
    with a script it is what the script is handed.
    """
    return [_run(rule, test, number, environment) for number, test in enumerate(tests, start=1)]


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


def _run(rule: Rule, test: RuleTest, number: int, environment: Environment) -> TestResult:
    found = apply(rule, stamped(rule, test.given), environment)
    message = _message(found, test)
    values = [output.value for output in found.outputs]
    return TestResult(
        number=number,
        passed=not message,
        message=message,
        line=test.line,
        output=values[0] if len(values) == 1 else values or None,
    )


def _message(found: Applied, test: RuleTest) -> str:
    """Return what differs from what is expected; empty where nothing does."""
    if found.failures:
        failure = found.failures[0]
        return f"it failed with {failure.code} ({failure.message})"
    values = [output.value for output in found.outputs]
    if not test.expect:
        return f"no output was expected, got {_shown(values)}" if values else ""
    if not values:
        return f"there was no output, expected {_shown(test.expect)}"
    if len(values) != len(test.expect):
        return f"{len(values)} outputs, expected {len(test.expect)}: {_shown(values)}"
    several = len(values) > 1
    differences = [
        difference
        for index, (expected, value) in enumerate(zip(test.expect, values, strict=True))
        for difference in _differences(expected, value, f"[{index}]." if several else "")
    ]
    differences += [
        f"it goes to {output.target}, expected {test.target}"
        for output in found.outputs
        if test.target and output.target != test.target
    ]
    return "; ".join(differences)


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


def _shown(values: Iterable[JsonObject]) -> str:
    found = list(values)
    return _json(found[0] if len(found) == 1 else found)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
