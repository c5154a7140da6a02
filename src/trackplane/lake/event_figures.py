"""Figures of one event over recent files: how many an hour, and which violations it has."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from trackplane.lake import views
from trackplane.lake.bounded import bounded
from trackplane.lake.census import BREAKS
from trackplane.lake.commit import DIRTY, EVENTS, LakeError
from trackplane.lake.manifest import ManifestReader

HOUR_MS: Final = 3_600_000
_MEMORY_MB: Final = 256
_MOST: Final = 50  # violations told


class Hour(msgspec.Struct, frozen=True):
    """What arrived in the hour that begins ``at`` (ms)."""

    at: int
    seen: int
    violations: int
    dirty: int


class Flawed(msgspec.Struct, frozen=True):
    """A violation by code and place, places in arrays as one (``/what/items/*``)."""

    code: str
    pointer: str
    count: int
    dirty: int
    last_at: int


class EventFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Hours that had events, and the most frequent violations; ``cut``: time was short."""

    hours: Sequence[Hour] = ()
    violations: Sequence[Flawed] = ()
    cut: bool = False


def event_figures(
    manifest: ManifestReader,
    *,
    app: str,
    event: str,
    env: str,
    hours_since: int,
    violations_since: int,
    timeout_s: float,
) -> EventFigures:
    """Return figures of an event (``env`` empty: of all environments) since these times (ms).

    Raises:
        LakeError: the manifest cannot be read.
    """
    snapshot = manifest.snapshot()
    since = min(hours_since, violations_since)
    sources = {
        table: [
            str((manifest.folder / file.path).resolve())
            for file in manifest.files(table, snapshot)
            if file.max_server >= since and (not file.apps or app in file.apps)
        ]
        for table in (EVENTS, DIRTY)
    }
    where = f"app = {views.literal(app)} AND event = {views.literal(event)}"
    where += f" AND env = {views.literal(env)}" if env else ""
    parts = [
        f"SELECT {moment} AS moment, violations, {dirty} AS dirty FROM ({views.read(paths)})"  # noqa: S608
        f" WHERE {where} AND {moment} >= {since}{more}"
        for paths, moment, dirty, more in (
            (sources[EVENTS], "epoch_ms(server)", "false", ""),
            (sources[DIRTY], "server", "true", " AND stage <> 'rule'"),
        )
        if paths
    ]
    if not parts:
        return EventFigures()
    deadline = time.monotonic() + timeout_s
    try:
        with bounded(memory_mb=_MEMORY_MB, timeout_s=timeout_s) as workspace:
            workspace.rows(f"CREATE TEMP TABLE arrived AS {' UNION ALL '.join(parts)}")
            hours = workspace.rows(
                f"SELECT moment - moment % {HOUR_MS} AS hour, count(*) FILTER (NOT dirty),"  # noqa: S608
                f" count(*) FILTER (NOT dirty AND {BREAKS}), count(*) FILTER (dirty)"
                f" FROM arrived WHERE moment >= {hours_since} GROUP BY hour ORDER BY hour"
            )
            flawed = workspace.rows(
                "SELECT flaw.code, regexp_replace(flaw.pointer, '/[0-9]+(/|$)', '/*\\1', 'g') AS place,"  # noqa: S608
                " count(*) AS n, count(*) FILTER (dirty), max(moment) FROM"
                " (SELECT moment, dirty, unnest(violations) AS flaw FROM arrived"
                f"  WHERE moment >= {violations_since})"
                f" GROUP BY ALL ORDER BY n DESC, flaw.code, place LIMIT {_MOST}"
            )
    except LakeError:
        if time.monotonic() < deadline:
            raise
        return EventFigures(cut=True)
    return EventFigures(
        hours=[Hour(*row) for row in hours], violations=[Flawed(*row) for row in flawed]
    )
