"""Replays of dirty events as jobs: each event once, with progress, cancelling and undo.

Events of the stages hygiene and plan go through the collector: they were never stored, so ordinary
deduplication keeps a second sending from doubling them. Events that a rule failed on go to the rules
worker by the topic ``replay``, which runs that rule alone, once per replay. What tells a failing
from others is held by one replay at a time, in the same transaction that makes the replay.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import httpx
import msgspec
import sqlalchemy as sa
import structlog

from trackplane import replay as messages
from trackplane.control import apps, live_wire, tables
from trackplane.control.access import SYSTEM
from trackplane.control.data import DirtyFilter, StoredDirty, Written
from trackplane.control.fix import Bytes, Trial, at_of, body_of, check_edits, edited, frame_of
from trackplane.control.operations import Call
from trackplane.control.platform import Platform
from trackplane.control.problems import NotFoundError
from trackplane.errors import ConflictError, InputError, TrackplaneError, UnavailableError
from trackplane.replay import Replay, Row
from trackplane.rules import ir

_log = structlog.get_logger(__name__)

_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05
_FRAME_EVENTS: Final = 200
_FRAME_BYTES: Final = 512 * 1024
_KEPT_EVERY: Final = 50
_HOLDING: Final = ("queued", "sent", "resolved")


class ReplayError(UnavailableError):
    """The data plane did not take the replay."""

    code = "replay"


class Job(msgspec.Struct, kw_only=True):
    """A replay as it is kept. ``first`` is where its messages begin in the topic; -1: none yet."""

    view: live_wire.DirtyReplay
    first: int = -1
    cancelled: bool = False


class Held(msgspec.Struct, kw_only=True):
    """What is kept of one event of a replay: where to find it, and the place of its rows."""

    key: str
    rule: str = ""
    place: Row | None = None
    why: str = ""


def filter_of(
    selection: live_wire.DirtySelection, *, resolved: Collection[bytes] | None
) -> DirtyFilter:
    """Return a selection as the data plane takes it."""
    return DirtyFilter(
        apps=[selection.app],
        stage=selection.stage,
        reason=selection.reason,
        rule=selection.rule,
        event=selection.event,
        app_version=selection.app_version,
        ids=selection.ids,
        keys=selection.keys,
        resolved=resolved,
    )


def held(
    connection: sa.Connection,
    found: Collection[str] | None,
    states: Sequence[str] = ("resolved",),
) -> set[bytes]:
    """Return the failings of some apps (None: all) that are in these states in a replay."""
    table = tables.resolutions
    select = sa.select(table.c.identity).where(table.c.state.in_(states))
    if found is not None:
        select = select.where(table.c.app.in_(found))
    return set(connection.execute(select).scalars())


def create(call: Call, body: live_wire.ReplayCreate) -> live_wire.DirtyReplay:
    """Make a replay of a selection and start it."""
    check_edits(body.edits)
    app, platform = body.selection.app, call.platform
    with platform.database.write() as connection:
        holding = held(connection, [app], _HOLDING)
        events = platform.data.dirty(
            filter_of(body.selection, resolved=holding), limit=body.selection.limit
        )
        trial = Trial(platform.publisher.snapshot)
        view = live_wire.DirtyReplay(
            id=uuid.uuid4().hex,
            app=app,
            status="running",
            selection=body.selection,
            edits=list(body.edits),
            reason=body.reason,
            selected=len(events),
            sent=0,
            resolved=0,
            failed=0,
            skipped=0,
            dispositions={},
            message="",
            started_at=platform.clock(),
            started_by=call.actor.name,
            ended_at=None,
            undone_at=None,
            undone_rows=0,
        )
        rows: list[dict[str, Any]] = []
        for event in events:
            why = trial.refusal(event) if event.stage == "rule" else ""
            if not why:
                try:
                    edited(event, body.edits)
                except InputError as error:
                    why = error.message
            if why:
                view.skipped += 1
                view.message = why
            detail = Held(key=event.key, rule=event.rule if event.stage == "rule" else "", why=why)
            rows.append(
                {
                    "identity": event.failing,
                    "replay": view.id,
                    "app": app,
                    "state": "skipped" if why else "queued",
                    "detail": msgspec.json.encode(detail).decode(),
                }
            )
        if rows:
            connection.execute(sa.insert(tables.resolutions), rows)
        _insert(connection, Job(view=view))
    figures = {"replay": view.id, "selected": view.selected, "reason": body.reason}
    with platform.publisher.change(call.actor, "dirty events replayed") as change:
        change.audit("dirty.replay", app, app=app, detail=figures)
    start(call, view.id)
    return view


def start(call: Call, id: str) -> None:
    """Run a replay in a thread of its own."""
    threading.Thread(target=_Run(call, id).run, name=f"replay-{id[:8]}", daemon=True).start()


def resume(platform: Platform) -> None:
    """Go on with replays that ran when the control plane ended: sending twice changes nothing."""
    table = tables.replays
    with platform.database.read() as connection:
        states: list[str] = list(connection.execute(sa.select(table.c.state)).scalars())
    for state in states:
        job = msgspec.json.decode(state, type=Job)
        if job.view.status == "running":
            start(Call(platform, SYSTEM, None), job.view.id)


def find(connection: sa.Connection, id: str) -> Job:
    """Return a replay.

    Raises:
        NotFoundError: there is none.
    """
    table = tables.replays
    state = connection.execute(sa.select(table.c.state).where(table.c.id == id)).scalar()
    if state is None:
        raise NotFoundError(f"there is no replay {id!r}")
    return msgspec.json.decode(state, type=Job)


def _insert(connection: sa.Connection, job: Job) -> None:
    connection.execute(
        sa.insert(tables.replays).values(
            id=job.view.id,
            app=job.view.app,
            started_at=job.view.started_at,
            state=msgspec.json.encode(job).decode(),
        )
    )


def keep(connection: sa.Connection, job: Job) -> None:
    """Keep a replay's state."""
    table = tables.replays
    connection.execute(
        sa.update(table)
        .where(table.c.id == job.view.id)
        .values(state=msgspec.json.encode(job).decode())
    )


def cancel(platform: Platform, id: str) -> live_wire.DirtyReplay:
    """Stop a replay: what was sent stays sent, the rest goes back to the list.

    Raises:
        ConflictError: it has ended.
    """
    with platform.database.write() as connection:
        job = find(connection, id)
        if job.view.status != "running":
            raise ConflictError(f"the replay is {job.view.status}")
        job.cancelled = True
        keep(connection, job)
    return job.view


def undo(call: Call, id: str) -> live_wire.DirtyReplay:
    """Return a replay's events to the list as they were; take out the rows that rules put out.

    What the collector took stays stored: sending it again changes nothing.

    Raises:
        ConflictError: it runs, or was undone.
        ReplayError: no worker takes the rows out.
    """
    platform, table = call.platform, tables.resolutions
    with platform.database.read() as connection:
        job = find(connection, id)
        rows = connection.execute(
            sa.select(table).where(table.c.replay == id, table.c.state == "resolved")
        ).all()
    if job.view.status in ("running", "undone"):
        raise ConflictError(f"the replay is {job.view.status}")
    places: dict[str, list[Row]] = {}
    for row in rows:
        detail = msgspec.json.decode(row.detail, type=Held)
        if detail.place is not None:
            places.setdefault(detail.rule, []).append(detail.place)
    job.view.undone_rows = sum(
        platform.data.count_rows(Written(rule=rule, tables=_tables_of(call, rule), rows=some))
        for rule, some in places.items()
    )
    if places:
        end = platform.data.send_replay(
            [
                messages.encode(Replay(id=id, rule=rule, erase=tuple(some)))
                for rule, some in places.items()
            ]
        )
        _await(platform, end, deadline_s=_TIMEOUT_S)
    with platform.publisher.change(call.actor, "replay undone") as change:
        job.view.status, job.view.undone_at = "undone", change.now
        change.connection.execute(
            sa.update(table)
            .where(table.c.replay == id, table.c.state.in_(_HOLDING))
            .values(state="undone")
        )
        keep(change.connection, job)
        detail_of = {"replay": id, "events": len(rows), "rows": job.view.undone_rows}
        change.audit("dirty.undo", job.view.app, app=job.view.app, detail=detail_of)
    return job.view


def _tables_of(call: Call, rule: str) -> list[str]:
    resource = call.platform.publisher.snapshot.get("rule", rule)
    return list(ir.targets(ir.decode_rule(resource.body))) if resource is not None else []


def _await(platform: Platform, end: int, *, deadline_s: float) -> None:
    deadline = time.monotonic() + deadline_s
    while platform.data.replayed() < end:
        if time.monotonic() > deadline or platform.stopping.is_set():
            raise ReplayError("no worker took the replay in time", hint="is a worker running?")
        time.sleep(_POLL_S)


class _Run:
    """One replay at work. What it did is kept every few events."""

    def __init__(self, call: Call, id: str) -> None:
        self._call = call
        self._platform = call.platform
        self._id = id
        self._waiting: list[tuple[bytes, str, Held]] = []

    def run(self) -> None:
        try:
            status = self._work()
        except TrackplaneError as error:
            if self._platform.stopping.is_set():
                return  # it goes on when the control plane is back
            _log.error("replay_failed", replay=self._id, reason=str(error))
            self._end("failed", error.message)
        except Exception as error:  # noqa: BLE001 the job must not stay running for ever
            _log.exception("replay_broke", replay=self._id)
            self._end("failed", f"{type(error).__name__}: {error}")
        else:
            self._end(status, "")

    def _work(self) -> str:
        table = tables.resolutions
        with self._platform.database.read() as connection:
            self._job = find(connection, self._id)
            rows = connection.execute(
                sa.select(table.c.identity, table.c.detail).where(
                    table.c.replay == self._id, table.c.state.in_(("queued", "sent"))
                )
            ).all()
        self._held = {row.identity: msgspec.json.decode(row.detail, type=Held) for row in rows}
        wanted = DirtyFilter(
            apps=[self._job.view.app], keys=[detail.key for detail in self._held.values()]
        )
        found = self._platform.data.dirty(wanted, limit=len(rows)) if rows else []
        events = [event for event in found if event.failing in self._held]
        through = [event for event in events if event.stage != "rule"]
        for env in sorted({event.env for event in through}):
            self._send([event for event in through if event.env == env], env)
        self._send_rules([event for event in events if event.stage == "rule"])
        return "cancelled" if self._cancelled() else "done"

    def _cancelled(self) -> bool:
        with self._platform.database.read() as connection:
            return find(connection, self._id).cancelled

    def _edited(self, event: StoredDirty) -> Bytes:
        return edited(event, self._job.view.edits)

    # --- through the collector

    def _send(self, events: Sequence[StoredDirty], env: str) -> None:
        call, app = self._call, self._job.view.app
        key = apps.add_key(call, app, env, "replay of dirty events")
        try:
            _await_collectors(call, key.number)
            with httpx.Client(
                base_url=call.platform.settings.collector_url,
                headers={
                    "Authorization": f"Bearer {key.key}",
                    "Content-Type": "application/json",
                },
                timeout=_TIMEOUT_S,
                trust_env=False,
            ) as client:
                for number, event in enumerate(events):
                    if number % 10 == 0 and self._cancelled():
                        break
                    ended = _post(client, self._edited(event))
                    good = ended in ("accepted", "warned", "dropped")
                    self._ended(event, "resolved" if good else "failed", ended)
        finally:
            self._keep()
            apps.delete_key(call, app, key.id)

    # --- through the rules worker

    def _send_rules(self, events: Sequence[StoredDirty]) -> None:
        data = self._platform.data
        if events and self._job.first < 0:
            self._job.first = data.replay_end()
            self._keep()
        for some in _chunks(events):
            if self._cancelled():
                return
            rule = some[0].rule
            mended = [(event, self._edited(event)) for event in some]
            frame = frame_of(
                [
                    (event, parts, messages.identity_in(self._id, rule, event.identity))
                    for event, parts in mended
                ]
            )
            replay = Replay(
                id=self._id,
                rule=rule,
                frame=frame,
                identities=b"".join(event.identity for event in some),
            )
            end = data.send_replay([messages.encode(replay)])
            _await(self._platform, end, deadline_s=10 * _TIMEOUT_S)
            again = data.failed_replays(self._job.first)
            for event, parts in mended:
                if event.failing in again:
                    self._ended(event, "failed", "dirty")
                else:
                    at = at_of(event, parts)
                    self._held[event.failing].place = (
                        event.app,
                        event.env,
                        event.event,
                        event.id,
                        at,
                    )
                    self._ended(event, "resolved", "processed")
            self._keep()

    # --- books

    def _ended(self, event: StoredDirty, state: str, disposition: str) -> None:
        view = self._job.view
        view.sent += 1
        view.resolved += state == "resolved"
        view.failed += state == "failed"
        view.dispositions[disposition] = view.dispositions.get(disposition, 0) + 1
        self._waiting.append((event.failing, state, self._held[event.failing]))
        if len(self._waiting) >= _KEPT_EVERY:
            self._keep()

    def _keep(self) -> None:
        table = tables.resolutions
        with self._platform.database.write() as connection:
            for failing, state, detail in self._waiting:
                connection.execute(
                    sa.update(table)
                    .where(table.c.identity == failing, table.c.replay == self._id)
                    .values(state=state, detail=msgspec.json.encode(detail).decode())
                )
            self._waiting.clear()
            self._job.cancelled = find(connection, self._id).cancelled
            keep(connection, self._job)

    def _end(self, status: str, message: str) -> None:
        table = tables.resolutions
        with self._platform.database.write() as connection:
            job = self._job
            job.view.status = msgspec.convert(status, live_wire.ReplayStatus)
            job.view.message = message or job.view.message
            job.view.ended_at = self._platform.clock()
            # What was not sent goes back to the list.
            connection.execute(
                sa.delete(table).where(table.c.replay == self._id, table.c.state == "queued")
            )
            keep(connection, job)


def _chunks(events: Iterable[StoredDirty]) -> list[list[StoredDirty]]:
    """Return events by rule and grade, in pieces that fit a frame."""
    found: list[list[StoredDirty]] = []
    place, size = ("", ""), 0
    for event in sorted(events, key=lambda event: (event.rule, event.grade)):
        cost = len(event.header) + len(event.data)
        here = (event.rule, event.grade)
        full = bool(found) and (len(found[-1]) >= _FRAME_EVENTS or size + cost > _FRAME_BYTES)
        if here != place or full:
            found.append([])
            place, size = here, 0
        found[-1].append(event)
        size += cost
    return found


def _await_collectors(call: Call, number: int) -> None:
    deadline = time.monotonic() + call.platform.settings.replay_wait_ms / 1000
    while not call.platform.nodes.everywhere(number, "collector"):
        if time.monotonic() > deadline:
            raise ReplayError(
                "no connected collector has taken the replay's key", hint="is a collector running?"
            )
        time.sleep(0.005)


def _post(client: httpx.Client, mended: Bytes) -> str:
    try:
        answer = client.post("/v1/records", content=body_of(mended))
    except httpx.HTTPError as error:
        raise ReplayError(f"the collector does not answer: {error}") from error
    try:
        data: Any = msgspec.json.decode(answer.content)
        return str(data["events"][0]["disposition"])
    except (msgspec.DecodeError, KeyError, IndexError, TypeError):
        return "refused" if answer.status_code < 500 else "retry"
