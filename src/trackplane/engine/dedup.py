"""Deduplication of one partition for one consumer, as ``spec/dedup.md`` says.

Recent identities are in a dict (about 170 bytes each, at most 100,000 and what one commit adds);
older ones in sorted arrays, 16 bytes each, searched a batch at a time. Measured, new identities in
batches of 500: 0.83 million/s of one core up to 2 million held, 0.36 million/s at 10 million, which
take 277 MB of resident memory (the arrays alone 160 MB; the rest is room for merging).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

Identities = npt.NDArray[np.uint64]  # (n, 2): digest of (app, id), digest of (event, when.client)
Mask = npt.NDArray[np.bool_]

DAY_MS: Final = 24 * 3600 * 1000
_SPILL: Final = 100_000
_MOST_LEVELS: Final = 6


class DedupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long identities are remembered.

    Attributes:
        max_ids: identities remembered for a partition.
        window_ms: server time for which they are remembered.
    """

    max_ids: int = 10_000_000
    window_ms: int = DAY_MS


class Run(msgspec.Struct, frozen=True):
    """Identities as they are stored: little-endian u64 pairs; ``newest_ms`` is server time."""

    data: bytes
    newest_ms: int

    @property
    def count(self) -> int:
        """Return how many identities it holds."""
        return len(self.data) // 16


class _Level:
    """Identities sorted by their first half."""

    __slots__ = ("first", "newest_ms", "second")

    def __init__(self, identities: Identities, newest_ms: int) -> None:
        order = np.argsort(identities[:, 0], kind="stable")
        self.first = np.ascontiguousarray(identities[order, 0])
        self.second = np.ascontiguousarray(identities[order, 1])
        self.newest_ms = newest_ms

    def __len__(self) -> int:
        return len(self.first)

    def find(
        self, identities: Identities, order: npt.NDArray[np.intp], known: Mask, reused: Mask
    ) -> None:
        """Mark what is known here, and what is here under another second half.

        ``identities`` are sorted by their first half; ``order`` says where each stands in the masks.
        """
        low = np.searchsorted(self.first, identities[:, 0], "left")
        inside = np.minimum(low, len(self.first) - 1)
        for index in np.flatnonzero(self.first[inside] == identities[:, 0]).tolist():
            high = np.searchsorted(self.first, identities[index, 0], "right")
            if (self.second[low[index] : high] == identities[index, 1]).any():
                known[order[index]] = True
            else:
                reused[order[index]] = True

    def identities(self) -> Identities:
        return np.column_stack((self.first, self.second))


class Deduplicator:
    """What one consumer knows of one partition. Call from one thread."""

    def __init__(self, settings: DedupSettings | None = None) -> None:
        self._settings = settings or DedupSettings()
        self._levels: list[_Level] = []
        self._recent: dict[int, int | list[int]] = {}
        self._recent_newest = 0
        self._settled: list[Identities] = []  # committed, in `recent`, not yet a level
        self._pending: list[Identities] = []
        self._pending_newest = 0

    def __len__(self) -> int:
        return len(self._recent) + sum(len(level) for level in self._levels)

    @classmethod
    def load(cls, runs: Iterable[Run], settings: DedupSettings | None = None) -> Deduplicator:
        """Return the state that committed runs hold."""
        self = cls(settings)
        for run in runs:
            if run.data:
                identities = np.frombuffer(run.data, "<u8").astype(np.uint64).reshape(-1, 2)
                self._levels.append(_Level(identities, run.newest_ms))
        self._tidy(max((level.newest_ms for level in self._levels), default=0))
        return self

    def admit(self, identities: Identities, newest_ms: int) -> tuple[Mask, Mask]:
        """Return which events to keep, and which of those reuse a known id.

        ``newest_ms`` is the latest ``when.server`` among them. What is kept is pending until
        ``committed``.
        """
        count = len(identities)
        known = np.zeros(count, np.bool_)
        reused = np.zeros(count, np.bool_)
        if self._levels and count:
            order = np.argsort(identities[:, 0])  # searching in order is kind to the cache
            ordered = identities[order]
            for level in self._levels:
                level.find(ordered, order, known, reused)
        self._admit_recent(identities, known, reused)
        keep = ~known
        if keep.any():
            self._pending.append(identities[keep])
            self._pending_newest = max(self._pending_newest, newest_ms)
            self._recent_newest = max(self._recent_newest, newest_ms)
        return keep, reused & keep

    def _admit_recent(self, identities: Identities, known: Mask, reused: Mask) -> None:
        recent = self._recent
        firsts = identities[:, 0].tolist()
        if not known.any() and recent.keys().isdisjoint(firsts) and len(set(firsts)) == len(firsts):
            recent.update(zip(firsts, identities[:, 1].tolist(), strict=True))
            return
        for index, (first, second) in enumerate(identities.tolist()):
            if known[index]:
                continue
            seen = recent.get(first)
            if seen is None:
                recent[first] = second
            elif isinstance(seen, list):
                if second in seen:
                    known[index] = True
                else:
                    reused[index] = True
                    seen.append(second)
            elif seen == second:
                known[index] = True
            else:
                reused[index] = True
                recent[first] = [seen, second]

    def pending(self) -> Run | None:
        """Return the run to commit with the positions, or None where nothing new came."""
        if not self._pending:
            return None
        data = np.concatenate(self._pending).astype("<u8").tobytes()
        return Run(data, self._pending_newest)

    def committed(self) -> None:
        """Note that the pending run is committed."""
        self._settled += self._pending
        self._pending.clear()
        self._pending_newest = 0
        if len(self._recent) >= _SPILL:
            self._levels.append(_Level(np.concatenate(self._settled), self._recent_newest))
            self._settled.clear()
            self._recent.clear()
            self._tidy(self._recent_newest)

    def _tidy(self, now_ms: int) -> None:
        """Let old levels go and merge small ones."""
        oldest = now_ms - self._settings.window_ms
        self._levels = [level for level in self._levels if level.newest_ms >= oldest]
        total = sum(len(level) for level in self._levels)
        while len(self._levels) > 1 and total - len(self._levels[0]) >= self._settings.max_ids:
            total -= len(self._levels.pop(0))
        largest = max(self._settings.max_ids // 4, 2 * _SPILL)
        while len(self._levels) > _MOST_LEVELS:
            # Merge the neighbours that are smallest together: order by time stays.
            sizes = [len(a) + len(b) for a, b in zip(self._levels, self._levels[1:], strict=False)]
            at = sizes.index(min(sizes))
            if sizes[at] > largest:
                break
            pair = self._levels[at : at + 2]
            merged = np.concatenate([level.identities() for level in pair])
            self._levels[at : at + 2] = [_Level(merged, pair[1].newest_ms)]
