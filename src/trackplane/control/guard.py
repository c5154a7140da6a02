"""The watch over versions: canaries against their rule, and a full publish against what was before.

Once a second the figures that nodes reported are compared; what passes a limit is taken back.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control import live_wire, rules, tables, trials, wire
from trackplane.control.access import SYSTEM
from trackplane.control.history import restore_version
from trackplane.control.operations import Call, Operations
from trackplane.control.platform import Platform
from trackplane.control.problems import NotFoundError
from trackplane.control.statistics import ALL, error_rate, require_rule
from trackplane.errors import InputError

_log = structlog.get_logger(__name__)

operations: Final = Operations("guards")

_MINUTE_MS: Final = 60_000
_BEFORE_S: Final = 600  # over how much of the past the version before is measured
# What a publish without a canary is held to: a narrower filter is no fault, and cost is noisy.
AFTER_PUBLISH: Final = live_wire.CanaryLimits(error_rate=0.05, drop_rate=1.0, cost_ratio=0.0)


class GuardTrial(msgspec.Struct, kw_only=True):
    """A guard as it is kept. ``before`` and ``events_before`` are the previous version's figures."""

    rule: str
    status: str = "watching"
    version: int
    previous: int
    limits: live_wire.CanaryLimits
    since: int
    started_at: int
    until: int
    ended_at: int | None = None
    message: str = ""
    before: live_wire.Figures
    events_before: int
    comparison: live_wire.Comparison


def compare(
    old: live_wire.Figures,
    new: live_wire.Figures,
    limits: live_wire.CanaryLimits,
    *,
    share: float,
    cost_ratio: float | None,
) -> live_wire.Comparison:
    """Hold a version against the one before it.

    ``share`` is how many events the new one was given for each that the old one was given; 0 says
    that the old one got none. ``cost_ratio`` is None where too little was measured.
    """
    found = live_wire.Comparison(old=old, new=new)
    seen_old, seen_new = max(old.matched, old.failed), max(new.matched, new.failed)
    rate_old, rate_new = error_rate(old), error_rate(new)
    found.error_rate_old = rate_old if seen_old else None
    found.error_rate_new = rate_new if seen_new else None
    if seen_new >= limits.min_events and rate_new > rate_old + limits.error_rate:
        found.passed = "error_rate"
    expected = old.output * share
    if expected > 0:
        found.output_ratio = new.output / expected
        # As many events as the limit asks for must have been there for the new one to see.
        enough = seen_old >= limits.min_events and seen_old * share >= limits.min_events
        if enough and not found.passed and found.output_ratio < 1.0 - limits.drop_rate:
            found.passed = "drop_rate"
    found.cost_ratio = cost_ratio
    if cost_ratio and not found.passed and 0 < limits.cost_ratio < cost_ratio:
        found.passed = "cost_ratio"
    return found


def describe(found: live_wire.Comparison, limits: live_wire.CanaryLimits) -> str:
    """Say which limit was passed, with the figures."""
    match found.passed:
        case "error_rate":
            return (
                f"{found.error_rate_new or 0:.1%} of its events fail,"
                f" {found.error_rate_old or 0:.1%} did before;"
                f" the limit is {limits.error_rate:.1%} more"
            )
        case "drop_rate":
            return (
                f"it puts out {found.output_ratio or 0:.1%} of what the version before did;"
                f" the limit is {1 - limits.drop_rate:.1%}"
            )
        case "cost_ratio":
            return (
                f"an event costs {found.cost_ratio or 0:.1f} times what it did;"
                f" the limit is {limits.cost_ratio:g}"
            )
    return "no limit was passed"


def start_guard(
    platform: Platform,
    rule: str,
    limits: live_wire.CanaryLimits,
    *,
    minutes: int,
    before: tuple[live_wire.Figures, int] | None = None,
) -> GuardTrial:
    """Watch the version in force against the one before it.

    ``before`` are figures of that version and the number of events there were for it; without them
    those of the last minutes are taken.
    """
    now = platform.clock()
    if before is None:
        sums, _ = platform.statistics.totals(_BEFORE_S)
        nothing = live_wire.Figures()
        before = sums.get(rule, nothing), sums.get(ALL, nothing).matched
    with platform.database.write() as connection:
        row = rules.rule_row(connection, rule)
        if row is None:
            raise NotFoundError(f"there is no rule {rule!r}")
        versions = tables.rule_versions.c
        # Never past a deletion or quarantine: the name may have been another app's, the text broken.
        previous = connection.execute(
            sa.select(versions.version).where(
                versions.rule == rule,
                versions.version == row.version - 1,
                versions.action.in_(("published", "rolled_back")),
            )
        ).scalar()
        trial = GuardTrial(
            rule=rule,
            status="watching" if previous is not None else "ended",
            version=row.version,
            previous=previous or 0,
            limits=limits,
            since=platform.publisher.snapshot.number,
            started_at=now,
            until=now + minutes * _MINUTE_MS,
            message="" if previous is not None else "there is no version before it",
            before=before[0],
            events_before=before[1],
            comparison=live_wire.Comparison(old=live_wire.Figures(), new=live_wire.Figures()),
        )
        trials.keep(connection, "guard", rule, trial.status, trial)
    platform.watch.tally("guard", rule, trial.since)
    return trial


def compared(platform: Platform, trial: GuardTrial) -> live_wire.Comparison:
    """Return how the guarded version does now."""
    if trial.status != "watching":
        return trial.comparison
    tally = platform.watch.tally("guard", trial.rule, trial.since)
    events = tally.figures(ALL).matched
    share = events / trial.events_before if trial.events_before else 0.0
    old, new = trial.before, tally.figures(trial.rule)
    cost = None
    if min(old.matched, new.matched) >= trial.limits.min_events and old.ns and new.ns:
        cost = (new.ns / new.matched) / (old.ns / old.matched)
    return compare(old, new, trial.limits, share=share, cost_ratio=cost)


def tend(platform: Platform) -> None:
    """Look at every guard; take back what passed a limit; begin guards of new publishes."""
    _begin_guards(platform)
    now = platform.clock()
    with platform.database.read() as connection:
        watching = trials.running(connection, "guard", GuardTrial)
    for trial in watching:
        found = compared(platform, trial)
        if found.passed:
            _roll_back(platform, trial, found)
        elif now >= trial.until:
            _settle(platform, trial, "kept", "no limit was passed", found)


def _begin_guards(platform: Platform) -> None:
    number = platform.publisher.snapshot.number
    last, platform.watch.number = platform.watch.number or number, number
    minutes = platform.settings.guard_minutes
    if number == last or not minutes:
        return
    versions = tables.rule_versions.c
    with platform.database.read() as connection:
        found = connection.execute(
            sa.select(versions.rule, versions.version).where(
                versions.number > last,
                versions.number <= number,
                versions.version > 1,
                versions.action == "published",
                versions.created_by != SYSTEM.name,
            )
        ).all()
        wanted = []
        for row in found:
            known = trials.find(connection, "guard", row.rule, GuardTrial)
            held = rules.rule_row(connection, row.rule)
            watched = known is not None and known.version == row.version
            if held is not None and held.version == row.version and not watched:
                wanted.append(row.rule)
    for rule in wanted:
        start_guard(platform, rule, AFTER_PUBLISH, minutes=minutes)


def _settle(
    platform: Platform, trial: GuardTrial, status: str, message: str, found: live_wire.Comparison
) -> None:
    with platform.database.write() as connection:
        trial.status, trial.message = status, message
        trial.ended_at, trial.comparison = platform.clock(), found
        trials.keep(connection, "guard", trial.rule, status, trial)
    platform.watch.end("guard", trial.rule)


def _roll_back(platform: Platform, trial: GuardTrial, found: live_wire.Comparison) -> None:
    """Publish the version before again, under a new number."""
    message = describe(found, trial.limits)
    why = f"rule {trial.rule} rolled back: {message}"[:200]
    detail: dict[str, Any] = {
        "from": trial.version,
        "to": trial.previous,
        "figures": msgspec.to_builtins(found),
    }
    publisher = platform.publisher
    try:
        with publisher.change(SYSTEM, why) as change:
            held = rules.rule_row(change.connection, trial.rule)
            in_force = held is not None and held.version == trial.version
            if in_force:
                restore_version(
                    change,
                    publisher.snapshot,
                    trial.rule,
                    trial.previous,
                    reason=message,
                    detail=detail,
                )
                trial.status, trial.message = "rolled_back", message
                trial.ended_at, trial.comparison = change.now, found
                trials.keep(change.connection, "guard", trial.rule, trial.status, trial)
    except (NotFoundError, InputError) as error:
        _settle(platform, trial, "ended", f"the version before cannot be had: {error}", found)
        return
    if not in_force:
        _settle(platform, trial, "ended", "the version is no longer in force", found)
        return
    platform.watch.end("guard", trial.rule)
    _log.warning("rule_rolled_back", rule=trial.rule, message=message, number=change.number)


@operations.add("POST", "/rules/{rule}/guard", action="rule.edit", status=201)
def guard_rule(call: Call, rule: wire.Word, body: live_wire.GuardCreate) -> live_wire.Guard:
    """Watch the version in force against the one before it, and take it back if it does worse."""
    with call.platform.database.read() as connection:
        row = rules.find_rule(connection, call, rule)
        call.actor.require_apps(row.apps)
    trial = start_guard(call.platform, rule, body.limits, minutes=body.minutes)
    return _view(call.platform, trial)


@operations.add("GET", "/rules/{rule}/guard")
def get_guard(call: Call, rule: wire.Word) -> live_wire.Guard:
    """Show the watch over the last full publish."""
    require_rule(call, rule)
    with call.platform.database.read() as connection:
        trial = trials.find(connection, "guard", rule, GuardTrial)
    if trial is None:
        raise NotFoundError(f"no version of {rule!r} was watched yet")
    return _view(call.platform, trial)


def _view(platform: Platform, trial: GuardTrial) -> live_wire.Guard:
    return live_wire.Guard(
        rule=trial.rule,
        status=msgspec.convert(trial.status, live_wire.GuardStatus),
        version=trial.version,
        previous=trial.previous,
        limits=trial.limits,
        started_at=trial.started_at,
        until=trial.until,
        ended_at=trial.ended_at,
        message=trial.message,
        comparison=compared(platform, trial),
    )
