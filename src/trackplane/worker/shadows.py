"""Shadow runs beside the rules: bounded in time, never in the way of what is committed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.source import ConfigurationConsumer, Rejections, ResourceKey
from trackplane.engine.intake import Mask
from trackplane.engine.shadow import Shadow, ShadowCounts
from trackplane.errors import TrackplaneError
from trackplane.frame import Frame
from trackplane.rules import ir
from trackplane.rules.library.environment import NOTHING, Environment

_log = structlog.get_logger(__name__)

_SHARE: Final = 0.1  # of the time of the rules' thread that shadows may take, over a second
_SECOND_NS: Final = 1_000_000_000
_trial: Final = msgspec.json.Decoder(ir.Shadow)


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one shadow counted since the last report; ``until`` tells it from others of the rule."""

    rule: str
    until: int
    counts: ShadowCounts


class Shadows(ConfigurationConsumer):
    """The shadows in force. ``clock`` gives ms, ``timer`` ns, ``environment`` what functions need.

    ``process`` is called in the consumer's thread after the main outputs were taken; it never
    raises, and over time takes at most a tenth of that thread.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        timer: Callable[[], int],
        environment: Callable[[], Environment] = lambda: NOTHING,
    ) -> None:
        self._clock = clock
        self._environment = environment
        self._compiled_with: Environment = NOTHING
        self._timer = timer
        self._bodies: dict[str, bytes] = {}
        self._running: Mapping[str, Shadow] = {}
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], ShadowCounts] = {}
        self._allowance_ns = round(_SHARE * _SECOND_NS)
        self._refilled_ns = timer()

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Compile what changed, off the loop."""
        return await asyncio.to_thread(self._apply, snapshot, delta)

    def _apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        del delta
        rejected: dict[ResourceKey, str] = {}
        wanted = {resource.name: resource.body for resource in snapshot.of_kind("shadow")}
        environment = self._environment()
        # A shadow holds the lookup tables that it was compiled with.
        same = environment is self._compiled_with
        self._compiled_with = environment
        running = {
            name: shadow
            for name, shadow in self._running.items()
            if same and wanted.get(name) == self._bodies.get(name)
        }
        fresh = [name for name in wanted if name not in running]
        datasets: dict[str, ir.Dataset] = {}
        if fresh:
            for resource in snapshot.of_kind("dataset"):
                try:
                    datasets[resource.name] = ir.decode_dataset(resource.body)
                except msgspec.MsgspecError:
                    continue  # the rules' configuration says what is wrong with it
        for name in fresh:
            try:
                running[name] = Shadow(
                    _trial.decode(wanted[name]),
                    datasets,
                    clock=self._timer,
                    environment=self._environment(),
                )
            except (TrackplaneError, msgspec.MsgspecError) as error:
                rejected["shadow", name] = str(error)
        self._bodies = {name: wanted[name] for name in running}
        self._running = running
        return rejected

    def process(self, items: Sequence[tuple[Frame, Mask | None]]) -> None:
        """Run the shadows over what the rules just worked on."""
        running = self._running
        if not running:
            return
        now = self._clock()
        for name, shadow in running.items():
            trial = shadow.trial
            if now >= trial.until:
                continue
            self._refill()
            started = self._timer()
            try:
                counts = shadow.process(items, budget_ns=max(0, self._allowance_ns))
            except Exception:  # noqa: BLE001 whatever it was, it is the candidate's alone
                _log.exception("shadow_failed", rule=name)
                counts = ShadowCounts(skipped=sum(len(frame) for frame, _ in items))
            self._allowance_ns -= self._timer() - started
            with self._lock:
                key = (name, trial.until)
                known = self._counts.get(key)
                if known is None:
                    known = self._counts[key] = ShadowCounts(fields={}, samples=[])
                known.add(counts)

    def _refill(self) -> None:
        now = self._timer()
        limit = round(_SHARE * _SECOND_NS)
        earned = round((now - self._refilled_ns) * _SHARE)
        self._allowance_ns = min(limit, self._allowance_ns + earned)
        self._refilled_ns = now

    def take(self) -> list[ShadowReport]:
        """Return what was counted since the last call."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return [
            ShadowReport(rule=rule, until=until, counts=counts)
            for (rule, until), counts in taken.items()
        ]
