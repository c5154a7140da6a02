"""A rate from a total that only rises, sampled whenever somebody looks."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

_SPAN_MS: Final = 10_000


class Meter:
    """Remembers samples of a total over the last seconds. Safe to use from several threads."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()
        self._lock = threading.Lock()

    def per_s(self, total: int, now: int) -> float:
        """Take a sample at ``now`` (ms); return the rise per second since the oldest one kept."""
        with self._lock:
            samples = self._samples
            if samples and total < samples[-1][1]:
                samples.clear()
            samples.append((now, total))
            while len(samples) > 2 and now - samples[1][0] >= _SPAN_MS:
                samples.popleft()
            at, before = samples[0]
        return round((total - before) * 1000 / (now - at), 1) if now > at else 0.0
