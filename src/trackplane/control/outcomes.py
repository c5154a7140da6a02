"""Runs a rule over one event by the reference evaluator, and says why nothing came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from trackplane.event import JsonObject
from trackplane.rules import ir
from trackplane.rules.apply import Output, apply
from trackplane.rules.library import Environment
from trackplane.rules.library.environment import BindError
from trackplane.rules.printing import text_of
from trackplane.rules.reference import evaluate


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event; ``reason`` says why there is no output.

    ``script`` is the script that the outputs would be handed to; it is not run.
    """

    kind: Literal["output", "not_matched", "dropped", "failed"]
    outputs: tuple[Output, ...] = ()
    script: str = ""
    code: str = ""
    reason: str = ""


def run(rule: ir.Rule, event: JsonObject, environment: Environment) -> Outcome:
    """Run a rule over a merged event with ``meta``."""
    elsewhere = _elsewhere(rule, event)
    if elsewhere:
        return Outcome(kind="not_matched", reason=elsewhere)
    try:
        found = apply(rule, event, environment)
        if found.failures:
            first = found.failures[0]
            return Outcome(
                kind="failed",
                outputs=found.outputs,
                code=first.code,
                reason=first.message or first.code,
            )
        if found.outputs:
            return Outcome(kind="output", outputs=found.outputs, script=found.script)
        unmet = _unmet(rule.where, event, environment)
    except BindError as error:
        return Outcome(kind="failed", code="bind", reason=str(error))
    if unmet:
        return Outcome(kind="not_matched", reason=unmet)
    return Outcome(kind="dropped", reason=_after(rule))


def _elsewhere(rule: ir.Rule, event: JsonObject) -> str:
    meta = event["meta"]
    if rule.apps and meta["app"] not in rule.apps:
        return f"the event is of the app {meta['app']!r}, the rule of {', '.join(rule.apps)}"
    if meta["env"] not in rule.envs:
        return f"the event is of {meta['env']!r}, the rule of {', '.join(rule.envs)}"
    if rule.events is not None and event["event"] not in rule.events:
        named = ", ".join(rule.events[:3]) + (", …" if len(rule.events) > 3 else "")
        return f"the filter is for {named}, this is {event['event']!r}"
    return ""


def _unmet(where: ir.Expression | None, event: JsonObject, environment: Environment) -> str:
    """Name the first part of the filter that is not TRUE; "" where all of it is."""
    if where is None or evaluate(where, event, environment) is True:
        return ""
    parts = where.args if isinstance(where, ir.Call) and where.function == "and" else (where,)
    for part in parts:
        value = evaluate(part, event, environment)
        if value is not True:
            shown = "NULL" if value is None else "FALSE"
            return f"{text_of(part)} is {shown}"
    return "the filter is not TRUE"


def _after(rule: ir.Rule) -> str:
    kinds = [type(action).__name__.lower() for action in rule.actions]
    stopping = [kind for kind in kinds if kind in ("drop", "sample", "explode")]
    return f"let go by {' or '.join(stopping)}" if stopping else "nothing was put out"
