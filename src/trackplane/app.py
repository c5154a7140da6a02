"""The composition root: loads settings, chooses back ends, runs processes.

Nothing else reads settings or the environment, and nothing else knows which back end stands behind
an interface. Each process imports only its own parts, so that a killed one is back in a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import msgspec
import structlog

from trackplane import __version__
from trackplane.collector.settings import CollectorSettings
from trackplane.config import load
from trackplane.control.settings import ControlSettings
from trackplane.dirty import TOPIC as DIRTY_TOPIC
from trackplane.discovery.client import DiscoverySettings, GrpcSource, wall_clock
from trackplane.discovery.source import ConfigurationSource
from trackplane.errors import ConfigurationError
from trackplane.event import LANE_TOPICS
from trackplane.lake.settings import CompactionSettings, QuerySettings, RawStoreSettings
from trackplane.ledger import TOPIC as LEDGER_TOPIC
from trackplane.queue import TopicSpec
from trackplane.queue.disk import DiskQueue
from trackplane.queue.settings import DiskQueueSettings
from trackplane.replay import TOPIC as REPLAY_TOPIC
from trackplane.runtime.embedded import ProcessSpec, Supervisor, SupervisorSettings
from trackplane.scripts.settings import ScriptSettings
from trackplane.secret_files import SecretFolder
from trackplane.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from trackplane.rules.library import Environment

DATA_VERSION: Final = 1
NODE_TOKEN: Final = "node.token"  # noqa: S105 a file's name
_DAY_MS: Final = 24 * 3600 * 1000
_DEFAULT_FILE: Final = Path("trackplane.yaml")
_REPORT_S: Final = 1.0
Say = Callable[[str], None]


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long the queue keeps messages, in days.

    Attributes:
        events_days: events of every lane.
        dirty_days: dirty events.
        lane_bytes: bytes kept of each partition of a lane at most; 0 is without limit.
    """

    events_days: int = 3
    dirty_days: int = 30
    lane_bytes: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of an installation.

    Attributes:
        data: folder of everything that is kept.
        log_level: debug, info, warning or error.
        secrets_folder: folder of keys, a file each, that rules name, and in `sinks` of tokens that sinks name; empty:
            `secrets` in the data folder.
        geo_database: a MaxMind file (mmdb) for `geo()`; empty: rules that use it are refused.
    """

    data: str = "data"
    log_level: str = "info"
    secrets_folder: str = ""
    geo_database: str = ""
    control: ControlSettings = ControlSettings()
    collector: CollectorSettings = CollectorSettings()
    worker: WorkerSettings = WorkerSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    queue: DiskQueueSettings = DiskQueueSettings()
    retention: RetentionSettings = RetentionSettings()
    lake: RawStoreSettings = RawStoreSettings()
    compaction: CompactionSettings = CompactionSettings()
    query: QuerySettings = QuerySettings()
    scripts: ScriptSettings = ScriptSettings()
    supervisor: SupervisorSettings = SupervisorSettings()


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file (default: ./trackplane.yaml, if it is there) and environment.

    Raises:
        ConfigurationError: with every finding.
    """
    file = path or (_DEFAULT_FILE if _DEFAULT_FILE.is_file() else None)
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot read {file}: {error}") from error
    return load(Settings, text=text, file=str(file or "environment"), environ=environ)


def open_data_folder(path: Path) -> Path:
    """Return the data folder, made if it is missing.

    Raises:
        ConfigurationError: a newer release wrote it, or it cannot be written.
    """
    version = path / "VERSION"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if version.exists():
            text = version.read_text(encoding="utf-8").strip()
        else:
            text = str(DATA_VERSION)
            version.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot use the data folder {path}: {error}") from error
    if not text.isdigit() or int(text) > DATA_VERSION:
        raise ConfigurationError(
            f"{path} is of data version {text}; this release reads up to {DATA_VERSION}",
            hint=f"run the release that wrote it, or a newer one (this is {__version__})",
        )
    return path


class Application:
    """One installation's processes, each of which can be run alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data = open_data_folder(Path(settings.data))
        _configure_logging(settings.log_level)

    # --- what processes share ---------------------------------------------------------------------

    def _queue(self) -> DiskQueue:
        queue = DiskQueue(self.data / "queue", clock=wall_clock, settings=self.settings.queue)
        keep, limit = self.settings.retention, self.settings.retention.lane_bytes or None
        lanes = [
            TopicSpec(
                name=name,
                partitions=self.settings.collector.partitions,
                retention_ms=keep.events_days * _DAY_MS,
                retention_bytes=limit,
            )
            for name in LANE_TOPICS
        ]
        others = [
            TopicSpec(name=DIRTY_TOPIC, retention_ms=keep.dirty_days * _DAY_MS),
            TopicSpec(name=LEDGER_TOPIC, retention_ms=keep.dirty_days * _DAY_MS),
            TopicSpec(name=REPLAY_TOPIC, retention_ms=keep.dirty_days * _DAY_MS),
        ]
        queue.ensure_topics([*lanes, *others])
        there = queue.topics()[LANE_TOPICS[0]].partitions
        if there != self.settings.collector.partitions:
            raise ConfigurationError(
                f"the queue has {there} partitions a lane, not {self.settings.collector.partitions}",
                hint=f"set collector.partitions to {there}: the number is chosen once",
            )
        return queue

    def _plugin_functions(self) -> None:
        from trackplane.enrichers import load_functions

        load_functions(self.data / "enrichers")

    def _environment(self) -> Environment:
        """Return what functions of rules need of this node; tables come with the configuration."""
        from trackplane.geo import open_geo
        from trackplane.rules.library import Environment

        return Environment(keys=self._secrets().all(), geo=open_geo(self.settings.geo_database))

    def _secrets(self) -> SecretFolder:
        return SecretFolder(Path(self.settings.secrets_folder or self.data / "secrets"))

    def _source(self, node: str, kind: str) -> ConfigurationSource:
        settings = self.settings.discovery
        cache = self.data / "cache" / f"{node}.lastgood"
        cache.parent.mkdir(parents=True, exist_ok=True)
        if settings.folder:
            from trackplane.discovery.folder import FolderSource

            return FolderSource(Path(settings.folder), cache=cache, clock=wall_clock)
        token = Path(settings.token_file or self.data / "control" / NODE_TOKEN)
        if settings.address == DiscoverySettings().address:
            # Not set: the control plane of these settings.
            control = self.settings.control
            address = f"{control.grpc_host}:{control.grpc_port}"
            settings = msgspec.structs.replace(settings, address=address)
        return GrpcSource(
            settings, node=node, kind=kind, token_file=token, cache=cache, clock=wall_clock
        )

    # --- processes --------------------------------------------------------------------------------

    def run_control(self, *, announce: Say) -> None:
        """Run the control plane until SIGTERM."""
        asyncio.run(self._run_control(announce))

    async def _run_control(self, announce: Say) -> None:
        from trackplane.control.facilities import Facilities
        from trackplane.control.local import LocalData
        from trackplane.control.server import Addresses, ControlPlane
        from trackplane.lake.manifest import Manifest
        from trackplane.lake.query import QueryRunner

        control = self.settings.control
        if control.collector_url == ControlSettings().collector_url:
            collector = self.settings.collector
            url = f"http://{collector.host}:{collector.port}"
            control = msgspec.structs.replace(control, collector_url=url)
        queue = self._queue()
        manifest = Manifest(self.data / "lake" / "manifest.db", wall_clock)
        data = LocalData(queue, manifest, QueryRunner(manifest, self.settings.query))
        self._plugin_functions()
        plane = ControlPlane(
            control,
            self.data / "control",
            data=data,
            facilities=Facilities(
                keys=self._secrets().names, has_geo=bool(self.settings.geo_database)
            ),
            clock=wall_clock,
        )
        if plane.first_token is not None:
            announce(
                f"first start: the admin token is {plane.first_token}\n"
                "  it is shown once; keep it, and set TRACKPLANE_TOKEN to use the command line"
            )

        def started(addresses: Addresses) -> None:
            announce(f"console and API: {addresses.http}")

        try:
            await plane.serve(stopping=_stop_event(), started=started)
        finally:
            queue.close()
            manifest.close()

    def run_collector(self, *, announce: Say) -> None:
        """Run a collector until SIGTERM; open uploads are finished first."""
        _run_on_uvloop(self._run_collector(announce))

    async def _run_collector(self, announce: Say) -> None:
        import uuid_utils

        from trackplane.collector.application import Collector
        from trackplane.collector.server import serve as serve_collector
        from trackplane.collector.state import CollectorState

        settings = self.settings.collector
        queue = self._queue()
        state = CollectorState(
            partitions=settings.partitions, new_id=lambda: str(uuid_utils.uuid7())
        )
        collector = Collector(settings, queue, state, clock=wall_clock)
        source = self._source("collector", "collector")
        stopping = _stop_event()

        async def report() -> None:
            while True:
                source.report(msgspec.json.encode(collector.statistics()))
                await asyncio.sleep(_REPORT_S)

        async def trim() -> None:
            while True:
                await asyncio.sleep(60)
                await asyncio.to_thread(queue.trim, wall_clock())

        tasks = [asyncio.create_task(work) for work in (source.run(state), report(), trim())]
        for task in tasks:
            task.add_done_callback(lambda _: stopping.set())
        try:
            await serve_collector(
                collector,
                settings,
                stop=stopping,
                started=lambda port: announce(f"collector: http://{settings.host}:{port}"),
                signals=False,
            )
            for task in tasks:
                if task.done():
                    task.result()  # one that failed ends the process, so that it is started anew
        finally:
            for task in tasks:
                task.cancel()
            queue.close()

    def run_worker(self, name: str) -> None:
        """Run a worker until SIGTERM; what it read is committed first."""
        asyncio.run(self._run_worker(name))

    async def _run_worker(self, name: str) -> None:
        from trackplane.engine.engine import Engine
        from trackplane.lake.compact import Compactor
        from trackplane.lake.manifest import Manifest
        from trackplane.lake.tables import TableCommitter
        from trackplane.lake.writer import RawStore
        from trackplane.scripts.pool import ScriptPool
        from trackplane.sinks.plugins import sink_plugins
        from trackplane.worker.configuration import WorkerConfiguration
        from trackplane.worker.consumer import Consumer
        from trackplane.worker.process import Worker
        from trackplane.worker.raw import RawStage
        from trackplane.worker.replays import Replays
        from trackplane.worker.rules import RulesStage
        from trackplane.worker.scripts import Scripts
        from trackplane.worker.shadows import Shadows
        from trackplane.worker.sinks import SinkConsumers, Surroundings
        from trackplane.worker.telemetry import WorkerMetrics, port_of, serve

        self._plugin_functions()
        settings = self.settings.worker
        queue = self._queue()
        lake = self.data / "lake"
        manifest = Manifest(lake / "manifest.db", wall_clock)
        engine = Engine(clock=time.perf_counter_ns)
        environment = self._environment()
        configuration = WorkerConfiguration(engine, environment=environment)
        shadows = Shadows(
            clock=wall_clock,
            timer=time.perf_counter_ns,
            environment=lambda: configuration.environment,
        )
        scripts = Scripts(ScriptPool(self.settings.scripts, clock=wall_clock))
        store = RawStore(manifest, lake, wall_clock, self.settings.lake)
        tables = TableCommitter(manifest, self.settings.lake)
        lanes = [
            (topic, number)
            for topic in LANE_TOPICS
            for number in range(self.settings.collector.partitions)
        ]
        # By name, not by process: one that was killed takes its partitions up again at once.
        # Should two ever run under one name, the commit's compare-and-set keeps them apart.
        consumers = [
            Consumer(
                stage,
                queue=queue,
                member=name,
                partitions=partitions,
                settings=settings,
                clock=wall_clock,
            )
            for stage, partitions in (
                (RawStage(store), [*lanes, (DIRTY_TOPIC, 0), (LEDGER_TOPIC, 0)]),
                (
                    RulesStage(
                        engine,
                        tables,
                        datasets=lambda: configuration.datasets,
                        scripts=scripts,
                        shadows=shadows,
                        replays=Replays(
                            manifest,
                            rules=configuration.rules,
                            datasets=lambda: configuration.datasets,
                            number=lambda: engine.ruleset.number,
                            environment=lambda: configuration.environment,
                            scripts=scripts,
                        ),
                    ),
                    [*lanes, (REPLAY_TOPIC, 0)],
                ),
            )
        ]
        sinks = SinkConsumers(
            Surroundings(
                queue=queue,
                manifest=manifest,
                lanes=lanes,
                plugins=sink_plugins(),
                folder=self.data / "sinks",
                secret=self._secrets().sinks.read,
                member=name,
                worker=settings,
                lake=self.settings.lake,
                clock=wall_clock,
                engine=lambda: Engine(clock=time.perf_counter_ns),
                environment=environment,
                scripts=scripts,
            )
        )
        compactor = Compactor(manifest, wall_clock, self.settings.compaction)
        worker = Worker(
            name=name,
            consumers=consumers,
            configuration=configuration,
            sinks=sinks,
            shadows=shadows,
            scripts=scripts,
            source=self._source(name, "worker"),
            chore=compactor.run,
        )
        with contextlib.ExitStack() as closing:
            closing.callback(manifest.close)
            closing.callback(queue.close)
            if settings.metrics_port:
                port = port_of(name, settings.metrics_port)
                metrics = WorkerMetrics(worker.figures)
                closing.callback(serve(metrics, settings.metrics_host, port))
            await worker.run(_stop_event())

    def run_all(self, config: Path | None, *, announce: Say) -> None:
        """Run control plane, collector and workers, supervised, until SIGTERM.

        Raises:
            ConfigurationError: another supervisor runs on this data folder.
        """
        lock = _take_lock(self.data / "up.lock")
        if not self.settings.secrets_folder:
            self._secrets().make_default()
        arguments = ("--config", str(config)) if config is not None else ()
        specs = [
            ProcessSpec(name="control", arguments=("control", *arguments)),
            ProcessSpec(name="collector", arguments=("collector", *arguments)),
            *(
                ProcessSpec(
                    name=f"worker-{number}",
                    arguments=("worker", "--name", f"worker-{number}", *arguments),
                )
                for number in range(1, self.settings.supervisor.workers + 1)
            ),
        ]
        supervisor = Supervisor(specs, folder=self.data / "run", settings=self.settings.supervisor)
        announce(f"data: {self.data.resolve()}")
        asyncio.run(supervisor.run())
        os.close(lock)


def _take_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigurationError(
            f"`trackplane up` runs on {path.parent} already", hint="stop it, or use another folder"
        ) from error
    return descriptor


def _stop_event() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _run_on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


class _Unfailing:
    """A stream for log lines: one that cannot be written (a full disk) is lost, not raised."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a line if it can be."""
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        """Flush what can be."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def _configure_logging(level: str) -> None:
    """Write log events as lines to standard error, plain or, without a terminal, JSON."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigurationError(
            f"log_level {level!r} is unknown", hint="debug, info, warning or error"
        )
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the values of locals: a token may be among them.
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
