"""The embedded queue: segment files with checksums, one fdatasync for many uploads.

Format and invariants: ``spec/queue.md``; why segment files: ``docs/adr/0001``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from trackplane.errors import CorruptionError, TrackplaneError
from trackplane.queue import Batch, PartitionInfo, Queue, QueueError, TopicSpec, check_topic
from trackplane.queue.appender import Appender
from trackplane.queue.filesystem import Filesystem, RealFilesystem, wrap, write_whole
from trackplane.queue.groups import Groups
from trackplane.queue.reader import Reader
from trackplane.queue.settings import DiskQueueSettings

Partition = tuple[str, int]


class _Request:
    """One ``append`` call waiting for its round."""

    def __init__(self, entries: Mapping[Partition, Sequence[bytes]]) -> None:
        self.entries = entries
        self.offsets: dict[Partition, int] = {}
        self.error: TrackplaneError | None = None
        self.done = False


class DiskQueue(Queue):
    """A queue in a folder. ``clock`` returns ms. Many processes may open one folder.

    A partition is locked for appending by the first ``append`` to it, until ``close``. With
    ``writable`` false, ``append``, ``trim`` and ``ensure_topics`` are refused; groups work.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        filesystem: Filesystem | None = None,
        settings: DiskQueueSettings | None = None,
        writable: bool = True,
    ) -> None:
        self._path = path
        self._clock = clock
        self._filesystem = filesystem or RealFilesystem()
        self._settings = settings or DiskQueueSettings()
        self._writable = writable
        try:
            self._filesystem.make_folder(path)
            self._filesystem.sync_folder(path.parent)
        except OSError as error:
            raise wrap(error, path) from error
        self._groups = Groups(path / "groups.db")
        self._topics: dict[str, TopicSpec] = {}
        self._appenders: dict[Partition, Appender] = {}
        self._readers: dict[Partition, Reader] = {}
        self._waiting: list[_Request] = []
        self._turn = threading.Condition()
        self._busy = False  # somebody commits a round, trims or closes
        self._closed = False
        self._pool = ThreadPoolExecutor(self._settings.sync_threads, thread_name_prefix="sync")

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics that are missing; an existing one keeps its partitions."""
        self._check_writable()
        there = self.topics()
        for topic in topics:
            check_topic(topic)
            known = there.get(topic.name)
            if known is not None:
                topic = msgspec.structs.replace(topic, partitions=known.partitions)  # noqa: PLW2901
            if topic == known:
                continue
            folder = self._path / topic.name
            try:
                self._filesystem.make_folder(folder)
                self._filesystem.sync_folder(self._path)
                write_whole(self._filesystem, folder / "topic.json", msgspec.json.encode(topic))
            except OSError as error:
                raise wrap(error, folder) from error
            self._topics[topic.name] = topic

    def topics(self) -> dict[str, TopicSpec]:
        """Return the topics there are."""
        for path in sorted(self._path.glob("*/topic.json")):
            try:
                topic = msgspec.json.decode(path.read_bytes(), type=TopicSpec)
            except (OSError, msgspec.DecodeError) as error:
                raise CorruptionError(f"{path} cannot be read: {error}") from error
            self._topics[topic.name] = topic
        return dict(self._topics)

    def append(self, entries: Mapping[Partition, Sequence[bytes]]) -> dict[Partition, int]:
        """Append durably; whoever finds nobody at work commits for all who wait."""
        self._check_writable()
        for partition in entries:
            self._check(partition)
        request = _Request(entries)
        with self._turn:
            self._waiting.append(request)
            while self._busy and not request.done:
                self._turn.wait()
            if not request.done:
                self._busy = True
                round_, self._waiting = self._waiting, []
        if not request.done:
            try:
                self._commit(round_)
            finally:
                self._finish(round_)
        if request.error is not None:
            raise request.error
        return request.offsets

    def _finish(self, round_: Sequence[_Request]) -> None:
        """Let the next one work. A request whose commit did not come to its end has failed."""
        with self._turn:
            for request in round_:
                if not request.done:
                    request.error = QueueError("the round it waited for was broken off")
                    request.done = True
            self._busy = False
            self._turn.notify_all()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn:
            while self._busy:
                self._turn.wait()
            self._busy = True
        try:
            yield
        finally:
            self._finish(())

    def _check_writable(self) -> None:
        if self._closed:
            raise QueueError(f"{self._path} was closed")
        if not self._writable:
            raise QueueError(f"{self._path} was opened for reading only")

    def _check(self, partition: Partition) -> None:
        topic = self._topics.get(partition[0]) or self.topics().get(partition[0])
        if topic is None:
            raise QueueError(f"there is no topic {partition[0]!r}")
        if not 0 <= partition[1] < topic.partitions:
            raise QueueError(f"topic {topic.name!r} has {topic.partitions} partitions")

    def _commit(self, round_: Sequence[_Request]) -> None:
        """Write and sync one round; every request of it is done afterwards."""
        if self._closed:
            raise QueueError(f"{self._path} was closed")
        by_partition: dict[Partition, list[tuple[_Request, Sequence[bytes]]]] = {}
        for request in round_:
            for partition, messages in request.entries.items():
                by_partition.setdefault(partition, []).append((request, messages))
        now = self._clock()
        failed: dict[Partition, TrackplaneError] = {}
        written: list[Partition] = []
        for partition, parts in by_partition.items():
            try:
                appender = self._appender(partition)
                offset = appender.write([data for _, messages in parts for data in messages], now)
            except TrackplaneError as error:
                failed[partition] = error
                continue
            written.append(partition)
            for request, messages in parts:
                request.offsets[partition] = offset
                offset += len(messages)
        outcomes = zip(written, self._sync(written), strict=True)
        failed |= {partition: outcome for partition, outcome in outcomes if outcome is not None}
        for request in round_:
            request.error = next((failed[p] for p in request.entries if p in failed), None)
            request.done = True  # last: a waiting thread may look at any time

    def _sync(self, partitions: Sequence[Partition]) -> list[TrackplaneError | None]:
        def sync(partition: Partition) -> TrackplaneError | None:
            try:
                self._appenders[partition].sync()
            except TrackplaneError as error:
                return error
            return None

        if len(partitions) < 2:
            return [sync(partition) for partition in partitions]
        return list(self._pool.map(sync, partitions))

    def _appender(self, partition: Partition) -> Appender:
        appender = self._appenders.get(partition)
        if appender is None:
            appender = Appender(self._folder(partition), self._filesystem, self._settings)
            self._appenders[partition] = appender
        return appender

    def _folder(self, partition: Partition) -> Path:
        return self._path / partition[0] / str(partition[1])

    def _reader(self, partition: Partition) -> Reader:
        reader = self._readers.get(partition)
        if reader is None:  # setdefault: another thread may be as quick
            reader = self._readers.setdefault(partition, Reader(self._folder(partition)))
        return reader

    def read(
        self, topic: str, partition: int, offset: int, *, max_bytes: int = 4 * 1024 * 1024
    ) -> Batch:
        """Return messages from ``offset`` on, without waiting."""
        self._check((topic, partition))
        try:
            return self._reader((topic, partition)).read(offset, max_bytes)
        except OSError as error:
            raise wrap(error, self._folder((topic, partition))) from error

    def info(self, topic: str, partition: int) -> PartitionInfo:
        """Return a partition's bounds."""
        self._check((topic, partition))
        try:
            return self._reader((topic, partition)).info(topic, partition)
        except OSError as error:
            raise wrap(error, self._folder((topic, partition))) from error

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return the end offset of each partition: one small file read each."""
        found: dict[Partition, int] = {}
        for partition in partitions:
            self._check(partition)
            try:
                head = self._reader(partition).head()
            except OSError as error:
                raise wrap(error, self._folder(partition)) from error
            found[partition] = head.end if head is not None else 0
        return found

    def trim(self, now: int) -> dict[Partition, int]:
        """Apply retention to the partitions this process appends to."""
        self._check_writable()
        self.topics()  # another process may have changed retention
        dropped: dict[Partition, int] = {}
        with self._alone():
            for partition, appender in self._appenders.items():
                topic = self._topics[partition[0]]
                keep_from = None if topic.retention_ms is None else now - topic.retention_ms
                try:
                    count = appender.trim(keep_from, topic.retention_bytes)
                except OSError as error:
                    raise wrap(error, self._folder(partition)) from error
                if count:
                    dropped[partition] = count
        return dropped

    def commit(self, group: str, positions: Mapping[Partition, int]) -> None:
        """Store where a group will read next."""
        self._groups.commit(group, positions)

    def committed(self, group: str) -> dict[Partition, int]:
        """Return where a group will read next, by partition."""
        return self._groups.committed(group)

    def lease(
        self, group: str, member: str, partitions: Sequence[Partition], now: int, ttl_ms: int
    ) -> dict[Partition, int]:
        """Renew membership; return the partitions owned, each with its epoch."""
        return self._groups.lease(group, member, partitions, now, ttl_ms)

    def leave(self, group: str, member: str) -> None:
        """Give up all of a member's partitions at once."""
        self._groups.leave(group, member)

    def release(self, partitions: Iterable[Partition]) -> None:
        """Give up the locks of partitions; a later append takes them again."""
        with self._alone():
            for partition in partitions:
                appender = self._appenders.pop(partition, None)
                if appender is not None:
                    appender.close()

    def close(self) -> None:
        """Release files; waiting appends finish first."""
        if self._closed:
            return
        with self._alone():
            self._closed = True
            self._pool.shutdown()
            for appender in self._appenders.values():
                appender.close()
            self._appenders.clear()
        self._groups.close()
