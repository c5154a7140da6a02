"""The consumer loop over a queue in memory, a stage that keeps books, and a clock that is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from trackplane.errors import StorageError
from trackplane.queue import Batch, TopicSpec
from trackplane.queue.memory import MemoryQueue
from trackplane.worker.consumer import Consumer, Partition, Stage
from trackplane.worker.settings import WorkerSettings

PARTITIONS: list[Partition] = [("events.p2", 0), ("events.p2", 1)]
LEASE_MS = 1_000
SETTINGS = WorkerSettings(flush_ms=0, poll_ms=1, lease_ms=LEASE_MS)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Books(Stage):
    """A stage whose store commits by compare-and-set, as the lake's manifest does.

    Stages of one group share ``positions`` and ``rows``: that is the store.
    """

    group = "books"

    def __init__(
        self, positions: dict[Partition, int] | None = None, rows: list[bytes] | None = None
    ) -> None:
        self.positions = {} if positions is None else positions
        self.rows = [] if rows is None else rows
        self.starts: dict[Partition, int] = {}
        self.pending: dict[Partition, list[bytes]] = {}
        self.next: dict[Partition, int] = {}
        self.failures = 0
        self.flushes = 0
        self.asked = 0
        self.unready: set[Partition] = set()
        self.dropped: list[Partition] = []

    def assign(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        self.asked += 1
        found = {p: self.positions.get(p, 0) for p in partitions if p not in self.unready}
        self.starts.update(found)
        self.next.update(found)
        self.pending.update({p: [] for p in found})
        return found

    def drop(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self.dropped.append(partition)
            for held in (self.starts, self.next, self.pending):
                held.pop(partition, None)

    def process(self, partition: Partition, batch: Batch) -> int:
        self.pending[partition] += [message.data for message in batch.messages]
        self.next[partition] = batch.next
        return len(batch.messages)

    def flush(self) -> tuple[Mapping[Partition, int], Sequence[Partition]]:
        self.flushes += 1
        if self.failures:
            self.failures -= 1
            raise StorageError("no room")
        committed, lost = {}, []
        for partition in list(self.starts):
            if self.positions.get(partition, 0) != self.starts[partition]:
                lost.append(partition)
                continue
            self.positions[partition] = self.starts[partition] = self.next[partition]
            committed[partition] = self.next[partition]
            self.rows += self.pending[partition]
            self.pending[partition] = []
        self.drop(lost)
        return committed, lost


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> MemoryQueue:
    made = MemoryQueue(clock=clock, segment_messages=1)
    made.ensure_topics([TopicSpec(name="events.p2", partitions=2, retention_ms=10)])
    return made


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.001)


def consumer(
    stage: Stage, queue: MemoryQueue, clock: Clock, member: str = "a", **settings: int
) -> Consumer:
    import msgspec

    return Consumer(
        stage,
        queue=queue,
        member=member,
        partitions=PARTITIONS,
        settings=msgspec.structs.replace(SETTINGS, **settings),
        clock=clock,
    )


@contextmanager
def running(loop: Consumer) -> Iterator[Consumer]:
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(20)
        assert not thread.is_alive()


def put(queue: MemoryQueue, *messages: bytes, partition: int = 0) -> None:
    queue.append({("events.p2", partition): messages})


def test_what_is_read_is_processed_flushed_and_committed(queue: MemoryQueue, clock: Clock) -> None:
    """From every partition, in order, to the store first and to the queue after it."""
    stage = Books()
    put(queue, b"a", b"b")
    put(queue, b"c", partition=1)
    with running(consumer(stage, queue, clock)) as loop:
        until(lambda: len(stage.rows) == 3)
        put(queue, b"d")
        until(lambda: queue.committed("books") == {PARTITIONS[0]: 3, PARTITIONS[1]: 1})
    assert sorted(stage.rows) == [b"a", b"b", b"c", b"d"]
    statistics = loop.statistics()
    assert (statistics.events, statistics.bytes) == (4, 4)
    assert (statistics.failures, statistics.conflicts, statistics.trimmed) == (0, 0, 0)


def test_a_failed_flush_starts_over_from_what_is_committed(
    queue: MemoryQueue, clock: Clock
) -> None:
    """The store failed twice: what it refused is read again, nothing twice, nothing lost."""
    stage = Books()
    put(queue, b"a")
    with running(consumer(stage, queue, clock)) as loop:
        until(lambda: stage.rows == [b"a"])
        stage.failures = 2
        put(queue, b"b", b"c")
        until(lambda: len(stage.rows) == 3)
    assert stage.rows == [b"a", b"b", b"c"]
    assert loop.statistics().failures == 2
    assert stage.positions[PARTITIONS[0]] == 3


def test_messages_taken_by_retention_are_counted_and_passed(
    queue: MemoryQueue, clock: Clock
) -> None:
    """Three of four were too old before anybody read them."""
    stage = Books()
    put(queue, b"a", b"b", b"c", b"d")
    clock.now += 1_000
    queue.trim(clock.now)
    with running(consumer(stage, queue, clock)) as loop:
        until(lambda: stage.rows == [b"d"])
    assert loop.statistics().trimmed == 3


def test_stopping_flushes_and_gives_the_partitions_up(queue: MemoryQueue, clock: Clock) -> None:
    """Even where no flush was due; another member has them all at once."""
    stage = Books()
    with running(consumer(stage, queue, clock, flush_ms=10**9)) as loop:
        put(queue, b"a")
        until(lambda: loop.statistics().flushes == 1)  # the first is due at once
        put(queue, b"b")
        until(lambda: loop.statistics().events == 2)
        assert stage.rows == [b"a"]
    assert stage.rows == [b"a", b"b"]
    assert queue.committed("books")[PARTITIONS[0]] == 2
    assert set(queue.lease("books", "b", PARTITIONS, clock.now, LEASE_MS)) == set(PARTITIONS)
    assert set(stage.dropped) == set(PARTITIONS)


def test_a_flush_comes_early_when_many_bytes_wait(queue: MemoryQueue, clock: Clock) -> None:
    """Its time is far off; its bytes are not."""
    stage = Books()
    with running(consumer(stage, queue, clock, flush_ms=10**9, flush_bytes=10)) as loop:
        put(queue, b"first")
        until(lambda: loop.statistics().flushes == 1)
        put(queue, b"12345")
        until(lambda: loop.statistics().events == 2)
        assert stage.rows == [b"first"]
        put(queue, b"67890")
        until(lambda: stage.rows == [b"first", b"12345", b"67890"])


def test_a_partition_that_is_not_ready_is_asked_for_again(queue: MemoryQueue, clock: Clock) -> None:
    """At each renewal of the lease, until the stage takes it."""
    stage = Books()
    stage.unready = {PARTITIONS[1]}
    put(queue, b"a")
    put(queue, b"b", partition=1)
    with running(consumer(stage, queue, clock)):
        until(lambda: stage.rows == [b"a"])
        asked = stage.asked
        clock.now += LEASE_MS // 4
        until(lambda: stage.asked > asked)
        assert stage.rows == [b"a"]
        stage.unready = set()
        clock.now += LEASE_MS // 4
        until(lambda: stage.rows == [b"a", b"b"])


def test_partitions_that_another_took_over_are_flushed_and_left(
    queue: MemoryQueue, clock: Clock
) -> None:
    """A second member comes: the first gives half of them up, with all it had read committed."""
    stage, other = Books(), None
    put(queue, b"a")
    put(queue, b"b", partition=1)
    with running(consumer(stage, queue, clock)):
        until(lambda: len(stage.rows) == 2)
        other = Books(stage.positions, stage.rows)
        with running(consumer(other, queue, clock, "b")):
            deadline = time.monotonic() + 20
            while len(other.starts) != 1 or len(stage.starts) != 1:
                assert time.monotonic() < deadline
                clock.now += LEASE_MS // 4
                time.sleep(0.005)
            for number in range(10):
                put(queue, b"%d" % number, partition=number % 2)
            until(lambda: len(stage.rows) == 12)
    assert sorted(stage.rows) == sorted([b"a", b"b", *(b"%d" % n for n in range(10))])


def test_a_commit_that_came_too_late_is_dropped(queue: MemoryQueue, clock: Clock) -> None:
    """Paused past its lease with events in hand: the new owner's commit stands, once."""
    slow = Books()
    with running(consumer(slow, queue, clock, flush_ms=10**9)) as loop:
        put(queue, b"a")
        until(lambda: slow.rows == [b"a"])
        put(queue, b"b")
        until(lambda: loop.statistics().events == 2)
        # What another owner would do, seen from here: the store has moved on.
        slow.positions[PARTITIONS[0]] = 2
        slow.rows.append(b"b")
        put(queue, b"c")
        clock.now += 10**9
        until(lambda: loop.statistics().conflicts == 1 and loop.statistics().partitions == 1)
        clock.now += LEASE_MS
        until(lambda: slow.next.get(PARTITIONS[0]) == 3)
    assert slow.rows == [b"a", b"b", b"c"]
