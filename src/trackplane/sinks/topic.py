"""The sink of datasets of kind ``topic``: rows as messages of the queue, for whoever reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

import msgspec

from trackplane.queue import Queue, QueueError, TopicSpec
from trackplane.sinks import Delivery, Partition, Sink, SinkContext, SinkError, SinkPlugin

PREFIX: Final = "dataset."
_DAY_MS: Final = 24 * 3600 * 1000
_MESSAGE_BYTES: Final = 512 * 1024


class TopicOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a topic. ``retention_days`` is how long its messages are kept."""

    retention_days: int = 3


def topic_of(dataset: str) -> str:
    """Return the queue's topic that holds a dataset's rows."""
    return PREFIX + dataset


class TopicSink(Sink):
    """Appends rows to the partition of the dataset's topic that belongs to their lane partition.

    A message is rows as lines of JSON, at most 512 KiB of them unless one row is larger.
    """

    def __init__(self, queue: Queue, topic: str, partitions: Sequence[Partition]) -> None:
        self._queue = queue
        self._topic = topic
        self._number = {partition: number for number, partition in enumerate(partitions)}

    def write(self, delivery: Delivery) -> None:
        """Append."""
        place = (self._topic, self._number[delivery.partition])
        try:
            self._queue.append({place: list(_messages(delivery.rows))})
        except QueueError as error:
            raise SinkError(str(error)) from error

    def release(self, partitions: Iterable[Partition]) -> None:
        """Let another worker append to these."""
        self._queue.release([(self._topic, self._number[p]) for p in partitions])

    def close(self) -> None:
        """Let other workers append to all."""
        self._queue.release([(self._topic, number) for number in self._number.values()])


def _messages(rows: Sequence[bytes]) -> Iterable[bytes]:
    part: list[bytes] = []
    size = 0
    for row in rows:
        if part and size + len(row) > _MESSAGE_BYTES:
            yield b"\n".join(part)
            part, size = [], 0
        part.append(row)
        size += len(row) + 1
    if part:
        yield b"\n".join(part)


class TopicPlugin(SinkPlugin):
    """Topics of the platform's own queue."""

    name: ClassVar[str] = "topic"
    options: ClassVar[type[msgspec.Struct]] = TopicOptions

    def open(self, context: SinkContext, options: Any) -> Sink:
        """Make the topic where it is missing."""
        topic = topic_of(context.dataset.name)
        keep_ms = options.retention_days * _DAY_MS
        count = len(context.partitions)
        context.queue.ensure_topics([TopicSpec(name=topic, partitions=count, retention_ms=keep_ms)])
        return TopicSink(context.queue, topic, context.partitions)
