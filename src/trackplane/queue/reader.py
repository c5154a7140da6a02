"""Reads one partition from any process, without a lock between processes."""

from __future__ import annotations

import bisect
import contextlib
import threading
from pathlib import Path
from typing import Final

from trackplane.errors import CorruptionError
from trackplane.queue import Batch, Message, PartitionInfo, QueueError
from trackplane.queue.segment import HEADER, Head, read_head, scan, segment_path, segments

_STRIDE: Final = 256 * 1024  # bytes between two places of the sparse index
_RETRIES: Final = 100


class Reader:
    """Reads one partition. Keeps nothing but a sparse index of where offsets are; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._bases: list[int] = []
        # Per segment, (offset, byte position) of messages at least _STRIDE apart, in order.
        self._index: dict[int, list[tuple[int, int]]] = {}
        # Where reads ended: (segment, byte position) by the offset that comes next.
        self._ends: dict[int, tuple[int, int]] = {}

    def head(self) -> Head | None:
        """Return what is durable, or None before the first append."""
        return read_head(self._folder / "head")

    def info(self, topic: str, partition: int) -> PartitionInfo:
        """Return the partition's bounds."""
        head = self.head()
        if head is None:
            return PartitionInfo(topic, partition, 0, 0, 0)
        bases = [base for base in segments(self._folder) if base <= head.base]
        size = 0
        for base in bases:
            with contextlib.suppress(FileNotFoundError):
                size += segment_path(self._folder, base).stat().st_size
        return PartitionInfo(topic, partition, bases[0] if bases else head.end, head.end, size)

    def read(self, offset: int, max_bytes: int) -> Batch:
        """Return messages from ``offset`` on."""
        head = self.head()
        if head is None or offset >= head.end:
            return Batch([], offset)
        with self._guard:
            for _ in range(_RETRIES):
                try:
                    return self._read(offset, head, max_bytes)
                except FileNotFoundError:
                    self._look_again()  # retention was quicker
        raise QueueError(f"{self._folder}: segments vanish while being read")

    def _look_again(self) -> None:
        self._bases = segments(self._folder)
        self._index = {base: self._index[base] for base in self._bases if base in self._index}
        self._ends.clear()

    def _read(self, offset: int, head: Head, max_bytes: int) -> Batch:
        if not self._bases or self._bases[-1] < head.base:
            self._look_again()
        if not self._bases:
            raise CorruptionError(f"{self._folder} has a head and no segments")
        first = min(self._bases[0], head.end)
        wanted = max(offset, first)
        messages: list[Message] = []
        size = 0
        while wanted < head.end and (not messages or size < max_bytes):
            base, start = self._locate(wanted)
            path = segment_path(self._folder, base)
            stop = head.bytes if base == head.base else path.stat().st_size
            before, position = wanted, start[1]
            for message, position in scan(path, base, start, stop, wanted=wanted):
                self._remember(base, message.offset + 1, position)
                if message.offset < wanted:
                    continue
                messages.append(message)
                wanted = message.offset + 1
                size += len(message.data)
                if size >= max_bytes or wanted >= head.end:
                    break
            if wanted == before:
                path.stat()  # gone meanwhile: that is retention, not damage
                raise CorruptionError(f"{path} ends before offset {wanted}")
            if len(self._ends) > 16:
                self._ends.clear()
            self._ends[wanted] = (base, position)
        return Batch(messages, wanted, max(0, first - offset))

    def _locate(self, offset: int) -> tuple[int, tuple[int, int]]:
        """Return the segment of an offset, and a place (offset, position) at or before it."""
        base = self._bases[bisect.bisect_right(self._bases, offset) - 1]
        known = self._ends.get(offset)
        if known is not None and known[0] == base:
            return base, (offset, known[1])
        places = self._index.get(base, [])
        nearest = bisect.bisect_right(places, (offset, 1 << 62))
        return base, places[nearest - 1] if nearest else (base, HEADER.size)

    def _remember(self, base: int, offset: int, position: int) -> None:
        places = self._index.setdefault(base, [(base, HEADER.size)])
        if position >= places[-1][1] + _STRIDE:
            places.append((offset, position))
