"""Ruleset numbers: what was published, who runs it, how long it took."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import rule_wire, tables, wire
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.control.restoring import restore

operations: Final = Operations("rulesets")


@operations.add("GET", "/rulesets")
def list_rulesets(call: Call, query: wire.Paging) -> rule_wire.Rulesets:
    """List the published numbers, newest first."""
    table = tables.rulesets
    visible = _visible(call)

    def entry(row: sa.Row[Any]) -> rule_wire.RulesetEntry:
        return rule_wire.RulesetEntry(
            number=row.number,
            published_at=row.published_at,
            reason=row.reason if call.actor.everywhere else "",
            changed=[key for key in row.changed if visible(key)],
            removed=[key for key in row.removed if visible(key)],
            effective_ms=call.platform.nodes.effective_ms(row.number),
        )

    with call.platform.database.read() as connection:
        items, cursor = page(
            connection, sa.select(table), table.c.number, query, entry, newest_first=True
        )
    return rule_wire.Rulesets(items=items, next=cursor)


@operations.add("POST", "/rulesets/rollback", action="rule.edit")
def roll_back_ruleset(call: Call, body: rule_wire.RulesetRollback) -> rule_wire.RulesetRolledBack:
    """Put all rules in force again as they were under a number: a new number, old content."""
    return restore(call, body)


@operations.add("GET", "/rulesets/current")
def get_current_ruleset(call: Call) -> wire.Ruleset:
    """Show the current number and what each node runs under."""
    return _view(call, call.platform.publisher.snapshot.number, current=True)


@operations.add("GET", "/rulesets/{number}")
def get_ruleset(call: Call, number: wire.Number) -> wire.Ruleset:
    """Show a number and when each node took it."""
    return _view(call, number, current=False)


def _view(call: Call, number: int, *, current: bool) -> wire.Ruleset:
    table = tables.rulesets
    acknowledged = tables.acknowledgements
    with call.platform.database.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.number == number)).first()
        if row is None:
            raise NotFoundError(f"there is no ruleset {number}")
        kept = connection.execute(
            sa.select(acknowledged).where(acknowledged.c.number == number)
        ).all()
    nodes = call.platform.nodes.states(None if current else number)
    if not current:
        nodes = _with_kept(nodes, kept, row.published_at)
    visible = _visible(call)
    for node in nodes:
        node.nacks = [nack for nack in node.nacks if visible(nack.resource)]
    return wire.Ruleset(
        number=number,
        published_at=row.published_at,
        reason=row.reason if call.actor.everywhere else "",
        changed=[key for key in row.changed if visible(key)],
        removed=[key for key in row.removed if visible(key)],
        effective_ms=call.platform.nodes.effective_ms(number),
        nodes=nodes,
    )


def _with_kept(nodes: list[wire.NodeState], kept: Any, published_at: int) -> list[wire.NodeState]:
    """Fill in acknowledgements from before this process started."""
    by_name = {node.node: node for node in nodes}
    for row in kept:
        node = by_name.get(row.node)
        if node is not None and node.acknowledged_at is not None:
            continue
        found = wire.NodeState(
            node=row.node,
            kind=row.kind,
            number=node.number if node else row.number,
            connected=node.connected if node else False,
            acknowledged_at=row.acknowledged_at,
            effective_ms=row.acknowledged_at - published_at,
            nacks=msgspec.convert(row.nacks, list[wire.Nack]),
        )
        by_name[row.node] = found
    return [by_name[name] for name in sorted(by_name)]


def _visible(call: Call) -> Any:
    def visible(key: str) -> bool:
        kind, _, name = key.partition("/")
        if kind in {"app", "event"}:
            return call.actor.sees(name.split("/", 1)[0])
        return call.actor.everywhere

    return visible
