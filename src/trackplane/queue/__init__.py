"""The queue: topics of partitions of messages, durable when ``append`` returns.

One interface, a file per back end (``memory``, ``disk``), one conformance suite
(``trackplane.testing.queue``). Format and invariants of the disk back end: ``spec/queue.md``.

A message is opaque bytes. Offsets count messages from 0 in a partition and never change. A partition
has one appender process at a time; readers are any number of processes and never block it.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from trackplane.errors import StorageError

_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class QueueError(StorageError):
    """The queue could not do what was asked; nothing of that call was acknowledged."""

    code = "queue"


class Message(msgspec.Struct, frozen=True):
    """A message read: ``appended`` is the appender's clock in ms when it was taken."""

    offset: int
    appended: int
    data: bytes


class Batch(msgspec.Struct, frozen=True):
    """What a read returned.

    ``next`` is the offset to read from afterwards. ``trimmed`` counts the messages between the
    offset asked for and the first one still kept: retention took them before this reader came. A
    reader must count them as lost, and go on.
    """

    messages: list[Message]
    next: int
    trimmed: int = 0


class PartitionInfo(msgspec.Struct, frozen=True):
    """Bounds of a partition: ``first`` kept offset, ``end`` (the next to be written), bytes on disk."""

    topic: str
    partition: int
    first: int
    end: int
    bytes: int


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A topic's shape. Retention drops whole closed segments, oldest first; None keeps for ever."""

    name: str
    partitions: int = 1
    retention_ms: int | None = 3 * 24 * 3600 * 1000
    retention_bytes: int | None = None


def check_topic(topic: TopicSpec) -> None:
    """Refuse a topic that no back end could keep.

    Raises:
        QueueError: its name is not lower-case words joined by dots, or it has no partition.
    """
    if not _NAME.fullmatch(topic.name) or len(topic.name) > 200:
        raise QueueError(
            f"{topic.name!r} cannot be a topic's name", hint="use a-z, 0-9, _ and -, joined by dots"
        )
    if topic.partitions < 1:
        raise QueueError(f"topic {topic.name!r} needs a partition at least")


class Queue(abc.ABC):
    """A queue. Safe to use from several threads.

    Every method raises ``QueueError`` (``FullError`` where there is no room) when the storage fails.
    """

    @abc.abstractmethod
    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics that are missing; an existing one keeps its partitions, takes new retention."""

    @abc.abstractmethod
    def topics(self) -> dict[str, TopicSpec]:
        """Return the topics there are."""

    @abc.abstractmethod
    def append(
        self, entries: Mapping[tuple[str, int], Sequence[bytes]]
    ) -> dict[tuple[str, int], int]:
        """Append messages to several partitions; return the first offset given in each.

        When it returns, every message is durable and readable. When it raises, the caller must take
        none as acknowledged: some may have been written and may be read later (a retry may double
        them; consumers deduplicate by identity), but no reader ever sees part of a message.
        Concurrent calls share their syncs (group commit).
        """

    @abc.abstractmethod
    def read(
        self, topic: str, partition: int, offset: int, *, max_bytes: int = 4 * 1024 * 1024
    ) -> Batch:
        """Return messages from ``offset`` on, at least one if there is one, without waiting."""

    @abc.abstractmethod
    def info(self, topic: str, partition: int) -> PartitionInfo:
        """Return a partition's bounds."""

    def ends(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the end offset of each partition: a cheap way to learn which of them grew."""
        return {(topic, number): self.info(topic, number).end for topic, number in partitions}

    @abc.abstractmethod
    def trim(self, now: int) -> dict[tuple[str, int], int]:
        """Apply retention at ``now`` (ms); return messages dropped by partition. Appender only."""

    @abc.abstractmethod
    def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Store where a group will read next."""

    @abc.abstractmethod
    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Return where a group will read next, by partition."""

    @abc.abstractmethod
    def lease(
        self, group: str, member: str, partitions: Sequence[tuple[str, int]], now: int, ttl_ms: int
    ) -> dict[tuple[str, int], int]:
        """Renew ``member``'s membership and return the partitions it owns now, each with its epoch.

        Called by every member every ``ttl_ms / 4`` or so. Partitions are spread evenly over the
        members whose membership has not expired at ``now``; one that leaves, dies or is paused loses
        its partitions after ``ttl_ms``. A partition moves only when its owner gave it up or expired;
        the epoch rises with every move. A lease is advice for sharing work, never a guard: what
        guards is the compare-and-set of the store a member commits to.
        """

    @abc.abstractmethod
    def leave(self, group: str, member: str) -> None:
        """Give up all of a member's partitions at once."""

    def release(self, partitions: Iterable[tuple[str, int]]) -> None:  # noqa: B027
        """Give up appending to partitions, so that another process can take it up."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release files; waiting appends finish first."""
