"""What is kept of a rule's shadow, canary and guard: the one that runs, else the last one."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal, TypeVar

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.engine.shadow import ShadowCounts

Kind = Literal["shadow", "canary", "guard"]
T = TypeVar("T", bound=msgspec.Struct)


def find(connection: sa.Connection, kind: Kind, rule: str, type: type[T]) -> T | None:
    """Return what is kept of a rule, or None."""
    table = tables.trials
    row = connection.execute(
        sa.select(table.c.state).where(table.c.kind == kind, table.c.rule == rule)
    ).first()
    return msgspec.json.decode(row.state, type=type) if row is not None else None


def running(connection: sa.Connection, kind: Kind, type: type[T]) -> list[T]:
    """Return those of a kind that run."""
    table = tables.trials
    rows = connection.execute(
        sa.select(table.c.state).where(
            table.c.kind == kind, table.c.status.in_(("running", "watching"))
        )
    )
    return [msgspec.json.decode(row.state, type=type) for row in rows]


def runs(connection: sa.Connection, kind: Kind, rule: str) -> bool:
    """Say whether one of a kind runs on a rule."""
    table = tables.trials
    row = connection.execute(
        sa.select(table.c.status).where(table.c.kind == kind, table.c.rule == rule)
    ).first()
    return row is not None and row.status in ("running", "watching")


def keep(connection: sa.Connection, kind: Kind, rule: str, status: str, state: object) -> None:
    """Keep a state in place of the one before."""
    table = tables.trials
    connection.execute(sa.delete(table).where(table.c.kind == kind, table.c.rule == rule))
    connection.execute(
        sa.insert(table).values(
            kind=kind, rule=rule, status=status, state=msgspec.json.encode(state).decode()
        )
    )


def of_both(base: Iterable[str], candidate: Iterable[str]) -> tuple[str, ...]:
    """Return the apps of two versions of a rule; none, which is all apps, where one names none."""
    base, candidate = tuple(base), tuple(candidate)
    return tuple(dict.fromkeys((*base, *candidate))) if base and candidate else ()


class ShadowDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's shadow counted; ``until`` tells it from others of the rule."""

    rule: str
    until: int
    counts: ShadowCounts


class ShadowTrial(msgspec.Struct, kw_only=True):
    """A shadow as it is kept."""

    rule: str
    apps: tuple[str, ...]
    source: str
    rate: float
    started_at: int
    started_by: str
    until: int
    ended_at: int | None = None
    has_base: bool
    counts: ShadowCounts
    nodes: list[str] = []


class ShadowBook:
    """What nodes counted since it was last kept. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], ShadowCounts] = {}
        self._nodes: dict[tuple[str, int], set[str]] = {}

    def reported(self, node: str, deltas: Iterable[ShadowDelta]) -> None:
        """Take a node's counts."""
        with self._lock:
            for delta in deltas:
                key = (delta.rule, delta.until)
                known = self._counts.setdefault(key, ShadowCounts(fields={}, samples=[]))
                known.add(delta.counts)
                self._nodes.setdefault(key, set()).add(node)

    def add_to(self, kept: ShadowTrial) -> ShadowTrial:
        """Return a shadow with what came since it was kept."""
        with self._lock:
            return self._whole(kept)

    def _whole(self, kept: ShadowTrial) -> ShadowTrial:
        key = (kept.rule, kept.until)
        counts = ShadowCounts(fields={}, samples=[])
        counts.add(kept.counts)
        if key in self._counts:
            counts.add(self._counts[key])
        nodes = sorted({*kept.nodes, *self._nodes.get(key, ())})
        return msgspec.structs.replace(kept, counts=counts, nodes=nodes)

    def counts(self, rule: str, until: int) -> ShadowCounts:
        """Return what was counted and not kept."""
        with self._lock:
            found = ShadowCounts(fields={}, samples=[])
            if (rule, until) in self._counts:
                found.add(self._counts[rule, until])
            return found

    def held(self) -> set[tuple[str, int]]:
        """Return which shadows (rule, until) anything is held of."""
        with self._lock:
            return set(self._counts)

    def forget(self, shadows: Iterable[tuple[str, int]]) -> None:
        """Let go of what was counted for shadows that nobody will ask for."""
        with self._lock:
            for key in shadows:
                self._counts.pop(key, None)
                self._nodes.pop(key, None)

    def heard(self, kept: ShadowTrial) -> bool:
        """Say whether anything came since it was kept."""
        with self._lock:
            return (kept.rule, kept.until) in self._counts

    def take(self, kept: ShadowTrial) -> ShadowTrial:
        """Return a shadow with what came since it was kept, and let go of that."""
        with self._lock:
            whole = self._whole(kept)
            self._counts.pop((kept.rule, kept.until), None)
            self._nodes.pop((kept.rule, kept.until), None)
        return whole
