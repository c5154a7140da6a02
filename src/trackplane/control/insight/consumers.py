"""Who uses an event: rules, metrics, saved queries, registered clients, subscriptions.

What cannot be told counts as using it. Rules are indexed once for each state of the configuration.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa

from trackplane.control import registry_wire
from trackplane.control.insight import insight_wire
from trackplane.control.insight.insight_tables import clients, saved_queries
from trackplane.control.insight.trust import plain
from trackplane.control.operations import Call
from trackplane.control.publishing import Publisher
from trackplane.control.reach import sees
from trackplane.discovery import Snapshot
from trackplane.plan.model import Metric
from trackplane.rules import ir

_ANY: Final = "*"


class RuleHead(msgspec.Struct, frozen=True):
    """What of a rule says what it reads."""

    name: str
    target: str = ""
    apps: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None
    owner: str = ""
    reads: tuple[str, ...] = ()


_decode: Final = msgspec.json.Decoder(RuleHead).decode


class RuleIndex:
    """The rules of one state, by the events they name; ``everywhere`` read any event."""

    def __init__(self, snapshot: Snapshot, before: RuleIndex | None) -> None:
        self.number = snapshot.number
        self._held: dict[str, tuple[bytes, RuleHead]] = {}
        self.by_event: dict[str, list[RuleHead]] = {}
        self.everywhere: list[RuleHead] = []
        known = before._held if before is not None else {}
        for resource in snapshot.of_kind("rule"):
            held = known.get(resource.name)
            if held is None or held[0] is not resource.body:
                held = (resource.body, _decode(resource.body))
            self._held[resource.name] = held
            head = held[1]
            if head.events is None:
                self.everywhere.append(head)
            for event in head.events or ():
                self.by_event.setdefault(event, []).append(head)

    def of(self, app: str, events: Iterable[str]) -> list[RuleHead]:
        """Return the rules that may read one of these events of an app, by name."""
        found = {head.name: head for head in self.everywhere}
        for event in events:
            found |= {head.name: head for head in self.by_event.get(event, ())}
        return sorted(
            (head for head in found.values() if not head.apps or app in head.apps),
            key=lambda head: head.name,
        )


_lock: Final = threading.Lock()
_indexes: Final[WeakKeyDictionary[Publisher, RuleIndex]] = WeakKeyDictionary()


def rule_index(publisher: Publisher) -> RuleIndex:
    """Return the index of the rules in force."""
    snapshot = publisher.snapshot
    with _lock:
        held = _indexes.get(publisher)
        if held is None or held.number != snapshot.number:
            held = _indexes[publisher] = RuleIndex(snapshot, held)
        return held


def touches(reads: Iterable[str], changed: Iterable[str]) -> bool:
    """Say whether one of the paths read is one of those changed, holds it or is inside it."""
    others = [path.split(".") for path in changed]
    for path in reads:
        parts = path.split(".")
        for other in others:
            short = min(len(parts), len(other))
            if parts[:short] == other[:short]:
                return True
    return False


def consumers(
    call: Call,
    connection: sa.Connection,
    app: str,
    event: str,
    metrics: Mapping[str, Metric],
) -> insight_wire.Consumers:
    """Return who uses an event, as far as the token may see it."""
    rules, subscriptions = _rules(call, app, event)
    return insight_wire.Consumers(
        rules=rules,
        metrics=[
            insight_wire.Consumer(
                kind="metric",
                name=metric.name,
                title=plain(metric.title),
                owner=metric.owner or "",
                detail=metric.measure,
            )
            for metric in metrics.values()
            if metric.of == event
        ],
        queries=[
            insight_wire.Consumer(
                kind="query",
                name=row.name,
                title=row.description,
                owner=row.owner,
                detail=row.app,
                exact=not reads.all,
                id=row.id,
            )
            for row, reads in queries_of(call, connection, app)
            if event_reads(reads, event) is not False
        ],
        clients=[
            insight_wire.Consumer(
                kind="client",
                name=row.name,
                owner=row.registered_by,
                detail=f"{row.platform} {row.release}",
                id=row.id,
            )
            for row, sends in clients_of(connection, app)
            if event in sends
        ],
        subscriptions=subscriptions,
    )


def _rules(
    call: Call, app: str, event: str
) -> tuple[list[insight_wire.Consumer], list[insight_wire.Consumer]]:
    snapshot = call.platform.publisher.snapshot
    rules: list[insight_wire.Consumer] = []
    sinks: dict[str, insight_wire.Consumer] = {}
    for head in rule_index(call.platform.publisher).of(app, [event]):
        if not sees(call, head.apps):
            continue
        exact = head.events is not None
        rules.append(
            insight_wire.Consumer(
                kind="rule", name=head.name, owner=head.owner, detail=head.target, exact=exact
            )
        )
        resource = snapshot.get("dataset", head.target)
        if resource is not None and head.target not in sinks:
            dataset = ir.decode_dataset(resource.body)
            if dataset.kind != "table":
                sinks[head.target] = insight_wire.Consumer(
                    kind="subscription",
                    name=head.target,
                    owner=head.owner,
                    detail=f"{dataset.kind}, by the rule {head.name}",
                    exact=exact,
                )
    return rules, list(sinks.values())


def queries_of(
    call: Call, connection: sa.Connection, app: str
) -> Iterator[tuple[sa.Row[Any], registry_wire.ReadSet]]:
    """Give the saved queries over an app, or over all, that the token sees, with what they read."""
    table = saved_queries
    select = sa.select(table).where(table.c.app.in_((app, ""))).order_by(table.c.name)
    for row in connection.execute(select):
        if row.app or call.actor.everywhere or row.created_by == call.actor.person:
            yield row, msgspec.json.decode(row.reads, type=registry_wire.ReadSet)


def clients_of(
    connection: sa.Connection, app: str
) -> Iterator[tuple[sa.Row[Any], dict[str, list[str] | None]]]:
    """Give an app's registered clients with what they may send, the newest first."""
    select = sa.select(clients).where(clients.c.app == app)
    for row in connection.execute(select.order_by(clients.c.registered_at.desc(), clients.c.id)):
        yield row, msgspec.json.decode(row.events, type=dict[str, list[str] | None])


def event_reads(reads: registry_wire.ReadSet, event: str) -> Sequence[str] | bool | None:
    """Return the paths that a query reads of an event, None: all of them, False: it does not read it."""
    if reads.all:
        return None
    if reads.events is not None and event not in reads.events:
        return False
    found: list[str] = []
    for name in (event, _ANY):
        if name in reads.properties:
            paths = reads.properties[name]
            if paths is None:
                return None
            found += paths
    return found
