"""Real events to try a rule on: the latest of the stream, else the latest that are stored."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from trackplane.control.data import DataAccess
from trackplane.control.operations import Call
from trackplane.errors import CorruptionError, TrackplaneError
from trackplane.event import LANE_TOPICS, NAMESPACES, JsonObject
from trackplane.frame import Frame

Origin = Literal["live", "stored", "none"]

_TIMES: Final = ("client", "sent", "server", "at")
_STEP: Final = 16  # messages read at once, backwards
_MOST_MESSAGES: Final = 128  # of a partition
_READ_BYTES: Final = 4 * 1024 * 1024
_LIVE_S: Final = 0.3
_QUERY_MS: Final = 5_000


def recent(
    call: Call,
    apps: Sequence[str] | None,
    events: Collection[str] | None,
    limit: int,
    *,
    stored: bool = True,
) -> tuple[list[JsonObject], Origin]:
    """Return up to ``limit`` merged events of these apps and names (None: all), newest first.

    With ``stored`` the lake is asked where the end of the stream has none.
    """
    deadline = time.monotonic() + _LIVE_S
    found: list[JsonObject] = []
    for topic in LANE_TOPICS:
        found += _live(call.platform.data, topic, apps, events, limit, deadline)
    found.sort(key=lambda event: int(event["when"]["server"]), reverse=True)
    if found:
        return found[:limit], "live"
    kept = _stored(call, apps, events, limit) if stored else []
    return kept, "stored" if kept else "none"


def _live(
    data: DataAccess,
    topic: str,
    apps: Sequence[str] | None,
    events: Collection[str] | None,
    limit: int,
    deadline: float,
) -> Iterator[JsonObject]:
    for partition, end in data.ends().items():
        if partition[0] != topic:
            continue
        left, upto = limit, end
        while left > 0 and upto > max(0, end - _MOST_MESSAGES) and time.monotonic() < deadline:
            start = max(0, upto - _STEP)
            batch = data.read(partition, start, _READ_BYTES)
            for message in batch.messages:
                for event in _of_frame(message.data, apps, events):
                    left -= 1
                    yield event
            upto = start


def _of_frame(
    data: bytes | memoryview, apps: Sequence[str] | None, events: Collection[str] | None
) -> Iterator[JsonObject]:
    try:
        frame = Frame.decode(bytes(data))
    except CorruptionError:
        return
    for index in range(len(frame)):
        app = frame.uploads[int(frame.upload[index])].app
        name = frame.names[int(frame.name[index])]
        if (apps is None or app in apps) and (events is None or name in events):
            yield frame.merged(index)


def _stored(
    call: Call, apps: Sequence[str] | None, events: Collection[str] | None, limit: int
) -> list[JsonObject]:
    names = "" if events is None else ", ".join(_quoted(name) for name in sorted(events)[:200])
    where = f" WHERE event IN ({names})" if names else ""
    sql = f"SELECT * FROM events{where} ORDER BY when_server DESC"  # noqa: S608 - quoted above
    try:
        found = call.platform.data.query(
            sql,
            apps=apps,
            snapshot=call.platform.publisher.snapshot,
            limit=limit,
            timeout_ms=_QUERY_MS,
        )
    except TrackplaneError:
        return []  # no lake, or none of this app yet: there is nothing to try the rule on
    names_ = [column.name for column in found.columns]
    return [_merged(dict(zip(names_, row, strict=True))) for row in found.rows]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _merged(row: Mapping[str, Any]) -> JsonObject:
    """Return a stored event as rules see it; NULL columns are left out."""
    event: JsonObject = {"id": row.get("id"), "event": row.get("event")}
    for column, value in row.items():
        root, _, name = column.partition("_")
        if value is not None and name and root in NAMESPACES:
            event.setdefault(root, {})[name] = value
    for name in ("extra", "what"):
        text = row.get(name)
        held = msgspec.json.decode(text) if isinstance(text, str) and text else {}
        if name == "extra" and isinstance(held, dict):
            for root, values in held.items():
                if root in NAMESPACES and isinstance(values, dict):
                    event.setdefault(root, {}).update(values)
        elif name == "what" and held:
            event["what"] = held
    event["when"] = {
        name: _ms(value) if name in _TIMES else value
        for name, value in event.get("when", {}).items()
    }
    event["meta"] = {
        "app": row.get("app"),
        "env": row.get("env"),
        "grade": row.get("grade"),
        "revision": row.get("revision"),
        "weight": row.get("weight"),
        "violations": row.get("violations") or [],
    }
    return event


def _ms(value: object) -> int:
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return 0
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return int(aware.timestamp() * 1000)
    return 0
