"""What a rule would cost a day, estimated before it is published, against the operator's limits.

Events are counted by the ledger (yesterday, or today so far if that is more); match rate, rows an
event and bytes a row come from real events that the rule is run over. Times are the cost classes of
what the rule calls, in units of about 30 ns, and about 2 ns a byte put out: estimates for telling a
cheap rule from a dear one, not a bill.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from trackplane.control import outcomes, samples, tables
from trackplane.control.operations import Call
from trackplane.control.portable import elements, json_member
from trackplane.control.problems import ForbiddenError
from trackplane.control.rule_wire import Budget, BudgetLine
from trackplane.control.settings import BudgetSettings
from trackplane.discovery.compile import definitions_of
from trackplane.errors import Finding, InputError
from trackplane.rules import ir
from trackplane.rules.library import Environment

SAMPLE: Final = 200
_COST_NS: Final = 30
_ROW_NS: Final = 500
_BYTE_NS: Final = 2
_UNKNOWN_BYTES: Final = 500.0  # a row, where no event could be run
_UNKNOWN_ITEMS: Final = 10.0  # rows an event of a rule that explodes, where none could be run
_DAY_MS: Final = 86_400_000

Verdict = Literal["ok", "warn", "refuse"]
_ORDER: Final[tuple[Verdict, ...]] = ("ok", "warn", "refuse")
_Name = Literal[
    "cost", "fan_out", "rules_on_events", "rows_per_day", "bytes_per_day", "cpu_s_per_day"
]


class BudgetError(InputError):
    """A rule would cost more than the operator allows."""

    code = "budget"


class _Volume(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    basis: str


class _Yield(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the sampled events."""

    sampled: int = 0
    match_rate: float = 1.0
    rows_per_match: float = 1.0
    most_rows: float = 1.0
    bytes_per_row: float = _UNKNOWN_BYTES


def estimate(call: Call, rule: ir.Rule) -> Budget:
    """Return what a rule would cost a day."""
    limits = call.platform.settings.budget
    volume = _volume(call, rule)
    found = _run(call, rule, stored=volume.events > 0)
    rows = volume.events * found.match_rate * found.rows_per_match
    size = rows * found.bytes_per_row
    ns = volume.events * rule.cost * _COST_NS + rows * _ROW_NS + size * _BYTE_NS
    values: list[tuple[_Name, float, float, str]] = [
        ("cost", rule.cost, limits.max_cost, "the cost classes of what it calls, added up"),
        ("fan_out", found.most_rows, limits.max_fan_out, "rows that one event becomes"),
        (
            "rules_on_events",
            _neighbours(call, rule),
            limits.max_rules_on_events,
            "rules that read the same event",
        ),
        ("rows_per_day", rows, limits.max_rows_per_day, "rows put out a day"),
        ("bytes_per_day", size, limits.max_bytes_per_day, "bytes put out a day"),
        ("cpu_s_per_day", ns / 1e9, limits.max_cpu_s_per_day, "CPU seconds a day"),
    ]
    lines = [_line(*value, limits) for value in values]
    return Budget(
        verdict=max((line.verdict for line in lines), key=_ORDER.index),
        lines=lines,
        events_per_day=volume.events,
        basis=volume.basis,
        sampled=found.sampled,
        match_rate=found.match_rate if found.sampled else None,
        bytes_per_row=found.bytes_per_row if found.sampled else None,
    )


def require(call: Call, rule: ir.Rule, *, accept: bool) -> Budget:
    """Return what a rule would cost, if it may be published at that.

    Raises:
        BudgetError: it passes a limit, and that was not accepted.
        ForbiddenError: it was, by somebody who may not.
    """
    found = estimate(call, rule)
    if found.verdict != "refuse":
        return found
    if not accept:
        raise BudgetError(
            f"the rule {rule.name!r} would cost too much",
            findings=findings(found),
            hint="narrow it (filter, sample, fewer columns), or an admin publishes it with"
            " --accept-cost",
        )
    if not call.actor.may("budget.exceed"):
        raise ForbiddenError("only an admin may accept a rule's cost")
    return found


def findings(found: Budget) -> list[Finding]:
    """Return what of a budget is above a limit, or near it, as findings."""
    return [
        Finding(
            code="budget",
            message=line.message,
            severity="error" if line.verdict == "refuse" else "warning",
        )
        for line in found.lines
        if line.verdict != "ok"
    ]


def _line(name: _Name, value: float, limit: float, what: str, limits: BudgetSettings) -> BudgetLine:
    verdict: Verdict = "ok"
    if limit and value > limit:
        verdict = "refuse"
    elif limit and value > limit * limits.warn_share:
        verdict = "warn"
    message = ""
    if verdict != "ok":
        above = "above" if verdict == "refuse" else "near"
        message = f"{what}: {value:,.0f}, {above} the limit of {limit:,.0f} (control.budget)"
    return BudgetLine(name=name, value=value, limit=limit, verdict=verdict, message=message)


def _volume(call: Call, rule: ir.Rule) -> _Volume:
    today = call.platform.clock() // _DAY_MS
    counts = {day: _count(call, rule, day) for day in (today - 1, today)}
    if counts[today] > counts[today - 1]:
        return _Volume(events=counts[today], basis="stored today so far")
    date = dt.date.fromordinal(dt.date(1970, 1, 1).toordinal() + today - 1)
    return _Volume(events=counts[today - 1], basis=f"stored on {date.isoformat()}")


def _count(call: Call, rule: ir.Rule, day: int) -> int:
    # Of a rule over all apps, a token of some is told of those.
    apps: Iterable[str | None] = rule.apps or (
        (None,) if call.actor.everywhere else call.actor.apps
    )
    return sum(
        entry.count
        for app in apps
        for entry in call.platform.data.ledger(app, day)
        if entry.kind == "stored"
        and entry.env in rule.envs
        and (rule.events is None or entry.event in rule.events)
    )


def _run(call: Call, rule: ir.Rule, *, stored: bool) -> _Yield:
    events, _ = samples.recent(call, rule.apps or None, rule.events, SAMPLE, stored=stored)
    environment = environment_of(call)
    ran = [
        outcomes.run(rule, event, environment)
        for event in events
        if event["meta"]["env"] in rule.envs
    ]
    if not ran:
        explodes = any(isinstance(action, ir.Explode) for action in rule.actions)
        rows = _UNKNOWN_ITEMS if explodes else 1.0
        return _Yield(rows_per_match=rows, most_rows=rows)
    matched = [outcome for outcome in ran if outcome.outputs]
    sizes = list(_sizes(matched))
    return _Yield(
        sampled=len(ran),
        match_rate=len(matched) / len(ran),
        rows_per_match=len(sizes) / len(matched) if matched else 1.0,
        most_rows=float(max((len(outcome.outputs) for outcome in matched), default=1)),
        bytes_per_row=sum(sizes) / len(sizes) if sizes else _UNKNOWN_BYTES,
    )


def _sizes(found: Iterable[outcomes.Outcome]) -> Iterator[int]:
    for outcome in found:
        for output in outcome.outputs:
            yield len(msgspec.json.encode(output.value))


def environment_of(call: Call) -> Environment:
    """Return what functions are given when a rule is tried here: published tables, no secrets."""
    return Environment.of(definitions_of(call.platform.publisher.snapshot))


def _neighbours(call: Call, rule: ir.Rule) -> int:
    """Return how many rules read one of the rule's events, of the event that most read."""
    table = tables.rules
    named = elements(json_member(table.c.definition, "events"))
    with call.platform.database.read() as connection:
        if rule.events is None:
            everyone = sa.select(sa.func.count()).select_from(table)
            return int(connection.execute(everyone).scalar() or 0)
        counts = connection.execute(
            sa.select(sa.func.count())
            .select_from(table.join(named, sa.true()))
            .where(named.c.value.in_(rule.events[:500]), table.c.rule != rule.name)
            .group_by(named.c.value)
        ).scalars()
        return max(counts, default=0) + 1
