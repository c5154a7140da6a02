"""What a rule is to the engine: IR, types, placement, generated code, and what each part costs."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import msgspec

from trackplane.control.rule_wire import Explanation
from trackplane.engine.generate import GenerateError, source_of
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.library import Environment
from trackplane.rules.library.environment import BindError
from trackplane.rules.printing import text_of


def explain_rule(rule: ir.Rule, definitions: Definitions) -> Explanation:
    """Explain a checked rule."""
    types: dict[str, str] = {}
    calls: Counter[str] = Counter()
    for top in ir.expressions(rule):
        for node in ir.walk(top):
            if isinstance(node, ir.Path):
                types[text_of(node)] = str(node.type) + ("" if node.nullable else ", not null")
            elif isinstance(node, ir.Call):
                calls[node.function] += 1
    notes: list[str] = []
    return Explanation(
        rule=rule.name,
        text=rule.text,
        front_end=rule.front_end,
        ir=cast("dict[str, Any]", msgspec.to_builtins(msgspec.structs.replace(rule, text=""))),
        types=dict(sorted(types.items())),
        reads=list(rule.reads),
        writes=list(rule.writes),
        uses=list(rule.uses),
        cost=rule.cost,
        costs={
            name: FUNCTIONS[name].cost * count
            for name, count in calls.most_common()
            if name in FUNCTIONS
        },
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
