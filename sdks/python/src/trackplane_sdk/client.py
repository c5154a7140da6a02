"""The client: a bounded queue, a background thread that uploads, and counts of what became of all."""

from __future__ import annotations

import atexit
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from trackplane_sdk.ids import uuid7
from trackplane_sdk.transport import Answer, Transport

Properties = Mapping[str, Mapping[str, Any]]
VERSION = "0.1.0"


class Sender(Protocol):
    """What generated trackers need: anything that takes an event's name and its properties.

    ``properties`` maps a namespace (``who``, ``when``, ``where``, ``how``, ``what``) to its values.
    """

    def send(self, event: str, properties: Properties) -> object:
        """Take one event; return at once."""


@dataclass(frozen=True)
class ClientSettings:
    """How a client batches, waits and gives up. Times are in seconds.

    ``give_up_s`` bounds how long one event is retried; None retries while the client lives.
    ``close_s`` bounds ``close`` and the flush at exit.
    """

    max_queue: int = 10_000
    batch_events: int = 100
    flush_interval_s: float = 0.5
    timeout_s: float = 15.0
    first_delay_s: float = 0.2
    longest_delay_s: float = 30.0
    give_up_s: float | None = None
    close_s: float = 10.0
    compress: bool = True


@dataclass(frozen=True)
class Statistics:
    """Counts since the start. Every event taken is in exactly one of the others in the end.

    ``dropped`` maps a reason to a count: ``queue_full``, ``gave_up``, ``closed``.
    """

    taken: int
    waiting: int
    uploads: int
    retries: int
    dispositions: Mapping[str, int]
    dropped: Mapping[str, int]
    last_error: str | None


@dataclass
class _Waiting:
    event: dict[str, Any]
    since: float = field(default_factory=time.monotonic)


class Client:
    """Sends events to a collector in the background. Safe to use from several threads.

    ``header`` holds defaults for every event, by namespace. ``on_settled(id, disposition)`` is
    called from the background thread for each event once its answer is final; it must not block.
    """

    def __init__(
        self,
        write_key: str,
        url: str,
        *,
        header: Properties | None = None,
        install_id: str | None = None,
        settings: ClientSettings | None = None,
        on_settled: Callable[[str, str], None] | None = None,
    ) -> None:
        self._settings = settings or ClientSettings()
        self._transport = Transport(
            url, write_key, timeout_s=self._settings.timeout_s, compress=self._settings.compress
        )
        self._header: dict[str, dict[str, Any]] = {k: dict(v) for k, v in (header or {}).items()}
        self._header.setdefault("how", {}).setdefault("sdk", f"python/{VERSION}")
        self._header.setdefault("who", {}).setdefault("install_id", install_id or uuid7())
        self._on_settled = on_settled
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._sequence = 0
        self._uploading = 0
        self._flushing = 0
        self._closing = False
        self._taken = self._uploads = self._retries = 0
        self._dispositions: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._last_error: str | None = None
        self._thread = threading.Thread(target=self._run, name="trackplane-sdk", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, event: str, properties: Properties, *, id: str | None = None) -> str | None:
        """Take one event and return its id, or None where the queue is full (counted).

        ``when.client`` is now unless given; ``how.seq`` counts up, so that loss can be measured.
        """
        body: dict[str, Any] = {"id": id or uuid7(), "event": event}
        for namespace, values in properties.items():
            body[namespace] = dict(values)
        body.setdefault("when", {}).setdefault("client", time.time_ns() // 1_000_000)
        with self._changed:
            self._taken += 1
            self._sequence += 1
            if self._closing or len(self._queue) >= self._settings.max_queue:
                self._dropped["closed" if self._closing else "queue_full"] += 1
                return None
            body.setdefault("how", {}).setdefault("seq", self._sequence)
            self._queue.append(_Waiting(body))
            if len(self._queue) >= self._settings.batch_events:
                self._changed.notify_all()
        return str(body["id"])

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all events taken so far have a final answer; say whether they have."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                while self._queue or self._uploading:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        return False
                    self._changed.wait(left)
                return True
            finally:
                self._flushing -= 1

    def close(self) -> None:
        """Flush for at most ``close_s``, count what is left as dropped, and stop."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self.flush(self._settings.close_s)
        with self._changed:
            self._dropped["closed"] += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        self._thread.join(self._settings.timeout_s)
        atexit.unregister(self.close)

    def statistics(self) -> Statistics:
        """Return the counts so far."""
        with self._changed:
            return Statistics(
                taken=self._taken,
                waiting=len(self._queue) + self._uploading,
                uploads=self._uploads,
                retries=self._retries,
                dispositions=dict(self._dispositions),
                dropped=dict(self._dropped),
                last_error=self._last_error,
            )

    def _run(self) -> None:
        failures = 0
        limit = self._settings.batch_events
        while (batch := self._next_batch(limit)) is not None:
            header = {**self._header, "when": {**self._header.get("when", {}), "sent": _now()}}
            answer = self._transport.post(header, [waiting.event for waiting in batch])
            if answer.too_large:
                limit = max(1, len(batch) // 2)
                self._return(batch)
                continue
            retry = self._settle(batch, answer)
            failures = failures + 1 if retry else 0
            if retry:
                self._pause(self._delay(failures, answer.retry_after_s))
            else:
                limit = min(self._settings.batch_events, limit * 2)
        self._transport.close()

    def _next_batch(self, limit: int) -> list[_Waiting] | None:
        """Wait for a batch that is full, old enough or asked for; None: closed and empty."""
        with self._changed:
            while True:
                if self._queue:
                    age = time.monotonic() - self._queue[0].since
                    left = self._settings.flush_interval_s - age
                    if len(self._queue) >= limit or left <= 0 or self._flushing or self._closing:
                        break
                    self._changed.wait(left)
                elif self._closing:
                    return None
                else:
                    self._changed.wait()
            batch = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            self._uploading = len(batch)
            return batch

    def _settle(self, batch: list[_Waiting], answer: Answer) -> list[_Waiting]:
        retry, settled = [], []
        now = time.monotonic()
        give_up_s = self._settings.give_up_s
        with self._changed:
            self._uploads += 1
            self._last_error = answer.error or self._last_error
            for waiting in batch:
                id_ = str(waiting.event["id"])
                disposition = answer.settled.get(id_)
                if disposition is not None:
                    self._dispositions[disposition] += 1
                    settled.append((id_, disposition))
                elif give_up_s is not None and now - waiting.since > give_up_s:
                    self._dropped["gave_up"] += 1
                    settled.append((id_, "gave_up"))
                else:
                    retry.append(waiting)
            self._retries += bool(retry)
            self._uploading = 0
            self._queue.extendleft(reversed(retry))
            self._changed.notify_all()
        if self._on_settled is not None:
            for id_, disposition in settled:
                self._on_settled(id_, disposition)
        return retry

    def _return(self, batch: list[_Waiting]) -> None:
        with self._changed:
            self._uploading = 0
            self._queue.extendleft(reversed(batch))

    def _delay(self, failures: int, retry_after_s: float | None) -> float:
        """Return the wait before the next try: exponential with full jitter, never under Retry-After."""
        ceiling = min(
            self._settings.longest_delay_s, self._settings.first_delay_s * 2 ** min(failures, 16)
        )
        return max(retry_after_s or 0.0, random.uniform(ceiling / 4, ceiling))  # noqa: S311 not secret

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while (left := deadline - time.monotonic()) > 0 and self._queue:
                self._changed.wait(left)


def _now() -> int:
    return time.time_ns() // 1_000_000
