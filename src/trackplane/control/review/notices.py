"""Notices: what people are told, where each wants to be told it, and the inbox.

A notice is written in the transaction of what it tells of; what goes out by e-mail or webhook waits
in the outbox and is sent by a thread of its own (``outbox``). Nobody is told of what they did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control.access import Actor
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.publishing import Change
from trackplane.control.review import notice_wire as wire
from trackplane.control.review import review_tables

operations: Final = Operations("notices")

_MAX_WAITING: Final = 10_000  # of the outbox: beyond it the oldest is given up
_KEPT: Final = 1_000  # notices of one person: beyond it the oldest go
_BY_DEFAULT: Final[dict[str, tuple[wire.Channel, ...]]] = {
    "comment": ("inbox", "webhook"),
    "approved": ("inbox", "webhook"),
    "merged": ("inbox", "webhook"),
    "impact_found": ("inbox", "webhook"),
}
_ELSE: Final[tuple[wire.Channel, ...]] = ("inbox", "email", "webhook")


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as the outbox keeps it: what it says, as data, in the reader's language or none."""

    kind: str
    at: int
    actor: str
    app: str
    change: int | None
    event: str
    title: str
    detail: str


def channels_of(wishes: Mapping[str, Any], kind: str) -> tuple[wire.Channel, ...]:
    """Return where somebody wants to be told of a kind of thing."""
    found = wishes.get(kind)
    return _BY_DEFAULT.get(kind, _ELSE) if found is None else tuple(found)


def tell(
    change: Change,
    *,
    kind: wire.NoticeKind,
    people: Iterable[str],
    app: str,
    title: str,
    subject: int | None = None,
    event: str = "",
    detail: str = "",
    key: str = "",
) -> int:
    """Tell people of something, each where they want it; return how many were told.

    With a ``key`` each person is told once only, however often this is called.
    """
    connection = change.connection
    told = sorted(set(people) - {change.actor.person})
    if key:
        table = review_tables.notices
        rows = connection.execute(
            sa.select(table.c.person).where(table.c.key == key, table.c.person.in_(told))
        )
        known = {row.person for row in rows}
        told = [person for person in told if person not in known]
    if not told:
        return 0
    table = review_tables.people
    profiles = {
        row.person: row
        for row in connection.execute(sa.select(table).where(table.c.person.in_(told)))
    }
    notice = Sent(
        kind=kind,
        at=change.now,
        actor=change.actor.person,
        app=app,
        change=subject,
        event=event,
        title=title,
        detail=detail,
    )
    inbox: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for person in told:
        profile = profiles.get(person)
        channels = channels_of(profile.notify if profile is not None else {}, kind)
        if "inbox" in channels or key:
            row = msgspec.structs.asdict(notice) | {"person": person, "key": key}
            inbox.append(row | ({} if "inbox" in channels else {"read_at": change.now}))
        if profile is None:
            continue
        for channel, address in (("email", profile.email), ("webhook", profile.webhook)):
            if channel in channels and address:
                waiting.append(_outgoing(channel, person, notice, change.now))
    for row in inbox:
        connection.execute(sa.insert(review_tables.notices).values(**row))
    if waiting:
        connection.execute(sa.insert(review_tables.outbox), waiting)
        _bound(connection, change.now)
    return len(told)


def _outgoing(channel: str, person: str, notice: Sent, now: int) -> dict[str, Any]:
    return {
        "channel": channel,
        "person": person,
        "notice": msgspec.json.encode(notice).decode(),
        "state": "waiting",
        "attempts": 0,
        "next_at": now,
        "error": "",
        "created_at": now,
    }


def _bound(connection: sa.Connection, now: int) -> None:
    """Give up the oldest of what waits, where more waits than is kept."""
    table = review_tables.outbox
    waiting = table.c.state == "waiting"
    count = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(waiting)
    ).scalar_one()
    if count <= _MAX_WAITING:
        return
    rows = connection.execute(
        sa.select(table.c.id).where(waiting).order_by(table.c.id).limit(count - _MAX_WAITING)
    )
    oldest = [row.id for row in rows]
    connection.execute(
        sa.update(table)
        .where(table.c.id.in_(oldest))
        .values(state="dead", error="too many notices were waiting", done_at=now)
    )


# --- the inbox


def mine(actor: Actor) -> sa.ColumnElement[bool]:
    """Return what chooses the notices of a token: its person's, of the apps that it reaches."""
    table = review_tables.notices
    own = table.c.person == actor.person
    return own if actor.everywhere else own & table.c.app.in_([*actor.apps, ""])


@operations.add("GET", "/inbox")
def get_inbox(call: Call, query: wire.InboxQuery) -> wire.Inbox:
    """Show what the person was told, newest first, and how much of it is unread."""
    table = review_tables.notices
    own = sa.select(table).where(mine(call.actor))
    found = own
    if query.unread:
        found = found.where(table.c.read_at.is_(None))
    if query.kind:
        found = found.where(table.c.kind == query.kind)
    if query.app:
        found = found.where(table.c.app == query.app)
    with call.platform.database.read() as connection:
        items, cursor = page(connection, found, table.c.id, query, _view, newest_first=True)
        unread = connection.execute(
            sa.select(sa.func.count()).select_from(own.where(table.c.read_at.is_(None)).subquery())
        ).scalar_one()
    return wire.Inbox(items=items, next=cursor, unread=unread)


def _view(row: sa.Row[Any]) -> wire.Notice:
    return wire.Notice(
        id=row.id,
        kind=row.kind,
        at=row.at,
        read=row.read_at is not None,
        actor=row.actor,
        app=row.app,
        change=row.change,
        event=row.event,
        title=row.title,
        detail=row.detail,
    )


@operations.add("POST", "/inbox/read", action="profile.edit")
def read_inbox(call: Call, body: wire.InboxRead) -> wire.InboxCount:
    """Mark notices as read (or unread again); none named: all."""
    table = review_tables.notices
    own, seen = table.c.person == call.actor.person, mine(call.actor)
    with call.platform.database.write() as connection:
        wanted = seen & table.c.id.in_(body.ids) if body.ids else seen
        wanted &= table.c.read_at.is_(None) if body.read else table.c.read_at.is_not(None)
        connection.execute(
            sa.update(table)
            .where(wanted)
            .values(read_at=call.platform.clock() if body.read else None)
        )
        kept = sa.select(table.c.id).where(own).order_by(table.c.id.desc()).offset(_KEPT).limit(1)
        oldest = connection.execute(kept).scalar()
        if oldest is not None:
            connection.execute(sa.delete(table).where(own, table.c.id <= oldest))
        unread = connection.execute(
            sa.select(sa.func.count()).where(seen, table.c.read_at.is_(None))
        ).scalar_one()
    return wire.InboxCount(unread=unread)


@operations.add("GET", "/outbox", action="person.edit")
def list_outbox(call: Call, query: wire.OutboxQuery) -> wire.Outbox:
    """Show what goes out by e-mail and webhook: waiting, sent, dead with the reason."""
    call.actor.require_apps([])
    table = review_tables.outbox
    select = sa.select(table)
    if query.state:
        select = select.where(table.c.state == query.state)
    with call.platform.database.read() as connection:
        items, cursor = page(
            connection, select, table.c.id, query, _outgoing_view, newest_first=True
        )
    return wire.Outbox(items=items, next=cursor)


def _outgoing_view(row: sa.Row[Any]) -> wire.Outgoing:
    notice = msgspec.json.decode(row.notice, type=Sent)
    return wire.Outgoing(
        id=row.id,
        channel=row.channel,
        person=row.person,
        kind=notice.kind,
        title=notice.title,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at,
        error=row.error,
        created_at=row.created_at,
        done_at=row.done_at,
    )
