"""Change requests: made, found and shown."""

from __future__ import annotations

from typing import Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from trackplane.control.apps import find_app
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.review import change_wire as wire
from trackplane.control.review import review_tables
from trackplane.control.review.change_branch import Overlay, read_branch
from trackplane.control.review.change_state import (
    OPEN,
    etag_of,
    find_change,
    record,
    require_author,
    require_state,
    save_branch,
    update,
)
from trackplane.control.review.change_view import Viewer, shown
from trackplane.control.wire import Paging
from trackplane.errors import Finding, InputError

operations: Final = Operations("changes")


# --- making


@operations.add("POST", "/changes", action="change.propose", status=201)
def create_change(call: Call, body: wire.ChangeCreate) -> wire.ChangeRequest:
    """Start a change request over the plan in force."""
    with call.platform.database.read() as connection:
        base = find_app(connection, call, body.app).revision
        overlay = msgspec.convert(body.files, Overlay)
        branch = read_branch(connection, call, body.app, base, overlay)
    with call.platform.publisher.change(call.actor, "change request") as change:
        require_requirement(change.connection, call, body.requirement)
        table = review_tables.changes
        made = change.connection.execute(
            sa.insert(table).values(
                app=body.app,
                title=body.title,
                description=body.description,
                requirement=body.requirement,
                author=call.actor.person,
                state="draft",
                base=base,
                version=0,
                tick=1,
                broken=0,
                waiting=0,
                counts={},
                deadline=body.deadline,
                created_at=change.now,
                updated_at=change.now,
            )
        )
        id = (made.inserted_primary_key or (0,))[0]
        row = change.connection.execute(sa.select(table).where(table.c.id == id)).one()
        record(change, row, "created", title=body.title)
        row, _ = save_branch(change, row, branch, base=base, note="")
    call.platform.workspaces.branch((row.id, row.version), lambda: branch)
    return shown(call, row.id)


def require_requirement(connection: sa.Connection, call: Call, id: int | None) -> None:
    """Check that a requirement is there and may be seen.

    Raises:
        InputError: it is not.
    """
    if id is None:
        return
    table = review_tables.requirements
    row = connection.execute(sa.select(table.c.apps).where(table.c.id == id)).first()
    if row is None or not (
        call.actor.everywhere or not row.apps or any(map(call.actor.sees, row.apps))
    ):
        finding = Finding(
            code="requirement", message=f"there is no requirement {id}", pointer="/requirement"
        )
        raise InputError(f"there is no requirement {id}", findings=[finding])


@operations.add("PATCH", "/changes/{id}", action="change.propose", precondition=True)
def update_change(call: Call, id: wire.Id, body: wire.ChangePatch) -> wire.ChangeRequest:
    """Change a change request's title, description, requirement or deadline."""
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        require_author(call, row)
        require_state(row, *OPEN)
        call.match(etag_of(row))
        values = {k: v for k, v in msgspec.structs.asdict(body).items() if v is not UNSET}
        require_requirement(change.connection, call, values.get("requirement"))
        if values:
            row = update(change, row, **values)
            record(change, row, "edited", **{k: str(v)[:200] for k, v in values.items()})
    return shown(call, id)


# --- showing


@operations.add("GET", "/changes/{id}")
def get_change(call: Call, id: wire.Id) -> wire.ChangeRequest:
    """Show a change request, and what the token may do with it."""
    return shown(call, id)


@operations.add("GET", "/changes")
def list_changes(call: Call, query: wire.ChangeQuery) -> wire.ChangeRequests:
    """List change requests, newest first."""
    table, items = review_tables.changes, review_tables.change_items
    select = sa.select(table)
    if not call.actor.everywhere:
        select = select.where(table.c.app.in_(call.actor.apps))
    if query.app:
        call.actor.require_app(query.app)
        select = select.where(table.c.app == query.app)
    if query.state == "open":
        select = select.where(table.c.state.in_(OPEN))
    elif query.state:
        select = select.where(table.c.state == query.state)
    if query.author:
        select = select.where(table.c.author == query.author)
    if query.mine:
        select = select.where(table.c.author == call.actor.person)
    if query.requirement is not None:
        select = select.where(table.c.requirement == query.requirement)
    if query.event:
        touching = sa.select(items.c.change).where(
            items.c.name == query.event, items.c.section == "events"
        )
        select = select.where(table.c.id.in_(touching))
    for word in query.query.split():
        named = sa.select(items.c.change).where(items.c.name.icontains(word, autoescape=True))
        found = table.c.title.icontains(word, autoescape=True) | table.c.id.in_(named)
        if word.isascii() and word.isdecimal() and len(word) < 10:
            found |= table.c.id == int(word)
        select = select.where(found)
    with call.platform.database.read() as connection:
        viewer = Viewer(connection, call)
        if query.waits:
            select = select.where(table.c.id.in_(viewer.waiting()))
        paging = Paging(limit=query.limit, cursor=query.cursor)
        found_items, cursor = page(
            connection, select, table.c.id, paging, viewer.view, newest_first=True
        )
    return wire.ChangeRequests(items=found_items, next=cursor)
