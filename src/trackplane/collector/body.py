"""Read a request's body: bounded on the wire, bounded when inflated, bounded in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Self

from isal import igzip_lib, isal_zlib

from trackplane.admission.record import RecordError
from trackplane.collector.settings import CollectorSettings
from trackplane.collector.telemetry import Telemetry

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# The package types its error as a plain object.
_IsalError: Final[type[Exception]] = igzip_lib.IsalError  # type: ignore[assignment]

_GZIP_WINDOW: Final = 31  # gzip wrapper, 32 KiB window
_GZIP_MAGIC: Final = b"\x1f\x8b"
_INFLATE_STEP: Final = 256 * 1024


class DisconnectedError(Exception):
    """The client went away before its body was whole; there is nobody to answer."""


class OverloadError(RecordError):
    """Too many bytes wait already; the client shall come again."""

    retryable = True


class Body:
    """One request's body and its share of the bounded buffer: ``async with`` gives it back."""

    def __init__(self, settings: CollectorSettings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._reserved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._telemetry.waiting_bytes -= self._reserved

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Return the body, inflated.

        Raises:
            RecordError: it is too large (413), late (408), truncated (400) or encoded otherwise (415).
            OverloadError: there is no room to wait.
            DisconnectedError: the client went away.
        """
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"identity", b"", b"gzip", b"x-gzip"):
            raise RecordError(
                "encoding_unknown",
                f"Content-Encoding {encoding.decode('latin-1')!r} is not taken",
                hint="send it as it is, or as gzip",
                status=415,
            )
        length = headers.get(b"content-length")
        if length is not None:
            self._expect(int(length) if length.isdigit() else 0)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        body: bytes = message.get("body", b"")
        if message.get("more_body", False):
            body = await self._rest(body, receive)
        else:
            self._reserve(len(body))
        # Some clients gzip without saying so (facts.md: Rudder's Node library); JSON never starts so.
        if encoding in (b"gzip", b"x-gzip") or body[:2] == _GZIP_MAGIC:
            body = inflate(body, self._settings.max_inflated_bytes)
            self._reserve(self._reserved + len(body))
        return body

    def _expect(self, length: int) -> None:
        if length > self._settings.max_body_bytes:
            raise self._too_large()
        self._reserve(length)

    def _too_large(self) -> RecordError:
        return RecordError(
            "body_too_large",
            f"the body has more than {self._settings.max_body_bytes} bytes",
            hint="send fewer events in one upload",
            status=413,
        )

    def _reserve(self, total: int) -> None:
        more = total - self._reserved
        if more <= 0:
            return
        if self._telemetry.waiting_bytes + more > self._settings.max_waiting_bytes:
            raise OverloadError(
                "overloaded", "too many uploads are waiting; send again later", status=503
            )
        self._reserved = total
        self._telemetry.waiting_bytes += more

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        chunks, size = [first], len(first)
        try:
            async with asyncio.timeout(self._settings.body_timeout_ms / 1000):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise DisconnectedError
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self._settings.max_body_bytes:
                        raise self._too_large()
                    self._reserve(size)
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise RecordError(
                "body_late", "the rest of the body did not come in time", status=408
            ) from None


def inflate(body: bytes, limit: int) -> bytes:
    """Return a gzip body inflated, by steps, so that a bomb costs no more than ``limit``.

    Several gzip members one after the other are one body (RFC 1952).

    Raises:
        RecordError: it is not gzip, is cut, or has more than ``limit`` bytes.
    """
    parts: list[bytes] = []
    size = 0
    rest = body
    while True:
        member = isal_zlib.decompressobj(_GZIP_WINDOW)
        while not member.eof:
            try:
                part = member.decompress(rest, _INFLATE_STEP)
            except _IsalError as error:
                raise RecordError(
                    "gzip_broken", f"the body is not gzip, or was damaged: {error}"
                ) from error
            rest = member.unconsumed_tail
            size += len(part)
            if size > limit:
                raise RecordError(
                    "body_too_large",
                    f"the body inflates to more than {limit} bytes",
                    hint="send fewer events in one upload",
                    status=413,
                )
            parts.append(part)
            if not part and not rest and not member.eof:
                raise RecordError("gzip_truncated", "the gzip body ends too early")
        rest = member.unused_data
        if not rest:
            return b"".join(parts)
