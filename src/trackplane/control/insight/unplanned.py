"""Unplanned events: what arrives and is in no plan."""

from __future__ import annotations

from typing import Final

from trackplane.control.apps import find_app
from trackplane.control.insight import insight_wire, observations
from trackplane.control.insight.observations import Usage
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import CursorError
from trackplane.control.wire import Word
from trackplane.errors import nearest
from trackplane.event import RESERVED_EVENTS
from trackplane.lake.census import OTHER

operations: Final = Operations("insight")
_SENDERS: Final = 20
_NEAR: Final = 5_000


@operations.add("GET", "/apps/{app}/unplanned")
def list_unplanned(
    call: Call, app: Word, query: insight_wire.UnplannedQuery
) -> insight_wire.UnplannedList:
    """List the events that arrive without being planned, the most frequent first."""
    if query.cursor and not (query.cursor.isascii() and query.cursor.isdigit()):
        raise CursorError("the cursor is not one that was given out")
    start = int(query.cursor or 0)
    since = observations.day_of(call.platform.clock()) - query.days + 1
    word = query.query.casefold()
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        seen = {
            event: usage
            for (event,), usage in observations.sums(
                connection, ("event",), app=app, since_day=since, where=~observations.is_planned()
            ).items()
            if event not in RESERVED_EVENTS
            and event not in ("", OTHER)
            and word in event.casefold()
        }
        ranked = sorted(seen, key=lambda event: (-seen[event].seen - seen[event].dirty, event))
        shown = ranked[start : start + query.limit]
        senders = observations.sums(
            connection, ("event", "platform", "version"), app=app, events=shown, since_day=since
        )
        planned = observations.planned_names(connection, app) if shown else set()
        state = observations.state(connection)
    by_event: dict[str, list[tuple[Usage, str, str]]] = {}
    for (event, platform, version), usage in senders.items():
        by_event.setdefault(event, []).append((usage, platform, version))
    following = start + query.limit
    return insight_wire.UnplannedList(
        items=[_item(app, event, seen[event], by_event.get(event, []), planned) for event in shown],
        next=str(following) if following < len(ranked) else None,
        total=len(ranked),
        state=state,
    )


def _item(
    app: str,
    event: str,
    usage: Usage,
    senders: list[tuple[Usage, str, str]],
    planned: set[str],
) -> insight_wire.Unplanned:
    senders.sort(key=lambda each: -each[0].last_at)
    return insight_wire.Unplanned(
        app=app,
        event=event,
        seen=usage.seen,
        dirty=usage.dirty,
        first_at=usage.first_at,
        last_at=usage.last_at,
        platforms=list(dict.fromkeys(p for _, p, _ in senders if p))[:_SENDERS],
        versions=list(dict.fromkeys(v for _, _, v in senders if v))[:_SENDERS],
        near=_near(event, planned),
    )


def _near(event: str, planned: set[str]) -> str | None:
    """Return the planned event that a name may be a slip of; of very many, those that begin alike."""
    like = (name for name in planned if name[:1].casefold() == event[:1].casefold())
    return nearest(event, list(like)[:_NEAR])
