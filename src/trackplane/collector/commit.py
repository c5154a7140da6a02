"""Group commit: uploads that wait for the same round share one append of the queue.

One append is under way at a time; what arrives meanwhile is the next round; under load rounds start
at least ``round_ms`` apart. An upload is answered
only when its round's append has returned.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import structlog

from trackplane.admission.round import LedgerKey, Round
from trackplane.collector.telemetry import Telemetry
from trackplane.errors import StorageError
from trackplane.queue import Queue

_log = structlog.get_logger(__name__)


class Committer:
    """Owns the round being filled. Used from one event loop."""

    def __init__(self, queue: Queue, telemetry: Telemetry, *, round_ms: int = 0) -> None:
        self._queue = queue
        self._telemetry = telemetry
        self._round_s = round_ms / 1000
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="collector-append")
        self._waiting: list[asyncio.Future[StorageError | None]] = []
        self._carried: Counter[LedgerKey] = Counter()
        self._scheduled = False
        self._writing: asyncio.Task[None] | None = None
        self.round = Round()
        self.failure: str | None = None

    def carry(self, counts: Counter[LedgerKey]) -> None:
        """Add ledger counts to the next round that is written, and to later ones until one is."""
        self._carried.update(counts)

    async def wait(self) -> StorageError | None:
        """Wait until the round being filled is durable; return the error if it is not.

        Must be called without an ``await`` after the round was added to.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if not self._scheduled:
            self._scheduled = True
            # Not at once: uploads that are ready in this turn of the loop join the round.
            asyncio.get_running_loop().call_soon(self._start)
        error: StorageError | None = await future
        return error

    def probe(self) -> None:
        """Try the queue again after a failure, with what is carried."""
        if self.failure is not None and self._carried and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    async def close(self) -> None:
        """Write what is left and end the thread."""
        if self._carried and not self._scheduled:
            self._scheduled = True
            self._start()
        while self._writing is not None:
            await self._writing
        self._pool.shutdown(wait=True)

    def _start(self) -> None:
        self._writing = asyncio.get_running_loop().create_task(self._write_rounds())

    async def _write_rounds(self) -> None:
        while True:
            started = time.perf_counter()
            uploads = len(self._waiting)
            await self._write_round()
            if not self._waiting:
                break
            # A lone client is never held up; several gain more from a shared sync than they wait.
            rest = self._round_s - (time.perf_counter() - started)
            if uploads > 1 and rest > 0:
                await asyncio.sleep(rest)
        self._scheduled = False
        self._writing = None

    async def _write_round(self) -> None:
        round_, self.round = self.round, Round()
        waiting, self._waiting = self._waiting, []
        carried, self._carried = self._carried, Counter()
        round_.add_counts(carried)
        started = time.perf_counter()
        error = await asyncio.get_running_loop().run_in_executor(self._pool, self._append, round_)
        self._telemetry.appended(time.perf_counter() - started, failed=error is not None)
        # Whoever waits is answered first: a log that cannot be written must hold nobody up.
        for future in waiting:
            if not future.done():
                future.set_result(error)
        before, self.failure = self.failure, error.message if error is not None else None
        if error is not None:
            self._carried.update(carried)
            if before is None:
                _log.error("append_failed", error=str(error), uploads=len(waiting))
        elif before is not None:
            _log.warning("append_recovered", after=before)

    def _append(self, round_: Round) -> StorageError | None:
        try:
            messages = round_.messages()
            if messages:
                self._queue.append(messages)
        except StorageError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever broke, no waiting upload may be told it is kept
            _log.exception("append_broke")
            return StorageError(f"the queue broke: {error}")
        return None
