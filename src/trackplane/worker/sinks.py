"""Consumers of sinks: for each dataset of kind ``topic`` or ``sink`` an engine, a group, a thread.

A sink's consumer reads the lanes by itself and runs only the rules that write to its dataset, so a
receiver that is down or slow holds up nobody else (docs/adr/0012). They come and go with the
configuration, without a restart.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.source import ConfigurationConsumer, Rejections, ResourceKey
from trackplane.engine.engine import Engine
from trackplane.errors import TrackplaneError
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import RawStoreSettings
from trackplane.queue import Queue
from trackplane.rules.ir import Dataset, decode_dataset
from trackplane.rules.library.environment import Environment
from trackplane.sinks import Partition, Sink, SinkContext
from trackplane.sinks.commit import DeadLetters, SinkCommitter, SinkStatistics
from trackplane.sinks.plugins import Plugins, plugin_of
from trackplane.worker.configuration import WorkerConfiguration
from trackplane.worker.consumer import Consumer
from trackplane.worker.rules import RulesStage
from trackplane.worker.scripts import Scripts
from trackplane.worker.settings import WorkerSettings

_log = structlog.get_logger(__name__)
_AGAIN_S: Final = 1.0


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What every sink's consumer shares. ``folder`` holds a folder for each dataset."""

    queue: Queue
    manifest: Manifest
    lanes: Sequence[Partition]
    plugins: Plugins
    folder: Path
    secret: Callable[[str], bytes]
    member: str
    worker: WorkerSettings
    lake: RawStoreSettings
    clock: Callable[[], int]
    engine: Callable[[], Engine]
    environment: Environment
    scripts: Scripts


class SinkStage(RulesStage):
    """Rules whose rows go to a sink: while it does not take them, nothing more is read."""

    def __init__(
        self,
        engine: Engine,
        committer: SinkCommitter,
        *,
        datasets: Callable[[], Mapping[str, Dataset]],
        scripts: Scripts,
    ) -> None:
        super().__init__(engine, committer, datasets=datasets, scripts=scripts)
        self._sink_committer = committer

    @property
    def waiting(self) -> bool:
        """Say whether rows wait for the sink."""
        return self._sink_committer.waiting


class _Running:
    """One dataset's consumer, in its thread."""

    def __init__(self, dataset: Dataset, body: bytes, around: Surroundings) -> None:
        self.body = body
        folder = around.folder / dataset.name
        plugin = plugin_of(dataset, around.plugins)
        context = SinkContext(
            dataset=dataset,
            folder=folder,
            secret=around.secret,
            queue=around.queue,
            partitions=around.lanes,
        )
        self._sink: Sink = plugin.open(context, plugin.read(dataset))
        engine = around.engine()
        self.configuration = WorkerConfiguration(
            engine,
            takes=lambda other: other.name == dataset.name,
            environment=around.environment,
        )
        self._committer = SinkCommitter(
            around.manifest,
            around.lake,
            dataset=dataset,
            connector=plugin.name,
            sink=self._sink,
            start=lambda partition: around.queue.ends([partition])[partition],
            dead=DeadLetters(folder / "refused"),
            clock=around.clock,
        )
        self._stage = SinkStage(
            engine,
            self._committer,
            datasets=lambda: self.configuration.datasets,
            scripts=around.scripts,
        )
        self._around = around
        self._consumer = self._new_consumer()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink-{dataset.name}")
        self._thread.start()

    def _new_consumer(self) -> Consumer:
        around = self._around
        return Consumer(
            self._stage,
            queue=around.queue,
            member=around.member,
            partitions=around.lanes,
            settings=around.worker,
            clock=around.clock,
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consumer.run()
            except Exception:  # noqa: BLE001 whatever it was, it is this sink's alone
                _log.exception("sink_consumer_died", group=self._committer.group)
                self._committer.drop(self._around.lanes)
                if self._stopping.wait(_AGAIN_S):
                    break
                self._consumer = self._new_consumer()
        self._sink.close()

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()
        self._consumer.stop()

    def join(self) -> None:
        """Wait until it has ended: what it could deliver is committed."""
        self._thread.join()

    def statistics(self) -> tuple[SinkStatistics, dict[str, object]]:
        """Return the sink's figures and its consumer's."""
        return self._committer.sink_statistics(), msgspec.to_builtins(self._consumer.statistics())


class SinkConsumers(ConfigurationConsumer):
    """Starts and stops consumers as datasets come, change and go."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._running: dict[str, _Running] = {}

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Follow the configuration; a sink that cannot be opened is rejected by its dataset."""
        rejected: dict[ResourceKey, str] = {}
        wanted: dict[str, tuple[Dataset, bytes]] = {}
        for resource in snapshot.of_kind("dataset"):
            try:
                dataset = decode_dataset(resource.body)
            except msgspec.MsgspecError:
                continue  # the tables' configuration says what is wrong with it
            if dataset.kind != "table":
                wanted[dataset.name] = (dataset, resource.body)
        gone = [
            self._running.pop(name)
            for name, running in list(self._running.items())
            if name not in wanted or wanted[name][1] != running.body
        ]
        await self._stop(gone)
        for name, (dataset, body) in wanted.items():
            running = self._running.get(name)
            start = delta if running is not None else snapshot.delta_from(None)
            if running is None:
                try:
                    running = self._running[name] = _Running(dataset, body, self._around)
                except (TrackplaneError, OSError) as error:
                    rejected["dataset", name] = str(error)
                    continue
            found = await running.configuration.apply(snapshot, start)
            rejected |= {key: why for key, why in found.items() if key[0] == "rule"}
        return rejected

    async def _stop(self, some: Sequence[_Running]) -> None:
        for running in some:
            running.stop()
        for running in some:
            await asyncio.to_thread(running.join)

    async def close(self) -> None:
        """Stop all; what can be delivered is delivered and committed first."""
        await self._stop(list(self._running.values()))
        self._running.clear()

    def statistics(self) -> list[SinkStatistics]:
        """Return each sink's figures."""
        return [running.statistics()[0] for running in list(self._running.values())]

    def consumers(self) -> list[dict[str, object]]:
        """Return each consumer's figures."""
        return [running.statistics()[1] for running in list(self._running.values())]


class Everyone(ConfigurationConsumer):
    """Several consumers of one configuration; what any of them rejects is rejected."""

    def __init__(self, consumers: Sequence[ConfigurationConsumer]) -> None:
        self._consumers = consumers

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Let each take the state over, in order."""
        rejected: dict[ResourceKey, str] = {}
        for consumer in self._consumers:
            rejected |= await consumer.apply(snapshot, delta)
        return rejected
