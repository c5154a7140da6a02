"""A worker: the raw store and the rules, each a consumer in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Sequence

import msgspec
import structlog

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.source import ConfigurationConsumer, ConfigurationSource, Rejections
from trackplane.errors import StorageError
from trackplane.lake.commit import RULES
from trackplane.worker.configuration import WorkerConfiguration
from trackplane.worker.consumer import Consumer
from trackplane.worker.figures import COUNTS, RuleDeltas, Totals, split
from trackplane.worker.scripts import Scripts
from trackplane.worker.shadows import Shadows
from trackplane.worker.sinks import Everyone, SinkConsumers

_log = structlog.get_logger(__name__)
_REPORT_S = 1.0
_MOST_SEGMENTS = 20
_CUT_SHARE = 10  # of what a cut takes must pass before the next


class Worker(ConfigurationConsumer):
    """Runs consumers under a configuration until stopped; then they flush and give up their share.

    ``chores`` are called every ``chore_s`` seconds in a thread of their own (compaction).
    """

    def __init__(
        self,
        *,
        name: str,
        consumers: Sequence[Consumer],
        configuration: WorkerConfiguration,
        sinks: SinkConsumers,
        shadows: Shadows,
        scripts: Scripts,
        source: ConfigurationSource,
        chore: Callable[[], object],
        chore_s: float = 5.0,
    ) -> None:
        self._name = name
        self._consumers = consumers
        self._tables = configuration
        self._configuration = Everyone([scripts, configuration, sinks, shadows, self])
        self._sinks = sinks
        self._shadows = shadows
        self._scripts = scripts
        self._deltas = RuleDeltas()
        self._number = 0  # in force when the deltas to come began
        self._segments: list[dict[str, object]] = []
        self._next_cut = 0.0
        self._session, self._sequence = uuid.uuid4().hex, 0
        self._source = source
        self._chore = chore
        self._chore_s = chore_s
        self._ending = threading.Event()
        self._failure: BaseException | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until ``stopping`` is set.

        Raises:
            StorageError: a consumer died of a defect; whoever supervises starts the worker again.
        """
        loop = asyncio.get_running_loop()
        threads = [
            threading.Thread(
                target=self._guarded, args=(consumer.run, loop, stopping), name=f"consumer-{index}"
            )
            for index, consumer in enumerate(self._consumers)
        ]
        threads.append(threading.Thread(target=self._chores, name="chores"))
        following = asyncio.create_task(self._source.run(self._configuration))
        following.add_done_callback(lambda _: stopping.set())
        for thread in threads:
            thread.start()
        _log.info("worker_started", name=self._name)
        while not stopping.is_set():
            self._source.report(msgspec.json.encode(self.report()))
            try:
                await asyncio.wait_for(stopping.wait(), _REPORT_S)
            except TimeoutError:
                continue
        for consumer in self._consumers:
            consumer.stop()
        self._ending.set()
        await self._sinks.close()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        self._scripts.close()
        if following.done() and not following.cancelled():
            self._failure = self._failure or following.exception()
        following.cancel()
        _log.info("worker_stopped", name=self._name)
        if self._failure is not None:
            raise StorageError(f"a part of the worker ended: {self._failure!r}") from self._failure

    def report(self) -> dict[str, object]:
        """Return the figures for the control plane.

        ``rules`` are deltas since the last report that was sent, in segments: ``since`` is the number
        that was in force when one began. A report that comes twice is known by ``session`` and
        ``sequence``.
        """
        consumers, _ = self.figures()
        found: dict[str, object] = {
            "consumers": consumers,
            "sinks": msgspec.to_builtins(self._sinks.statistics()),
            "scripts": msgspec.to_builtins(self._scripts.statistics()),
            "number": self._source.number,
            "age_ms": self._source.age_ms,
        }
        if self._source.told:
            self._cut(self._source.number)
            self._sequence += 1
            segments, self._segments = self._segments, []
            found["rules"] = {
                "session": self._session,
                "sequence": self._sequence,
                "counts": COUNTS,
                "segments": segments,
                "shadows": msgspec.to_builtins(self._shadows.take()),
            }
        return found

    def figures(self) -> tuple[list[dict[str, object]], list[tuple[str, Totals]]]:
        """Return the consumers' figures without those of single rules, and these by engine.

        Callable from any thread.
        """
        consumers: list[dict[str, object]] = []
        engines: list[tuple[str, Totals]] = []
        for consumer in [
            *(msgspec.to_builtins(c.statistics()) for c in self._consumers),
            *self._sinks.consumers(),
        ]:
            rest, totals = split(consumer["stage"])
            if consumer["group"] == RULES and "events" in rest:
                # No rule: all events that the rules were tried on.
                totals[""] = [rest["events"], 0, 0, 0, 0, 0]
            engines.append((consumer["group"], totals))
            consumers.append({**consumer, "stage": rest})
        return consumers, engines

    def _cut(self, number: int) -> None:
        """Set aside what was counted so far: what comes now is counted under ``number``."""
        deltas = self._deltas.take(self.figures()[1])
        if deltas:
            self._segments.append({"since": self._number, "deltas": deltas})
        self._number = number

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Keep what was counted before a change apart from what comes after it.

        With very many rules, or changes in very quick order, that would cost more than it is worth:
        then both are told as from before.
        """
        del delta
        started = time.perf_counter()
        if started >= self._next_cut and len(self._segments) < _MOST_SEGMENTS:
            self._cut(snapshot.number)
            ended = time.perf_counter()
            self._next_cut = ended + _CUT_SHARE * (ended - started)
        return {}

    def _guarded(
        self, run: Callable[[], None], loop: asyncio.AbstractEventLoop, stopping: asyncio.Event
    ) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 a dead consumer must end the process
            self._failure = error
            _log.exception("consumer_died")
            loop.call_soon_threadsafe(stopping.set)

    def _chores(self) -> None:
        while not self._ending.wait(self._chore_s):
            self._tables.tend()
            try:
                self._chore()
            except StorageError as error:
                _log.error("chore_failed", error=str(error))
