"""A plan's past: revisions, what differs between any two, who changed what, and a part as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import objects, tables, wire
from trackplane.control.apps import find_app
from trackplane.control.design import plan_wire
from trackplane.control.design.plan_publishing import held_workspace, revision_row
from trackplane.control.design.plan_tables import plan_changes
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.errors import did_you_mean
from trackplane.plan.blame import Entry, blame, concerns
from trackplane.plan.changes import Compatibility, PartChange, gravest
from trackplane.plan.diff import difference
from trackplane.plan.diff_text import to_markdown, to_text
from trackplane.plan.edit import part_of
from trackplane.plan.model import Plan

operations: Final = Operations("plan")

_PARTS: Final = 50  # of a revision in the log
_DEPTH: Final = 10_000  # revisions that a blame looks back


@operations.add("GET", "/apps/{app}/plan/revisions")
def list_revisions(call: Call, app: wire.Word, query: wire.Paging) -> wire.Revisions:
    """List the plan's revisions, newest first."""
    table = tables.revisions
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        select = sa.select(table).where(table.c.app == app)
        items, cursor = page(
            connection, select, table.c.revision, query, _revision, newest_first=True
        )
    return wire.Revisions(items=items, next=cursor)


@operations.add("GET", "/apps/{app}/plan/revisions/{revision}")
def get_revision(call: Call, app: wire.Word, revision: wire.Number) -> wire.Revision:
    """Show one revision with its files."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        row = revision_row(connection, app, revision)
        return _revision(row, objects.files(connection, row.source))


@operations.add("GET", "/apps/{app}/plan/diff")
def diff_plan(call: Call, app: wire.Word, query: plan_wire.PlanDiffQuery) -> plan_wire.PlanDiff:
    """Tell two revisions apart: what differs, and what it means."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        end = query.to or row.revision
        start = query.from_ or max(end - 1, 0)
        before, after = (
            held.plan
            if (held := held_workspace(connection, call.platform, app, each)) is not None
            else Plan(app=app)
            for each in (start, end)
        )
    found = difference(before, after).limited(query.limit)
    text = ""
    if query.form == "text":
        text = to_text(found)
    elif query.form == "markdown":
        text = to_markdown(found)
    return plan_wire.PlanDiff(from_=start, to=end, difference=found, text=text)


@operations.add("GET", "/apps/{app}/plan/log")
def log_plan(call: Call, app: wire.Word, query: plan_wire.PlanLogQuery) -> plan_wire.Log:
    """Show the plan's history, of all of it or of one event or property."""
    table, name = tables.revisions, query.event or query.name
    select = sa.select(table).where(table.c.app == app)
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        if not name:
            items, cursor = page(
                connection, select, table.c.revision, query,
                lambda row: _entry(row, _parts(connection, app, row.revision), None),
                newest_first=True,
            )  # fmt: skip
            return plan_wire.Log(items=items, next=cursor)
        section = "events" if query.event else query.section
        found = {
            revision: part
            for revision, part in _history(connection, app, section, name)
            if not query.property or concerns(part, query.property)
        }
        if not found:
            _require_part(connection, call, app, section, name)
        select = select.where(table.c.revision.in_(sorted(found, reverse=True)[:_DEPTH]))
        items, cursor = page(
            connection, select, table.c.revision, query,
            lambda row: _entry(row, [found[row.revision]], query.property or None),
            newest_first=True,
        )  # fmt: skip
    return plan_wire.Log(items=items, next=cursor)


@operations.add("GET", "/apps/{app}/plan/blame")
def blame_plan(call: Call, app: wire.Word, query: plan_wire.PlanBlameQuery) -> plan_wire.Blame:
    """Show who changed each property and key of an event last."""
    section = "events" if query.event else query.section
    name = query.event or query.name
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        held = held_workspace(connection, call.platform, app, row.revision)
        parts = getattr(held.plan, section) if held is not None else {}
        if name not in parts:
            raise _no_part(app, section, name, parts)
        history = dict(_history(connection, app, section, name))
        table = tables.revisions
        rows = connection.execute(
            sa.select(table).where(table.c.app == app, table.c.revision.in_(list(history)[:_DEPTH]))
        )
        entries = [
            Entry(
                revision=each.revision,
                author=each.author,
                at=each.created_at,
                message=each.message,
                change=history[each.revision],
            )
            for each in rows
        ]
    lines = [
        plan_wire.BlameLine(
            path=line.path,
            field=line.field,
            revision=line.entry.revision,
            author=line.entry.author,
            at=line.entry.at,
            message=line.entry.message,
            what=line.what,
        )
        for line in blame(parts[name], entries)
    ]
    return plan_wire.Blame(app=app, section=section, name=name, revision=row.revision, lines=lines)


@operations.add("GET", "/apps/{app}/plan/part")
def get_part(call: Call, app: wire.Word, query: plan_wire.PlanPartQuery) -> plan_wire.PlanPart:
    """Show one part of a plan as it is written: an event's, type's, group's or metric's YAML."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        revision = query.revision or row.revision
        held = held_workspace(connection, call.platform, app, revision)
    files = held.files if held is not None else {}
    home = held.place(query.section, query.name) if held is not None else None
    if home is not None:
        files = {home.file: files[home.file]}
    place = part_of(files, query.section, query.name)
    if place is None:
        raise NotFoundError(
            f"revision {revision} of {app!r} has no {query.name!r} under {query.section}"
        )
    return plan_wire.PlanPart(
        app=app,
        revision=revision,
        section=query.section,
        name=query.name,
        file=place.file,
        first=place.first,
        last=place.last,
        text=place.text,
        etag=str(revision),
    )


def _revision(row: sa.Row[Any], files: dict[str, str] | None = None) -> wire.Revision:
    return wire.Revision(
        app=row.app,
        revision=row.revision,
        hash=row.tree,
        events=row.events,
        message=row.message,
        author=row.author,
        created_at=row.created_at,
        files=files,
    )


def _entry(row: sa.Row[Any], parts: list[PartChange], path: str | None) -> plan_wire.LogEntry:
    kept = parts
    if path is not None:
        kept = [
            msgspec.structs.replace(
                part,
                changes=tuple(change for change in part.changes if concerns(part, path, change)),
            )
            for part in parts
        ]
    classes: list[Compatibility] = [part.compatibility for part in parts]
    return plan_wire.LogEntry(
        revision=row.revision,
        at=row.created_at,
        author=row.author,
        message=row.message,
        compatibility=gravest(classes) if classes else "same",
        changed=len(parts),
        parts=kept[:_PARTS],
    )


def _parts(connection: sa.Connection, app: str, revision: int) -> list[PartChange]:
    rows: Iterable[str] = connection.execute(
        sa.select(plan_changes.c.change)
        .where(plan_changes.c.app == app, plan_changes.c.revision == revision)
        .order_by(plan_changes.c.section, plan_changes.c.name)
        .limit(1_000)
    ).scalars()
    return [msgspec.json.decode(row, type=PartChange) for row in rows]


def _history(
    connection: sa.Connection, app: str, section: str, name: str
) -> list[tuple[int, PartChange]]:
    """Return what the revisions did to a part, newest first; a rename leads to its earlier name."""
    found: list[tuple[int, PartChange]] = []
    seen = set()
    before: int | None = None
    while name and (name, before) not in seen:
        seen.add((name, before))
        select = sa.select(plan_changes).where(
            plan_changes.c.app == app,
            plan_changes.c.section == section,
            plan_changes.c.name == name,
        )
        if before is not None:
            select = select.where(plan_changes.c.revision < before)
        name = ""
        for row in connection.execute(select.order_by(plan_changes.c.revision.desc())):
            found.append((row.revision, msgspec.json.decode(row.change, type=PartChange)))
            if row.was:
                name, before = row.was, row.revision
                break
    return found


def _require_part(connection: sa.Connection, call: Call, app: str, section: str, name: str) -> None:
    revision = find_app(connection, call, app).revision
    held = held_workspace(connection, call.platform, app, revision)
    parts = getattr(held.plan, section) if held is not None else {}
    if name not in parts:
        raise _no_part(app, section, name, parts)


def _no_part(app: str, section: str, name: str, parts: Mapping[str, object]) -> NotFoundError:
    hint = did_you_mean(name, parts)
    return NotFoundError(f"the plan of {app!r} has no {name!r} under {section}", hint=hint)
