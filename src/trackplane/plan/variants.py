"""Variants: when one applies, as a predicate of the merged event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trackplane.event import JsonObject
from trackplane.plan.model import Applies
from trackplane.plan.versions import compile_range

Predicate = Callable[[JsonObject], bool]


def compile_applies(applies: Applies, app: str) -> Predicate:
    """Return the predicate of a condition; a missing or null value meets none."""
    tests: list[Predicate] = []
    if applies.app is not None:
        here = app in applies.app
        tests.append(lambda _event: here)
    if applies.platform is not None:
        tests.append(_one_of("how.platform", applies.platform))
    if applies.app_version is not None:
        in_range = compile_range(applies.app_version)
        tests.append(lambda event: in_range(value_at(event, ("how", "app_version"))))
    tests += [_one_of(path, accepted) for path, accepted in applies.equals.items()]
    return lambda event: all(test(event) for test in tests)


def _one_of(path: str, accepted: tuple[Any, ...]) -> Predicate:
    parts = tuple(path.split("."))
    wanted = {(type(v) is bool, v) for v in accepted if v is not None}

    def matches(event: JsonObject) -> bool:
        value = value_at(event, parts)
        if type(value) not in (str, int, float, bool):
            return False
        return (type(value) is bool, value) in wanted

    return matches


def value_at(event: Any, parts: tuple[str, ...]) -> Any:
    """Return the value at a path, or None where there is none."""
    for part in parts:
        if type(event) is not dict:
            return None
        event = event.get(part)
    return event
