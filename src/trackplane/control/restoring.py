"""The whole state of rules as it was under a number: new number, old content.

Rules, functions, lookup tables and scripts go back together; plans, datasets, apps and keys stay as
they are. Only what differs is checked and travels. What no longer checks refuses the whole rollback.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import functions, lookup_tables, rule_wire, scripts, tables
from trackplane.control.catalog import Catalog
from trackplane.control.operations import Call
from trackplane.control.problems import ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.registry import Kind, Registry, Thing, refuse_broken, store_recompiled
from trackplane.control.rules import publish, withdraw
from trackplane.discovery.compile import definitions_of
from trackplane.errors import Finding, InputError

_REGISTRIES: Final[tuple[Registry, ...]] = (
    functions.REGISTRY,
    lookup_tables.REGISTRY,
    scripts.REGISTRY,
)
_FIELDS: Final[dict[Kind, str]] = {"function": "functions", "table": "tables", "script": "scripts"}


class _Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What of one registry differs: texts to restore, rows to take away."""

    registry: Registry
    sources: dict[str, str]
    gone: list[sa.Row[Any]]
    things: dict[str, Thing]


def restore(call: Call, body: rule_wire.RulesetRollback) -> rule_wire.RulesetRolledBack:
    """Put the rules in force again that were so under a number.

    Raises:
        NotFoundError: there is no such number.
        InputError: something of then no longer checks; all findings are in it.
        ForbiddenError: the token does not reach every app.
    """
    if not call.actor.everywhere:
        raise ForbiddenError("a rollback of all rules needs a token of all apps")
    publisher = call.platform.publisher
    reason = body.reason or f"back to number {body.number}"
    with publisher.change(call.actor, f"rules back to {body.number}: {reason}"[:200]) as change:
        _require_number(change.connection, body.number)
        snapshot = publisher.snapshot
        changed = [_changes(change, registry, body.number) for registry in _REGISTRIES]
        definitions = definitions_of(snapshot)
        for part in changed:
            field = _FIELDS[part.registry.kind]
            held = dict(getattr(definitions, field))
            for row in part.gone:
                held.pop(row.name, None)
            definitions = msgspec.structs.replace(definitions, **{field: held | part.things})
        findings: list[Finding] = []
        for part in changed:
            for source in part.sources.values():
                findings += part.registry.check(source, definitions)
        if findings:
            raise InputError("the rules of then no longer check", findings=findings)
        then, held_now = _rules_at(change.connection, body.number), _rules_now(change.connection)
        sources = {n: source for n, source in then.items() if held_now.get(n) != source}
        catalog = Catalog(snapshot)
        restored = catalog.recompile(sources, definitions)
        users = _users(change, changed, without={*sources, *(held_now.keys() - then.keys())})
        others = catalog.recompile(users, definitions)
        both = msgspec.structs.replace(restored, broken=restored.broken | others.broken)
        refuse_broken(both, f"the rollback to {body.number}")
        for part in changed:
            _store(change, part, reason)
        for name, source in sources.items():
            compiled = restored.rules[name]
            publish(change, compiled, source, reason=reason, action="rolled_back")
        store_recompiled(change, snapshot, others)
        removed = sorted(held_now.keys() - then.keys())
        for name in removed:
            table = tables.rules
            row = change.connection.execute(sa.select(table).where(table.c.rule == name)).one()
            withdraw(change, row, reason=reason)
        detail = {"number": body.number, "reason": reason, "rules": len(sources)}
        change.audit("ruleset.rollback", str(body.number), detail=detail)
    names = {part.registry.kind: sorted(part.sources) for part in changed}
    return rule_wire.RulesetRolledBack(
        number=change.number,
        restored=body.number,
        rules=sorted(sources),
        removed=removed,
        functions=names["function"],
        tables=names["table"],
        scripts=names["script"],
    )


def _require_number(connection: sa.Connection, number: int) -> None:
    table = tables.rulesets
    if (
        connection.execute(sa.select(table.c.number).where(table.c.number == number)).first()
        is None
    ):
        raise NotFoundError(f"there is no ruleset {number}")


def _rules_at(connection: sa.Connection, number: int) -> dict[str, str]:
    """Return the texts of the rules that were in force under a number, by name."""
    table = tables.rule_versions
    last = (
        sa.select(table.c.rule, sa.func.max(table.c.version).label("version"))
        .where(table.c.number <= number)
        .group_by(table.c.rule)
        .subquery()
    )
    rows = connection.execute(
        sa.select(table.c.rule, table.c.source, table.c.action).join(
            last, sa.and_(last.c.rule == table.c.rule, last.c.version == table.c.version)
        )
    )
    return {row.rule: row.source for row in rows if row.action in ("published", "rolled_back")}


def _rules_now(connection: sa.Connection) -> dict[str, str]:
    table = tables.rules
    rows = connection.execute(
        sa.select(table.c.rule, table.c.source).where(table.c.status == "published")
    )
    return {row.rule: row.source for row in rows}


def _changes(change: Change, registry: Registry, number: int) -> _Changes:
    versions, held = tables.definition_versions, tables.definitions
    last = (
        sa.select(versions.c.name, sa.func.max(versions.c.version).label("version"))
        .where(versions.c.kind == registry.kind, versions.c.number <= number)
        .group_by(versions.c.name)
        .subquery()
    )
    then = {
        row.name: row.source
        for row in change.connection.execute(
            sa.select(versions.c.name, versions.c.source, versions.c.action)
            .join(
                last, sa.and_(last.c.name == versions.c.name, last.c.version == versions.c.version)
            )
            .where(versions.c.kind == registry.kind)
        )
        if row.action != "deleted"
    }
    now = {
        row.name: row
        for row in change.connection.execute(sa.select(held).where(held.c.kind == registry.kind))
    }
    sources = {
        name: source
        for name, source in then.items()
        if name not in now or now[name].source != source
    }
    things = {
        name: registry.load(source, f"{registry.kind} {name}", _next(change, registry, name))
        for name, source in sources.items()
    }
    gone = [row for name, row in now.items() if name not in then]
    return _Changes(registry=registry, sources=sources, gone=gone, things=things)


def _next(change: Change, registry: Registry, name: str) -> int:
    table = tables.definition_versions
    last = change.connection.execute(
        sa.select(sa.func.max(table.c.version)).where(
            table.c.kind == registry.kind, table.c.name == name
        )
    ).scalar()
    return int(last or 0) + 1


def _store(change: Change, part: _Changes, reason: str) -> None:
    for name, thing in part.things.items():
        part.registry.store(change, thing, part.sources[name], reason=reason, action="rolled_back")
    for row in part.gone:
        part.registry.remove(change, row, reason=reason)


def _users(change: Change, changed: list[_Changes], *, without: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in changed:
        for name in (*part.sources, *(row.name for row in part.gone)):
            found |= part.registry.users(change.connection, name)
    return {name: source for name, source in found.items() if name not in without}
