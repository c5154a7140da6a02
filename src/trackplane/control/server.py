"""The control plane as a process: metadata, HTTP and discovery, until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog
import uvicorn

from trackplane.control import canary, guard, replay, shadow, tables
from trackplane.control.access import new_secret
from trackplane.control.api import Api
from trackplane.control.data import DataAccess
from trackplane.control.database import Database, MetadataError
from trackplane.control.design.assist_index import CatalogueIndex
from trackplane.control.design.workspaces import Workspaces
from trackplane.control.facilities import UNKNOWN, Facilities
from trackplane.control.insight import observations, renewing, use_of_parts
from trackplane.control.meter import Meter
from trackplane.control.nodes import NodeRegistry
from trackplane.control.people import first_token
from trackplane.control.platform import Platform
from trackplane.control.portable import upsert
from trackplane.control.publishing import Publisher
from trackplane.control.review import my_events, outbox
from trackplane.control.rules import quarantine
from trackplane.control.search import SearchReader
from trackplane.control.search.rebuilding import is_outdated, rebuild
from trackplane.control.settings import ControlSettings
from trackplane.control.statistics import StatisticsBook, Watch
from trackplane.control.trials import ShadowBook
from trackplane.discovery import Delta
from trackplane.discovery.client import wall_clock
from trackplane.discovery.server import Answered, DiscoveryServer, Hub, Node
from trackplane.errors import ConfigurationError, TrackplaneError

_log = structlog.get_logger(__name__)

NODE_TOKEN: Final = "node.token"  # noqa: S105 - a file's name
_GRACE_S: Final = 3
_TEND_S: Final = 1.0
_TELL_S: Final = 600.0  # between looks at what owners should be told
_COUNT_S: Final = 2.0


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where a started control plane listens."""

    http: str
    grpc: str


class ControlPlane:
    """The control plane's parts, opened on a folder; ``serve`` runs them."""

    def __init__(
        self,
        settings: ControlSettings,
        folder: Path,
        *,
        data: DataAccess | None = None,
        facilities: Facilities = UNKNOWN,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        """Open the metadata in ``folder`` and bring it up to date.

        Raises:
            ConfigurationError: a newer release wrote it.
        """
        self.settings = settings
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(settings.metadata.url or folder / "control.db")
        self._database.migrate()
        with self._database.write() as connection:
            if is_outdated(connection):
                _log.info("search_rebuilt", documents=rebuild(connection))
        self.node_token = _node_token(folder / NODE_TOKEN)
        self.publisher = Publisher(self._database, clock=clock)
        # Shown once, by whoever started us; None when there are tokens already.
        self.first_token = first_token(self.publisher)
        self.nodes = NodeRegistry(clock=clock)
        book = StatisticsBook(clock=clock)
        self.platform = Platform(
            settings=settings,
            database=self._database,
            publisher=self.publisher,
            nodes=self.nodes,
            data=data or DataAccess(),
            clock=clock,
            stored=Meter(),
            stopping=threading.Event(),
            statistics=book,
            shadows=ShadowBook(),
            facilities=facilities,
            watch=Watch(book),
            workspaces=Workspaces(),
            catalogue=CatalogueIndex(self._database, self.publisher),
            search=SearchReader(),
        )
        self.platform.statistics.on_shadows = self.platform.shadows.reported
        self.nodes.on_rules = self.platform.statistics.reported
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(
        self,
        *,
        stopping: asyncio.Event,
        started: Callable[[Addresses], None] = lambda _: None,
    ) -> None:
        """Listen until ``stopping`` is set; ``started`` is told where (ports of 0 are chosen).

        Raises:
            ConfigurationError: a port is in use.
        """
        loop = asyncio.get_running_loop()
        hub = Hub(self.publisher.snapshot)
        sock = _listen(self.settings.host, self.settings.port)
        discovery = DiscoveryServer(
            hub, self.nodes, token=self.node_token, raise_number=self._raise_number
        )
        try:
            grpc_port = await discovery.start(self.settings.grpc_host, self.settings.grpc_port)
        except ConfigurationError:
            sock.close()
            raise

        def on_published(delta: Delta) -> None:
            self.nodes.published(delta.end, delta.published)
            loop.call_soon_threadsafe(hub.publish, delta)

        self.publisher.on_published = on_published
        self.publisher.amend = canary.amend
        self.nodes.on_rejected = self._on_rejected
        self.nodes.on_answered = self._on_answered
        server = uvicorn.Server(
            uvicorn.Config(
                Api(self.platform).application(),
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        # Who started us handles signals; uvicorn is told by the event.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        started(
            Addresses(
                http=f"http://{self.settings.host}:{sock.getsockname()[1]}",
                grpc=f"{self.settings.grpc_host}:{grpc_port}",
            )
        )
        waiting = asyncio.create_task(stopping.wait())
        closing = asyncio.Event()
        tending = [
            asyncio.create_task(self._tend(closing, every_s, tenders))
            for every_s, tenders in _TENDERS
        ]
        await asyncio.to_thread(replay.resume, self.platform)
        self._later(self._warm)
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        closing.set()
        self.platform.stopping.set()
        server.should_exit = True
        await discovery.stop()
        await serving
        await asyncio.wait([*tending, *self._tasks])  # their threads still use the database
        self._database.close()

    async def _tend(
        self,
        closing: asyncio.Event,
        every_s: float,
        tenders: Sequence[Callable[[Platform], None]],
    ) -> None:
        """Let tenders look, one after the other, again and again; on closing the one at it ends."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), every_s)
            for look in tenders:
                if closing.is_set():
                    return
                try:
                    await asyncio.to_thread(look, self.platform)
                except TrackplaneError as error:
                    _log.error("tending_failed", what=look.__module__, reason=str(error))
                except Exception:  # noqa: BLE001 - else the others would be tended no more
                    _log.exception("tending_failed", what=look.__module__)

    def _warm(self) -> None:
        """Read what the first who asks would wait for: a huge installation takes half a minute."""
        self.platform.search.warm(self._database)
        self.platform.catalogue.warm(self.platform.stopping)

    async def _raise_number(self, number: int) -> None:
        await asyncio.to_thread(self.publisher.raise_number, number)

    def _on_rejected(self, number: int, rejected: Mapping[tuple[str, str], str]) -> None:
        def work() -> None:
            canary.rejected(self.platform, rejected)
            quarantine(self.publisher, number, rejected)

        self._later(work)

    def _on_answered(self, node: Node, answer: Answered, now: int) -> None:
        self._later(lambda: self._keep_answer(node, answer, now))

    def _keep_answer(self, node: Node, answer: Answered, now: int) -> None:
        values = {
            "number": answer.number,
            "node": node.name,
            "kind": node.kind,
            "acknowledged_at": now,
            "nacks": [
                {"resource": f"{kind}/{name}", "message": message}
                for (kind, name), message in answer.rejected.items()
            ],
        }
        with self._database.write() as connection:
            upsert(connection, tables.acknowledgements, [values])

    def _later(self, work: Callable[[], object]) -> None:
        """Do blocking work in a thread; its failure is logged, nothing waits for it."""

        async def run() -> None:
            try:
                await asyncio.to_thread(work)
            except MetadataError as error:
                _log.error("metadata_not_kept", reason=str(error))

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _remember(platform: Platform) -> None:
    platform.search.warm(platform.database)


def _follow(platform: Platform) -> None:
    if platform.database.is_shared:
        platform.publisher.follow()


_TENDERS: Final = (
    (_TEND_S, (_follow, canary.tend, guard.tend, shadow.tend)),
    (_COUNT_S, (observations.tend, renewing.tend, use_of_parts.tend)),
    (_TEND_S, (outbox.tend,)),
    (_TELL_S, (my_events.tend, _remember)),
)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, else asyncio leaves Nagle's delay (40 ms) on accepted connections.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        raise ConfigurationError(
            f"the control plane cannot listen on {host}:{port}: {error.strerror}",
            hint="set control.port to a free port, or stop what is using this one",
        ) from error
    return sock


def _node_token(path: Path) -> str:
    """Return the token by which collectors and workers are known; made on first start."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    token = new_secret("tpn")
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return token
