"""Canaries: a new version for a share of the events, taken back by itself when it does worse.

While a canary runs, two rules travel: ``r`` (the version in force) for the events whose key falls
into the rest of 10,000 parts, and ``r~canary`` for the others. An event is in one of them, always the
same: together they put out what choosing by the key would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control import live_wire, rules, tables, trials, wire
from trackplane.control.access import SYSTEM
from trackplane.control.guard import compare, describe, start_guard
from trackplane.control.operations import Call, Operations
from trackplane.control.platform import Platform
from trackplane.control.problems import ExistsError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.reach import only, sees
from trackplane.control.split import PARTS, split_rule, with_key
from trackplane.control.statistics import ALL
from trackplane.engine.outputs import CANARY
from trackplane.errors import ConflictError
from trackplane.rules import ir

_log = structlog.get_logger(__name__)

operations: Final = Operations("canaries")
_TIMED: Final = 0.1  # share of the events on which both versions' cost is measured
_LONGEST_MS: Final = 366 * 24 * 3_600_000


class CanaryTrial(msgspec.Struct, kw_only=True):
    """A canary as it is kept; ``key`` is the checked expression, ``definition`` the new version's."""

    rule: str
    apps: tuple[str, ...]
    status: str = "running"
    source: str
    definition: msgspec.Raw
    base_version: int
    parts: int
    key_text: str
    key: ir.Expression
    limits: live_wire.CanaryLimits
    reason: str
    started_at: int
    started_by: str
    until: int  # of the shadow that measures what both cost
    since: int  # what is compared began under this number
    ended_at: int | None = None
    message: str = ""
    comparison: live_wire.Comparison
    version: int = 1


def _nothing() -> live_wire.Comparison:
    return live_wire.Comparison(old=live_wire.Figures(), new=live_wire.Figures())


def _find(connection: sa.Connection, call: Call, rule: str) -> CanaryTrial:
    kept = trials.find(connection, "canary", rule, CanaryTrial)
    if kept is None or not sees(call, kept.apps):
        raise NotFoundError(f"there is no canary of a rule {rule!r}")
    return kept


def _running(change: Change, call: Call, rule: str) -> CanaryTrial:
    kept = _find(change.connection, call, rule)
    call.actor.require_apps(kept.apps)
    if kept.status != "running":
        raise ConflictError(f"the canary of {rule!r} is over: {kept.status}")
    return kept


@operations.add("POST", "/rules/{rule}/canary", action="rule.edit", status=201)
def start_canary(call: Call, rule: wire.Word, body: live_wire.CanaryCreate) -> live_wire.Canary:
    """Run a new version for a share of the events; it is taken back when it passes a limit."""
    platform = call.platform
    with platform.publisher.change(call.actor, _why(f"canary of {rule}", body.reason)) as change:
        compiled = rules.compile_for(call, body.source)
        rules.require_name(compiled.name, rule)
        candidate = ir.decode_rule(compiled.body)
        key = with_key(candidate, body.key, platform.publisher.snapshot)
        row = rules.find_rule(change.connection, call, rule)
        call.actor.require_apps(row.apps)
        if row.status != "published":
            raise ConflictError(f"the rule {rule!r} is {row.status}", hint="publish it in full")
        if trials.runs(change.connection, "canary", rule):
            raise ExistsError(f"a canary of {rule!r} runs already")
        kept = CanaryTrial(
            rule=rule,
            apps=trials.of_both(row.apps, compiled.apps),
            source=body.source,
            definition=msgspec.Raw(compiled.body),
            base_version=row.version,
            parts=_parts(body.percent),
            key_text=body.key,
            key=key,
            limits=body.limits,
            reason=body.reason,
            started_at=change.now,
            started_by=change.actor.name,
            until=change.now + _LONGEST_MS,
            since=platform.publisher.snapshot.number + 1,
            comparison=_nothing(),
        )
        _put(change, kept, ir.decode_rule(row.definition.encode()))
        detail = {"percent": body.percent, "reason": body.reason}
        change.audit("rule.canary", rule, app=only(kept.apps), detail=detail)
    platform.watch.tally("canary", rule, kept.since)
    return _view(kept, change.number)


@operations.add("GET", "/rules/{rule}/canary", action="data.read")
def get_canary(call: Call, rule: wire.Word) -> live_wire.Canary:
    """Show how the canary does against the version in force."""
    with call.platform.database.read() as connection:
        kept = _find(connection, call, rule)
    kept.comparison = compared(call.platform, kept)
    return _view(kept)


@operations.add("PATCH", "/rules/{rule}/canary", action="rule.edit", precondition=True)
def change_canary(call: Call, rule: wire.Word, body: live_wire.CanaryChange) -> live_wire.Canary:
    """Give the canary another share; the comparison begins anew."""
    platform = call.platform
    why = f"canary of {rule}: {body.percent:g} %"
    with platform.publisher.change(call.actor, why) as change:
        kept = _running(change, call, rule)
        call.match(str(kept.version))
        kept.parts = _parts(body.percent)
        kept.version += 1
        kept.since = platform.publisher.snapshot.number + 1
        _put(change, kept, _base(change.connection, rule))
        change.audit(
            "rule.canary_change", rule, app=only(kept.apps), detail={"percent": body.percent}
        )
    platform.watch.tally("canary", rule, kept.since)
    return _view(kept, change.number)


@operations.add("POST", "/rules/{rule}/canary/promote", action="rule.edit")
def promote_canary(call: Call, rule: wire.Word, body: live_wire.CanaryPromote) -> live_wire.Canary:
    """Make the canary the rule, for all events."""
    platform = call.platform
    with platform.publisher.change(
        call.actor, _why(f"canary of {rule} promoted", body.reason)
    ) as change:
        kept = _running(change, call, rule)
        compiled = rules.compile_for(call, kept.source)
        comparison = compared(platform, kept)
        events = platform.watch.tally("canary", rule, kept.since).figures(ALL).matched
        _end(change, kept, "promoted", "", comparison)
        rules.publish(
            change,
            compiled,
            kept.source,
            reason=body.reason or kept.reason,
            detail={"canary": True},
        )
    platform.watch.end("canary", rule)
    if platform.settings.guard_minutes:
        rest = round(events * (PARTS - kept.parts) / PARTS)
        start_guard(
            platform,
            rule,
            kept.limits,
            minutes=platform.settings.guard_minutes,
            before=(comparison.old, rest),
        )
    return _view(kept, change.number)


@operations.add("DELETE", "/rules/{rule}/canary", action="rule.edit")
def abort_canary(call: Call, rule: wire.Word) -> live_wire.Canary:
    """Take the canary back: the version in force gets all events again."""
    with call.platform.publisher.change(call.actor, f"canary of {rule} aborted") as change:
        kept = _running(change, call, rule)
        comparison = compared(call.platform, kept)
        withdraw(change, kept, "aborted", "", comparison)
    call.platform.watch.end("canary", rule)
    return _view(kept, change.number)


def compared(platform: Platform, kept: CanaryTrial) -> live_wire.Comparison:
    """Return how a canary does now."""
    if kept.status != "running":
        return kept.comparison
    tally = platform.watch.tally("canary", kept.rule, kept.since)
    old, new = tally.figures(kept.rule), tally.figures(kept.rule + CANARY)
    share = kept.parts / (PARTS - kept.parts) if kept.parts < PARTS else 0.0
    # The engine shares a bucket's time among its rules evenly, which says nothing of two versions of
    # one; what the shadow run takes of each on the same events does.
    timed = platform.shadows.counts(kept.rule + CANARY, kept.until)
    enough = timed.events >= kept.limits.min_events and timed.ns_old
    cost = timed.ns_new / timed.ns_old if enough else None
    return compare(old, new, kept.limits, share=share, cost_ratio=cost)


def tend(platform: Platform) -> None:
    """Look at every canary; take back what passed a limit."""
    with platform.database.read() as connection:
        running = trials.running(connection, "canary", CanaryTrial)
    for kept in running:
        found = compared(platform, kept)
        if found.passed:
            roll_back(platform, kept.rule, found, describe(found, kept.limits))


def withdraw(
    change: Change, kept: CanaryTrial, status: str, message: str, figures: live_wire.Comparison
) -> None:
    """Give all events back to the version in force."""
    _end(change, kept, status, message, figures)
    row = change.connection.execute(
        sa.select(tables.rules.c.definition).where(tables.rules.c.rule == kept.rule)
    ).first()
    if row is not None:
        change.put("rule", kept.rule, row.definition.encode())
    detail: dict[str, Any] = {"message": message, "figures": msgspec.to_builtins(figures)}
    action = {"aborted": "rule.canary_abort"}.get(status, "rule.canary_rollback")
    change.audit(action, kept.rule, app=only(kept.apps), detail=detail)


def roll_back(platform: Platform, rule: str, figures: live_wire.Comparison, message: str) -> int:
    """Take a canary back that does worse; return the number (0: it was over already)."""
    with platform.publisher.change(
        SYSTEM, f"canary of {rule} rolled back: {message}"[:200]
    ) as change:
        kept = trials.find(change.connection, "canary", rule, CanaryTrial)
        if kept is None or kept.status != "running":
            return 0
        withdraw(change, kept, "rolled_back", message, figures)
    platform.watch.end("canary", rule)
    _log.warning("canary_rolled_back", rule=rule, message=message, number=change.number)
    return change.number


def rejected(platform: Platform, found: Mapping[tuple[str, str], str]) -> None:
    """Take back canaries that a node could not run, and those whose rule it could not."""
    names = {
        name.removesuffix(CANARY): why for (kind, name), why in found.items() if kind == "rule"
    }
    for rule, why in names.items():
        with platform.database.read() as connection:
            runs = trials.runs(connection, "canary", rule)
        if runs:
            roll_back(platform, rule, _nothing(), f"a node cannot run it: {why}")


def amend(change: Change) -> None:
    """Keep the share of events apart when a rule under canary is compiled anew.

    Where it is withdrawn, or another version is published, the canary is over.
    """
    for (kind, name), body in list(change.resources.items()):
        if kind != "rule" or name.endswith(CANARY):
            continue
        kept = trials.find(change.connection, "canary", name, CanaryTrial)
        if kept is None or kept.status != "running":
            continue
        if body is None:
            _end(change, kept, "aborted", "the rule was withdrawn", kept.comparison)
            continue
        row = rules.rule_row(change.connection, name)
        if row is None or row.version != kept.base_version:
            _end(change, kept, "aborted", "another version was published", kept.comparison)
        else:
            _put(change, kept, ir.decode_rule(body))


def _put(change: Change, kept: CanaryTrial, base: ir.Rule) -> None:
    candidate = msgspec.json.decode(kept.definition, type=ir.Rule)
    old, new = split_rule(base, candidate, kept.key, kept.parts)
    change.put("rule", kept.rule, ir.encode(old))
    change.put("rule", kept.rule + CANARY, ir.encode(new))
    timed = ir.Shadow(
        rule=kept.rule + CANARY, candidate=candidate, base=base, rate=_TIMED, until=kept.until
    )
    change.put("shadow", kept.rule + CANARY, ir.encode(timed))
    trials.keep(change.connection, "canary", kept.rule, "running", kept)


def _end(
    change: Change, kept: CanaryTrial, status: str, message: str, figures: live_wire.Comparison
) -> None:
    kept.status, kept.message, kept.ended_at = status, message, change.now
    kept.comparison = figures
    kept.version += 1
    trials.keep(change.connection, "canary", kept.rule, status, kept)
    change.remove("rule", kept.rule + CANARY)
    change.remove("shadow", kept.rule + CANARY)


def _base(connection: sa.Connection, rule: str) -> ir.Rule:
    row = connection.execute(
        sa.select(tables.rules.c.definition).where(tables.rules.c.rule == rule)
    ).one()
    return ir.decode_rule(row.definition.encode())


def _parts(percent: float) -> int:
    return max(1, round(percent * PARTS / 100))


def _why(what: str, reason: str) -> str:
    return (f"{what}: {reason}" if reason else what)[:200]


def _view(kept: CanaryTrial, number: int = 0) -> live_wire.Canary:
    return live_wire.Canary(
        rule=kept.rule,
        status=msgspec.convert(kept.status, live_wire.CanaryStatus),
        source=kept.source,
        base_version=kept.base_version,
        percent=kept.parts * 100 / PARTS,
        key=kept.key_text,
        limits=kept.limits,
        reason=kept.reason,
        started_at=kept.started_at,
        started_by=kept.started_by,
        ended_at=kept.ended_at,
        message=kept.message,
        comparison=kept.comparison,
        etag=str(kept.version),
        number=number,
    )
