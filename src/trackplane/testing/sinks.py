"""What every sink plug-in must do: subclass ``SinkConformance`` and give it its fixtures.

::

    class TestMine(SinkConformance):
        @pytest.fixture
        def plugin(self) -> SinkPlugin: ...          # an instance of the plug-in

        @pytest.fixture
        def options(self) -> dict: ...               # options that work, as in a dataset's file

        @pytest.fixture
        def received(self) -> Callable[[], list[bytes]]: ...  # rows that the receiver has, in any order

Set ``exactly_once = True`` where a delivery that is made again does not double its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from trackplane.queue import Queue
from trackplane.queue.memory import MemoryQueue
from trackplane.rules.ir import Dataset
from trackplane.sinks import Delivery, Sink, SinkContext, SinkOptionsError, SinkPlugin

Options = dict[str, str | int | float | bool]
PARTITIONS = [("events.p0", 0), ("events.p0", 1)]


class SinkConformance:
    """The suite."""

    exactly_once: ClassVar[bool] = False

    @pytest.fixture
    def options(self) -> Options:
        """Return options that work; none by default."""
        return {}

    @pytest.fixture
    def queue(self) -> Queue:
        """Return the queue that a sink may write to."""
        return MemoryQueue(clock=lambda: 0)

    @pytest.fixture
    def context(
        self, plugin: SinkPlugin, options: Options, queue: Queue, tmp_path: Path
    ) -> SinkContext:
        """Return what the sink is opened with; the only secret is ``token``."""
        dataset = Dataset(name="shop.orders", kind="sink", connector=plugin.name, options=options)

        def secret(name: str) -> bytes:
            if name != "token":
                raise SinkOptionsError(f"there is no secret {name!r}")
            return b"s3cret"

        return SinkContext(
            dataset=dataset,
            folder=tmp_path / "sink",
            secret=secret,
            queue=queue,
            partitions=PARTITIONS,
        )

    def open(self, plugin: SinkPlugin, context: SinkContext) -> Sink:
        """Open the sink as a worker does."""
        return plugin.open(context, plugin.read(context.dataset))

    def delivery(self, rows: list[bytes], *, start: int = 0, partition: int = 0) -> Delivery:
        """Return rows as a delivery."""
        place = PARTITIONS[partition]
        key = f"shop.orders/{place[0]}-{place[1]}-{start}"
        return Delivery(dataset="shop.orders", key=key, partition=place, rows=rows)

    def test_rows_arrive_as_they_are(
        self, plugin: SinkPlugin, context: SinkContext, received: Callable[[], list[bytes]]
    ) -> None:
        """Deliver text of every kind."""
        rows = [
            msgspec.json.encode({"n": n, "text": text, "_id": f"e{n}"})
            for n, text in enumerate(
                ["a", "", 'quote " and \\', "漢字 🎈", "new\nline", "x" * 5_000]
            )
        ]
        sink = self.open(plugin, context)
        sink.write(self.delivery(rows))
        sink.close()
        assert _parsed(received()) == _parsed(rows)

    def test_deliveries_of_all_partitions_arrive(
        self, plugin: SinkPlugin, context: SinkContext, received: Callable[[], list[bytes]]
    ) -> None:
        """Deliver several times to each partition."""
        sink = self.open(plugin, context)
        rows: list[bytes] = []
        for start in range(3):
            for partition in range(len(PARTITIONS)):
                row = b'{"_id":"%d-%d"}' % (partition, start)
                sink.write(self.delivery([row], start=start, partition=partition))
                rows.append(row)
        sink.close()
        assert _parsed(received()) == _parsed(rows)

    def test_a_delivery_made_again_loses_nothing(
        self, plugin: SinkPlugin, context: SinkContext, received: Callable[[], list[bytes]]
    ) -> None:
        """Crash after a delivery: it comes again with the same key, and more rows."""
        first = self.open(plugin, context)
        first.write(self.delivery([b'{"_id":"1"}']))
        first.close()
        second = self.open(plugin, context)
        second.write(self.delivery([b'{"_id":"1"}', b'{"_id":"2"}']))
        second.close()
        found = _parsed(received())
        assert {row["_id"] for row in found} == {"1", "2"}
        if self.exactly_once:
            assert len(found) == 2

    def test_partitions_move_between_two_that_are_open(
        self, plugin: SinkPlugin, context: SinkContext, received: Callable[[], list[bytes]]
    ) -> None:
        """Release a partition; another worker's sink goes on with it."""
        one, two = self.open(plugin, context), self.open(plugin, context)
        one.write(self.delivery([b'{"_id":"1"}']))
        one.release([PARTITIONS[0]])
        two.write(self.delivery([b'{"_id":"2"}'], start=1))
        one.close()
        two.close()
        assert {row["_id"] for row in _parsed(received())} == {"1", "2"}

    def test_an_unknown_option_is_refused_by_name(
        self, plugin: SinkPlugin, context: SinkContext
    ) -> None:
        """Misspell an option."""
        dataset = msgspec.structs.replace(
            context.dataset, options={**context.dataset.options, "no_such_option": 1}
        )
        with pytest.raises(SinkOptionsError, match="no_such_option"):
            plugin.read(dataset)

    def test_it_closes_twice(self, plugin: SinkPlugin, context: SinkContext) -> None:
        """Close a sink that never wrote."""
        sink = self.open(plugin, context)
        sink.close()
        sink.close()


def _parsed(rows: list[bytes]) -> list[dict[str, object]]:
    found = [msgspec.json.decode(row, type=dict[str, object]) for row in rows]
    return sorted(found, key=lambda row: str(row["_id"]))
