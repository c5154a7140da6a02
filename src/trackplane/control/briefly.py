"""Answers kept for a minute, so that a page that many look at costs one question to the lake."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")
KEPT_MS: Final = 60_000
_MOST: Final = 500


class Briefly:
    """Keeps answers by key for ``KEPT_MS`` of the clock it is told. Safe to use from several threads."""

    def __init__(self, *, kept_ms: int = KEPT_MS, most: int = _MOST) -> None:
        self._kept_ms = kept_ms
        self._most = most
        self._held: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, now: int, make: Callable[[], T]) -> T:
        """Return what is kept under a key, else what ``make`` gives, which is then kept."""
        with self._lock:
            held = self._held.get(key)
            if held is not None and 0 <= now - held[0] < self._kept_ms:
                return cast("T", held[1])
        made = make()
        with self._lock:
            self._held[key] = (now, made)
            self._held.move_to_end(key)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made
