"""Observations: what arrived of which event, by platform, app version, environment and day.

Invariants: 1 the counts are those of the files that ``observed_files`` names, no more and no less; 2 what
replaces a file (compaction) is counted in the transaction that forgets the file; 3 files that retention
dropped keep their counts. So the table equals a count over the lake's files as of ``snapshot``, whenever
the tender is stopped, killed or away for long.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.insight import insight_wire
from trackplane.control.insight.insight_tables import (
    observation_state,
    observations,
    observed_files,
)
from trackplane.control.platform import Platform
from trackplane.lake.census import Counts
from trackplane.lake.commit import DataFile

DAY_MS: Final = 86_400_000
_STEP_ROWS: Final = 1_000_000  # counted in one go
_BATCH: Final = 500
_KEPT_DAYS: Final = 400  # counts of files that retention dropped
_STATE: Final = 1


def tend(platform: Platform) -> None:
    """Count what the lake has new; a bounded piece of it at a time."""
    while not platform.stopping.is_set() and step(platform):
        pass


def step(platform: Platform, *, most_rows: int = _STEP_ROWS) -> bool:
    """Count up to about ``most_rows`` new rows, in one transaction; say whether there are more.

    Raises:
        StorageError: lake or metadata failed; nothing was counted.
    """
    snapshot = platform.data.snapshot()
    with platform.database.read() as connection:
        state = connection.execute(sa.select(observation_state)).first()
        if state is not None and state.snapshot == snapshot and not state.behind_rows:
            return False
        known = {row.path: row for row in connection.execute(sa.select(observed_files))}
    files = platform.data.files(snapshot)
    new = [file for file in files if file.path not in known]
    visible = {file.path for file in files}
    gone = [row for path, row in known.items() if path not in visible and not row.kept]
    held = {(file.table, file.date, file.grade) for file in files}
    expired = {row.id for row in gone if row.date and (row.kind, row.date, row.grade) not in held}
    fresh = [file for file in new if file.fresh]
    whole = [file for file in new if not file.fresh]
    if fresh:  # what was replaced meanwhile stays counted until its replacements are
        chosen, leaving = _some(fresh, most_rows), []
    elif gone:
        chosen, leaving = whole, gone
    else:
        chosen, leaving = _some(whole, most_rows), []
    counted = [(file, platform.data.census(file)) for file in chosen]
    left = [file for file in new if file not in chosen]
    with platform.database.write() as connection:
        _forget(connection, [row.id for row in leaving if row.id not in expired])
        _keep(connection, expired.intersection(row.id for row in leaving), platform.clock())
        for file, counts in counted:
            _add(connection, file, counts)
        values = {
            "snapshot": snapshot,
            "behind_rows": sum(file.rows for file in left),
            "counted_at": platform.clock(),
        }
        connection.execute(sa.delete(observation_state))
        connection.execute(sa.insert(observation_state).values(id=_STATE, **values))
    return bool(left or (gone and not leaving))


def _some(files: Sequence[DataFile], most_rows: int) -> list[DataFile]:
    chosen: list[DataFile] = []
    rows = 0
    for file in files:
        if chosen and rows + file.rows > most_rows:
            break
        chosen.append(file)
        rows += file.rows
    return chosen


def _forget(connection: sa.Connection, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        connection.execute(sa.delete(observations).where(observations.c.file.in_(batch)))
        connection.execute(sa.delete(observed_files).where(observed_files.c.id.in_(batch)))


def _keep(connection: sa.Connection, ids: Collection[int], now: int) -> None:
    """Keep the counts of files that retention dropped, for a while."""
    if ids:
        connection.execute(
            sa.update(observed_files).where(observed_files.c.id.in_(list(ids))).values(kept=True)
        )
    old = sa.select(observed_files.c.id).where(
        observed_files.c.kept, observed_files.c.max_server < now - _KEPT_DAYS * DAY_MS
    )
    _forget(connection, [row.id for row in connection.execute(old)])


def _add(connection: sa.Connection, file: DataFile, counts: Counts) -> None:
    (file_id,) = connection.execute(
        sa.insert(observed_files).values(
            path=file.path,
            kind=file.table,
            date=file.date,
            grade=file.grade,
            rows=file.rows,
            bytes=file.bytes,
            payload=sum(count.payload for count in counts.values()),
            max_server=file.max_server,
            kept=False,
        )
    ).inserted_primary_key or (0,)
    rows = [
        {"file": file_id, **key._asdict(), **msgspec.structs.asdict(count)}
        for key, count in counts.items()
    ]
    if rows:
        connection.execute(sa.insert(observations), rows)


# --- what was counted


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over an event's observations. ``volume`` weighs sampled events. Times are ms."""

    seen: int
    violations: int
    dirty: int
    volume: float
    payload: int
    first_at: int
    last_at: int

    @property
    def valid_share(self) -> float | None:
        """Return the share of what arrived that broke nothing; None where nothing did."""
        arrived = self.seen + self.dirty
        return (self.seen - self.violations) / arrived if arrived else None


_SUMS: Final = (
    sa.func.sum(observations.c.seen).label("seen"),
    sa.func.sum(observations.c.violations).label("violations"),
    sa.func.sum(observations.c.dirty).label("dirty"),
    sa.func.sum(observations.c.weight).label("volume"),
    sa.func.sum(observations.c.payload).label("payload"),
    sa.func.min(observations.c.first_at).label("first_at"),
    sa.func.max(observations.c.last_at).label("last_at"),
)


def day_of(ms: int) -> int:
    """Return the UTC day, since 1970, of a time."""
    return ms // DAY_MS


def sums(
    connection: sa.Connection,
    by: Sequence[str],
    *,
    app: str | None = None,
    events: Collection[str] | None = None,
    env: str = "",
    since_day: int = 0,
    where: sa.ColumnElement[bool] | None = None,
) -> dict[tuple[Any, ...], Usage]:
    """Return sums by columns of ``observations``; of one app, some events, an environment, ``where``."""
    columns = [observations.c[name] for name in by]
    select = sa.select(*columns, *_SUMS).where(observations.c.day >= since_day)
    if app is not None:
        select = select.where(observations.c.app == app)
    if env:
        select = select.where(observations.c.env == env)
    if where is not None:
        select = select.where(where)
    found: dict[tuple[Any, ...], Usage] = {}
    names = [None] if events is None else _batches(sorted(events))
    for batch in names:
        chosen = select if batch is None else select.where(observations.c.event.in_(batch))
        for row in connection.execute(chosen.group_by(*columns)):
            usage = Usage(
                seen=int(row.seen or 0),
                violations=int(row.violations or 0),
                dirty=int(row.dirty or 0),
                volume=float(row.volume or 0),
                payload=int(row.payload or 0),
                first_at=int(row.first_at or 0),
                last_at=int(row.last_at or 0),
            )
            if usage.seen or usage.dirty:
                found[tuple(row)[: len(by)]] = usage
    return found


def _batches(names: Sequence[str]) -> list[list[str] | None]:
    return [list(names[start : start + _BATCH]) for start in range(0, len(names), _BATCH)]


def usage(
    connection: sa.Connection,
    *,
    app: str | None = None,
    since_day: int = 0,
    where: sa.ColumnElement[bool] | None = None,
) -> Mapping[tuple[str, str], Usage]:
    """Return what was seen of each event, by (app, event): for search, trust and "my events"."""
    return {
        (app_, event): each
        for (app_, event), each in sums(
            connection, ("app", "event"), app=app, since_day=since_day, where=where
        ).items()
    }


def last_seen(
    connection: sa.Connection, app: str, event: str, *, env: str = ""
) -> list[insight_wire.Seen]:
    """Return what was seen of an event by platform, version and environment, the newest first."""
    found = sums(connection, ("platform", "version", "env"), app=app, events=[event], env=env)
    items = [
        insight_wire.Seen(
            platform=platform,
            version=version,
            env=env_,
            seen=each.seen,
            violations=each.violations,
            dirty=each.dirty,
            first_at=each.first_at,
            last_at=each.last_at,
        )
        for (platform, version, env_), each in found.items()
    ]
    return sorted(items, key=lambda item: (-item.last_at, item.platform, item.version))


def state(connection: sa.Connection) -> insight_wire.ObservationState:
    """Return how far counting is."""
    row = connection.execute(sa.select(observation_state)).first()
    if row is None:
        return insight_wire.ObservationState(counted_at=None, behind_rows=0)
    return insight_wire.ObservationState(
        counted_at=row.counted_at, behind_rows=int(row.behind_rows)
    )


def bytes_per_payload(connection: sa.Connection) -> float | None:
    """Return how many stored bytes one byte of an event's own JSON takes; None without any."""
    row = connection.execute(
        sa.select(sa.func.sum(observed_files.c.bytes), sa.func.sum(observed_files.c.payload)).where(
            observed_files.c.kind == "events"
        )
    ).one()
    return float(row[0]) / float(row[1]) if row[0] and row[1] else None


def is_planned() -> sa.Exists:
    """Return the condition on observations that their event is planned."""
    table = tables.events
    return sa.exists().where(
        table.c.app == observations.c.app, table.c.event == observations.c.event
    )


def planned_names(connection: sa.Connection, app: str) -> set[str]:
    """Return the names of an app's planned events."""
    select = sa.select(tables.events.c.event).where(tables.events.c.app == app)
    return set(connection.execute(select).scalars())
