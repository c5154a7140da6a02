"""Shadows: a candidate beside the rule in force, compared on live traffic, its outputs thrown away."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from trackplane.control import live_wire, rules, trials, wire
from trackplane.control.access import SYSTEM
from trackplane.control.operations import Call, Operations
from trackplane.control.platform import Platform
from trackplane.control.problems import ExistsError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.reach import only, sees
from trackplane.control.trials import ShadowTrial
from trackplane.engine.outputs import CANARY
from trackplane.engine.shadow import Sample, ShadowCounts
from trackplane.rules import ir

operations: Final = Operations("shadows")
_MINUTE_MS: Final = 60_000


def _find(call: Call, rule: str) -> ShadowTrial:
    with call.platform.database.read() as connection:
        kept = trials.find(connection, "shadow", rule, ShadowTrial)
    if kept is None or not sees(call, kept.apps):
        raise NotFoundError(f"there is no shadow of a rule {rule!r}")
    return kept


@operations.add("POST", "/rules/{rule}/shadow", action="rule.edit", status=201)
def start_shadow(call: Call, rule: wire.Word, body: live_wire.ShadowCreate) -> live_wire.Shadow:
    """Run a candidate beside a rule on live traffic and compare what both put out."""
    platform = call.platform
    with platform.publisher.change(call.actor, f"shadow of {rule} started") as change:
        compiled = rules.compile_for(call, body.source)
        rules.require_name(compiled.name, rule)
        before = trials.find(change.connection, "shadow", rule, ShadowTrial)
        if before is not None and before.ended_at is None:
            raise ExistsError(f"a shadow of {rule!r} runs already", hint="stop it first")
        row = rules.rule_row(change.connection, rule)
        if row is not None:
            call.actor.require_apps(row.apps)
        base = platform.publisher.snapshot.get("rule", rule)
        # What tells this shadow from others of the rule: no two end at one time.
        until = max(change.now + body.minutes * _MINUTE_MS, before.until + 1 if before else 0)
        trial = ir.Shadow(
            rule=rule,
            candidate=ir.decode_rule(compiled.body),
            base=ir.decode_rule(base.body) if base is not None else None,
            rate=body.rate,
            until=until,
        )
        kept = ShadowTrial(
            rule=rule,
            apps=trials.of_both(row.apps, compiled.apps) if row is not None else compiled.apps,
            source=body.source,
            rate=body.rate,
            started_at=change.now,
            started_by=change.actor.name,
            until=until,
            has_base=base is not None,
            counts=ShadowCounts(fields={}, samples=[]),
        )
        trials.keep(change.connection, "shadow", rule, "running", kept)
        change.put("shadow", rule, ir.encode(trial))
        change.audit("rule.shadow", rule, app=only(compiled.apps), detail={"rate": body.rate})
    return _view(call, kept, change.number)


@operations.add("GET", "/rules/{rule}/shadow", action="data.read")
def get_shadow(call: Call, rule: wire.Word) -> live_wire.Shadow:
    """Show how the candidate does: what is equal, what differs in which field, samples."""
    return _view(call, call.platform.shadows.add_to(_find(call, rule)))


@operations.add("DELETE", "/rules/{rule}/shadow", action="rule.edit")
def stop_shadow(call: Call, rule: wire.Word) -> live_wire.Shadow:
    """Stop a shadow; its report stays."""
    call.actor.require_apps(_find(call, rule).apps)
    with call.platform.publisher.change(call.actor, f"shadow of {rule} stopped") as change:
        kept = _end(change, rule, "rule.shadow_stop")
    return _view(call, call.platform.shadows.add_to(kept), change.number)


def _end(change: Change, rule: str, action: str) -> ShadowTrial:
    kept = trials.find(change.connection, "shadow", rule, ShadowTrial)
    assert kept is not None
    if kept.ended_at is None:
        kept.ended_at = change.now
        change.remove("shadow", rule)
        change.audit(action, rule, app=only(kept.apps))
        trials.keep(change.connection, "shadow", rule, "running", kept)
    return kept


def tend(platform: Platform) -> None:
    """End shadows whose time is over; keep what their nodes counted."""
    now = platform.clock()
    held = platform.shadows.held()
    with platform.database.read() as connection:
        running = trials.running(connection, "shadow", ShadowTrial)
        measured = trials.running(connection, "canary", _Measured)
    asked = {(one.rule, one.until) for one in running}
    asked |= {(one.rule + CANARY, one.until) for one in measured}
    platform.shadows.forget(held - asked)
    for seen in running:
        if seen.ended_at is None and now >= seen.until:
            with platform.publisher.change(SYSTEM, f"shadow of {seen.rule} ended") as change:
                _end(change, seen.rule, "rule.shadow_end")
        with platform.database.write() as connection:
            kept = trials.find(connection, "shadow", seen.rule, ShadowTrial)
            if kept is None or kept.until != seen.until:
                continue
            settled = kept.ended_at is not None and now - kept.ended_at > _SETTLE_MS
            if settled or platform.shadows.heard(kept):
                whole = platform.shadows.take(kept)
                status = "ended" if settled else "running"
                trials.keep(connection, "shadow", kept.rule, status, whole)


class _Measured(msgspec.Struct):
    """What of a canary tells the shadow that measures it."""

    rule: str
    until: int


_SETTLE_MS: Final = 5_000  # nodes' last counts come after the end


def _view(call: Call, kept: ShadowTrial, number: int = 0) -> live_wire.Shadow:
    counts = kept.counts
    fields = sorted(counts.fields.items(), key=lambda item: (-item[1], item[0]))
    return live_wire.Shadow(
        rule=kept.rule,
        status="running" if kept.ended_at is None else "ended",
        source=kept.source,
        rate=kept.rate,
        started_at=kept.started_at,
        started_by=kept.started_by,
        until=kept.until,
        ended_at=kept.ended_at,
        has_base=kept.has_base,
        events=counts.events,
        skipped=counts.skipped,
        equal=counts.equal,
        changed=counts.changed,
        only_old=counts.only_old,
        only_new=counts.only_new,
        failed_old=counts.failed_old,
        failed_new=counts.failed_new,
        ns_old=counts.ns_old,
        ns_new=counts.ns_new,
        fields=[live_wire.FieldChanges(field=field, rows=rows) for field, rows in fields],
        samples=[_sample(s) for s in counts.samples if call.actor.sees(s.app)],
        nodes=len(kept.nodes),
        number=number,
    )


def _sample(sample: Sample) -> live_wire.ShadowSample:
    return live_wire.ShadowSample(
        kind=sample.kind,
        app=sample.app,
        env=sample.env,
        event=sample.event,
        id=sample.id,
        number=sample.number,
        fields=list(sample.fields),
        old=_row(sample.old),
        new=_row(sample.new),
        error=sample.error,
    )


def _row(text: str) -> dict[str, Any] | None:
    return msgspec.json.decode(text, type=dict[str, Any]) if text else None
