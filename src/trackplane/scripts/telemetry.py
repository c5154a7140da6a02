"""What scripts did: counts for statistics, and the few events worth a log line."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from trackplane.scripts.circuit import State

_log = structlog.get_logger(__name__)


class ScriptStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What one script did since this process has it.

    ``errors`` is by code, then ``recent`` the latest in words, without data. ``cpu_ms`` is of its
    processes, ``wall_ms`` the time batches took; ``restarts`` counts processes that were
    killed or died.
    """

    version: int
    batches: int = 0
    events: int = 0
    outputs: int = 0
    errors: Mapping[str, int] = {}
    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    restarts: int = 0
    circuit: State = "closed"
    opened: int = 0
    recent: Sequence[str] = ()


class Counts:
    """A script's counts as they grow."""

    def __init__(self) -> None:
        self.batches = 0
        self.events = 0
        self.outputs = 0
        self.errors: Counter[str] = Counter()
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self.restarts = 0
        self.recent: deque[str] = deque(maxlen=20)

    def note(self, text: str) -> None:
        """Remember a message, once while it repeats."""
        if not self.recent or self.recent[-1] != text:
            self.recent.append(text)

    def statistics(self, version: int, circuit: State, opened: int) -> ScriptStatistics:
        """Return the counts now."""
        return ScriptStatistics(
            version=version,
            batches=self.batches,
            events=self.events,
            outputs=self.outputs,
            errors=dict(self.errors),
            cpu_ms=round(self.cpu_s * 1000, 1),
            wall_ms=round(self.wall_s * 1000, 1),
            restarts=self.restarts,
            circuit=circuit,
            opened=opened,
            recent=list(self.recent),
        )


def runner_lost(script: str, version: int, reason: str, message: str) -> None:
    """Log that a script's process was ended."""
    _log.warning(
        "script_process_lost", script=script, version=version, reason=reason, message=message
    )


def circuit_opened(script: str, version: int, reason: str) -> None:
    """Log that a script is not run for a while: its events go dirty."""
    _log.error("script_circuit_opened", script=script, version=version, reason=reason)


def circuit_closed(script: str, version: int) -> None:
    """Log that a script runs again."""
    _log.info("script_circuit_closed", script=script, version=version)


def isolation_missing(layers: Sequence[str], *, accepted: bool) -> None:
    """Log that the kernel lacks layers of isolation."""
    _log.warning("script_isolation_weaker", missing=list(layers), accepted=accepted)
