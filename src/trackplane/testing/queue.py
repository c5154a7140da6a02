"""What every queue back end must do: subclass ``QueueConformance`` and give it a ``queue`` fixture.

::

    class TestMine(QueueConformance):
        @pytest.fixture
        def queue(self) -> Queue: ...

The fixture's queue takes ``Clock`` as its clock (fixture ``clock``) and drops retention in units of a
few messages, so that ``test_retention_…`` has something to drop.
"""

from __future__ import annotations

import threading

import pytest

from trackplane.queue import Queue, QueueError, TopicSpec

LANE = ("lane", 0)


class Clock:
    """A clock that stands until it is moved. ``now`` is in ms."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time in ms."""
        return self.now


def read_all(queue: Queue, topic: str, partition: int, offset: int = 0) -> list[bytes]:
    """Return the data of every message from ``offset`` on; check that offsets are dense."""
    found: list[bytes] = []
    while True:
        batch = queue.read(topic, partition, offset)
        if not batch.messages:
            return found
        offset += batch.trimmed
        for message in batch.messages:
            assert message.offset == offset
            found.append(message.data)
            offset += 1
        assert batch.next == offset


class QueueConformance:
    """The behaviour suite."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Return the clock the queue was made with."""
        return Clock()

    @pytest.fixture(autouse=True)
    def topics(self, queue: Queue) -> None:
        """Make the topics the suite uses."""
        queue.ensure_topics(
            [TopicSpec(name="lane", partitions=2, retention_ms=1_000), TopicSpec(name="other")]
        )

    def test_what_was_appended_is_read_in_order_and_whole(self, queue: Queue, clock: Clock) -> None:
        """Empty and binary messages too, with the appender's time."""
        data = [b"a", b"", bytes(range(256)), b"b" * 100_000]
        assert queue.append({LANE: data}) == {LANE: 0}
        batch = queue.read("lane", 0, 0)
        assert [m.data for m in batch.messages] == data
        assert [m.offset for m in batch.messages] == [0, 1, 2, 3]
        assert {m.appended for m in batch.messages} == {clock.now}
        assert (batch.next, batch.trimmed) == (4, 0)

    def test_partitions_and_topics_count_their_own_offsets(self, queue: Queue) -> None:
        """One append may touch many partitions and answers with the first offset of each."""
        queue.append({("lane", 0): [b"x"]})
        offsets = queue.append({("lane", 0): [b"y"], ("lane", 1): [b"z"], ("other", 0): [b"o"]})
        assert offsets == {("lane", 0): 1, ("lane", 1): 0, ("other", 0): 0}
        assert read_all(queue, "lane", 0) == [b"x", b"y"]
        assert queue.ends([("lane", 0), ("lane", 1)]) == {("lane", 0): 2, ("lane", 1): 1}

    def test_a_read_at_or_beyond_the_end_returns_nothing_and_stays(self, queue: Queue) -> None:
        """It does not wait, and does not move the reader."""
        assert queue.read("lane", 0, 0).next == 0
        queue.append({LANE: [b"x"]})
        for offset in (1, 7):
            batch = queue.read("lane", 0, offset)
            assert (batch.messages, batch.next, batch.trimmed) == ([], offset, 0)

    def test_a_read_takes_one_message_at_least_and_few_more_bytes_than_asked(
        self, queue: Queue
    ) -> None:
        """A message larger than ``max_bytes`` is returned alone."""
        queue.append({LANE: [b"x" * 100] * 10})
        assert len(queue.read("lane", 0, 0, max_bytes=1).messages) == 1
        assert len(queue.read("lane", 0, 3, max_bytes=250).messages) == 3

    def test_an_unknown_topic_or_partition_is_refused(self, queue: Queue) -> None:
        """Nothing of such a call is appended, to a known partition neither."""
        for partition in (("nowhere", 0), ("lane", 2), ("lane", -1)):
            with pytest.raises(QueueError):
                queue.append({LANE: [b"x"], partition: [b"x"]})
            with pytest.raises(QueueError):
                queue.read(*partition, 0)
            with pytest.raises(QueueError):
                queue.info(*partition)
        assert read_all(queue, "lane", 0) == []

    def test_a_topic_keeps_its_partitions_and_takes_new_retention(self, queue: Queue) -> None:
        """Asking again is harmless."""
        queue.ensure_topics([TopicSpec(name="lane", partitions=9, retention_ms=5)])
        assert queue.topics()["lane"] == TopicSpec(name="lane", partitions=2, retention_ms=5)

    def test_a_topic_name_that_could_leave_the_folder_is_refused(self, queue: Queue) -> None:
        """Names are lower-case words joined by dots."""
        for name in ("", "..", "a/b", "A", "a..b", ".a", "x" * 300):
            with pytest.raises(QueueError):
                queue.ensure_topics([TopicSpec(name=name)])
        with pytest.raises(QueueError):
            queue.ensure_topics([TopicSpec(name="none", partitions=0)])

    def test_appends_of_many_threads_are_each_whole_and_none_is_lost(self, queue: Queue) -> None:
        """Messages of one call stand together; offsets returned are where they are."""
        given: dict[int, list[bytes]] = {}

        def work(thread: int) -> None:
            for turn in range(10):
                data = [f"{thread}.{turn}.{n}".encode() for n in range(3)]
                given[queue.append({LANE: data})[LANE]] = data

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read_all(queue, "lane", 0) == [
            data for _, group in sorted(given.items()) for data in group
        ]
        assert len(given) == 80

    def test_retention_by_time_drops_the_oldest_and_tells_who_comes_late(
        self, queue: Queue, clock: Clock
    ) -> None:
        """What is still kept is read; ``trimmed`` says how many are gone; offsets stay."""
        for number in range(20):
            queue.append({LANE: [f"{number}".encode() * 50]})
            clock.now += 100
        assert queue.trim(clock.now - 10_000) == {}
        dropped = queue.trim(clock.now)[LANE]
        assert 0 < dropped <= 11
        info = queue.info("lane", 0)
        assert (info.first, info.end) == (dropped, 20)
        late = queue.read("lane", 0, 0)
        assert (late.trimmed, late.messages[0].offset, late.next) == (dropped, dropped, 20)
        assert queue.read("lane", 0, dropped).trimmed == 0

    def test_retention_by_size_drops_the_oldest_and_never_all(
        self, queue: Queue, clock: Clock
    ) -> None:
        """The newest messages stay whatever the limit is."""
        queue.ensure_topics([TopicSpec(name="lane", retention_ms=None, retention_bytes=1)])
        for number in range(20):
            queue.append({LANE: [f"{number}".encode() * 50]})
        assert queue.trim(clock.now)[LANE] > 0
        assert read_all(queue, "lane", 0)[-1] == b"19" * 50

    def test_positions_are_kept_by_group_and_partition(self, queue: Queue) -> None:
        """The last commit wins; other groups see nothing of it."""
        queue.commit("raw", {("lane", 0): 5, ("lane", 1): 7})
        queue.commit("raw", {("lane", 0): 6})
        assert queue.committed("raw") == {("lane", 0): 6, ("lane", 1): 7}
        assert queue.committed("rules") == {}

    def test_partitions_are_spread_evenly_and_move_only_when_given_up(self, queue: Queue) -> None:
        """A newcomer gets nothing until the owner has come by; then each has half."""
        parts = [("lane", n) for n in range(5)]
        first = queue.lease("g", "a", parts, 0, 100)
        assert set(first) == set(parts)
        assert queue.lease("g", "b", parts, 10, 100) == {}
        kept = queue.lease("g", "a", parts, 20, 100)
        taken = queue.lease("g", "b", parts, 30, 100)
        assert (len(kept), len(taken)) == (3, 2)
        assert set(kept) | set(taken) == set(parts)
        assert all(kept[p] == first[p] for p in kept)
        assert all(taken[p] > first[p] for p in taken)
        assert queue.lease("g", "a", parts, 40, 100) == kept

    def test_a_member_that_expires_or_leaves_loses_its_partitions(self, queue: Queue) -> None:
        """At the time to live, or at once; the epoch rises."""
        parts = [("lane", 0), ("lane", 1)]
        before = queue.lease("g", "a", parts, 0, 100)
        assert queue.lease("g", "b", parts, 99, 100) == {}
        after = queue.lease("g", "b", parts, 100, 100)
        assert all(after[p] > before[p] for p in parts)
        assert queue.lease("g", "a", parts, 110, 100) == {}
        queue.leave("g", "b")
        assert set(queue.lease("g", "a", parts, 111, 100)) == set(parts)

    def test_groups_lease_independently(self, queue: Queue) -> None:
        """The same partitions, another group, another owner."""
        parts = [("lane", 0)]
        assert queue.lease("g", "a", parts, 0, 100)
        assert queue.lease("h", "b", parts, 0, 100)
