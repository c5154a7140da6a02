"""The consumer loop: lease partitions, read, process, flush and commit, in one thread.

A ``Stage`` does the work; the loop knows time, leases and back-pressure. A stage's own store guards
its commits by compare-and-set; the lease only shares the work out. A consumer that was paused past
its lease finds out when its commit is refused, drops what it had and goes on with what it owns.
"""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import structlog

from trackplane.errors import TrackplaneError
from trackplane.queue import Batch, Queue
from trackplane.worker.settings import WorkerSettings

_log = structlog.get_logger(__name__)

Partition = tuple[str, int]


class Stage(abc.ABC):
    """What a consumer does with what it reads. Called from one thread only."""

    group: str

    @abc.abstractmethod
    def assign(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Take over partitions; return where to read each from.

        A partition left out is not ready to be taken (the stage lags behind the configuration it
        was last processed under): the loop asks again.
        """

    @abc.abstractmethod
    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and whatever of theirs is not committed."""

    @abc.abstractmethod
    def process(self, partition: Partition, batch: Batch) -> int:
        """Work on what was read; return how many events it held."""

    @abc.abstractmethod
    def flush(self) -> tuple[Mapping[Partition, int], Sequence[Partition]]:
        """Write and commit all that was processed.

        Returns the positions committed, and the partitions lost to another owner (dropped here).

        Raises:
            TrackplaneError: nothing was committed; the partitions must be assigned again.
        """

    @property
    def waiting(self) -> bool:
        """Say whether what was processed waits for a receiver: until then nothing more is read."""
        return False

    def statistics(self) -> Mapping[str, object]:
        """Return figures for status reports, JSON-able."""
        return {}


class ConsumerStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer has done since it started; ``events`` and ``bytes`` are read, not stored."""

    group: str
    partitions: int
    events: int
    bytes: int
    flushes: int
    failures: int
    conflicts: int
    trimmed: int
    stage: Mapping[str, object]


class Consumer:
    """One stage over the partitions that its lease gives it."""

    def __init__(
        self,
        stage: Stage,
        *,
        queue: Queue,
        member: str,
        partitions: Sequence[Partition],
        settings: WorkerSettings,
        clock: Callable[[], int],
    ) -> None:
        self._stage = stage
        self._queue = queue
        self._member = member
        self._partitions = partitions
        self._settings = settings
        self._clock = clock
        self._stopping = threading.Event()
        self._owned: set[Partition] = set()
        self._positions: dict[Partition, int] = {}
        self._pending_bytes = 0
        self._pending = False
        self._events = self._bytes = self._flushes = 0
        self._failures = self._conflicts = self._trimmed = 0

    def stop(self) -> None:
        """Ask the loop to flush, give its partitions up and end."""
        self._stopping.set()

    def statistics(self) -> ConsumerStatistics:
        """Return what was done so far. Callable from any thread."""
        return ConsumerStatistics(
            group=self._stage.group,
            partitions=len(self._positions),
            events=self._events,
            bytes=self._bytes,
            flushes=self._flushes,
            failures=self._failures,
            conflicts=self._conflicts,
            trimmed=self._trimmed,
            stage=self._stage.statistics(),
        )

    def run(self) -> None:
        """Run until ``stop``; a failure of storage is logged, waited out and tried again."""
        leased_at = flushed_at = -(10**15)
        while not self._stopping.is_set():
            now = self._clock()
            try:
                if now - leased_at >= self._settings.lease_ms // 4:
                    self._lease(now)
                    leased_at = now
                read = not self._stage.waiting and self._read_round()
                due = self._clock() - flushed_at >= self._settings.flush_ms
                if self._pending and (due or self._pending_bytes >= self._settings.flush_bytes):
                    self._flush()
                    flushed_at = self._clock()
            except TrackplaneError as error:
                self._failures += 1
                _log.error("consumer_failed", group=self._stage.group, error=str(error))
                self._start_over()
                self._stopping.wait(0.5)
                continue
            if not read:
                self._stopping.wait(self._settings.poll_ms / 1000)
        self._leave()

    def _lease(self, now: int) -> None:
        leased = set(
            self._queue.lease(
                self._stage.group, self._member, self._partitions, now, self._settings.lease_ms
            )
        )
        lost = self._owned - leased
        if lost:
            self._flush()
            self._forget(lost)
        self._owned = leased
        missing = leased - self._positions.keys()
        if missing:
            self._positions.update(self._stage.assign(missing))

    def _read_round(self) -> bool:
        read = False
        for partition, offset in list(self._positions.items()):
            if self._stopping.is_set() or self._pending_bytes >= self._settings.flush_bytes:
                break
            batch = self._queue.read(*partition, offset, max_bytes=self._settings.read_bytes)
            if batch.next == offset:
                continue
            if batch.trimmed:
                self._trimmed += batch.trimmed
                _log.error(
                    "messages_lost_to_retention",
                    group=self._stage.group,
                    topic=partition[0],
                    partition=partition[1],
                    messages=batch.trimmed,
                )
            self._events += self._stage.process(partition, batch)
            size = sum(len(message.data) for message in batch.messages)
            self._bytes += size
            self._pending_bytes += size
            self._pending = read = True
            self._positions[partition] = batch.next
        return read

    def _flush(self) -> None:
        if not self._pending:
            return
        committed, lost = self._stage.flush()
        if self._stage.waiting:
            return
        self._pending, self._pending_bytes = False, 0
        self._flushes += 1
        if lost:
            self._conflicts += len(lost)
            _log.warning("partitions_lost", group=self._stage.group, partitions=sorted(lost))
            self._forget(lost)
        if committed:
            # For lag and retention only: where the stage stands is what its own store says.
            self._queue.commit(self._stage.group, committed)

    def _forget(self, partitions: Iterable[Partition]) -> None:
        gone = [partition for partition in partitions if partition in self._positions]
        self._stage.drop(gone)
        for partition in gone:
            del self._positions[partition]
        self._owned -= set(gone)

    def _start_over(self) -> None:
        """Drop what is not committed and take the partitions again from their committed places."""
        self._pending, self._pending_bytes = False, 0
        self._stage.drop(list(self._positions))
        self._positions.clear()
        try:
            self._positions.update(self._stage.assign(self._owned))
        except TrackplaneError as error:
            _log.error("assign_failed", group=self._stage.group, error=str(error))
            self._owned.clear()

    def _leave(self) -> None:
        try:
            self._flush()
            self._stage.drop(list(self._positions))
            self._queue.leave(self._stage.group, self._member)
        except TrackplaneError as error:
            _log.error("leave_failed", group=self._stage.group, error=str(error))
