"""The disk queue under faults, damage, other processes and retention."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trackplane.errors import CorruptionError, FullError
from trackplane.queue import QueueError, TopicSpec
from trackplane.queue.disk import DiskQueue
from trackplane.queue.settings import DiskQueueSettings
from trackplane.testing.filesystem import FaultyFilesystem
from trackplane.testing.queue import Clock, read_all

LANE = ("lane", 0)


class Shop:
    """A queue folder that is opened and closed at will."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / "lane" / "0"
        self.clock = Clock()
        self.filesystem = FaultyFilesystem()
        self.queue = self.open()
        self.queue.ensure_topics([TopicSpec(name="lane", partitions=2, retention_ms=1_000)])

    def open(self, *, writable: bool = True) -> DiskQueue:
        return DiskQueue(
            self.path,
            clock=self.clock,
            filesystem=self.filesystem,
            settings=DiskQueueSettings(segment_bytes=300),
            writable=writable,
        )

    def reopen(self) -> DiskQueue:
        self.queue.close()
        self.queue = self.open()
        return self.queue

    def last(self) -> Path:
        return max(self.folder.glob("*.seg"))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "queue")
    yield shop
    shop.queue.close()


def fill(queue: DiskQueue, count: int, start: int = 0) -> list[bytes]:
    data = [f"message {n}".encode() * 5 for n in range(start, start + count)]
    for one in data:
        queue.append({LANE: [one]})
    return data


def test_what_was_appended_is_there_after_reopening(shop: Shop) -> None:
    data = fill(shop.queue, 20)
    queue = shop.reopen()
    assert read_all(queue, "lane", 0) == data
    assert queue.append({LANE: [b"more"]}) == {LANE: 20}
    assert len(list(shop.folder.glob("*.seg"))) > 3


@pytest.mark.parametrize("cut", [1, 5, 19, 20, 21, 40])
def test_a_torn_tail_behind_the_durable_end_is_cut(shop: Shop, cut: int) -> None:
    """A writer died in the middle of a write: part of a message stands at the end."""
    data = fill(shop.queue, 3)
    whole = shop.last().read_bytes()
    head = (shop.folder / "head").read_bytes()
    fill(shop.queue, 1, start=3)
    more = shop.last().read_bytes()[len(whole) :]
    shop.queue.close()
    shop.last().write_bytes(whole + more[:cut])
    (shop.folder / "head").write_bytes(head)
    queue = shop.queue = shop.open()
    assert read_all(queue, "lane", 0) == data
    assert queue.append({LANE: [b"next"]}) == {LANE: 3}
    assert read_all(queue, "lane", 0) == [*data, b"next"]


def test_whole_messages_behind_the_head_are_kept(shop: Shop) -> None:
    """They were written, perhaps synced, perhaps acknowledged: never throw them away."""
    fill(shop.queue, 2)
    head = (shop.folder / "head").read_bytes()
    fill(shop.queue, 1, start=2)
    shop.queue.close()
    (shop.folder / "head").write_bytes(head)
    queue = shop.queue = shop.open()
    assert len(read_all(queue, "lane", 0)) == 2
    assert queue.append({LANE: [b"next"]}) == {LANE: 3}


@pytest.mark.parametrize("head", ["kept", "lost"])
def test_every_damaged_byte_of_a_durable_message_is_refused(shop: Shop, head: str) -> None:
    """By the reader and by the appender, naming the file; the head may be lost with the power."""
    fill(shop.queue, 3)
    shop.queue.close()
    path = shop.last()
    whole = path.read_bytes()
    if head == "lost":
        (shop.folder / "head").unlink()
        places = range(16 + 4, 16 + 20 + 45)  # the first message but its length: two rounds follow
    else:
        places = range(16, len(whole))
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        queue = shop.queue = shop.open()
        with pytest.raises(CorruptionError, match=path.name):
            queue.append({LANE: [b"x"]})
        if head == "kept":
            with pytest.raises(CorruptionError, match=path.name):
                read_all(queue, "lane", 0)
        assert path.read_bytes() == bytes(damaged)
        queue.close()


def test_a_durable_segment_that_is_cut_or_gone_is_refused(shop: Shop) -> None:
    fill(shop.queue, 3)
    shop.queue.close()
    whole = shop.last().read_bytes()
    shop.last().write_bytes(whole[:-1])
    queue = shop.queue = shop.open()
    with pytest.raises(CorruptionError, match="cut at byte"):
        queue.append({LANE: [b"x"]})
    shop.last().unlink()
    with pytest.raises(CorruptionError, match="missing"):
        queue.append({LANE: [b"x"]})


def test_a_segment_of_a_newer_version_is_refused_and_left_alone(shop: Shop) -> None:
    """Also with nothing in it yet, and with the head gone."""
    for count in (0, 2):
        queue = shop.reopen()
        queue.append({LANE: []})
        fill(queue, count)
        queue.close()
        (shop.folder / "head").unlink()
        data = bytearray(shop.last().read_bytes())
        data[4] = 2
        shop.last().write_bytes(data)
        queue = shop.queue = shop.open()
        with pytest.raises(CorruptionError, match="segment version 2; this release reads 1"):
            queue.append({LANE: [b"x"]})
        assert shop.last().read_bytes() == bytes(data)
        data[4] = 1
        shop.last().write_bytes(data)


def test_a_segment_that_was_being_made_when_the_power_went_is_made_again(shop: Shop) -> None:
    data = fill(shop.queue, 5)
    shop.queue.close()
    for left in (b"", b"TPQ", bytes(16)):
        path = shop.folder / f"{5:020}.seg"
        path.write_bytes(left)
        queue = shop.queue = shop.open()
        assert queue.append({LANE: []}) == {LANE: 5}
        assert read_all(queue, "lane", 0) == data
        queue.close()
        path.unlink()
        (shop.folder / "head").unlink()


@pytest.mark.parametrize(
    ("operation", "error", "part"),
    [
        ("append", errno.ENOSPC, 0.0),
        ("append", errno.ENOSPC, 0.6),
        ("append", errno.EIO, 1.0),
        ("sync", errno.EIO, 0.0),
        ("sync", errno.ENOSPC, 0.0),
        ("overwrite", errno.EIO, 0.0),
        ("overwrite", errno.ENOSPC, 0.5),
        ("sync_folder", errno.EIO, 0.0),
        ("open", errno.EMFILE, 0.0),
        ("truncate", errno.EIO, 0.0),
    ],
)
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("then", ["go on", "reopen"])
def test_a_failing_disk_never_acknowledges_and_works_again_afterwards(
    shop: Shop, operation: str, error: int, part: float, after: int, then: str
) -> None:
    """Whichever call fails, at the roll to a new segment too: errors until healed, then all is well."""
    acknowledged = dict(enumerate(fill(shop.queue, 3)))
    shop.filesystem.fail(operation, error, after=after, times=None, part=part)  # type: ignore[arg-type]
    expected = FullError if error == errno.ENOSPC else QueueError
    failures = 0
    for number in range(3, 12):
        data = f"message {number}".encode() * 5
        try:
            acknowledged[shop.queue.append({LANE: [data]})[LANE]] = data
        except expected:
            failures += 1
    shop.filesystem.heal()
    if operation in {"append", "sync", "overwrite"}:
        assert failures
    queue = shop.reopen() if then == "reopen" else shop.queue
    first = queue.append({LANE: [b"after"]})[LANE]
    found = read_all(queue, "lane", 0)
    assert found[first] == b"after"
    for offset, data in acknowledged.items():
        assert found[offset] == data
    assert len(set(found)) == len(found)
    assert read_all(shop.reopen(), "lane", 0) == found


def test_no_reader_sees_what_a_failed_sync_left(shop: Shop) -> None:
    fill(shop.queue, 2)
    shop.filesystem.fail("sync", times=1)
    with pytest.raises(QueueError):
        shop.queue.append({LANE: [b"unsure"]})
    assert len(read_all(shop.queue, "lane", 0)) == 2
    shop.queue.append({LANE: [b"sure"]})
    assert read_all(shop.queue, "lane", 0)[2:] == [b"sure"]


def test_a_failing_partition_harms_no_other_of_the_round(shop: Shop) -> None:
    """The call fails as a whole; a call that touches other partitions only succeeds."""
    shop.queue.append({("lane", 0): [b"a"], ("lane", 1): [b"a"]})
    shop.filesystem.fail("append", times=1)
    with pytest.raises(QueueError):
        shop.queue.append({("lane", 0): [b"b"], ("lane", 1): [b"b"]})
    assert shop.queue.append({("lane", 1): [b"c"]}) == {("lane", 1): 2}
    assert read_all(shop.queue, "lane", 0) == [b"a"]


def test_nobody_of_a_round_is_acknowledged_when_its_leader_breaks(tmp_path: Path) -> None:
    """Followers wait for a leader whose clock raises: each gets an error, none an offset."""
    entered, go = threading.Event(), threading.Event()
    calls = 0

    def clock() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            entered.set()
            go.wait(10)
            return 0
        raise ZeroDivisionError

    queue = DiskQueue(tmp_path / "queue", clock=clock)
    queue.ensure_topics([TopicSpec(name="lane")])
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.append(queue.append({LANE: [b"x"]}))
        except (QueueError, ZeroDivisionError) as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(queue._waiting) < 5:
        os.sched_yield()
    go.set()
    for thread in threads:
        thread.join()
    assert [o for o in outcomes if isinstance(o, dict)] == [{LANE: 0}]
    assert len(read_all(queue, "lane", 0)) == 1
    queue.close()


def test_threads_that_wait_together_share_their_syncs(shop: Shop) -> None:
    shop.queue.append({LANE: [b"x"]})
    before = shop.filesystem.calls["sync"]
    shop.queue._busy = True  # somebody is at work
    threads = [threading.Thread(target=shop.queue.append, args=({LANE: [b"y"]},)) for _ in range(9)]
    for thread in threads:
        thread.start()
    while len(shop.queue._waiting) < 9:
        os.sched_yield()
    shop.queue._finish(())
    for thread in threads:
        thread.join()
    assert shop.filesystem.calls["sync"] - before == 1


@pytest.mark.integration
def test_a_second_appender_is_refused_by_the_pid_of_the_first(shop: Shop) -> None:
    """Another process may read, and append to another partition."""
    shop.queue.append({("lane", 0): [b"ours"]})
    code = (
        "import sys\nfrom pathlib import Path\nfrom trackplane.queue.disk import DiskQueue\n"
        "queue = DiskQueue(Path(sys.argv[1]), clock=lambda: 1)\n"
        "print(queue.read('lane', 0, 0).messages[0].data, queue.append({('lane', 1): [b'z']}))\n"
        "try:\n    queue.append({('lane', 0): [b'z']})\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(shop.path)], capture_output=True, text=True, check=True
    )
    assert "b'ours' {('lane', 1): 0}" in done.stdout
    assert "QueueError" in done.stdout
    assert f"process {os.getpid()}" in done.stdout
    assert read_all(shop.queue, "lane", 1) == [b"z"]


def test_a_queue_opened_for_reading_refuses_to_write(shop: Shop) -> None:
    fill(shop.queue, 1)
    reader = shop.open(writable=False)
    assert len(read_all(reader, "lane", 0)) == 1
    with pytest.raises(QueueError, match="reading only"):
        reader.append({LANE: [b"x"]})
    reader.close()


def test_a_closed_queue_refuses_to_append_and_closes_twice(shop: Shop) -> None:
    shop.queue.close()
    shop.queue.close()
    with pytest.raises(QueueError, match="closed"):
        shop.queue.append({LANE: [b"x"]})


def test_a_reader_that_races_with_retention_goes_on_and_counts(shop: Shop) -> None:
    """Another process trims while this reader has old segments in mind."""
    reader = shop.open(writable=False)
    data = fill(shop.queue, 10)
    assert reader.read("lane", 0, 0, max_bytes=1).next == 1
    shop.clock.now += 10_000
    data += fill(shop.queue, 20, start=10)
    dropped = shop.queue.trim(shop.clock.now)[LANE]
    batch = reader.read("lane", 0, 1)
    assert batch.trimmed == dropped - 1
    assert [m.data for m in batch.messages] == data[dropped:]
    reader.close()


def test_a_trim_that_fails_says_so_and_goes_on_the_next_time(shop: Shop) -> None:
    fill(shop.queue, 20)
    shop.clock.now += 10_000
    fill(shop.queue, 20)
    shop.filesystem.fail("unlink", after=1)
    with pytest.raises(QueueError):
        shop.queue.trim(shop.clock.now)
    assert shop.queue.trim(shop.clock.now)[LANE] > 0
    first = shop.queue.info("lane", 0).first
    assert shop.queue.read("lane", 0, 0).trimmed == first


def test_random_places_are_found_without_reading_the_whole_segment(tmp_path: Path) -> None:
    """The sparse index: many strides in one segment, read back and forth."""
    queue = DiskQueue(tmp_path / "queue", clock=Clock())
    queue.ensure_topics([TopicSpec(name="lane")])
    data = [bytes([n % 256]) * 50_000 for n in range(60)]
    queue.append({LANE: data})
    for offset in [59, 0, 30, 31, 7, 59, 12, 30, 58]:
        batch = queue.read("lane", 0, offset, max_bytes=100_000)
        assert [m.data for m in batch.messages] == data[offset : offset + 2]
    assert len(queue._reader(LANE)._index[0]) > 5
    queue.close()
