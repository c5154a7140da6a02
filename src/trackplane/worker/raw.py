"""The raw store as a stage: every lane, the dirty stream and the ledger go into the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from trackplane.lake.writer import RawStore
from trackplane.queue import Batch
from trackplane.worker.consumer import Partition, Stage


class RawStage(Stage):
    """Stores what it reads. It does not depend on the configuration."""

    def __init__(self, store: RawStore) -> None:
        self.group = store.group
        self._store = store

    def assign(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Take over partitions where the manifest says they stand."""
        return self._store.assign(partitions)

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and what of theirs is not committed."""
        self._store.drop(partitions)

    def process(self, partition: Partition, batch: Batch) -> int:
        """Add messages; a gap before them is counted by the store."""
        topic, number = partition
        events = 0
        for message in batch.messages:
            events += self._store.add(topic, number, message.offset, message.data)
        return events

    def flush(self) -> tuple[Mapping[Partition, int], Sequence[Partition]]:
        """Write Parquet and commit."""
        result = self._store.flush()
        return result.positions, result.lost

    def statistics(self) -> Mapping[str, object]:
        """Return the store's totals."""
        found: Mapping[str, object] = msgspec.to_builtins(self._store.statistics())
        return found
