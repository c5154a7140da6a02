"""The whole validation of an event: what its plan says of each property, then its checks.

What the collector runs, and everything that must agree with it. Checks are generated Python over the
merged event as the client sent it (``expressions.py``); their meaning is in ``rules/checks.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from trackplane.engine import values
from trackplane.engine.demand import Demand, demand_of
from trackplane.engine.expressions import Expressions
from trackplane.engine.source import Source, Value, compiled
from trackplane.event import JsonObject
from trackplane.plan.model import EventSpec, Property, Text
from trackplane.plan.properties import property_at
from trackplane.plan.validate import Validator, compile_validator
from trackplane.plan.violations import Violation, shown
from trackplane.rules.checks import TypedCheck, type_check
from trackplane.rules.ir import Path
from trackplane.rules.library import NOTHING

Outcome = Callable[[JsonObject], Any]  # of an event: TRUE, FALSE, None or a ``Failure``
_GLOBALS: Final[dict[str, Any]] = {
    "F": values.Failure,
    "TYPE": values.TYPE,
    "LOW": -(1 << 63),
    "HIGH": 1 << 63,
}
_WRONG_TYPE: Final = values.TYPE.code


def compile_validation(spec: EventSpec) -> Validator:
    """Return a function from a merged event to all of its violations, broken checks included.

    Raises:
        RuleError: a check is wrong; a plan in force has none such.
    """
    validate = compile_validator(spec)
    if not spec.checks:
        return validate
    checks = [_Compiled(type_check(check, spec), spec) for check in spec.checks]

    def validate_all(event: JsonObject) -> Sequence[Violation]:
        found = validate(event)
        broken = [check.violation(event) for check in checks if check.is_broken(event)]
        return [*found, *broken] if broken else found

    return validate_all


class _Compiled:
    """One check: its generated function, and what to tell when it is broken."""

    def __init__(self, typed: TypedCheck, spec: EventSpec) -> None:
        self._check = typed.check
        self._run = _function(typed)
        self._reads = typed.reads
        self._masked = {path for path in typed.reads if _is_personal(path, spec)}

    def is_broken(self, event: JsonObject) -> bool:
        outcome = self._run(event)
        if outcome is True or outcome is None:
            return False
        return outcome is False or outcome.code != _WRONG_TYPE

    def violation(self, event: JsonObject) -> Violation:
        check = self._check
        read = {
            ".".join(map(str, (path.root, *path.parts))).lstrip("."): shown(
                _value(event, path), masked=path in self._masked
            )
            for path in self._reads
        }
        return Violation(
            code="check" if check.severity == "error" else "check_warning",
            pointer="",
            message=_plain(check.message) or f"the check {check.name} does not hold",
            input=", ".join(f"{name}: {value}" for name, value in read.items())[:200],
            rule=f"{check.name}: {check.that}",
        )


def _plain(text: Text | None) -> str:
    if isinstance(text, dict):
        return text.get("en") or next(iter(text.values()), "")
    return text or ""


def _is_personal(path: Path, spec: EventSpec) -> bool:
    """Say whether a value, what holds it or what it holds is planned as personal."""
    steps = [str(part) for part in (path.root, *path.parts)]
    shape: Property | None = None
    for end in range(2, len(steps) + 1):
        shape = property_at(spec, ".".join(steps[:end]))
        if shape is not None and shape.pii is not None:
            return True
    return shape is not None and _holds_personal(shape)


def _holds_personal(shape: Property) -> bool:
    inner = [*(shape.properties or {}).values(), shape.items, shape.values]
    return shape.pii is not None or any(_holds_personal(part) for part in inner if part)


def _value(event: Any, path: Path) -> Any:
    for part in (path.root, *path.parts) if path.root else path.parts:
        if isinstance(part, int):
            event = event[part] if isinstance(event, list) and part < len(event) else None
        else:
            event = event.get(part) if isinstance(event, dict) else None
    return event


class _OverObjects(Expressions):
    """Emits expressions over a merged event as a dict, not over the engine's decoded structs."""

    def __init__(self, source: Source, demand: Demand) -> None:
        super().__init__(source, demand, "loose", NOTHING)

    def _path(self, node: Path) -> Value:
        parts = (node.root, *node.parts) if node.root else node.parts
        return self._steps(Value("e", False, False), parts, node.type.kind)


def _function(typed: TypedCheck) -> Outcome:
    source = Source()
    result = _OverObjects(source, demand_of([])).emit(typed.that)
    source.line(f"return {result.atom}")
    text = source.text("run(e)")
    run: Outcome = compiled(text, source.constants, _GLOBALS)(None, None)
    return run
