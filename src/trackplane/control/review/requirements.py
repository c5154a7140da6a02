"""Requirements: the needs that change requests serve, and how far each is, derived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from trackplane.control.insight.event_states import Key, overall_states
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import CursorError
from trackplane.control.problems import NotFoundError
from trackplane.control.review import requirement_wire as wire
from trackplane.control.review import review_tables
from trackplane.control.review.change_wire import Id
from trackplane.plan.life_cycle import State

operations: Final = Operations("requirements")

_table = review_tables.requirements
# What is gone again was there: a requirement to retire something is done by that.
_STAGES: Final[Mapping[State, wire.Stage]] = {
    "draft": "designed",
    "in_review": "designed",
    "approved": "designed",
    "implemented": "implemented",
    "verified": "verified",
    "online": "online",
    "deprecated": "online",
    "offline": "online",
}


def _find(connection: sa.Connection, call: Call, id: int) -> sa.Row[Any]:
    row = connection.execute(sa.select(_table).where(_table.c.id == id)).first()
    if row is None or not _sees(call, row):
        raise NotFoundError(f"there is no requirement {id}")
    return row


def _sees(call: Call, row: sa.Row[Any]) -> bool:
    """Say whether the token reaches one of a requirement's apps; one of no app is everybody's."""
    return call.actor.everywhere or not row.apps or any(map(call.actor.sees, row.apps))


@operations.add("GET", "/requirements")
def list_requirements(call: Call, query: wire.RequirementQuery) -> wire.Requirements:
    """List requirements with how far each is, newest first."""
    select = sa.select(_table).where(_table.c.dropped.is_(query.dropped))
    for word in query.query.split():
        select = select.where(
            _table.c.title.icontains(word, autoescape=True)
            | _table.c.description.icontains(word, autoescape=True)
        )
    if query.cursor:
        if not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 10):
            raise CursorError("the cursor is not one that was given out")
        select = select.where(_table.c.id < int(query.cursor))
    with call.platform.database.read() as connection:
        rows = [
            row
            for row in connection.execute(select.order_by(_table.c.id.desc()))
            if _sees(call, row) and (not query.mine or _is_mine(call, row))
        ]
        if not (query.app or query.state or query.overdue):
            rows = rows[: query.limit + 1]
        found = [
            each
            for each in _views(connection, call, rows)
            if query.state in {"", each.state}
            and (each.overdue or not query.overdue)
            and (not query.app or query.app in each.apps)
        ]
    items = found[: query.limit]
    return wire.Requirements(
        items=items, next=str(items[-1].id) if len(found) > len(items) else None
    )


def _is_mine(call: Call, row: sa.Row[Any]) -> bool:
    return call.actor.person == row.created_by or call.actor.person in row.people


def _views(
    connection: sa.Connection, call: Call, rows: Iterable[sa.Row[Any]]
) -> list[wire.Requirement]:
    rows = list(rows)
    linked: dict[int, list[wire.LinkedChange]] = {}
    events: dict[int, dict[Key, None]] = {
        row.id: {(app, event): None for app, event in row.events if call.actor.sees(app)}
        for row in rows
    }
    changes, items = review_tables.changes, review_tables.change_items
    ids = [row.id for row in rows]
    for start in range(0, len(ids), 500):
        batch = ids[start : start + 500]
        for change in connection.execute(
            sa.select(changes).where(changes.c.requirement.in_(batch)).order_by(changes.c.id)
        ):
            if call.actor.sees(change.app):
                linked.setdefault(change.requirement, []).append(
                    wire.LinkedChange(
                        id=change.id, title=change.title, app=change.app, state=change.state
                    )
                )
        touched = (
            sa.select(changes.c.requirement, changes.c.app, items.c.name)
            .join(items, items.c.change == changes.c.id)
            .where(
                changes.c.requirement.in_(batch),
                changes.c.state != "closed",
                items.c.section == "events",
            )
            .order_by(items.c.name)
        )
        for each in connection.execute(touched):
            if call.actor.sees(each.app):
                events[each.requirement][each.app, each.name] = None
    keys = {key for found in events.values() for key in found}
    states = overall_states(connection, call.platform, keys)
    today = dt.datetime.fromtimestamp(call.platform.clock() / 1000, dt.UTC).date().isoformat()
    return [
        _view(
            row,
            list(filter(call.actor.sees, row.apps)),
            linked.get(row.id, []),
            {key: states[key] for key in events[row.id]},
            today,
        )
        for row in rows
    ]


def _view(
    row: sa.Row[Any],
    apps: Iterable[str],
    changes: list[wire.LinkedChange],
    states: Mapping[Key, State],
    today: str,
) -> wire.Requirement:
    events = [
        wire.RequiredEvent(app=app, event=event, state=state, stage=_STAGES[state])
        for (app, event), state in sorted(states.items())
    ]
    done: dict[wire.Stage, int] = dict.fromkeys(wire.STAGES, 0)
    for each in events:
        done[each.stage] += 1
    reached = [wire.STAGES.index(each.stage) for each in events]
    state = wire.STAGES[min(reached, default=0)]
    return wire.Requirement(
        id=row.id,
        title=row.title,
        description=row.description,
        link=row.link,
        apps=sorted({*apps, *(each.app for each in events)}),
        people=row.people,
        deadline=row.deadline,
        dropped=row.dropped,
        state=state,
        overdue=bool(row.deadline and row.deadline < today and state != "online"),
        done=done,
        changes=changes,
        events=events,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        etag=str(row.version),
    )


@operations.add("GET", "/requirements/{id}")
def get_requirement(call: Call, id: Id) -> wire.Requirement:
    """Show a requirement, its change requests and events, and how far each is."""
    with call.platform.database.read() as connection:
        return _views(connection, call, [_find(connection, call, id)])[0]


@operations.add("POST", "/requirements", action="requirement.edit", status=201)
def create_requirement(call: Call, body: wire.RequirementCreate) -> wire.Requirement:
    """Write down a need."""
    values = _values(call, msgspec.structs.asdict(body))
    with call.platform.publisher.change(call.actor, "requirement") as change:
        made = change.connection.execute(
            sa.insert(_table).values(
                **values,
                dropped=False,
                version=1,
                created_by=call.actor.person,
                created_at=change.now,
                updated_at=change.now,
            )
        )
        id = (made.inserted_primary_key or (0,))[0]
        change.audit("requirement.create", str(id), detail={"title": body.title})
    return get_requirement(call, id)


def _values(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of what was given; all apps named must be within the token's reach."""
    values = {name: value for name, value in given.items() if value is not UNSET}
    if "apps" in values:
        values["apps"] = list(dict.fromkeys(values["apps"]))
        for app in values["apps"]:
            call.actor.require_app(app)
    if "events" in values:
        for each in values["events"]:
            call.actor.require_app(each.app)
        values["events"] = [[each.app, each.event] for each in values["events"]]
    if "people" in values:
        values["people"] = list(dict.fromkeys(values["people"]))
    return values


@operations.add("PATCH", "/requirements/{id}", action="requirement.edit", precondition=True)
def update_requirement(call: Call, id: Id, body: wire.RequirementPatch) -> wire.Requirement:
    """Change a requirement; what is left out stays."""
    values = _values(call, msgspec.structs.asdict(body))
    with call.platform.publisher.change(call.actor, "requirement") as change:
        row = _find(change.connection, call, id)
        call.match(str(row.version))
        values = _with_hidden(call, row, values)
        change.connection.execute(
            sa.update(_table)
            .where(_table.c.id == id)
            .values(**values, version=row.version + 1, updated_at=change.now)
        )
        change.audit("requirement.update", str(id), detail={"fields": sorted(values)})
    return get_requirement(call, id)


def _with_hidden(call: Call, row: sa.Row[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return what is to change with the apps and events kept that the token does not reach."""
    hidden = {
        "apps": [app for app in row.apps if not call.actor.sees(app)],
        "events": [[app, event] for app, event in row.events if not call.actor.sees(app)],
    }
    return values | {name: [*values[name], *hidden[name]] for name in hidden if name in values}
