"""A node's end of discovery: follows the control plane, lives without it on its last good state."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import grpc
import msgspec
import structlog

from trackplane.discovery import Delta, Kind, Resource, ResyncError, Snapshot
from trackplane.discovery import discovery_pb2 as pb
from trackplane.discovery import discovery_pb2_grpc as pb_grpc
from trackplane.discovery.cache import CacheError, LastGood
from trackplane.discovery.parts import Joining
from trackplane.discovery.source import (
    ConfigurationConsumer,
    ConfigurationSource,
    ResourceKey,
    SourceError,
)

_log = structlog.get_logger(__name__)

_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_OPTIONS: Final = (
    # A channel of its own each time: gRPC's shared one waits out its own, longer back-off.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
)


def wall_clock() -> int:
    """Return the time in ms."""
    return time.time_ns() // 1_000_000


class DiscoverySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a node follows the control plane.

    Attributes:
        folder: folder of plans, rules, datasets and apps to run under instead of a control plane.
        address: host and port of the control plane's discovery.
        token_file: file with the node token; empty: the one in the data folder.
        first_delay_ms: wait before the first try to connect again; doubled each time, with jitter.
        longest_delay_ms: longest wait between tries.
    """

    folder: str = ""
    address: str = "127.0.0.1:8001"
    token_file: str = ""
    first_delay_ms: int = 50
    longest_delay_ms: int = 3_000


class GrpcSource(ConfigurationSource):
    """Follows the control plane as ``node``. The token file is read anew for each connection."""

    def __init__(
        self,
        settings: DiscoverySettings,
        *,
        node: str,
        kind: str,
        token_file: Path,
        cache: Path,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._settings = settings
        self._node = node
        self._kind = kind
        self._token_file = token_file
        self._cache = LastGood(cache)
        self._cache_path = cache
        self._clock = clock
        self._started = clock()
        self._snapshot: Snapshot | None = None
        self._rejected: dict[ResourceKey, str] = {}
        self._current_at: int | None = None
        self._connected = False
        self._statistics: bytes | None = None
        self._reported = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def number(self) -> int:
        """Return the number of the state in force here; 0 while there is none."""
        return self._snapshot.number if self._snapshot is not None else 0

    @property
    def age_ms(self) -> int | None:
        """Return how long ago this state was known to be the current one; 0 while connected."""
        if self._snapshot is None:
            return None
        if self._connected or self._current_at is None:
            return 0
        return max(0, self._clock() - self._current_at)

    @property
    def connected(self) -> bool:
        """Say whether the control plane is there."""
        return self._connected

    @property
    def told(self) -> bool:
        """Say whether no report waits to be sent and the control plane is there."""
        return self._connected and not self._reported.is_set()

    def report(self, statistics: bytes) -> None:
        """Send these figures soon. Callable from any thread; only the latest is sent."""
        self._statistics = statistics
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reported.set)

    async def run(self, consumer: ConfigurationConsumer) -> None:
        """Give the consumer the last good state, then every change, until cancelled."""
        self._loop = asyncio.get_running_loop()
        cached = await asyncio.to_thread(self._cache.load)
        if cached is not None:
            self._current_at = int(self._cache_path.stat().st_mtime * 1000)
            await self._apply(consumer, cached, cached.delta_from(None))
        delay_ms = self._settings.first_delay_ms
        while True:
            reason = ""
            try:
                await self._follow(consumer)
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name.lower()}: {error.details()}"
            except (OSError, SourceError) as error:
                reason = str(error)
            was_connected, self._connected = self._connected, False
            if was_connected:
                self._current_at = self._clock()
                delay_ms = self._settings.first_delay_ms
                _log.warning("control_plane_lost", reason=reason, number=self.number)
            else:
                _log.debug("control_plane_absent", reason=reason, retry_in_ms=delay_ms)
            await asyncio.sleep(delay_ms * random.uniform(0.5, 1.0) / 1000)  # noqa: S311 - jitter
            delay_ms = min(delay_ms * 2, self._settings.longest_delay_ms)

    async def _follow(self, consumer: ConfigurationConsumer) -> None:
        token = (await asyncio.to_thread(self._token_file.read_text)).strip()
        held = self._snapshot
        hello = pb.Hello(
            node=self._node,
            kind=self._kind,
            number=held.number if held else 0,
            hash=held.hash if held else "",
            started=self._started,
        )
        async with grpc.aio.insecure_channel(self._settings.address, options=_OPTIONS) as channel:
            call = pb_grpc.DiscoveryStub(channel).Follow(
                metadata=(("authorization", f"Bearer {token}"),)
            )
            writing = asyncio.Lock()

            async def write(message: pb.NodeMessage) -> None:
                async with writing:
                    await call.write(message)

            await write(pb.NodeMessage(hello=hello))
            reporter = asyncio.create_task(self._send_reports(write))
            try:
                joining = Joining()
                async for message in call:
                    delta = joining.add(_delta(message))
                    if delta is not None:
                        answer, change = await self._take(consumer, delta)
                        answer.nonce = message.nonce
                        await write(pb.NodeMessage(answer=answer))
                        if change is not None:
                            await self._keep(change)
            finally:
                reporter.cancel()
                call.cancel()

    async def _send_reports(self, write: Callable[[pb.NodeMessage], object]) -> None:
        self._reported.set()
        while True:
            await self._reported.wait()
            self._reported.clear()
            if self._statistics is not None:
                message = pb.NodeMessage(report=pb.Report(statistics=self._statistics))
                try:
                    await cast("asyncio.Future[None]", write(message))
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    return  # the stream has ended; its reader says why

    async def _take(
        self, consumer: ConfigurationConsumer, delta: Delta
    ) -> tuple[pb.Answer, Delta | None]:
        """Put a state in force; return the answer and the change that is to be kept on disk."""
        started = self._clock()
        before = self._snapshot
        if before is not None and delta.end < before.number:
            raise SourceError(f"sent number {delta.end}, but {before.number} is in force here")
        try:
            after = await asyncio.to_thread((before or Snapshot()).apply, delta)
        except ResyncError as error:
            _log.warning("resync", number=self.number, reason=str(error))
            return pb.Answer(number=self.number, resync=True), None
        change: Delta | None = None
        if before is None or after.number != before.number:
            resynced = before is not None and not delta.start
            change = after.delta_from(before) if resynced else delta
            await self._apply(consumer, after, change)
        if not self._connected:
            self._connected = True
            _log.info("control_plane_followed", number=self.number)
        rejected = [
            pb.Rejection(kind=kind, name=name, message=text)
            for (kind, name), text in self._rejected.items()
        ]
        took_ms = self._clock() - started
        return pb.Answer(number=after.number, rejected=rejected, took_ms=took_ms), change

    async def _keep(self, change: Delta) -> None:
        """Write the state to disk, after it is in force and answered: nobody waits for the disk."""
        if self._snapshot is not None:
            try:
                await asyncio.to_thread(self._cache.save, self._snapshot, change)
            except CacheError as error:
                _log.error("last_good_not_kept", reason=str(error))

    async def _apply(
        self, consumer: ConfigurationConsumer, snapshot: Snapshot, delta: Delta
    ) -> None:
        rejected = await consumer.apply(snapshot, delta)
        for key in (*delta.removed, *(resource.key for resource in delta.changed)):
            self._rejected.pop(key, None)
        self._rejected.update(rejected)
        self._snapshot = snapshot


def _delta(part: pb.Part) -> Delta:
    try:
        return Delta(
            start=part.start,
            end=part.end,
            changed=tuple(
                Resource(kind=msgspec.convert(r.kind, Kind), name=r.name, body=r.body)
                for r in part.changed
            ),
            removed=tuple((msgspec.convert(k.kind, Kind), k.name) for k in part.removed),
            hash=part.hash,
            published=part.published,
        )
    except msgspec.ValidationError as error:
        raise SourceError(f"the control plane sent an unknown kind of resource: {error}") from error
