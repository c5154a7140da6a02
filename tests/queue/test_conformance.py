"""The behaviour suite over both back ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from trackplane.queue import Queue
from trackplane.queue.disk import DiskQueue
from trackplane.queue.memory import MemoryQueue
from trackplane.queue.settings import DiskQueueSettings
from trackplane.testing.queue import Clock, QueueConformance


class TestMemory(QueueConformance):
    @pytest.fixture
    def queue(self, clock: Clock) -> Queue:
        return MemoryQueue(clock=clock, segment_messages=4)


class TestDisk(QueueConformance):
    @pytest.fixture
    def queue(self, clock: Clock, tmp_path: Path) -> Iterator[Queue]:
        settings = DiskQueueSettings(segment_bytes=400)
        queue = DiskQueue(tmp_path / "queue", clock=clock, settings=settings)
        yield queue
        queue.close()
