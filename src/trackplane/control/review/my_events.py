"""What an owner has to look after: what waits, what is wrong, what expires, what nobody owns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.access import SYSTEM
from trackplane.control.insight.insight_tables import observations
from trackplane.control.insight.observations import DAY_MS, Usage, day_of, sums, usage
from trackplane.control.operations import Call, Operations
from trackplane.control.platform import Platform
from trackplane.control.problems import NotFoundError
from trackplane.control.review import notices, review_tables
from trackplane.control.review import requirement_wire as wire
from trackplane.control.review.approvers import owners_of
from trackplane.control.review.change_view import Viewer
from trackplane.control.tables import events
from trackplane.discovery import Snapshot
from trackplane.plan.model import EventSpec

operations: Final = Operations("notices")

_SHOWN: Final = 200  # of each list
_WRONG_DAYS: Final = 7
_SOON_DAYS: Final = 30
_GRADES: Final = ("P0", "P1", "P2", "P3")
Key = tuple[str, str]


@operations.add("GET", "/my-events")
def get_my_events(call: Call, query: wire.MyEventsQuery) -> wire.MyEvents:
    """Show what waits for the person, what is wrong, what expires, what nobody owns."""
    if query.app:
        call.actor.require_app(query.app)
    with call.platform.database.read() as connection:
        owners = _owners(connection, call, query.team)
        owned = sa.and_(events.c.owner.in_(sorted(owners)), _seen_by(call, events, query.app))
        selected = sa.select(events.c.app, events.c.event, events.c.owner, events.c.grade)
        mine = {(row.app, row.event): row for row in connection.execute(selected.where(owned))}
        waits = _waits(connection, call, query.app)
        now = call.platform.clock()
        week = day_of(now) - _WRONG_DAYS
        arrived = sa.tuple_(observations.c.app, observations.c.event)
        of_mine = arrived.in_(sa.select(events.c.app, events.c.event).where(owned))
        recent = usage(connection, since_day=week, where=of_mine)
        ever = usage(connection, where=of_mine)
        concern = sa.select(events.c.app).where(owned) if mine else None
        unowned, orphans = _unowned(connection, call, query.app, week, concern)
    wrong = _wrong(mine, recent, ever, now)
    expires = _expiring(call.platform.publisher.snapshot, mine, ever, now, query.days)
    return wire.MyEvents(
        owners=sorted(owners),
        owned=len(mine),
        waits=waits[:_SHOWN],
        wrong=wrong[:_SHOWN],
        expires=expires[:_SHOWN],
        unowned=unowned,
        totals={
            "waits": len(waits),
            "wrong": len(wrong),
            "expires": len(expires),
            "unowned": orphans,
        },
    )


def _owners(connection: sa.Connection, call: Call, team: str) -> frozenset[str]:
    if not team:
        return owners_of(connection, call.actor.person)
    table = review_tables.teams
    if connection.execute(sa.select(table.c.team).where(table.c.team == team)).first() is None:
        raise NotFoundError(f"there is no team {team!r}")
    return frozenset({f"team:{team}"})


def _seen_by(call: Call, table: sa.FromClause, app: str) -> sa.ColumnElement[bool]:
    """Return the condition on a table's ``app``: the one asked for, else what the token reaches."""
    if app:
        return table.c.app == app
    return sa.true() if call.actor.everywhere else table.c.app.in_(call.actor.apps)


def _known_owners() -> sa.CompoundSelect[Any]:
    """Return a selection of every owner that somebody stands behind."""
    person, team = sa.literal("person:"), sa.literal("team:")
    return sa.union(
        sa.select(person + review_tables.people.c.person),
        sa.select(person + tables.tokens.c.person),
        sa.select(team + review_tables.team_members.c.team),
    )


def _waits(connection: sa.Connection, call: Call, app: str) -> list[wire.Waiting]:
    viewer = Viewer(connection, call)
    table, items = review_tables.changes, review_tables.change_items
    found: list[wire.Waiting] = []
    for id in viewer.waiting():
        row = connection.execute(sa.select(table).where(table.c.id == id)).one()
        if app and row.app != app:
            continue
        judge = viewer.judge(row)
        groups = connection.execute(
            sa.select(items.c.rule, items.c.owner, sa.func.count().label("events"))
            .where(items.c.change == id, items.c.approved.is_(False))
            .group_by(items.c.rule, items.c.owner)
        )
        found.append(
            wire.Waiting(
                change=id,
                title=row.title,
                app=row.app,
                state=row.state,
                events=sum(
                    each.events
                    for each in groups
                    if not judge.why_not(each.rule, each.owner, viewer.me)
                ),
                since=row.submitted_at or row.updated_at,
                deadline=row.deadline,
            )
        )
    return sorted(found, key=lambda each: (each.deadline or "9999", each.since))


def _wrong(
    mine: Mapping[Key, sa.Row[Any]],
    recent: Mapping[Key, Usage],
    ever: Mapping[Key, Usage],
    now: int,
) -> list[wire.WrongEvent]:
    found: list[wire.WrongEvent] = []
    for (app, event), row in mine.items():
        week = recent.get((app, event))
        if week is None:
            past = ever.get((app, event))
            if past is not None and past.last_at < now - _WRONG_DAYS * DAY_MS:
                found.append(_wrong_event(row, "silent", 0, None, past.last_at))
            continue
        arrived = week.seen + week.dirty
        for code, count in (("dirty", week.dirty), ("violations", week.violations)):
            if count:
                found.append(
                    _wrong_event(row, code, count, round(count / arrived, 4), week.last_at)
                )
    return sorted(found, key=lambda each: (_GRADES.index(each.grade), -each.count, each.event))


def _wrong_event(
    row: sa.Row[Any], code: str, count: int, share: float | None, last_at: int
) -> wire.WrongEvent:
    return msgspec.convert(
        {
            "app": row.app,
            "event": row.event,
            "grade": row.grade,
            "code": code,
            "pointer": "",
            "count": count,
            "share": share,
            "last_at": last_at,
        },
        wire.WrongEvent,
    )


def expiring(snapshot: Snapshot, before: str, keys: Iterable[Key] | None = None) -> list[EventSpec]:
    """Return the planned events (of ``keys``, or all) that expire before a day."""
    if keys is None:
        resources = snapshot.of_kind("event")
    else:
        named = (snapshot.get("event", f"{app}/{event}") for app, event in keys)
        resources = (resource for resource in named if resource is not None)
    specs = (
        msgspec.json.decode(resource.body, type=EventSpec)
        for resource in resources
        if b'"expires"' in resource.body  # most have none, and need not be decoded
    )
    return [spec for spec in specs if spec.expires and spec.expires < before and not spec.removed]


def _expiring(
    snapshot: Snapshot,
    mine: Mapping[Key, sa.Row[Any]],
    ever: Mapping[Key, Usage],
    now: int,
    days: int,
) -> list[wire.Expiring]:
    found = [
        wire.Expiring(
            app=spec.app,
            event=spec.event,
            on=spec.expires or "",
            renew_days=spec.renew_days,
            last_seen=each.last_at if (each := ever.get((spec.app, spec.event))) else None,
            owner=spec.owner or "",
        )
        for spec in expiring(snapshot, _day(now, days), mine)
    ]
    return sorted(found, key=lambda each: (each.on, each.app, each.event))


def _day(now: int, days: int) -> str:
    moment = dt.datetime.fromtimestamp(now / 1000, dt.UTC) + dt.timedelta(days=days)
    return moment.date().isoformat()


def _unowned(
    connection: sa.Connection,
    call: Call,
    app: str,
    since_day: int,
    concern: sa.Select[Any] | None,
) -> tuple[list[wire.Unowned], int]:
    """Return the first events without an owner, what arrives most before the others, and how many.

    ``concern`` selects the apps they are of; None: all that are seen. The database chooses and
    counts: most of a company's events are somebody else's.
    """
    known = _known_owners()
    planned = [events.c.owner.not_in(known), _seen_by(call, events, app)]
    arrived = [observations.c.day >= since_day, _seen_by(call, observations, app)]
    if concern is not None:
        planned.append(events.c.app.in_(concern))
        arrived.append(observations.c.app.in_(concern))
    seen = sa.func.sum(observations.c.seen).label("seen")
    dirty = sa.func.sum(observations.c.dirty).label("dirty")
    by_event = (
        sa.select(observations.c.app, observations.c.event, seen, dirty)
        .where(*arrived)
        .group_by(observations.c.app, observations.c.event)
        .having(seen + dirty > 0)
        .subquery()
    )
    same = sa.and_(events.c.app == by_event.c.app, events.c.event == by_event.c.event)
    count = sa.case(
        (events.c.event.is_(None), by_event.c.seen + by_event.c.dirty), else_=by_event.c.seen
    )
    busy = connection.execute(
        sa.select(by_event.c.app, by_event.c.event, events.c.owner, events.c.grade, count.label("seen"))
        .select_from(by_event.outerjoin(events, same))
        .where(sa.or_(events.c.event.is_(None), events.c.owner.not_in(known)))
        .order_by(sa.desc("seen"), by_event.c.app, by_event.c.event)
        .limit(_SHOWN)
    ).all()  # fmt: skip
    unplanned: int = connection.execute(
        sa.select(sa.func.count())
        .select_from(by_event.outerjoin(events, same))
        .where(events.c.event.is_(None))
    ).scalar_one()
    orphans: int = connection.execute(
        sa.select(sa.func.count()).select_from(events).where(*planned)
    ).scalar_one()
    found = [
        wire.Unowned(
            app=row.app,
            event=row.event,
            grade=row.grade or "P2",
            owner=row.owner or "",
            planned=row.grade is not None,
            seen=int(row.seen),
        )
        for row in busy
    ]
    if orphans and (len(found) < _SHOWN or not found[-1].seen):
        held = {(each.app, each.event) for each in found}
        quiet = connection.execute(
            sa.select(events.c.app, events.c.event, events.c.owner, events.c.grade)
            .where(*planned)
            .order_by(events.c.app, events.c.event)
            .limit(_SHOWN + len(held))
        )
        found += [
            wire.Unowned(
                app=row.app, event=row.event, grade=row.grade, owner=row.owner, planned=True, seen=0
            )
            for row in quiet
            if (row.app, row.event) not in held
        ]
        found.sort(key=lambda each: (-each.seen, each.app, each.event))
    return found[:_SHOWN], orphans + unplanned


# --- telling owners


def tend(platform: Platform) -> None:
    """Tell owners of what they should look at."""
    tell_owners(platform)


def tell_owners(platform: Platform) -> int:
    """Tell owners of what expires soon and of events that began to break their plan; once each."""
    now = platform.clock()
    today = day_of(now)
    snapshot = platform.publisher.snapshot
    soon = expiring(snapshot, _day(now, _SOON_DAYS))
    with platform.database.read() as connection:
        days = sums(connection, ("app", "event", "day"), since_day=today - _WRONG_DAYS)
    worse: dict[Key, Usage] = {}
    before: set[Key] = set()
    for (app, event, day), each in days.items():
        if each.violations or each.dirty:
            if day >= today - 1:
                worse[app, event] = each
            else:
                before.add((app, event))
    told = 0
    with platform.publisher.change(SYSTEM, "notices") as change:
        people = _people_of(change.connection)
        for spec in soon:
            told += notices.tell(
                change,
                kind="expires_soon",
                people=people.get(spec.owner or "", ()),
                app=spec.app,
                event=spec.event,
                title=spec.event,
                detail=spec.expires or "",
                key=f"expires:{spec.app}/{spec.event}@{spec.expires}",
            )
        for (app, event), each in worse.items():
            resource = snapshot.get("event", f"{app}/{event}")
            if resource is None or (app, event) in before:
                continue
            owner = msgspec.json.decode(resource.body, type=EventSpec).owner or ""
            told += notices.tell(
                change,
                kind="violations",
                people=people.get(owner, ()),
                app=app,
                event=event,
                title=event,
                detail=str(each.violations + each.dirty),
                key=f"violations:{app}/{event}@{today // _WRONG_DAYS}",
            )
    return told


def _people_of(connection: sa.Connection) -> dict[str, set[str]]:
    """Return who stands behind each owner."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(review_tables.team_members)):
        found.setdefault(f"team:{row.team}", set()).add(row.person)
    for row in connection.execute(sa.select(review_tables.people.c.person)):
        found.setdefault(f"person:{row.person}", set()).add(row.person)
    for row in connection.execute(sa.select(tables.tokens.c.person).distinct()):
        found.setdefault(f"person:{row.person}", set()).add(row.person)
    return found
