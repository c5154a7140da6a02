"""When a script that keeps failing is left alone, and when it is tried again."""

from __future__ import annotations

from typing import Literal

from trackplane.scripts.settings import ScriptSettings

State = Literal["closed", "open", "half_open"]


class Circuit:
    """Opens after so many failed batches in a row; then one small batch at a time may try it.

    Times are ms, given by the caller.
    """

    def __init__(self, settings: ScriptSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._open_ms = settings.open_ms
        self._until: int | None = None
        self.opened = 0

    def state(self, now: int) -> State:
        """Return whether the script runs: closed it does, half open a probe does."""
        if self._until is None:
            return "closed"
        return "open" if now < self._until else "half_open"

    def succeeded(self) -> None:
        """Take note of a batch that was answered."""
        self._failures, self._until = 0, None
        self._open_ms = self._settings.open_ms

    def failed(self, now: int) -> bool:
        """Take note of a batch that was not; return whether the circuit opened by it."""
        self._failures += 1
        if self._until is None and self._failures < self._settings.open_after:
            return False
        self._until = now + self._open_ms
        self._open_ms = min(2 * self._open_ms, self._settings.open_max_ms)
        self.opened += 1
        return True

    def open_now(self, now: int) -> None:
        """Open at once: the script cannot even be loaded."""
        self._failures = max(self._failures, self._settings.open_after)
        self.failed(now)
