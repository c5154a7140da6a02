"""Serve the collector over HTTP with uvicorn, httptools and, where the caller runs it, uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Final

import structlog
import uvicorn

from trackplane.collector.application import Collector
from trackplane.collector.protocol import BoundedProtocol
from trackplane.collector.settings import CollectorSettings
from trackplane.errors import ConfigurationError

_log = structlog.get_logger(__name__)
_BACKLOG: Final = 2048
_GC_THRESHOLDS: Final = (20_000, 20, 20)


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by its owner instead of by signals."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, and say so."""
        await super().startup(sockets=sockets)
        self._tell_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket's address taken.

    Raises:
        ConfigurationError: the port is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        in_use = error.errno == errno.EADDRINUSE
        raise ConfigurationError(
            f"the collector cannot listen on {host}:{port}: {error.strerror or error}",
            hint="another process has the port: stop it, or set collector.port" if in_use else None,
        ) from error
    listener.setblocking(False)
    return listener


def tune_garbage_collection() -> None:
    """Spare the collector of cycles the uploads' many short-lived objects: a fifth of the CPU time.

    Uploads make no cycles; what does (tasks that failed) is still found, ten times more seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


async def serve(
    collector: Collector,
    settings: CollectorSettings,
    *,
    stop: asyncio.Event | None = None,
    started: Callable[[int], None] | None = None,
    signals: bool = True,
) -> None:
    """Serve until ``stop`` is set or, with ``signals``, SIGTERM or SIGINT comes; then drain.

    Draining: no new connection is taken, open uploads are finished within ``drain_ms``, then the
    collector is closed. ``started`` is called with the port once connections are taken.

    Raises:
        ConfigurationError: the port is in use.
    """
    listener = bind(settings.host, settings.port)
    stop = stop or asyncio.Event()
    port: int = listener.getsockname()[1]

    def tell_started() -> None:
        tune_garbage_collection()
        _log.info("collector_started", port=port)
        if started is not None:
            started(port)

    server = _Server(
        uvicorn.Config(
            collector,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=max(1, settings.drain_ms // 1000),
        ),
        tell_started,
    )
    loop = asyncio.get_running_loop()
    taken = [signal.SIGTERM, signal.SIGINT] if signals else []
    for number in taken:
        loop.add_signal_handler(number, stop.set)
    serving = loop.create_task(server.serve(sockets=[listener]))
    stopping = loop.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        stopping.cancel()
        for number in taken:
            loop.remove_signal_handler(number)
        listener.close()
        await collector.close()
        _log.info("collector_stopped", port=port)
