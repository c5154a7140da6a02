"""What a rule is to the engine: IR, types, placement, generated code, and what each part costs."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, cast

import msgspec

from trackplane.control.rule_wire import CostTerm, Explanation, FailurePoint, TypedExpression
from trackplane.discovery import Snapshot
from trackplane.engine.explain import placement, source_of
from trackplane.engine.generate import GenerateError
from trackplane.engine.ruleset import Ruleset
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.explain import explain
from trackplane.rules.library import Environment
from trackplane.rules.library.environment import BindError

MOST_RULES: Final = 100_000  # looked at for neighbours


def explain_rule(rule: ir.Rule, definitions: Definitions, snapshot: Snapshot) -> Explanation:
    """Explain a checked rule, as it would run among the rules in force."""
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
        placement=_placement(rule, definitions, snapshot),
        code=_code(rule, definitions, notes),
        notes=notes,
    )


class _Head(msgspec.Struct, gc=False):
    name: str
    events: tuple[str, ...] | None = None


_head: Final = msgspec.json.Decoder(_Head)


def _placement(rule: ir.Rule, definitions: Definitions, snapshot: Snapshot) -> dict[str, Any]:
    """Return where the engine's index puts a rule among those that share an event with it.

    Nodes learn which values occur; here only the rules' constants are known.
    """
    bodies: dict[str, bytes] = {}
    for resource in islice(snapshot.of_kind("rule"), MOST_RULES):
        head = _head.decode(resource.body)
        alike = None in (head.events, rule.events) and head.events == rule.events
        if head.name != rule.name and (
            alike or not set(head.events or ()).isdisjoint(rule.events or ())
        ):
            bodies[head.name] = resource.body
    environment = Environment.of(definitions)
    datasets = {name: definitions.datasets[name] for name in definitions.datasets}
    ruleset, _ = Ruleset.empty().apply(
        1, changed=bodies, datasets=datasets, environment=environment
    )
    try:
        found = placement(ruleset, rule, environment)
    except (GenerateError, BindError) as error:
        return {"why": [str(error)]}
    return cast("dict[str, Any]", msgspec.to_builtins(found))


def _code(rule: ir.Rule, definitions: Definitions, notes: list[str]) -> str:
    try:
        return source_of(rule, Environment.of(definitions))
    except (GenerateError, BindError) as error:
        notes.append(f"no code was generated: {error}")
        return ""
