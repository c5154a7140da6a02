"""Status, ledger, queries and dirty events: what the data plane has done."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import astuple

from trackplane.control import wire
from trackplane.control.access import Actor
from trackplane.control.operations import Call, Operations
from trackplane.control.sinks import sink_states, sinks_of
from trackplane.errors import InputError
from trackplane.ledger import LedgerEntry

operations: Final = Operations("data")
_EPOCH: Final = dt.date(1970, 1, 1)


def reach(actor: Actor, app: str) -> Sequence[str] | None:
    """Return the apps to read: the one asked for, else all the token reaches (None: every app)."""
    if app:
        actor.require_app(app)
        return [app]
    return None if actor.everywhere else list(actor.apps)


@operations.add("GET", "/status")
def get_status(call: Call) -> wire.Status:
    """Show whether it is flowing: rates, lag, ledgers, versions."""
    platform = call.platform
    nodes = platform.nodes.statuses()
    everywhere = call.actor.everywhere
    ledger: Counter[tuple[str, str, str]] = Counter()
    stored = 0
    for entry in platform.data.ledger(None, None):
        stored += entry.count if entry.kind == "stored" else 0
        if call.actor.sees(entry.app):
            ledger[entry.app, entry.env, entry.kind] += entry.count
    rules: Counter[tuple[str, str]] = Counter()
    for entry in platform.data.rule_ledger():
        if call.actor.sees(entry.app):
            rules[entry.reason, entry.kind] += entry.count
    return wire.Status(
        number=platform.publisher.snapshot.number,
        nodes=nodes if everywhere else [_without_figures(node) for node in nodes],
        rates=wire.Rates(
            received_per_s=_rate(nodes, "received_per_s"),
            stored_per_s=platform.stored.per_s(stored, platform.clock()),
        ),
        lag=platform.data.lag(tuple(sinks_of(platform.publisher.snapshot))),
        ledger=[
            wire.LedgerCount(app=app, env=env, kind=kind, count=count)
            for (app, env, kind), count in sorted(ledger.items())
        ],
        ledger_rules=[
            wire.RuleCount(rule=rule, kind=kind, count=count)
            for (rule, kind), count in sorted(rules.items())
        ],
        sinks=sink_states(platform.publisher.snapshot, nodes),
        effective_ms=platform.nodes.effective_times(),
        freshness_ms=platform.data.freshness_ms(platform.clock()),
    )


def _without_figures(node: wire.NodeStatus) -> wire.NodeStatus:
    """Leave a node's own figures out: they may name other apps."""
    return wire.NodeStatus(
        node=node.node,
        kind=node.kind,
        number=node.number,
        connected=node.connected,
        uptime_s=node.uptime_s,
        stats={},
    )


def _rate(nodes: list[wire.NodeStatus], name: str) -> float:
    figures: list[Any] = [node.stats.get(name) for node in nodes if node.connected]
    return float(sum(figure for figure in figures if isinstance(figure, int | float)))


@operations.add("GET", "/ledger")
def get_ledger(call: Call, query: wire.LedgerQuery) -> wire.Ledger:
    """Show how many events ended how, and why."""
    if query.app:
        call.actor.require_app(query.app)
    day = _day(query.day)
    rows = call.platform.data.ledger(query.app or None, day)
    return wire.Ledger(
        items=[_row(row) for row in sorted(rows, key=astuple) if call.actor.sees(row.app)]
    )


def _row(entry: LedgerEntry) -> wire.LedgerRow:
    return wire.LedgerRow(
        day=(_EPOCH + dt.timedelta(days=entry.day)).isoformat(),
        app=entry.app,
        env=entry.env,
        event=entry.event,
        kind=entry.kind,
        reason=entry.reason,
        count=entry.count,
    )


def _day(text: str) -> int | None:
    if not text:
        return None
    try:
        return (dt.date.fromisoformat(text) - _EPOCH).days
    except ValueError as error:
        raise InputError(f"{text!r} is not a day: {error}") from error


@operations.add("POST", "/query", action="data.read")
def run_query(call: Call, body: wire.Query) -> wire.QueryResult:
    """Run a SELECT over the stored events of the token's apps."""
    return call.platform.data.query(
        body.sql,
        apps=reach(call.actor, body.app or ""),
        snapshot=call.platform.publisher.snapshot,
        limit=body.limit,
        timeout_ms=call.platform.settings.query_timeout_ms,
    )
