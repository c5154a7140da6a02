"""A round: what one append of the queue will carry for all uploads that wait for it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from trackplane import dirty, ledger
from trackplane.dirty import DirtyEvent
from trackplane.event import Grade, lane_topic
from trackplane.frame import FrameBuilder
from trackplane.ledger import Kind, LedgerEntry

# Dirty events of one message; the last one may go beyond by its own size.
_DIRTY_BYTES: Final = 512 * 1024
_LEDGER_ENTRIES: Final = 5_000

LedgerKey = tuple[int, str, str, str, Kind, str]


class Round:
    """Gathers frames, dirty events and ledger counts. Not safe to use from several threads at once."""

    def __init__(self) -> None:
        self._builders: dict[tuple[Grade, int], list[FrameBuilder]] = {}
        self._dirty: list[DirtyEvent] = []
        self._counts: Counter[LedgerKey] = Counter()

    def __bool__(self) -> bool:
        return bool(self._builders or self._dirty or self._counts)

    def builder(self, grade: Grade, partition: int) -> FrameBuilder:
        """Return the frame that is being filled for a lane's partition."""
        builders = self._builders.get((grade, partition))
        if builders is None:
            builders = self._builders[grade, partition] = [FrameBuilder(grade)]
        return builders[-1]

    def next_builder(self, grade: Grade, partition: int) -> FrameBuilder:
        """Close the frame that is being filled and return a new one."""
        builder = FrameBuilder(grade)
        self._builders.setdefault((grade, partition), []).append(builder)
        return builder

    def add_dirty(self, event: DirtyEvent) -> None:
        """Add a dirty event."""
        self._dirty.append(event)

    def count(
        self,
        day: int,
        app: str,
        env: str,
        kind: Kind,
        *,
        event: str = "",
        reason: str = "",
        count: int = 1,
    ) -> None:
        """Add to the ledger what reaches neither a frame nor the dirty stream, or a remark."""
        self._counts[day, app, env, event, kind, reason] += count

    def counts(self) -> Counter[LedgerKey]:
        """Return the ledger counts so far."""
        return self._counts

    def add_counts(self, counts: Counter[LedgerKey]) -> None:
        """Add counts of an earlier round that could not be written."""
        self._counts.update(counts)

    def messages(self) -> dict[tuple[str, int], list[bytes]]:
        """Return the messages by topic and partition; the round is spent afterwards."""
        entries: dict[tuple[str, int], list[bytes]] = {}
        for (grade, partition), builders in self._builders.items():
            entries[lane_topic(grade), partition] = [b.build() for b in builders if len(b)]
        if self._dirty:
            entries[dirty.TOPIC, 0] = self._dirty_messages()
        if self._counts:
            rows = [LedgerEntry(*key, count) for key, count in self._counts.items()]
            entries[ledger.TOPIC, 0] = [
                ledger.encode(rows[start : start + _LEDGER_ENTRIES])
                for start in range(0, len(rows), _LEDGER_ENTRIES)
            ]
        return {where: messages for where, messages in entries.items() if messages}

    def _dirty_messages(self) -> list[bytes]:
        messages: list[bytes] = []
        batch: list[DirtyEvent] = []
        size = 0
        for event in self._dirty:
            cost = len(event.data) + len(event.header) + 200
            if batch and size + cost > _DIRTY_BYTES:
                messages.append(dirty.encode(batch))
                batch, size = [], 0
            batch.append(event)
            size += cost
        messages.append(dirty.encode(batch))
        return messages
