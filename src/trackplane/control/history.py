"""A rule's versions: listed, compared, and put in force again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control import rule_wire, tables, wire
from trackplane.control.catalog import Catalog
from trackplane.control.differences import changes, text_diff
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.reach import reached, sees
from trackplane.control.rules import publish, rule_row, view
from trackplane.discovery import Snapshot
from trackplane.discovery.compile import CompiledRule
from trackplane.errors import InputError
from trackplane.rules import ir

operations: Final = Operations("rules")


@operations.add("GET", "/rules/{rule}/versions")
def list_rule_versions(call: Call, rule: wire.Word, query: wire.Paging) -> rule_wire.RuleVersions:
    """List a rule's versions, newest first, those of a deleted rule too."""
    table = tables.rule_versions
    with call.platform.database.read() as connection:
        _last(connection, call, rule)
        select = sa.select(table).where(table.c.rule == rule, reached(call, table.c.apps))
        items, cursor = page(connection, select, table.c.version, query, _view, newest_first=True)
    return rule_wire.RuleVersions(items=items, next=cursor)


@operations.add("GET", "/rules/{rule}/versions/{version}")
def get_rule_version(
    call: Call, rule: wire.Word, version: rule_wire.Version
) -> rule_wire.RuleVersion:
    """Show one version of a rule."""
    with call.platform.database.read() as connection:
        _last(connection, call, rule)
        return _view(_version(connection, call, rule, version))


@operations.add("GET", "/rules/{rule}/diff")
def diff_rule(call: Call, rule: wire.Word, query: rule_wire.DiffQuery) -> rule_wire.RuleDiff:
    """Compare two versions of a rule: in text, and in what they mean."""
    with call.platform.database.read() as connection:
        last = _last(connection, call, rule)
        to = query.to or last.version
        since = query.from_ or max(1, to - 1)
        before = _version(connection, call, rule, since)
        after = _version(connection, call, rule, to)
    old, new = _meaning(call, before), _meaning(call, after)
    return rule_wire.RuleDiff(
        rule=rule,
        from_=since,
        to=to,
        text=text_diff(
            before.source,
            after.source,
            names=(f"{rule} version {since}", f"{rule} version {to}"),
        ),
        changes=changes(old, new) if old is not None and new is not None else None,
    )


@operations.add("POST", "/rules/{rule}/rollback", action="rule.edit")
def roll_back_rule(call: Call, rule: wire.Word, body: rule_wire.Rollback) -> rule_wire.Rule:
    """Put an earlier version's text in force again, as a new version; brings back deleted rules."""
    with call.platform.database.read() as connection:
        _last(connection, call, rule)
        call.actor.require_apps(_version(connection, call, rule, body.version).apps)
    reason = body.reason or f"back to version {body.version}"
    title = f"rule {rule} back to version {body.version}"
    with call.platform.publisher.change(call.actor, title) as change:
        before = rule_row(change.connection, rule)
        if before is not None:
            call.actor.require_apps(before.apps)
        row, compiled = restore_version(
            change,
            call.platform.publisher.snapshot,
            rule,
            body.version,
            reason=reason,
        )
        call.actor.require_apps(compiled.apps)
    with call.platform.database.read() as connection:
        return view(connection, row, number=change.number, warnings=compiled.warnings)


def restore_version(
    change: Change,
    snapshot: Snapshot,
    rule: str,
    version: int,
    *,
    reason: str,
    detail: Mapping[str, Any] | None = None,
) -> tuple[sa.Row[Any], CompiledRule]:
    """Publish an earlier version's text again: also how an automatic rollback is made.

    Its text is checked against plans, datasets and functions as they are now: old content that no
    longer fits is refused, because what ran under another plan would fail on today's events.

    Raises:
        NotFoundError: there is no such version.
        InputError: it no longer checks; all findings are in it.
    """
    table = tables.rule_versions
    found = change.connection.execute(
        sa.select(table.c.source).where(table.c.rule == rule, table.c.version == version)
    ).first()
    if found is None:
        raise NotFoundError(f"the rule {rule!r} has no version {version}")
    try:
        compiled = Catalog(snapshot).compile_rule(found.source, visible=lambda _: True)
    except InputError as error:
        raise InputError(
            f"version {version} of {rule!r} no longer checks against what is in force",
            findings=error.findings,
            hint="mend its text and publish that: trackplane rule show RULE --version N",
        ) from error
    row = publish(
        change, compiled, found.source, reason=reason, action="rolled_back", detail=detail
    )
    return row, compiled


def _last(connection: sa.Connection, call: Call, rule: str) -> sa.Row[Any]:
    """Return a rule's last version, if the caller sees it."""
    table = tables.rule_versions
    last = connection.execute(
        sa.select(table).where(table.c.rule == rule).order_by(table.c.version.desc()).limit(1)
    ).first()
    if last is None or not sees(call, last.apps):
        raise NotFoundError(f"there is no rule {rule!r}")
    return last


def _version(connection: sa.Connection, call: Call, rule: str, version: int) -> sa.Row[Any]:
    table = tables.rule_versions
    row = connection.execute(
        sa.select(table).where(table.c.rule == rule, table.c.version == version)
    ).first()
    if row is None or not sees(call, row.apps):
        raise NotFoundError(f"the rule {rule!r} has no version {version}")
    return row


def _meaning(call: Call, row: sa.Row[Any]) -> ir.Rule | None:
    """Return a version's IR: as it was published, else as its text checks now."""
    if row.body is not None:
        try:
            return ir.decode_rule(row.body.encode())
        except ValueError:  # of a release whose IR was another
            pass
    catalog = Catalog(call.platform.publisher.snapshot)
    return catalog.check_rule(row.source, visible=call.actor.sees).rule


def _view(row: sa.Row[Any]) -> rule_wire.RuleVersion:
    return rule_wire.RuleVersion(
        rule=row.rule,
        version=row.version,
        source=row.source,
        action=row.action,
        reason=row.reason,
        number=row.number,
        created_at=row.created_at,
        created_by=row.created_by,
    )
