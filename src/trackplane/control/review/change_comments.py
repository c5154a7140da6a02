"""The discussion of a change request: on the whole, an event or a property; in threads."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET

from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ForbiddenError, NotFoundError
from trackplane.control.review import change_wire as wire
from trackplane.control.review import notices, review_tables
from trackplane.control.review.change_state import find_change, record
from trackplane.control.wire import Paging
from trackplane.errors import Finding, InputError

operations: Final = Operations("changes")


@operations.add("GET", "/changes/{id}/comments")
def list_comments(call: Call, id: wire.Id, query: wire.CommentQuery) -> wire.Comments:
    """List the comments in their order."""
    table = review_tables.change_comments
    select = sa.select(table).where(table.c.change == id)
    if query.event:
        select = select.where(table.c.event == query.event)
    if query.open:
        settled = sa.select(table.c.n).where(table.c.change == id, table.c.resolved_at.is_not(None))
        select = select.where(
            table.c.n.not_in(settled),
            sa.or_(table.c.reply_to.is_(None), table.c.reply_to.not_in(settled)),
        )
    with call.platform.database.read() as connection:
        find_change(connection, call, id)
        seen = _seen(connection, call, id)
        items, cursor = page(
            connection,
            select,
            table.c.n,
            Paging(limit=query.limit, cursor=query.cursor),
            lambda row: _view(row, call, seen),
        )
    return wire.Comments(items=items, next=cursor)


def _seen(connection: sa.Connection, call: Call, id: int) -> int:
    table = review_tables.change_reads
    found = connection.execute(
        sa.select(table.c.n).where(table.c.change == id, table.c.person == call.actor.person)
    ).scalar()
    return int(found or 0)


def _view(row: sa.Row[Any], call: Call, seen: int) -> wire.Comment:
    return wire.Comment(
        n=row.n,
        version=row.version,
        author=row.author,
        at=row.at,
        edited_at=row.edited_at,
        text=row.text,
        event=row.event,
        property=row.property,
        reply_to=row.reply_to,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
        unread=row.n > seen and row.author != call.actor.person,
    )


@operations.add("POST", "/changes/{id}/comments", action="comment", status=201)
def add_comment(call: Call, id: wire.Id, body: wire.CommentCreate) -> wire.Comment:
    """Say something, or answer: the author and those in the thread are told."""
    table = review_tables.change_comments
    with call.platform.publisher.change(call.actor, "change request") as change:
        connection = change.connection
        row = find_change(connection, call, id)
        event, property_ = body.event, body.property
        people = {row.author}
        if body.reply_to is not None:
            first = _comment(connection, id, body.reply_to)
            if first.reply_to is not None:
                first = _comment(connection, id, first.reply_to)
            event, property_ = first.event, first.property
            thread = (table.c.n == first.n) | (table.c.reply_to == first.n)
            people |= set(
                connection.execute(
                    sa.select(table.c.author).where(table.c.change == id, thread)
                ).scalars()
            )
            reply_to = first.n
        else:
            reply_to = None
            if property_ and not event:
                finding = Finding(
                    code="comment", message="a property is one of an event", pointer="/event"
                )
                raise InputError("name the event as well", findings=[finding])
        last = connection.execute(
            sa.select(sa.func.max(table.c.n)).where(table.c.change == id)
        ).scalar()
        n = (last or 0) + 1
        connection.execute(
            sa.insert(table).values(
                change=id,
                n=n,
                version=row.version,
                author=call.actor.person,
                at=change.now,
                text=body.text,
                event=event,
                property=property_,
                reply_to=reply_to,
            )
        )
        record(change, row, "comment", n=n, event=event, property=property_)
        notices.tell(
            change,
            kind="comment",
            people=people,
            app=row.app,
            subject=id,
            event=event,
            title=row.title,
            detail=body.text[:500],
        )
        return _view(_comment(connection, id, n), call, n)


def _comment(connection: sa.Connection, id: int, n: int) -> sa.Row[Any]:
    table = review_tables.change_comments
    row = connection.execute(sa.select(table).where(table.c.change == id, table.c.n == n)).first()
    if row is None:
        raise NotFoundError(f"change request {id} has no comment {n}")
    return row


@operations.add("PATCH", "/changes/{id}/comments/{n}", action="comment")
def edit_comment(call: Call, id: wire.Id, n: wire.Id, body: wire.CommentChange) -> wire.Comment:
    """Change one's own comment, or resolve a thread or open it again."""
    table = review_tables.change_comments
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        comment = _comment(change.connection, id, n)
        values: dict[str, Any] = {}
        if body.text is not UNSET:
            if comment.author != call.actor.person:
                raise ForbiddenError(f"comment {n} is {comment.author}'s")
            values |= {"text": body.text, "edited_at": change.now}
        if body.resolved is not UNSET:
            if comment.reply_to is not None:
                raise InputError(
                    "a thread is resolved at its first comment", hint=f"that is {comment.reply_to}"
                )
            by = call.actor.person if body.resolved else None
            values |= {"resolved_by": by, "resolved_at": change.now if body.resolved else None}
        if values:
            change.connection.execute(
                sa.update(table).where(table.c.change == id, table.c.n == n).values(**values)
            )
            what = "comment_edited" if body.text is not UNSET else "comment_resolved"
            detail = {} if body.resolved is UNSET else {"resolved": body.resolved}
            record(change, row, what, n=n, **detail)
        return _view(_comment(change.connection, id, n), call, n)


@operations.add("POST", "/changes/{id}/read", action="profile.edit")
def read_comments(call: Call, id: wire.Id, body: wire.Read) -> wire.Read:
    """Say up to which comment one has read."""
    table = review_tables.change_reads
    with call.platform.database.write() as connection:
        find_change(connection, call, id)
        mine = (table.c.change == id) & (table.c.person == call.actor.person)
        seen = max(body.n, _seen(connection, call, id))
        connection.execute(sa.delete(table).where(mine))
        connection.execute(sa.insert(table).values(change=id, person=call.actor.person, n=seen))
    return wire.Read(n=seen)
