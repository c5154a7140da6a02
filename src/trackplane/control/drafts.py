"""Drafts: the one text of a rule that is being worked on, whatever its state, never lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control import rule_wire, tables, wire
from trackplane.control.conflicts import require_match
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.reach import reached, sees
from trackplane.control.rules import RESERVED, rule_row
from trackplane.errors import InputError
from trackplane.rules.load import load_rule
from trackplane.rules.source import RuleError

operations: Final = Operations("rules")

KEPT: Final = 50  # texts a draft: as far back as a change is merged
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


@operations.add("GET", "/drafts")
def list_drafts(call: Call, query: wire.Paging) -> rule_wire.Drafts:
    """List the drafts of the rules that the token reaches."""
    table = tables.drafts
    mine = table.c.author == call.actor.name
    select = sa.select(table).where(sa.or_(reached(call, table.c.apps), mine))
    with call.platform.database.read() as connection:
        items, cursor = page(
            connection, select, table.c.rule, query, lambda row: _view(connection, row)
        )
    return rule_wire.Drafts(items=items, next=cursor)


@operations.add("GET", "/rules/{rule}/draft")
def get_draft(call: Call, rule: wire.Word) -> rule_wire.Draft:
    """Show a rule's draft."""
    with call.platform.database.read() as connection:
        return _view(connection, _find(connection, call, rule))


@operations.add("PUT", "/rules/{rule}/draft", action="rule.edit", precondition=True)
def put_draft(call: Call, rule: wire.Word, body: rule_wire.DraftSource) -> rule_wire.Draft:
    """Save a rule's draft; If-Match "0" begins one. 412 holds both texts and their merge."""
    if _NAME.fullmatch(rule) is None or rule in RESERVED:
        raise InputError(
            f"no rule can have the name {rule!r}",
            hint="lower-case letters, digits and _, a letter first",
        )
    table = tables.drafts
    with call.platform.publisher.change(call.actor, f"draft of {rule}") as change:
        before = _row(change.connection, rule)
        if before is not None and not _visible(call, before):
            raise ForbiddenError(f"the token does not reach the draft of {rule!r}")
        published = rule_row(change.connection, rule)
        if published is not None and not call.actor.everywhere:
            call.actor.require_apps(published.apps)
        _match(change.connection, call, rule, before, body.source)
        version = _last(change.connection, rule) + 1
        base = body.base_version
        if not base:
            base = before.base_version if before else (published.version if published else 0)
        change.connection.execute(sa.delete(table).where(table.c.rule == rule))
        change.connection.execute(
            sa.insert(table).values(
                rule=rule,
                version=version,
                source=body.source,
                base_version=base,
                apps=_apps(call, body.source, published),
                author=call.actor.name,
                created_at=before.created_at if before else change.now,
                updated_at=change.now,
            )
        )
        _keep_text(change, rule, version, body.source)
        change.audit("draft.save", rule, detail={"version": version})
        return _view(change.connection, _find(change.connection, call, rule))


@operations.add("DELETE", "/rules/{rule}/draft", action="rule.edit", precondition=True)
def delete_draft(call: Call, rule: wire.Word) -> rule_wire.DraftRemoved:
    """Throw a rule's draft away; the answer holds its last text."""
    with call.platform.publisher.change(call.actor, f"draft of {rule} deleted") as change:
        row = _find(change.connection, call, rule)
        call.match(str(row.version))
        change.connection.execute(sa.delete(tables.drafts).where(tables.drafts.c.rule == rule))
        change.audit("draft.delete", rule)
    return rule_wire.DraftRemoved(rule=rule, source=row.source)


def _row(connection: sa.Connection, rule: str) -> sa.Row[Any] | None:
    table = tables.drafts
    return connection.execute(sa.select(table).where(table.c.rule == rule)).first()


def _visible(call: Call, row: sa.Row[Any]) -> bool:
    return sees(call, row.apps) or row.author == call.actor.name


def _find(connection: sa.Connection, call: Call, rule: str) -> sa.Row[Any]:
    row = _row(connection, rule)
    if row is None or not _visible(call, row):
        raise NotFoundError(f"there is no draft of {rule!r}")
    return row


def _match(
    connection: sa.Connection, call: Call, rule: str, before: sa.Row[Any] | None, yours: str
) -> None:
    texts = tables.draft_texts.c

    def base(etag: str) -> str | None:
        if before is None:
            return None
        found: str | None = connection.execute(
            sa.select(texts.source).where(
                texts.rule == rule,
                texts.version == int(etag),
                texts.at >= before.created_at,  # older ones are of a draft that is gone
            )
        ).scalar()
        return found

    require_match(
        call,
        str(before.version) if before else "0",
        theirs=before.source if before else "",
        author=before.author if before else "",
        yours=yours,
        base=base,
    )


def _last(connection: sa.Connection, rule: str) -> int:
    """Return the last version a draft of the rule ever had: its ETags are never given twice."""
    texts = tables.draft_texts.c
    last = connection.execute(sa.select(sa.func.max(texts.version)).where(texts.rule == rule))
    return int(last.scalar() or 0)


def _keep_text(change: Change, rule: str, version: int, source: str) -> None:
    table = tables.draft_texts
    change.connection.execute(
        sa.insert(table).values(
            rule=rule, version=version, source=source, author=change.actor.name, at=change.now
        )
    )
    change.connection.execute(
        sa.delete(table).where(table.c.rule == rule, table.c.version <= version - KEPT)
    )


def _apps(call: Call, source: str, published: sa.Row[Any] | None) -> Sequence[str]:
    """Return whose the draft is: the apps it names, if it can be read, else those of the rule."""
    try:
        named = list(load_rule(source).apps)
    except RuleError:
        named = []
    if named:
        return named
    if published is not None:
        return list(published.apps)
    return [] if call.actor.everywhere else list(call.actor.apps)


def _view(connection: sa.Connection, row: sa.Row[Any]) -> rule_wire.Draft:
    table = tables.rules
    version = connection.execute(
        sa.select(table.c.version).where(table.c.rule == row.rule)
    ).scalar()
    return rule_wire.Draft(
        rule=row.rule,
        source=row.source,
        author=row.author,
        base_version=row.base_version,
        rule_version=version or 0,
        behind=bool(version and version > row.base_version),
        created_at=row.created_at,
        updated_at=row.updated_at,
        etag=str(row.version),
    )
