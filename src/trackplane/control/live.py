"""The live stream: what is arriving now, for people, as server-sent events.

A viewer reads the lanes from their ends by itself and holds nothing back: one that is slow finds the
stream further on when it comes back, and is told how much it did not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec
import structlog

from trackplane import dirty
from trackplane.control import wire
from trackplane.control.data import Partition
from trackplane.control.operations import Call, Operations
from trackplane.dirty import DirtyEvent
from trackplane.errors import CorruptionError, TrackplaneError
from trackplane.frame import Frame

_log = structlog.get_logger(__name__)

operations: Final = Operations("live")

_POLL_S: Final = 0.1
_HEARTBEAT_S: Final = 15.0
_MESSAGES_BEHIND: Final = 64  # further behind than this, the oldest messages are skipped
_READ_BYTES: Final = 1024 * 1024


@operations.add("GET", "/live", action="data.read", stream=True)
def follow_live(call: Call, query: wire.LiveQuery) -> AsyncIterator[bytes]:
    """Follow events as they arrive: one merged event a message, dirty ones as event dirty."""
    if query.app:
        call.actor.require_app(query.app)
    return _follow(call, query)


async def _follow(call: Call, query: wire.LiveQuery) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    spoke = loop.time()
    try:
        viewer = await asyncio.to_thread(Viewer, call, query)
        yield b": live\n\n"
        while not call.platform.stopping.is_set():
            lines = await asyncio.to_thread(viewer.round)
            if lines:
                spoke = loop.time()
                yield b"".join(lines)
            elif loop.time() - spoke > _HEARTBEAT_S:
                spoke = loop.time()
                yield b": still here\n\n"
            await asyncio.sleep(_POLL_S)
    except TrackplaneError as error:
        _log.warning("live_read_failed", reason=str(error))
        yield b"event: failure\ndata: " + msgspec.json.encode(error.message) + b"\n\n"


class Viewer:
    """One viewer's place in the stream, and what it wants to see of it."""

    def __init__(self, call: Call, query: wire.LiveQuery) -> None:
        self._call = call
        self._query = query
        self._data = call.platform.data
        self._most = call.platform.settings.live_buffer
        self._positions: dict[Partition, int] = dict(self._data.ends())

    def round(self) -> list[bytes]:
        """Return what came since the last call, as SSE messages, the newest if too much came."""
        skipped = 0
        found: list[bytes] = []
        for partition, end in self._data.ends().items():
            at = self._positions.setdefault(partition, end)
            if end - at > _MESSAGES_BEHIND:
                skipped += end - _MESSAGES_BEHIND - at
                at = end - _MESSAGES_BEHIND
            if at < end:
                batch = self._data.read(partition, at, _READ_BYTES)
                at = batch.next
                for message in batch.messages:
                    found += self._messages(partition, message.data)
            self._positions[partition] = at
        dropped = max(0, len(found) - self._most)
        found = found[dropped:]
        if skipped or dropped:
            figures = {"messages": skipped, "events": dropped}
            found.append(b"event: dropped\ndata: " + msgspec.json.encode(figures) + b"\n\n")
        return found

    def _messages(self, partition: Partition, data: bytes) -> Iterator[bytes]:
        try:
            if partition[0] == dirty.TOPIC:
                for event in dirty.decode(data):
                    if self._wants(event.app, event.event):
                        body = msgspec.json.encode(_dirty(event))
                        yield b"event: dirty\ndata: " + body + b"\n\n"
                return
            frame = Frame.decode(data)
        except CorruptionError as error:
            _log.warning("live_message_skipped", topic=partition[0], reason=str(error))
            return
        for index in range(len(frame)):
            app = frame.uploads[int(frame.upload[index])].app
            if not self._wants(app, frame.names[int(frame.name[index])]):
                continue
            if self._query.violations and index not in frame.violations:
                continue
            yield b"data: " + msgspec.json.encode(frame.merged(index)) + b"\n\n"

    def _wants(self, app: str, event: str) -> bool:
        query = self._query
        return (app == query.app if query.app else self._call.actor.sees(app)) and (
            not query.event or event == query.event
        )


def _dirty(event: DirtyEvent) -> dict[str, Any]:
    return {
        "app": event.app,
        "env": event.env,
        "stage": event.stage,
        "reason": event.reason,
        "message": event.message,
        "event": event.event,
        "id": event.id,
        "rule": event.rule,
        "received_at": event.received,
        "violations": [{"code": v.code, "pointer": v.pointer} for v in event.violations],
        "header": event.header.decode(errors="replace"),
        "data": event.data.decode(errors="replace"),
    }
