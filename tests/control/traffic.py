"""Traffic for tests: a collector's own admission, a queue, the raw store and the compactor, without processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from trackplane.admission.record import Record
from trackplane.admission.round import Round
from trackplane.collector.state import CollectorState
from trackplane.control.local import LocalData
from trackplane.discovery import Delta, Snapshot
from trackplane.event import LANE_TOPICS
from trackplane.lake.compact import Compactor
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import CompactionSettings
from trackplane.lake.writer import RawStore
from trackplane.queue import TopicSpec
from trackplane.queue.memory import MemoryQueue

NOW = 1_795_400_000_000
DAY_MS = 86_400_000


class Traffic:
    """What a collector and the raw store do, step by step. ``now`` is the clock of all of it."""

    def __init__(self, folder: Path, now: int = NOW) -> None:
        self.now = now
        self.queue = MemoryQueue(clock=lambda: self.now)
        topics = [TopicSpec(name=name, partitions=2) for name in LANE_TOPICS]
        self.queue.ensure_topics([*topics, TopicSpec(name="dirty"), TopicSpec(name="ledger")])
        self.manifest = Manifest(folder / "lake" / "manifest.db", clock=lambda: self.now)
        self.data = LocalData(self.queue, self.manifest)
        self._store = RawStore(self.manifest, self.manifest.folder, lambda: self.now)
        self._made = 0
        self._positions: dict[tuple[str, int], int] = {}
        self._state: CollectorState | None = None

    def clock(self) -> int:
        """Return the time, ms."""
        return self.now

    def configure(self, snapshot: Snapshot) -> None:
        """Let the collector enforce what a control plane published."""
        self._state = CollectorState(partitions=2, new_id=self._id)
        full = Delta(
            start=0,
            end=snapshot.number,
            changed=tuple(snapshot.resources.values()),
            hash=snapshot.hash,
        )
        assert not self._state.take(snapshot, full)

    def _id(self) -> str:
        self._made += 1
        return f"made{self._made}"

    def send(self, key: str, events: Iterable[dict[str, Any]], **header: Any) -> list[str]:
        """Admit one upload; return its events' dispositions."""
        assert self._state is not None
        admitter = self._state.admitter(key)
        assert admitter is not None
        values = list(events)
        round_ = Round()
        outcomes = admitter.admit(
            Record(
                header=header,
                header_bytes=msgspec.json.encode(header),
                data=[msgspec.json.encode(value) for value in values],
                values=values,
                duplicates=set(),
            ),
            self.now,
            round_,
        )
        self.queue.append(round_.messages())
        return [outcome.disposition for outcome in outcomes]

    def store(self) -> int:
        """Let the raw store take what the queue has; return the rows written."""
        topics = self.queue.topics()
        partitions = [(n, p) for n, spec in topics.items() for p in range(spec.partitions)]
        for partition, position in self._store.assign(partitions).items():
            end = self.queue.info(*partition).end
            if end > position:
                batch = self.queue.read(*partition, position, max_bytes=1 << 30)
                for number, message in enumerate(batch.messages):
                    self._store.add(*partition, position + number, bytes(message.data))
        return self._store.flush().rows

    def compact(self, **settings: Any) -> Any:
        """Let the compactor run once."""
        given = {"min_files": 1, "merge_files": 2, "max_age_ms": 0, **settings}
        return Compactor(self.manifest, self.clock, CompactionSettings(**given)).run()


def digest(key: str) -> str:
    """Return what of a write key travels."""
    return hashlib.sha256(key.encode()).hexdigest()


def event(name: str, id: str, **parts: Any) -> dict[str, Any]:
    """Return an event as a client sends it."""
    return {"event": name, "id": id, **parts}


def until_counted(step: Callable[[], bool]) -> int:
    """Step until there is nothing more; return how often."""
    steps = 0
    while step():
        steps += 1
        assert steps < 1_000
    return steps
