"""The queue in memory: for tests of whatever uses a queue. Nothing of it survives the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from trackplane.errors import StorageError
from trackplane.queue import (
    Batch,
    Message,
    PartitionInfo,
    Queue,
    QueueError,
    TopicSpec,
    check_topic,
)
from trackplane.queue.groups import spread

Partition = tuple[str, int]


class MemoryQueue(Queue):
    """A queue in memory. ``segment_messages`` is the unit that retention drops.

    ``fail_with`` makes every append raise it, until it is None again.
    """

    def __init__(self, *, clock: Callable[[], int], segment_messages: int = 100) -> None:
        self.fail_with: StorageError | None = None
        self._clock = clock
        self._unit = segment_messages
        self._guard = threading.RLock()
        self._topics: dict[str, TopicSpec] = {}
        self._logs: dict[Partition, list[Message]] = {}
        self._first: dict[Partition, int] = {}
        self._positions: dict[str, dict[Partition, int]] = {}
        self._members: dict[str, dict[str, int]] = {}
        self._leases: dict[str, dict[Partition, tuple[str | None, int]]] = {}

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics that are missing."""
        with self._guard:
            for topic in topics:
                check_topic(topic)
                known = self._topics.get(topic.name, topic)
                self._topics[topic.name] = TopicSpec(
                    name=topic.name,
                    partitions=known.partitions,
                    retention_ms=topic.retention_ms,
                    retention_bytes=topic.retention_bytes,
                )
                for partition in range(known.partitions):
                    self._logs.setdefault((topic.name, partition), [])
                    self._first.setdefault((topic.name, partition), 0)

    def topics(self) -> dict[str, TopicSpec]:
        """Return the topics there are."""
        return dict(self._topics)

    def append(self, entries: Mapping[Partition, Sequence[bytes]]) -> dict[Partition, int]:
        """Append messages; return the first offset given in each partition."""
        with self._guard:
            if self.fail_with is not None:
                raise self.fail_with
            logs = {partition: self._log(partition) for partition in entries}
            now = self._clock()
            offsets: dict[Partition, int] = {}
            for partition, messages in entries.items():
                log = logs[partition]
                offset = offsets[partition] = self._first[partition] + len(log)
                log += [Message(offset + n, now, bytes(data)) for n, data in enumerate(messages)]
            return offsets

    def _log(self, partition: Partition) -> list[Message]:
        log = self._logs.get(partition)
        if log is None:
            raise QueueError(f"there is no topic partition {partition}")
        return log

    def read(
        self, topic: str, partition: int, offset: int, *, max_bytes: int = 4 * 1024 * 1024
    ) -> Batch:
        """Return messages from ``offset`` on, without waiting."""
        with self._guard:
            log = self._log((topic, partition))
            first = self._first[topic, partition]
            if offset >= first + len(log):
                return Batch([], offset)
            start, size, messages = max(0, offset - first), 0, []
            for message in log[start:]:
                messages.append(message)
                size += len(message.data)
                if size >= max_bytes:
                    break
            return Batch(messages, first + start + len(messages), max(0, first - offset))

    def info(self, topic: str, partition: int) -> PartitionInfo:
        """Return a partition's bounds."""
        with self._guard:
            log = self._log((topic, partition))
            first = self._first[topic, partition]
            size = sum(len(message.data) for message in log)
            return PartitionInfo(topic, partition, first, first + len(log), size)

    def trim(self, now: int) -> dict[Partition, int]:
        """Apply retention at ``now``."""
        dropped: dict[Partition, int] = {}
        with self._guard:
            for partition, log in self._logs.items():
                topic = self._topics[partition[0]]
                while len(log) > self._unit:
                    unit = log[: self._unit]
                    size = sum(len(message.data) for message in log)
                    old = (
                        topic.retention_ms is not None
                        and unit[-1].appended < now - topic.retention_ms
                    )
                    large = topic.retention_bytes is not None and size > topic.retention_bytes
                    if not (old or large):
                        break
                    del log[: self._unit]
                    self._first[partition] += self._unit
                    dropped[partition] = dropped.get(partition, 0) + self._unit
        return dropped

    def commit(self, group: str, positions: Mapping[Partition, int]) -> None:
        """Store where a group will read next."""
        with self._guard:
            self._positions.setdefault(group, {}).update(positions)

    def committed(self, group: str) -> dict[Partition, int]:
        """Return where a group will read next."""
        return dict(self._positions.get(group, {}))

    def lease(
        self, group: str, member: str, partitions: Sequence[Partition], now: int, ttl_ms: int
    ) -> dict[Partition, int]:
        """Renew membership; return the partitions owned, each with its epoch."""
        with self._guard:
            members = self._members.setdefault(group, {})
            members[member] = now + ttl_ms
            for name in [name for name, expires in members.items() if expires <= now]:
                del members[name]
            leases = self._leases.setdefault(group, {})
            owners = {p: leases.get(p, (None, 0))[0] for p in partitions}
            given_up, taken = spread(member, list(members), owners)
            for partition in given_up:
                leases[partition] = (None, leases[partition][1])
            for partition in taken:
                leases[partition] = (member, leases.get(partition, (None, 0))[1] + 1)
            return {
                p: epoch
                for p in partitions
                for owner, epoch in [leases.get(p, (None, 0))]
                if owner == member
            }

    def leave(self, group: str, member: str) -> None:
        """Give up all of a member's partitions at once."""
        with self._guard:
            self._members.get(group, {}).pop(member, None)
            leases = self._leases.get(group, {})
            for partition, (owner, epoch) in leases.items():
                if owner == member:
                    leases[partition] = (None, epoch)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
