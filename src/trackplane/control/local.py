"""The data plane in the shared data folder: the queue's ends, the lake's manifest and files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from trackplane import dirty, ledger, replay
from trackplane.control.data import (
    DataAccess,
    DirtyCounts,
    DirtyFilter,
    DirtyTotal,
    Partition,
    StoredDirty,
    Written,
)
from trackplane.control.dirty_reader import DirtyReader
from trackplane.control.wire import Column, Lag, QueryResult
from trackplane.discovery import Snapshot
from trackplane.discovery.compile import Plans
from trackplane.event import LANE_TOPICS
from trackplane.lake import metrics
from trackplane.lake.census import Counts, census
from trackplane.lake.commit import DIRTY, EVENTS, RAW, RULES, DataFile
from trackplane.lake.erase import count_rows
from trackplane.lake.event_figures import EventFigures, event_figures
from trackplane.lake.manifest import ManifestReader
from trackplane.lake.metrics import MetricSeries
from trackplane.lake.query import QueryRunner
from trackplane.lake.replay import Replayed
from trackplane.lake.replay import replay as replay_rule
from trackplane.lake.sample import EventSample, sample
from trackplane.ledger import LedgerEntry
from trackplane.queue import Batch, Queue, TopicSpec
from trackplane.rules import ir
from trackplane.rules.library import Environment
from trackplane.rules.metrics import CompiledMetric

_FRESHNESS_MS: Final = 10 * 60 * 1000  # over how much of the past it is measured
_READ: Final[dict[str, tuple[str, ...]]] = {
    RAW: (*LANE_TOPICS, dirty.TOPIC, ledger.TOPIC),
    RULES: (*LANE_TOPICS, replay.TOPIC),
}
_REPLAY: Final[Partition] = (replay.TOPIC, 0)


class LocalData(DataAccess):
    """Reads a queue and a lake that other processes of this machine write."""

    def __init__(
        self, queue: Queue, manifest: ManifestReader, runner: QueryRunner | None = None
    ) -> None:
        self._queue = queue
        self._manifest = manifest
        self._runner = runner or QueryRunner(manifest)
        self._dirty = DirtyReader(manifest)

    def ends(self) -> Mapping[Partition, int]:
        """Return the next offset of every lane's partitions and of the dirty topic's."""
        return {
            (name, partition): self._queue.info(name, partition).end
            for name, spec in self._queue.topics().items()
            if name in LANE_TOPICS or name == dirty.TOPIC
            for partition in range(spec.partitions)
        }

    def read(self, partition: Partition, offset: int, max_bytes: int) -> Batch:
        """Return messages from ``offset`` on."""
        return self._queue.read(*partition, offset, max_bytes=max_bytes)

    def lag(self, sinks: Sequence[str] = ()) -> list[Lag]:
        """Return how far the consumers are behind, by what the manifest committed."""
        found: list[Lag] = []
        topics = self._queue.topics()
        for group, names in (_READ | {f"sink.{name}": LANE_TOPICS for name in sinks}).items():
            committed = self._manifest.committed(group)
            for name in names:
                for partition in range(topics[name].partitions if name in topics else 0):
                    end = self._queue.info(name, partition).end
                    at = committed.get((name, partition), 0)
                    found.append(
                        Lag(
                            group=group,
                            topic=name,
                            partition=partition,
                            end=end,
                            committed=at,
                            lag=max(0, end - at),
                        )
                    )
        return found

    def ledger(self, app: str | None, day: int | None) -> list[LedgerEntry]:
        """Return the ingest ledger."""
        return self._manifest.ledger(app, day)

    def rule_ledger(self) -> list[LedgerEntry]:
        """Return the ledger of stored events that rules failed on."""
        return self._manifest.rule_ledger()

    def freshness_ms(self, now: int) -> int | None:
        """Return how long recent rows took from received to visible (p99)."""
        found = self._manifest.freshness(now - _FRESHNESS_MS)
        return found.p99_ms if found.commits else None

    def query(
        self,
        sql: str,
        *,
        apps: Sequence[str] | None,
        snapshot: Snapshot,
        limit: int,
        timeout_ms: int,
    ) -> QueryResult:
        """Run a SELECT in a process with limits."""
        known = [resource.name for resource in snapshot.of_kind("app")]
        found = self._runner.query(
            sql,
            apps=known if apps is None else apps,
            specs=Plans(snapshot),
            datasets=[ir.decode_dataset(r.body) for r in snapshot.of_kind("dataset")],
            limit=limit,
            timeout_ms=timeout_ms,
        )
        return QueryResult(
            columns=[Column(name=column.name, type=column.type) for column in found.columns],
            rows=found.rows,
            snapshot=found.snapshot,
            truncated=found.truncated,
        )

    def replay_rule(
        self,
        rule: ir.Rule,
        *,
        since_ms: int,
        until_ms: int,
        apps: Sequence[str] | None,
        snapshot: Snapshot,
        environment: Environment,
        limit: int,
    ) -> Replayed:
        """Run a rule over stored events: in SQL where that is exact, else by the engine."""
        datasets = {r.name: ir.decode_dataset(r.body) for r in snapshot.of_kind("dataset")}
        return replay_rule(
            rule,
            self._manifest,
            since_ms=since_ms,
            until_ms=until_ms,
            apps=apps,
            datasets=datasets,
            environment=environment,
            limit=limit,
        )

    def metric(
        self, compiled: CompiledMetric, *, since_ms: int, until_ms: int, step_ms: int | None = None
    ) -> MetricSeries:
        """Return a metric over stored events by event time."""
        return metrics.series(
            compiled, self._manifest, since_ms=since_ms, until_ms=until_ms, step_ms=step_ms
        )

    def dirty(
        self, wanted: DirtyFilter, *, limit: int = 100, before: str = ""
    ) -> list[StoredDirty]:
        """Return dirty events, newest first."""
        return self._dirty.events(wanted, limit=limit, before=before)

    def dirty_groups(self, wanted: DirtyFilter, by: Sequence[str]) -> list[DirtyCounts]:
        """Return dirty events that failed alike, counted, the most first."""
        return self._dirty.groups(wanted, by)

    def dirty_total(self, apps: Collection[str] | None, resolved: Collection[bytes]) -> DirtyTotal:
        """Return how many failings there are."""
        return self._dirty.total(apps, resolved)

    def snapshot(self) -> int:
        """Return the number of the lake's state."""
        return self._manifest.snapshot()

    def files(self, snapshot: int) -> list[DataFile]:
        """Return the files of stored and of dirty events in a state."""
        return [file for table in (EVENTS, DIRTY) for file in self._manifest.files(table, snapshot)]

    def census(self, file: DataFile) -> Counts:
        """Return what a file holds, counted by event, sender and day."""
        return census(self._manifest.folder, file)

    def sample(
        self,
        *,
        app: str,
        events: Collection[str],
        since_ms: int,
        until_ms: int,
        most: int,
        timeout_s: float,
        committed: Mapping[Partition, int] | None = None,
        dirty: bool = True,
    ) -> EventSample:
        """Return some events of these names, of each platform and version a few at least."""
        return sample(
            self._manifest,
            app=app,
            events=events,
            since_ms=since_ms,
            until_ms=until_ms,
            most=most,
            timeout_s=timeout_s,
            committed=committed,
            dirty=dirty,
        )

    def event_figures(
        self,
        *,
        app: str,
        event: str,
        env: str,
        hours_since: int,
        violations_since: int,
        timeout_s: float,
    ) -> EventFigures:
        """Return what arrived of an event by hour, and its violations, since these times (ms)."""
        return event_figures(
            self._manifest,
            app=app,
            event=event,
            env=env,
            hours_since=hours_since,
            violations_since=violations_since,
            timeout_s=timeout_s,
        )

    def replay_end(self) -> int:
        """Return the offset of the next replay message."""
        return self._queue.info(*_REPLAY).end if _REPLAY[0] in self._queue.topics() else 0

    def send_replay(self, messages: Sequence[bytes]) -> int:
        """Append replay messages; return the offset after them."""
        if _REPLAY[0] not in self._queue.topics():
            self._queue.ensure_topics([TopicSpec(name=_REPLAY[0])])
        return self._queue.append({_REPLAY: list(messages)})[_REPLAY] + len(messages)

    def replayed(self) -> int:
        """Return the offset up to which replay messages were processed and committed."""
        return self._manifest.committed(RULES).get(_REPLAY, 0)

    def failed_replays(self, offset: int) -> set[bytes]:
        """Return the failings that replay messages from ``offset`` on gave again."""
        return self._dirty.failed_since(_REPLAY[0], offset)

    def count_rows(self, written: Written) -> int:
        """Return how many rows there are of a rule for these events."""
        return count_rows(self._manifest, written.tables, written.rule, written.rows)
