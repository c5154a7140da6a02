"""Rules in force: listed, published, withdrawn, quarantined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control import budget, rule_wire, tables, wire
from trackplane.control.access import SYSTEM
from trackplane.control.catalog import Catalog
from trackplane.control.conflicts import require_match
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.portable import elements, json_length
from trackplane.control.problems import ExistsError, NotFoundError
from trackplane.control.publishing import Change, Publisher
from trackplane.control.reach import only, reached, sees
from trackplane.discovery.compile import CompiledRule
from trackplane.engine.outputs import CANARY
from trackplane.errors import Finding, InputError
from trackplane.rules import ir

_log = structlog.get_logger(__name__)

operations: Final = Operations("rules")
# Addresses of the API below /rules.
RESERVED: Final = ("check", "explain", "format", "preview", "drafts", "statistics", "top", "shadow")


def view(
    connection: sa.Connection,
    row: sa.Row[Any],
    *,
    number: int = 0,
    warnings: Iterable[Finding] = (),
    estimate: rule_wire.Budget | None = None,
) -> rule_wire.Rule:
    """Return a rule as the API shows it."""
    versions, drafts = tables.rule_versions.c, tables.drafts.c
    reason = connection.execute(
        sa.select(versions.reason).where(versions.rule == row.rule, versions.version == row.version)
    ).scalar()
    draft = connection.execute(sa.select(drafts.version).where(drafts.rule == row.rule)).scalar()
    trials = tables.trials.c
    canary = connection.execute(
        sa.select(trials.status).where(trials.kind == "canary", trials.rule == row.rule)
    ).scalar()
    held = msgspec.json.decode(row.definition, type=_Held)
    return rule_wire.Rule(
        rule=row.rule,
        version=row.version,
        source=row.source,
        apps=row.apps,
        to=row.to,
        owner=row.owner,
        status=row.status,
        message=row.message,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        etag=str(row.version),
        reason=reason or "",
        cost=held.cost,
        uses=held.uses,
        draft=str(draft) if draft is not None else "",
        canary=canary == "running",
        number=number,
        warnings=tuple(warnings),
        budget=estimate,
    )


class _Held(msgspec.Struct, frozen=True):
    """What of a rule's IR the list shows."""

    cost: int = 0
    uses: tuple[str, ...] = ()


def rule_row(connection: sa.Connection, rule: str) -> sa.Row[Any] | None:
    """Return a rule in force or quarantined."""
    table = tables.rules
    return connection.execute(sa.select(table).where(table.c.rule == rule)).first()


def find_rule(connection: sa.Connection, call: Call, rule: str) -> sa.Row[Any]:
    """Return a rule that the caller sees.

    Raises:
        NotFoundError: there is none.
    """
    row = rule_row(connection, rule)
    if row is None or not sees(call, row.apps):
        raise NotFoundError(f"there is no rule {rule!r}")
    return row


@operations.add("GET", "/rules")
def list_rules(call: Call, query: rule_wire.RuleQuery) -> rule_wire.Rules:
    """List the rules that read the token's apps."""
    table = tables.rules
    select = sa.select(table).where(reached(call, table.c.apps))
    if query.app:
        named = elements(table.c.apps)
        of = sa.select(1).select_from(named).where(named.c.value == query.app)
        select = select.where(sa.or_(of.exists(), json_length(table.c.apps) == 0))
    if query.query:
        select = select.where(table.c.rule.contains(query.query, autoescape=True))
    with call.platform.database.read() as connection:
        items, cursor = page(
            connection, select, table.c.rule, query, lambda row: view(connection, row)
        )
    return rule_wire.Rules(items=items, next=cursor)


@operations.add("POST", "/rules", action="rule.edit", status=201)
def create_rule(call: Call, body: rule_wire.RuleSource) -> rule_wire.Rule:
    """Check, test, estimate and publish a new rule."""
    compiled = compile_for(call, body.source)
    estimate = budget.require(call, ir.decode_rule(compiled.body), accept=body.accept_cost)
    with call.platform.publisher.change(call.actor, f"rule {compiled.name} published") as change:
        if rule_row(change.connection, compiled.name) is not None:
            raise ExistsError(
                f"there is a rule {compiled.name!r} already",
                hint=f"change it by PUT /rules/{compiled.name}",
            )
        row = _publish(call, change, body, estimate)
    with call.platform.database.read() as connection:
        return view(
            connection,
            row,
            number=change.number,
            warnings=compiled.warnings,
            estimate=estimate,
        )


@operations.add("GET", "/rules/{rule}")
def get_rule(call: Call, rule: wire.Word) -> rule_wire.Rule:
    """Show a rule."""
    with call.platform.database.read() as connection:
        return view(connection, find_rule(connection, call, rule))


@operations.add("PUT", "/rules/{rule}", action="rule.edit", precondition=True)
def update_rule(call: Call, rule: wire.Word, body: rule_wire.RuleSource) -> rule_wire.Rule:
    """Check, test, estimate and publish a rule's next version."""
    with call.platform.database.read() as connection:
        _match(connection, call, find_rule(connection, call, rule), body.source)
    compiled = compile_for(call, body.source)
    require_name(compiled.name, rule)
    estimate = budget.require(call, ir.decode_rule(compiled.body), accept=body.accept_cost)
    with call.platform.publisher.change(call.actor, f"rule {rule} published") as change:
        before = find_rule(change.connection, call, rule)
        _match(change.connection, call, before, body.source)
        call.actor.require_apps(before.apps)
        row = _publish(call, change, body, estimate)
    with call.platform.database.read() as connection:
        return view(
            connection,
            row,
            number=change.number,
            warnings=compiled.warnings,
            estimate=estimate,
        )


@operations.add("DELETE", "/rules/{rule}", action="rule.edit", precondition=True)
def delete_rule(call: Call, rule: wire.Word) -> wire.Removed:
    """Withdraw a rule; its versions are kept, and a rollback brings it back."""
    with call.platform.publisher.change(call.actor, f"rule {rule} deleted") as change:
        row = find_rule(change.connection, call, rule)
        call.match(str(row.version))
        call.actor.require_apps(row.apps)
        withdraw(change, row)
    return wire.Removed(number=change.number)


def _match(connection: sa.Connection, call: Call, row: sa.Row[Any], yours: str) -> None:
    versions = tables.rule_versions.c

    def base(etag: str) -> str | None:
        found = connection.execute(
            sa.select(versions.source, versions.apps).where(
                versions.rule == row.rule, versions.version == int(etag)
            )
        ).first()
        # A name may have been another app's before.
        return found.source if found is not None and sees(call, found.apps) else None

    require_match(
        call,
        str(row.version),
        theirs=row.source,
        author=row.updated_by,
        yours=yours,
        base=base,
    )


def require_name(found: str, wanted: str, what: str = "rule") -> None:
    """Check that a text is of the thing its address names.

    Raises:
        InputError: it is of another.
    """
    if found != wanted:
        raise InputError(
            f"the text is of the {what} {found!r}, the address of {wanted!r}",
            hint=f"a {what} keeps its name; make a new one to rename it",
        )


def compile_for(call: Call, source: str) -> CompiledRule:
    """Check a rule and run its tests, by what the caller sees and may publish.

    Raises:
        InputError: with every finding.
        ForbiddenError: the token does not reach its apps.
    """
    catalog = Catalog(call.platform.publisher.snapshot, call.platform.facilities)
    compiled = catalog.compile_rule(source, visible=call.actor.sees)
    if compiled.name in RESERVED:
        raise InputError(f"no rule can have the name {compiled.name!r}", hint="use another name")
    call.actor.require_apps(compiled.apps)
    return compiled


def _publish(
    call: Call, change: Change, body: rule_wire.RuleSource, estimate: rule_wire.Budget
) -> sa.Row[Any]:
    """Publish a rule, compiled under what is in force now that no other change can come between."""
    compiled = compile_for(call, body.source)
    accepted = body.accept_cost and estimate.verdict == "refuse"
    return publish(
        change,
        compiled,
        body.source,
        reason=body.reason,
        detail={"accepted_cost": True} if accepted else {},
    )


def publish(
    change: Change,
    compiled: CompiledRule,
    source: str,
    *,
    reason: str,
    action: rule_wire.Action = "published",
    detail: Mapping[str, Any] | None = None,
) -> sa.Row[Any]:
    """Make a compiled text the rule in force, as its next version; return its row.

    A canary or shadow of the rule ends, and so does its draft if it is this text.
    """
    table, drafts = tables.rules, tables.drafts
    name = compiled.name
    version = add_version(
        change, name, source, compiled.apps, action, reason=reason, body=compiled.body.decode()
    )
    change.connection.execute(sa.delete(table).where(table.c.rule == name))
    change.connection.execute(
        sa.insert(table).values(
            rule=name,
            version=version,
            source=source,
            definition=compiled.body.decode(),
            apps=list(compiled.apps),
            to=compiled.to,
            owner=compiled.owner,
            status="published",
            message="",
            updated_at=change.now,
            updated_by=change.actor.name,
        )
    )
    change.connection.execute(
        sa.delete(drafts).where(drafts.c.rule == name, drafts.c.source == source)
    )
    end_trials(change, name)
    change.put("rule", name, compiled.body)
    change.audit(
        "rule.rollback" if action == "rolled_back" else "rule.publish",
        name,
        app=only(compiled.apps),
        detail={"version": version, "reason": reason, **(detail or {})},
    )
    return change.connection.execute(sa.select(table).where(table.c.rule == name)).one()


def withdraw(change: Change, row: sa.Row[Any], *, reason: str = "") -> None:
    """Take a rule out of force; its versions stay."""
    version = add_version(change, row.rule, row.source, row.apps, "deleted", reason=reason)
    change.connection.execute(sa.delete(tables.rules).where(tables.rules.c.rule == row.rule))
    end_trials(change, row.rule)
    change.remove("rule", row.rule)
    detail = {"version": version, "reason": reason}
    change.audit("rule.delete", row.rule, app=only(row.apps), detail=detail)


def end_trials(change: Change, rule: str) -> None:
    """Let the data plane run a rule's canary and shadow no longer."""
    change.remove("rule", rule + CANARY)
    change.remove("shadow", rule)


def add_version(
    change: Change,
    rule: str,
    source: str,
    apps: Iterable[str],
    action: rule_wire.Action,
    *,
    reason: str = "",
    body: str | None = None,
) -> int:
    """Add a version to a rule's history, with the number that the change gets; return it."""
    table = tables.rule_versions
    last = change.connection.execute(
        sa.select(sa.func.max(table.c.version)).where(table.c.rule == rule)
    ).scalar()
    version = int(last or 0) + 1
    change.connection.execute(
        sa.insert(table).values(
            rule=rule,
            version=version,
            source=source,
            apps=list(apps),
            action=action,
            created_at=change.now,
            created_by=change.actor.name,
            reason=reason,
            number=0,
            body=body,
        )
    )
    mine = sa.update(table).where(table.c.rule == rule, table.c.version == version)
    change.when_numbered(lambda number: change.connection.execute(mine.values(number=number)))
    return version


def quarantine(
    publisher: Publisher, number: int, rejected: Mapping[tuple[str, str], str]
) -> list[str]:
    """Withdraw rules that a node running ``number`` could not take; return their names.

    A rule that was replaced after that number is left alone: the answer was to the old one.
    """
    found: list[str] = []
    names = {name: message for (kind, name), message in rejected.items() if kind == "rule"}
    if not names:
        return found
    with publisher.change(SYSTEM, f"quarantined: {', '.join(sorted(names))}"[:200]) as change:
        for name, message in names.items():
            row = rule_row(change.connection, name)
            replaced = publisher.changed_at(("rule", name)) > number
            if row is None or row.status == "quarantined" or replaced:
                continue
            version = add_version(
                change, name, row.source, row.apps, "quarantined", reason=message[:1_000]
            )
            change.connection.execute(
                sa.update(tables.rules)
                .where(tables.rules.c.rule == name)
                .values(status="quarantined", message=message, version=version)
            )
            end_trials(change, name)
            change.remove("rule", name)
            change.audit("rule.quarantine", name, app=only(row.apps), detail={"message": message})
            found.append(name)
    for name in found:
        _log.error("rule_quarantined", rule=name, message=names[name], number=change.number)
    return found
