"""What can be asked of a rule before it is in force: check, explain, format, preview."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from trackplane.control import budget, outcomes, rule_wire, samples
from trackplane.control.budget import environment_of
from trackplane.control.catalog import Catalog, Checked
from trackplane.control.explaining import explain_rule
from trackplane.control.operations import Call, Operations
from trackplane.control.rules import find_rule
from trackplane.discovery.compile import definitions_of
from trackplane.errors import InputError
from trackplane.event import JsonObject
from trackplane.rules import format as rules_format
from trackplane.rules import ir
from trackplane.rules.library import Environment
from trackplane.rules.tests import stamped

operations: Final = Operations("rules")

_PREVIEW_S: Final = 2.0


def _checked(call: Call, source: str) -> Checked:
    catalog = Catalog(call.platform.publisher.snapshot, call.platform.facilities)
    return catalog.check_rule(source, visible=call.actor.sees)


@operations.add("POST", "/rules/check")
def check_rule(call: Call, body: rule_wire.RuleText) -> rule_wire.RuleCheck:
    """Check a rule, run its tests and estimate its cost, without publishing it."""
    found = _checked(call, body.source)
    rule = found.rule
    if rule is None:
        return rule_wire.RuleCheck(ok=False, rule="", findings=list(found.findings))
    estimate = budget.estimate(call, rule)
    return rule_wire.RuleCheck(
        ok=found.ok,
        rule=rule.name,
        findings=[*found.findings, *found.warnings],
        warnings=(*found.warnings, *budget.findings(estimate)),
        tests=tuple(
            rule_wire.TestOutcome(
                number=result.number,
                passed=result.passed,
                message=result.message,
                line=result.line,
                output=result.output,
            )
            for result in found.tests
        ),
        apps=rule.apps,
        events=list(rule.events) if rule.events is not None else None,
        to=ir.targets(rule),
        reads=rule.reads,
        writes=rule.writes,
        uses=rule.uses,
        functions=rule.functions,
        cost=rule.cost,
        budget=estimate,
    )


@operations.add("POST", "/rules/explain")
def explain(call: Call, body: rule_wire.RuleExplain) -> rule_wire.Explanation:
    """Explain a rule: IR, types, index placement, read set, generated code, cost."""
    source = body.source
    if not source:
        if not body.rule:
            raise InputError("what is to be explained?", hint="send source, or a rule's name")
        with call.platform.database.read() as connection:
            source = find_rule(connection, call, body.rule).source
    snapshot = call.platform.publisher.snapshot
    return explain_rule(_sound(_checked(call, source)), definitions_of(snapshot), snapshot)


@operations.add("POST", "/rules/format")
def format_rule(call: Call, body: rule_wire.RuleFormat) -> rule_wire.Formatted:
    """Print a rule from its IR, in the front end asked for."""
    rule = _sound(_checked(call, body.source))
    text = rules_format.format_rule(rule, front_end=body.front_end)
    return rule_wire.Formatted(text=text, changed=text.strip() != body.source.strip())


@operations.add("POST", "/rules/preview", action="data.read")
def preview_rule(call: Call, body: rule_wire.RulePreview) -> rule_wire.Preview:
    """Run a draft over given events, or over the latest real ones, in bounded time."""
    if body.app:
        call.actor.require_app(body.app)
    found = _checked(call, body.source)
    rule = found.rule
    if rule is None:
        return rule_wire.Preview(
            ok=False,
            findings=list(found.findings),
            origin="none",
            matched=0,
            failed=0,
            items=[],
            truncated=False,
        )
    events, origin = _events(call, rule, body)
    items = list(_previewed(rule, events, environment_of(call)))
    return rule_wire.Preview(
        ok=True,
        findings=[*found.findings, *found.warnings],
        origin=origin,
        matched=sum(item.outcome == "output" for item in items),
        failed=sum(item.outcome == "failed" for item in items),
        items=items,
        truncated=len(items) < len(events),
    )


def _events(
    call: Call, rule: ir.Rule, body: rule_wire.RulePreview
) -> tuple[Sequence[JsonObject], Any]:
    if body.events:
        return [stamped(rule, _shaped(event)) for event in body.events[: body.limit]], "given"
    apps: Sequence[str] | None = [body.app] if body.app else (rule.apps or None)
    if apps is None and not call.actor.everywhere:
        apps = call.actor.apps
    for app in apps or ():
        call.actor.require_app(app)
    names = [body.event] if body.event else rule.events
    return samples.recent(call, apps, names, body.limit)


def _shaped(event: JsonObject) -> JsonObject:
    """Return a given event without what is no namespace of it."""
    objects = ("who", "when", "where", "how", "what", "meta")
    return {
        name: value
        for name, value in event.items()
        if (isinstance(value, dict | None) if name in objects else isinstance(value, str))
    }


def _previewed(
    rule: ir.Rule, events: Sequence[JsonObject], environment: Environment
) -> Iterator[rule_wire.Previewed]:
    deadline = time.monotonic() + _PREVIEW_S
    for event in events:
        if time.monotonic() > deadline:
            return
        outcome = outcomes.run(rule, event, environment)
        yield rule_wire.Previewed(
            event=str(event["event"]),
            id=str(event["id"]),
            app=str(event["meta"]["app"]),
            input=event,
            outcome=outcome.kind,
            outputs=[
                rule_wire.PreviewRow(to=output.target, row=output.value, weight=output.weight)
                for output in outcome.outputs
            ],
            script=outcome.script,
            code=outcome.code,
            reason=outcome.reason,
        )


def _sound(found: Checked) -> ir.Rule:
    if found.rule is None:
        raise InputError(f"the rule has {len(found.findings)} finding(s)", findings=found.findings)
    return found.rule
