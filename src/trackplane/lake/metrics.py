"""Computes metrics over stored events, by event time: in SQL where that is exact, else by the engine.

What a metric means is in ``rules/metrics.py``; both ways aggregate what its rule puts out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from trackplane.lake.manifest import ManifestReader
from trackplane.lake.replay import Way, connection, source_of, through_engine
from trackplane.rules.backends.duckdb import to_duckdb
from trackplane.rules.backends.query import Refused
from trackplane.rules.metrics import Aggregation, CompiledMetric, aggregation_sql

# An event's time is at most so far from the time it was received (design.md section 2).
_BACK_MS: Final = 30 * 24 * 3600 * 1000
_AHEAD_MS: Final = 5 * 60 * 1000
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class MetricPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's value over the events from ``at`` (ms) on, for one step; None: there is none.

    ``events`` are those measured, by weight; ``failed`` those on which an expression failed.
    """

    at: int
    value: float | None
    events: float
    failed: int


class MetricSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Points in the order of time, those without events left out.

    ``why`` says why the engine computed them (empty: SQL did); ``snapshot`` is the lake's.
    """

    way: Way
    why: str
    snapshot: int
    points: list[MetricPoint]


def series(
    compiled: CompiledMetric,
    manifest: ManifestReader,
    *,
    since_ms: int,
    until_ms: int,
    step_ms: int | None = None,
    way: Way | None = None,
) -> MetricSeries:
    """Return a metric over the events whose time is from ``since_ms`` until before ``until_ms``.

    ``step_ms`` None: one point over all of it. Steps begin at multiples of ``step_ms`` since 1970.

    Raises:
        ReplayError: the lake has no events of that time.
        Refused: SQL was asked for, and cannot say the metric exactly.
        LakeError: the manifest cannot be read.
    """
    snapshot = manifest.snapshot()
    source = source_of(
        manifest, snapshot, since_ms - _AHEAD_MS, until_ms + _BACK_MS, list(compiled.rule.apps)
    )
    source = (
        f'(SELECT * FROM {source} WHERE epoch_ms("at") >= {int(since_ms)}'  # noqa: S608 - numbers
        f' AND epoch_ms("at") < {int(until_ms)})'
    )
    start: Callable[[int], int] = lambda at: at - at % step_ms if step_ms else since_ms  # noqa: E731
    query, why = None, "the engine was asked for" if way == "engine" else ""
    if way != "engine":
        try:
            query = to_duckdb(compiled.rule, source)
        except Refused as error:
            if way == "duckdb":
                raise
            why = f"DuckDB refuses {error}"
    if query is None:
        return MetricSeries(
            way="engine", why=why, snapshot=snapshot, points=_by_engine(compiled, source, start)
        )
    bucket = f'"at" - "at" % {int(step_ms)}' if step_ms else str(int(since_ms))
    measured = "CASE WHEN failure IS NULL THEN weight END AS weight"
    sql = (
        f"SELECT {bucket} AS bucket, {aggregation_sql(compiled)},"  # noqa: S608 - all parts are ours
        " COALESCE(sum(weight), 0), count(failure)"
        f" FROM (SELECT * REPLACE ({measured}) FROM ({query.sql})) GROUP BY bucket ORDER BY bucket"
    )
    with connection() as opened:
        rows: Sequence[tuple[int, float | None, float, int]] = opened.execute(sql).fetchall()
    points = [MetricPoint(at=at, value=v, events=float(n), failed=f) for at, v, n, f in rows]
    return MetricSeries(way="duckdb", why="", snapshot=snapshot, points=points)


class _Step:
    """What adds up in one step."""

    def __init__(self, compiled: CompiledMetric) -> None:
        self.values = Aggregation(compiled)
        self.events = 0.0
        self.failed = 0


def _by_engine(
    compiled: CompiledMetric, source: str, start: Callable[[int], int]
) -> list[MetricPoint]:
    steps: defaultdict[int, _Step] = defaultdict(lambda: _Step(compiled))
    with connection() as opened:
        for frame, outputs in through_engine(compiled.rule, source, opened):
            at_of = {id: int(at) for id, at in zip(frame.ids, frame.at, strict=True)}
            for failed in outputs.dirty:
                steps[start(at_of[failed.id])].failed += 1
            for rows in outputs.rows.values():
                for id, data, weight in zip(rows.id, rows.data, rows.weight, strict=True):
                    step = steps[start(at_of[id])]
                    step.values.add(_decode(data), weight)
                    step.events += weight
    return [
        MetricPoint(at=at, value=step.values.result(), events=step.events, failed=step.failed)
        for at, step in sorted(steps.items())
    ]
