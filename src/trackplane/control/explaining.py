"""What a rule is to the engine: IR, types, placement, generated code, and what each part costs."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from trackplane.control.rule_wire import CostTerm, Explanation, FailurePoint, TypedExpression
from trackplane.engine.generate import GenerateError, source_of
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.explain import explain
from trackplane.rules.library import Environment
from trackplane.rules.library.environment import BindError


def explain_rule(rule: ir.Rule, definitions: Definitions) -> Explanation:
    """Explain a checked rule."""
    found = explain(rule)
    notes: list[str] = []
    return Explanation(
        rule=rule.name,
        text=found.text(),
        front_end=rule.front_end,
        events=list(rule.events) if rule.events is not None else None,
        to=list(found.targets),
        ir=cast("dict[str, Any]", msgspec.to_builtins(msgspec.structs.replace(rule, text=""))),
        tree=found.ir,
        expressions=msgspec.convert(found.expressions, list[TypedExpression], from_attributes=True),
        reads=list(found.reads),
        writes=list(found.writes),
        uses=list(found.uses),
        failures=msgspec.convert(found.failures, list[FailurePoint], from_attributes=True),
        cost=rule.cost,
        terms=msgspec.convert(found.terms, list[CostTerm], from_attributes=True),
        placement=_placement(rule),
        code=_code(rule, definitions, notes),
        notes=notes,
    )


def _placement(rule: ir.Rule) -> dict[str, Any]:
    """Return where the engine's directory puts a rule: under which names of events."""
    if rule.events is None:
        return {"events": None, "why": "the filter names no event: every event is looked at"}
    return {"events": list(rule.events), "why": "only events of these names are looked at"}


def _code(rule: ir.Rule, definitions: Definitions, notes: list[str]) -> str:
    try:
        return source_of(rule, Environment.of(definitions))
    except (GenerateError, BindError) as error:
        notes.append(f"no code was generated: {error}")
        return ""
