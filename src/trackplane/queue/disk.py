"""The embedded queue: segment files with checksums, one fdatasync for many uploads.

Format and invariants: ``spec/queue.md``; why segment files: ``docs/adr/0001``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from trackplane.errors import CorruptionError, TrackplaneError
from trackplane.queue import Batch, PartitionInfo, Queue, QueueError, TopicSpec
from trackplane.queue.filesystem import Filesystem, RealFilesystem
from trackplane.queue.groups import Groups
from trackplane.queue.partition import Appender, DiskQueueSettings, Reader, wrap

Partition = tuple[str, int]


class _Request:
    """One ``append`` call waiting for its round."""

    def __init__(self, entries: Mapping[Partition, Sequence[bytes]]) -> None:
        self.entries = entries
        self.offsets: dict[Partition, int] = {}
        self.error: TrackplaneError | None = None
        self.done = False


class DiskQueue(Queue):
    """A queue in a folder. ``clock`` returns ms. Many processes may open one folder."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        filesystem: Filesystem | None = None,
        settings: DiskQueueSettings | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._filesystem = filesystem or RealFilesystem()
        self._settings = settings or DiskQueueSettings()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise wrap(error, path) from error
        self._groups = Groups(path / "groups.db")
        self._topics: dict[str, TopicSpec] = {}
        self._appenders: dict[Partition, Appender] = {}
        self._readers: dict[Partition, Reader] = {}
        self._reading = threading.Lock()
        self._waiting: list[_Request] = []
        self._arriving = threading.Lock()
        self._committing = threading.Lock()
        self._pool = ThreadPoolExecutor(self._settings.sync_threads, thread_name_prefix="sync")

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics that are missing; an existing one keeps its partitions."""
        there = self.topics()
        for topic in topics:
            known = there.get(topic.name)
            if known is not None:
                topic = msgspec.structs.replace(topic, partitions=known.partitions)  # noqa: PLW2901
            if topic == known:
                continue
            folder = self._path / topic.name
            try:
                folder.mkdir(exist_ok=True)
                fresh = folder / "topic.new"
                fresh.write_bytes(msgspec.json.encode(topic))
                fresh.replace(folder / "topic.json")
                self._filesystem.sync_folder(folder)
                self._filesystem.sync_folder(self._path)
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
        """Append durably; whoever comes first commits for all who wait."""
        for partition in entries:
            self._check(partition)
        request = _Request(entries)
        with self._arriving:
            self._waiting.append(request)
        with self._committing:
            if not request.done:
                with self._arriving:
                    round_, self._waiting = self._waiting, []
                self._commit(round_)
        if request.error is not None:
            raise request.error
        return request.offsets

    def _check(self, partition: Partition) -> None:
        topic = self._topics.get(partition[0]) or self.topics().get(partition[0])
        if topic is None:
            raise QueueError(f"there is no topic {partition[0]!r}")
        if not 0 <= partition[1] < topic.partitions:
            raise QueueError(f"topic {topic.name!r} has {topic.partitions} partitions")

    def _commit(self, round_: Sequence[_Request]) -> None:
        """Write and sync one round; every request of it is done afterwards."""
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
            request.done = True

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
        if reader is None:
            reader = self._readers[partition] = Reader(self._folder(partition))
        return reader

    def read(
        self, topic: str, partition: int, offset: int, *, max_bytes: int = 4 * 1024 * 1024
    ) -> Batch:
        """Return messages from ``offset`` on, without waiting."""
        try:
            with self._reading:
                reader = self._reader((topic, partition))
                return reader.read(offset, max_bytes)
        except OSError as error:
            raise wrap(error, self._folder((topic, partition))) from error

    def info(self, topic: str, partition: int) -> PartitionInfo:
        """Return a partition's bounds."""
        try:
            return self._reader((topic, partition)).info(topic, partition)
        except OSError as error:
            raise wrap(error, self._folder((topic, partition))) from error

    def trim(self, now: int) -> dict[Partition, int]:
        """Apply retention to the partitions this process appends to."""
        dropped: dict[Partition, int] = {}
        with self._committing:
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

    def close(self) -> None:
        """Release files; waiting appends finish first."""
        with self._committing:
            self._pool.shutdown()
            for appender in self._appenders.values():
                appender.close()
            self._appenders.clear()
            self._groups.close()
