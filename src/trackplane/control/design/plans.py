"""Tracking plans: the one in force, checks, and changes of it; the events in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import sqlalchemy as sa

from trackplane.control import objects, search, tables, wire
from trackplane.control.apps import find_app, require_direct
from trackplane.control.design.plan_conflicts import require_current
from trackplane.control.design.plan_publishing import (
    Overlay,
    broken_by,
    candidate,
    files_of,
    overlay_between,
    publish_plan,
    revision_row,
)
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.errors import Finding, InputError
from trackplane.plan.model import EventSpec

operations: Final = Operations("plan")

_MOST: Final = 1_000  # parts of a difference that an answer shows


@operations.add("GET", "/apps/{app}/plan")
def get_plan(call: Call, app: wire.Word) -> wire.Plan:
    """Show the plan in force; revision 0 is no plan yet."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        if not row.revision:
            return wire.Plan(
                app=app,
                revision=0,
                files={},
                events=0,
                hash="",
                message="",
                author="",
                created_at=row.created_at,
                etag="0",
            )
        found = revision_row(connection, app, row.revision)
        return wire.Plan(
            app=app,
            revision=found.revision,
            files=objects.files(connection, found.source),
            events=found.events,
            hash=found.tree,
            message=found.message,
            author=found.author,
            created_at=found.created_at,
            etag=str(found.revision),
        )


@operations.add("POST", "/apps/{app}/plan/check")
def check_plan(call: Call, app: wire.Word, body: wire.PlanSource) -> wire.PlanCheck:
    """Check a plan without changing anything: what it would change, and all that is wrong with it."""
    with call.platform.database.read() as connection:
        revision = find_app(connection, call, app).revision
        try:
            overlay = overlay_between(files_of(connection, app, revision), body.files)
            found = candidate(connection, call.platform, app, revision, overlay)
        except InputError as error:
            return wire.PlanCheck(
                ok=False,
                revision=revision,
                findings=list(error.findings) or [Finding(code=error.code, message=error.message)],
                added=[],
                changed=[],
                removed=[],
                broken_rules=[],
            )
    broken = broken_by(call.platform, found)
    return wire.PlanCheck(
        ok=not broken and not found.wrong,
        revision=revision,
        findings=[*found.findings, *(f for findings in broken.values() for f in findings)],
        added=found.added,
        changed=found.changed,
        removed=found.removed,
        broken_rules=sorted(broken),
        compatibility=found.difference.compatibility,
        difference=found.difference.limited(_MOST),
    )


@operations.add("PUT", "/apps/{app}/plan", action="plan.apply", precondition=True)
def put_plan(call: Call, app: wire.Word, body: wire.PlanSource) -> wire.PlanChanged:
    """Make a plan the one in force, as a new revision."""

    def overlay(connection: sa.Connection, revision: int) -> Overlay:
        return overlay_between(files_of(connection, app, revision), body.files)

    return _apply(call, app, overlay, body.message)


@operations.add("PATCH", "/apps/{app}/plan", action="plan.apply", precondition=True)
def patch_plan(call: Call, app: wire.Word, body: wire.PlanPatch) -> wire.PlanChanged:
    """Change some files of the plan, as a new revision."""
    return _apply(call, app, lambda *_: body.files, body.message)


def _apply(
    call: Call, app: str, overlay: Callable[[sa.Connection, int], Overlay], message: str
) -> wire.PlanChanged:
    with call.platform.database.read() as connection:  # the work, before anybody has to wait
        row = find_app(connection, call, app)
        require_current(connection, call, row, overlay)
        changes = overlay(connection, row.revision)
        found = candidate(connection, call.platform, app, row.revision, changes)
    with call.platform.publisher.change(call.actor, f"plan of {app}") as change:
        now = find_app(change.connection, call, app)
        require_current(change.connection, call, now, overlay)
        require_direct(call, change, now)
        if now.revision != row.revision:  # under If-Match: *
            changes = overlay(change.connection, now.revision)
            found = candidate(change.connection, call.platform, app, now.revision, changes)
        changed = publish_plan(call.platform, change, found, message)
    return msgspec.structs.replace(changed, number=change.number)


@operations.add("GET", "/apps/{app}/events")
def list_events(call: Call, app: wire.Word, query: wire.EventQuery) -> wire.Events:
    """List an app's planned events by name, or those that a text finds, the best first."""
    table = tables.events
    select = sa.select(table).where(table.c.app == app)
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        if not query.query:
            items, cursor = page(connection, select, table.c.event, query, _summary)
            return wire.Events(items=items, next=cursor)
        wanted = search.Wanted(
            text=query.query,
            apps=[app],
            filters={"kind": ["event"]},
            cursor=query.cursor,
            limit=query.limit,
        )
        ranked, _ = call.platform.search.search(connection, wanted)
        names = search.names_of(connection, ranked.ids)
        rows = connection.execute(select.where(table.c.event.in_(names)))
        found = {row.event: _summary(row) for row in rows}
    return wire.Events(items=[found[name] for name in names if name in found], next=ranked.next)


def _summary(row: sa.Row[tuple[object, ...]]) -> wire.EventSummary:
    return wire.EventSummary(
        app=row.app,
        event=row.event,
        title=row.title,
        grade=row.grade,
        owner=row.owner,
        properties=row.properties,
        deprecated=row.deprecated,
    )


@operations.add("GET", "/apps/{app}/events/{event}")
def get_event(call: Call, app: wire.Word, event: wire.Word) -> wire.EventDetail:
    """Show a planned event, expanded."""
    table = tables.events
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        found = connection.execute(
            sa.select(table.c.object).where(table.c.app == app, table.c.event == event)
        ).first()
        if found is None:
            raise NotFoundError(f"the plan of {app!r} has no event {event!r}")
        spec = msgspec.json.decode(objects.body(connection, found.object), type=EventSpec)
    return wire.EventDetail(revision=row.revision, spec=spec)
