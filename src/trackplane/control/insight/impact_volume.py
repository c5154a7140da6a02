"""How much a new event will bring each day, estimated from events like it (docs/impact.md, volume)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

import sqlalchemy as sa

from trackplane.control.insight import insight_wire, observations
from trackplane.control.insight.observations import DAY_MS, Usage
from trackplane.plan.model import EventSpec, Plan
from trackplane.plan.properties import paths_of
from trackplane.wording.similarity import likeness
from trackplane.wording.terms import analyse

DAYS: Final = 14
_LIKE: Final = 3
_LEAST: Final = 0.35  # likeness under which an event is not like another
MOST_NEW: Final = 100  # new events estimated at once
_MOST_OLD: Final = 1_000  # events they are compared with, those of most volume


class _Like(NamedTuple):
    score: float
    event: str


def estimates(
    connection: sa.Connection,
    app: str,
    before: Plan,
    after: Plan,
    added: Sequence[str],
    now: int,
) -> list[insight_wire.VolumeEstimate]:
    """Return what each new event will bring a day, those that bring most first."""
    if not added:
        return []
    since = observations.day_of(now) - DAYS + 1
    usage = {
        event: each
        for (event,), each in observations.sums(
            connection, ("event",), app=app, since_day=since
        ).items()
    }
    ratio = observations.bytes_per_payload(connection)
    busiest = sorted((e for e in usage if e in before.events), key=lambda e: -usage[e].volume)
    candidates = {event: set(paths_of(before.events[event])) for event in busiest[:_MOST_OLD]}
    found = [
        _estimate(after.events[name], before, usage, candidates, ratio, now, since)
        for name in added[:MOST_NEW]
    ]
    return sorted(found, key=lambda each: (-(each.bytes_per_day or 0), each.event))


def _estimate(
    spec: EventSpec,
    before: Plan,
    usage: Mapping[str, Usage],
    candidates: Mapping[str, Collection[str]],
    ratio: float | None,
    now: int,
    since: int,
) -> insight_wire.VolumeEstimate:
    own = usage.get(spec.event)
    if own is not None:
        like, basis = [spec.event], "it arrives already, unplanned"
    else:
        like = alike(spec, before, candidates)
        basis = "the median of the events most like it" if like else "no event is like it"
    daily = [_per_day(usage[event], now, since) for event in like]
    sizes = [
        usage[event].payload / usage[event].seen * ratio
        for event in like
        if usage[event].seen and ratio is not None
    ]
    per_day = median(daily) if daily else None
    size = median(sizes) if sizes else None
    return insight_wire.VolumeEstimate(
        event=spec.event,
        like=like,
        basis=basis,
        per_day=per_day,
        bytes_per_event=size,
        bytes_per_day=per_day * size if per_day is not None and size is not None else None,
        platforms=list(spec.platforms),
    )


def _per_day(usage: Usage, now: int, since: int) -> float:
    """Return stored events a day, over the days since the event was first seen in the window."""
    days = (now - max(usage.first_at, since * DAY_MS)) / DAY_MS
    return usage.seen / max(1.0, days)


def alike(spec: EventSpec, plan: Plan, candidates: Mapping[str, Collection[str]]) -> list[str]:
    """Return the events most like a new one: by name, shared groups, properties and platforms.

    ``candidates`` are events of the plan with their properties' paths.
    """
    name = analyse(spec.event)
    paths = set(paths_of(spec))
    found: list[_Like] = []
    for event, others in candidates.items():
        other = plan.events[event]
        words = likeness(name, analyse(event)).score
        groups = _overlap(set(spec.groups), set(other.groups))
        same = _overlap(paths, others)
        platforms = _overlap(set(spec.platforms), set(other.platforms))
        found.append(_Like(0.5 * words + 0.2 * groups + 0.2 * same + 0.1 * platforms, event))
    found.sort(key=lambda each: (-each.score, each.event))
    return [each.event for each in found[:_LIKE] if each.score >= _LEAST]


def _overlap(one: Collection[str], other: Collection[str]) -> float:
    """Return the share of what both have of what either has; two that say nothing agree half."""
    if not one and not other:
        return 0.5
    return len(set(one) & set(other)) / len(set(one) | set(other))
