"""The dirty workbench: what failed, grouped; mending it on trial; replays and their undo."""

from __future__ import annotations

from typing import Final

import msgspec
import sqlalchemy as sa

from trackplane.control import live_wire, replay, tables, wire
from trackplane.control.data import DirtyFilter, StoredDirty
from trackplane.control.data_operations import reach
from trackplane.control.fix import Trial, check_edits, edited
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.errors import Finding, InputError, did_you_mean

operations: Final = Operations("dirty")
_FIELDS: Final = ("app", "stage", "reason", "rule", "event", "app_version")


@operations.add("GET", "/dirty", action="data.read")
def list_dirty(call: Call, query: live_wire.DirtyQuery) -> live_wire.DirtyEvents:
    """List dirty events, newest first, with the client's own bytes."""
    apps = reach(call.actor, query.app)
    with call.platform.database.read() as connection:
        resolved = replay.held(connection, apps)
    found = call.platform.data.dirty(
        DirtyFilter(
            apps=apps,
            stage=query.stage,
            reason=query.reason,
            rule=query.rule,
            event=query.event,
            app_version=query.app_version,
            resolved=resolved,
            only_resolved=query.resolved,
        ),
        limit=query.limit + 1,
        before=query.cursor,
    )
    kept = found[: query.limit]
    cursor = kept[-1].key if len(found) > len(kept) else None
    return live_wire.DirtyEvents(items=[_dirty(event) for event in kept], next=cursor)


def _dirty(event: StoredDirty) -> live_wire.Dirty:
    return live_wire.Dirty(
        key=event.key,
        app=event.app,
        env=event.env,
        stage=event.stage,
        reason=event.reason,
        message=event.message,
        event=event.event,
        id=event.id,
        rule=event.rule,
        app_version=event.app_version,
        received_at=event.received,
        attempts=event.attempts,
        header=event.header.decode(errors="replace"),
        data=event.data.decode(errors="replace"),
    )


@operations.add("GET", "/dirty/groups", action="data.read")
def list_dirty_groups(call: Call, query: live_wire.DirtyGroupQuery) -> live_wire.DirtyGroups:
    """Count dirty events that failed alike; those that a replay mended are left out."""
    by = [name.strip() for name in query.by.split(",") if name.strip()]
    findings = [
        Finding(
            code="value",
            message=f"{name!r} is no field to group by",
            pointer="/by",
            hint=did_you_mean(name, _FIELDS),
        )
        for name in by
        if name not in _FIELDS
    ]
    if findings or not by:
        raise InputError(f"`by` names some of {', '.join(_FIELDS)}", findings=findings)
    apps = reach(call.actor, query.app)
    with call.platform.database.read() as connection:
        resolved = replay.held(connection, apps)
    data = call.platform.data
    found = data.dirty_groups(DirtyFilter(apps=apps, resolved=resolved), list(dict.fromkeys(by)))
    total = data.dirty_total(apps, resolved)
    return live_wire.DirtyGroups(
        items=[
            live_wire.DirtyGroup(
                **{name: group.fields.get(name, "") for name in _FIELDS},
                count=group.count,
                first_at=group.first_at,
                last_at=group.last_at,
                sample=group.sample,
            )
            for group in found
        ],
        unresolved=total.unresolved,
        resolved=total.resolved,
    )


@operations.add("POST", "/dirty/fixes", action="dirty.replay")
def try_fix(call: Call, body: live_wire.DirtyFix) -> live_wire.DirtyFixed:
    """Show what edits make of dirty events and what would become of them; nothing is written."""
    call.actor.require_app(body.selection.app)
    check_edits(body.edits)
    with call.platform.database.read() as connection:
        resolved = replay.held(connection, [body.selection.app])
    events = call.platform.data.dirty(
        replay.filter_of(body.selection, resolved=resolved), limit=body.selection.limit
    )
    trial = Trial(call.platform.publisher.snapshot)
    items = [_fixed(trial, event, body) for event in events]
    good = sum(item.good for item in items)
    return live_wire.DirtyFixed(
        selected=len(items), good=good, still_dirty=len(items) - good, items=items[: body.show]
    )


def _fixed(trial: Trial, event: StoredDirty, body: live_wire.DirtyFix) -> live_wire.Fixed:
    found = live_wire.Fixed(
        key=event.key,
        id=event.id,
        event=event.event,
        stage=event.stage,
        rule=event.rule,
        header_before=event.header.decode(errors="replace"),
        header_after=event.header.decode(errors="replace"),
        before=event.data.decode(errors="replace"),
        after=event.data.decode(errors="replace"),
        good=False,
        disposition="dirty",
        violations=[],
        outputs=[],
    )
    try:
        mended = edited(event, body.edits)
    except InputError as error:
        found.violations = [live_wire.FixViolation(code="edit", pointer="", message=error.message)]
        return found
    verdict = trial.verdict(event, mended)
    found.header_after = mended[0].decode(errors="replace")
    found.after = mended[1].decode(errors="replace")
    found.good, found.disposition = verdict.good, verdict.disposition
    found.violations, found.outputs = list(verdict.violations), list(verdict.outputs)
    return found


@operations.add("POST", "/dirty/replays", action="dirty.replay", status=201)
def start_replay(call: Call, body: live_wire.ReplayCreate) -> live_wire.DirtyReplay:
    """Replay dirty events, mended by edits, each once; the answer is a job to look at."""
    call.actor.require_app(body.selection.app)
    return replay.create(call, body)


@operations.add("GET", "/dirty/replays")
def list_replays(call: Call, query: live_wire.ReplayQuery) -> live_wire.DirtyReplays:
    """List replays, newest first."""
    apps = reach(call.actor, query.app)
    table = tables.replays
    select = sa.select(table).order_by(table.c.started_at.desc(), table.c.id)
    if apps is not None:
        select = select.where(table.c.app.in_(apps))
    at, _, last = query.cursor.partition(":")
    if at.isdecimal() and len(at) < 19:
        later = sa.and_(table.c.started_at == int(at), table.c.id > last)
        select = select.where(sa.or_(table.c.started_at < int(at), later))
    elif query.cursor:
        return live_wire.DirtyReplays(items=[], next=None)
    with call.platform.database.read() as connection:
        rows = connection.execute(select.limit(query.limit + 1)).all()
    kept = rows[: query.limit]
    return live_wire.DirtyReplays(
        items=[msgspec.json.decode(row.state, type=replay.Job).view for row in kept],
        next=f"{kept[-1].started_at}:{kept[-1].id}" if len(rows) > len(kept) else None,
    )


def _find(call: Call, id: str) -> live_wire.DirtyReplay:
    with call.platform.database.read() as connection:
        view = replay.find(connection, id).view
    if not call.actor.sees(view.app):
        raise NotFoundError(f"there is no replay {id!r}")
    return view


@operations.add("GET", "/dirty/replays/{id}")
def get_replay(call: Call, id: wire.Word) -> live_wire.DirtyReplay:
    """Show how far a replay is."""
    return _find(call, id)


@operations.add("POST", "/dirty/replays/{id}/cancel", action="dirty.replay")
def cancel_replay(call: Call, id: wire.Word) -> live_wire.DirtyReplay:
    """Stop a replay; what was not sent yet stays in the list."""
    _find(call, id)
    return replay.cancel(call.platform, id)


@operations.add("POST", "/dirty/replays/{id}/undo", action="dirty.replay")
def undo_replay(call: Call, id: wire.Word) -> live_wire.DirtyReplay:
    """Return a replay's events to the list, and take out the rows that rules put out for them."""
    _find(call, id)
    return replay.undo(call, id)
