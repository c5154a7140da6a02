"""The embedded runtime: every process on this machine, supervised by one.

A child that ends is started again after a back-off that doubles from ``first_delay_ms`` to
``longest_delay_ms`` and starts over once the child has lived ``healthy_ms``. On SIGTERM or SIGINT
the children are asked to drain; those that have not ended after ``drain_ms`` are killed. A child
follows the supervisor into death (``PR_SET_PDEATHSIG``), so nothing is left behind when it is
killed itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from trackplane.errors import ConfigurationError

_log = structlog.get_logger(__name__)
_PR_SET_PDEATHSIG: Final = 1


class SupervisorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How ``trackplane up`` keeps its processes running.

    Attributes:
        workers: worker processes to run.
        first_delay_ms: wait before the first restart of a process that ended.
        longest_delay_ms: longest wait between restarts.
        healthy_ms: a process that lived this long starts over with the first delay.
        drain_ms: time a process has to drain on shutdown before it is killed.
    """

    workers: int = 2
    first_delay_ms: int = 200
    longest_delay_ms: int = 10_000
    healthy_ms: int = 30_000
    drain_ms: int = 15_000


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep running: its name and the arguments after the interpreter's."""

    name: str
    arguments: tuple[str, ...]


def follow_parent(parent: int) -> None:
    """Make the kernel send this process SIGTERM when its parent dies.

    Raises:
        ConfigurationError: ``parent`` has died already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise ConfigurationError("the supervisor has gone; not starting without it")


class Supervisor:
    """Starts processes, restarts them, and writes who runs where to ``<folder>/processes.json``."""

    def __init__(
        self, specs: Sequence[ProcessSpec], *, folder: Path, settings: SupervisorSettings
    ) -> None:
        self._specs = specs
        self._settings = settings
        self._folder = folder
        self._stopping = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._restarts: dict[str, int] = {spec.name: -1 for spec in specs}

    def stop(self) -> None:
        """Ask all processes to drain and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped by ``stop``, SIGTERM or SIGINT; return when all children have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self._folder.mkdir(parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as group:
            for spec in self._specs:
                group.create_task(self._keep(spec))
        (self._folder / "processes.json").unlink(missing_ok=True)

    async def _keep(self, spec: ProcessSpec) -> None:
        delay_ms = self._settings.first_delay_ms
        while not self._stopping.is_set():
            started = time.monotonic()
            process = await self._start(spec)
            code = await self._until_end(process)
            if self._stopping.is_set():
                return
            if (time.monotonic() - started) * 1000 >= self._settings.healthy_ms:
                delay_ms = self._settings.first_delay_ms
            _log.error("process_ended", process=spec.name, code=code, restart_in_ms=delay_ms)
            await self._pause(delay_ms)
            delay_ms = min(delay_ms * 2, self._settings.longest_delay_ms)

    async def _start(self, spec: ProcessSpec) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "trackplane.cli",
            *spec.arguments,
            "--parent",
            str(os.getpid()),
            start_new_session=True,
        )
        self._running[spec.name] = process
        self._restarts[spec.name] += 1
        self._write_table()
        return process

    async def _until_end(self, process: asyncio.subprocess.Process) -> int:
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            process.terminate()
            await asyncio.wait({ended}, timeout=self._settings.drain_ms / 1000)
            if not ended.done():
                process.kill()
        return await ended

    async def _pause(self, milliseconds: int) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), milliseconds / 1000)
        except TimeoutError:
            return

    def _write_table(self) -> None:
        table: Mapping[str, object] = {
            name: {"pid": process.pid, "restarts": self._restarts[name]}
            for name, process in self._running.items()
        }
        path = self._folder / "processes.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(table))
        fresh.replace(path)
