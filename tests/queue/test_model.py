"""The disk queue against a plain list, under crashes, torn tails, retention and failing disks."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trackplane.errors import StorageError
from trackplane.queue import TopicSpec
from trackplane.queue.disk import DiskQueue
from trackplane.queue.settings import DiskQueueSettings
from trackplane.testing.filesystem import FaultyFilesystem
from trackplane.testing.queue import Clock

LANE = ("lane", 0)
DATA = st.lists(st.binary(max_size=60), max_size=4)
FAULTS = st.sampled_from(["append", "sync", "overwrite", "sync_folder", "truncate", "open"])


class QueueModel(RuleBasedStateMachine):
    """``kept`` is what must be read: every acknowledged message, and unacknowledged ones as found."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp(prefix="queue-"))
        self.folder = self.path / "lane" / "0"
        self.clock = Clock()
        self.filesystem = FaultyFilesystem()
        self.kept: list[bytes] = []
        self.first = 0

    def open(self) -> DiskQueue:
        return DiskQueue(
            self.path,
            clock=self.clock,
            filesystem=self.filesystem,
            settings=DiskQueueSettings(segment_bytes=200),
        )

    @initialize()
    def start(self) -> None:
        self.queue = self.open()
        self.queue.ensure_topics([TopicSpec(name="lane", retention_ms=1_000)])
        self.queue.append({LANE: []})

    @rule(data=DATA)
    def append(self, data: list[bytes]) -> None:
        assert self.queue.append({LANE: data}) == {LANE: len(self.kept)}
        self.kept += data
        self.clock.now += 50

    @rule(
        data=st.lists(st.binary(max_size=60), min_size=1, max_size=4),
        fault=FAULTS,
        after=st.integers(0, 3),
        part=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
        times=st.integers(1, 3),
    )
    def append_on_a_failing_disk(
        self, data: list[bytes], fault: str, after: int, part: float, times: int
    ) -> None:
        self.filesystem.fail(fault, errno.ENOSPC, after=after, times=times, part=part)  # type: ignore[arg-type]
        for _ in range(3):
            try:
                assert self.queue.append({LANE: data}) == {LANE: len(self.kept)}
            except StorageError:
                continue
            self.kept += data
        self.filesystem.heal()
        self.queue.append({LANE: []})  # cut back, so that readers and the model agree again

    @rule()
    def reopen(self) -> None:
        self.queue.close()
        self.queue = self.open()
        self.queue.append({LANE: []})

    @rule(torn=st.binary(max_size=50), head=st.sampled_from(["kept", "lost", "torn"]))
    def crash_with_a_torn_tail(self, torn: bytes, head: str) -> None:
        """Bytes that no whole message begins with stand at the end."""
        self.queue.close()
        last = max(self.folder.glob("*.seg"))
        with last.open("ab") as file:
            file.write(b"\xff\xff\xff\x7f" + torn if torn else b"")
        if head == "lost":
            (self.folder / "head").unlink()
        elif head == "torn":
            (self.folder / "head").write_bytes(b"x" * 11)
        self.queue = self.open()
        self.queue.append({LANE: []})

    @rule(wait=st.integers(0, 2_000))
    def trim(self, wait: int) -> None:
        self.clock.now += wait
        self.first += self.queue.trim(self.clock.now).get(LANE, 0)

    @rule(offset=st.integers(0, 200), max_bytes=st.sampled_from([1, 50, 10_000]))
    def read(self, offset: int, max_bytes: int) -> None:
        batch = self.queue.read("lane", 0, offset, max_bytes=max_bytes)
        if offset >= len(self.kept):
            assert (batch.messages, batch.next, batch.trimmed) == ([], offset, 0)
            return
        start = max(offset, self.first)
        count = len(batch.messages)
        assert batch.trimmed == start - offset
        assert [m.offset for m in batch.messages] == list(range(start, start + count))
        assert [m.data for m in batch.messages] == self.kept[start : start + count]
        assert batch.next == start + count
        assert count >= 1

    @invariant()
    def bounds_are_the_models(self) -> None:
        info = self.queue.info("lane", 0)
        assert (info.first, info.end) == (self.first, len(self.kept))

    def teardown(self) -> None:
        self.queue.close()
        shutil.rmtree(self.path)


QueueModel.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestQueueModel = QueueModel.TestCase
