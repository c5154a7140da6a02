"""Runs a source: chunks to the collector, the cursor to disk, until its end or until stopped."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import structlog

from trackplane.errors import ConfigurationError, StorageError
from trackplane.sources import Chunk, Source, SourceError

_log = structlog.get_logger(__name__)
_FIRST_WAIT_S: Final = 0.25
_LAST_WAIT_S: Final = 30.0
_AGAIN: Final = frozenset({408, 425, 429})


class Progress(msgspec.Struct, kw_only=True):
    """What became of the events read so far, by disposition; ``waits`` counts refusals for now."""

    chunks: int = 0
    events: int = 0
    waits: int = 0
    dispositions: Counter[str] = msgspec.field(default_factory=Counter)


class Cursor:
    """Where a source stands: a small file that is replaced, never half written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str | None:
        """Return the stored cursor, None where there is none.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {self._path}: {error}") from error

    def save(self, text: str) -> None:
        """Store a cursor durably.

        Raises:
            StorageError: it cannot be written.
        """
        part = self._path.with_suffix(".part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error}") from error


class SourceRunner:
    """Sends a source's chunks one by one. ``wait`` sleeps s seconds and returns True once stopped."""

    def __init__(
        self,
        name: str,
        source: Source,
        *,
        client: httpx.Client,
        cursor: Cursor,
        wait: Callable[[float], bool],
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._source = source
        self._client = client
        self._cursor = cursor
        self._wait = wait
        self._on_progress = on_progress
        self.progress = Progress()

    def run(self) -> Progress:
        """Run to the end; return what became of the events.

        Raises:
            StorageError: the cursor cannot be stored.
            ConfigurationError: the collector does not know the write key.
        """
        pause = _FIRST_WAIT_S
        while True:
            try:
                start = self._cursor.load()
                for chunk in self._source.chunks(start, lambda: self._wait(0)):
                    pause = _FIRST_WAIT_S
                    if not self._send(chunk, start or ""):
                        return self.progress
                    self._cursor.save(chunk.cursor)
                    start = chunk.cursor
                    self.progress.chunks += 1
                    self._on_progress(self.progress)
            except SourceError as error:
                _log.warning("source_unreadable", source=self._name, error=str(error))
                if self._wait(pause):
                    return self.progress
                pause = min(pause * 2, _LAST_WAIT_S)
                continue
            return self.progress

    def _send(self, chunk: Chunk, start: str) -> bool:
        """Send a chunk until it is answered for; False where it was stopped before."""
        events = [self._named(event, start, place) for place, event in enumerate(chunk.events)]
        pause = _FIRST_WAIT_S
        while events:
            parts = [events]
            answer = self._post(events)
            if answer is not None and answer.status_code == 413 and len(events) > 1:
                middle = len(events) // 2
                parts = [events[:middle], events[middle:]]
                answers = [self._post(part) for part in parts]
            else:
                answers = [answer]
            left: list[bytes] = []
            later: float | None = None
            for part, some in zip(parts, answers, strict=True):
                again, asked = self._settle(part, some)
                left += again
                later = asked if asked is not None else later
            events = left
            if events:
                self.progress.waits += 1
                if self._wait(later if later is not None else pause):
                    return False
                pause = min(pause * 2, _LAST_WAIT_S)
        return True

    def _post(self, events: Sequence[bytes]) -> httpx.Response | None:
        body = b'{"events":[' + b",".join(events) + b"]}"
        try:
            return self._client.post("/v1/records", content=body)
        except httpx.HTTPError as error:
            _log.warning("collector_unreachable", source=self._name, error=str(error))
            return None

    def _settle(
        self, events: Sequence[bytes], answer: httpx.Response | None
    ) -> tuple[list[bytes], float | None]:
        """Count what is settled; return what is to be sent again, and when the collector said."""
        if answer is None or answer.status_code >= 500 or answer.status_code in _AGAIN:
            return list(events), _seconds(answer)
        if answer.status_code == 401:
            raise ConfigurationError("the collector does not know this write key")
        results = _results(answer)
        if len(results) != len(events):
            self._count(["refused"] * len(events))
            return [], None
        ended = [str(result.get("disposition")) for result in results]
        again = [event for event, end in zip(events, ended, strict=True) if end == "retry"]
        self._count([end for end in ended if end != "retry"])
        return again, _seconds(answer) if again else None

    def _count(self, ended: Sequence[str]) -> None:
        self.progress.events += len(ended)
        self.progress.dispositions.update(ended)

    def _named(self, event: bytes, start: str, place: int) -> bytes:
        """Return an event that has an id; what is no JSON object goes as a text, to be named so."""
        try:
            found: Any = msgspec.json.decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return msgspec.json.encode(event.decode("utf-8", "replace"))
        if not isinstance(found, dict) or "id" in found:
            return event
        text = f"{self._name}\0{start}\0{place}"
        id_ = hashlib.sha256(text.encode()).hexdigest()[:32]
        rest = event.lstrip()[1:]
        comma = b"" if rest.lstrip().startswith(b"}") else b","
        return b'{"id":"' + id_.encode() + b'"' + comma + rest


def _results(answer: httpx.Response) -> list[Mapping[str, Any]]:
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return []
    results = found.get("events") if isinstance(found, dict) else None
    return results if isinstance(results, list) else []


def _seconds(answer: httpx.Response | None) -> float | None:
    text = answer.headers.get("Retry-After", "") if answer is not None else ""
    return min(float(text), _LAST_WAIT_S) if text.isdigit() else None
