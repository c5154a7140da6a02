"""Records, merge, identity, time, position: what an event *is*, in pure functions.

Normative text: ``spec/merge.md``. Times are Unix milliseconds UTC; bytes are UTF-8 JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

Namespace = Literal["who", "when", "where", "how", "what"]
Grade = Literal["P0", "P1", "P2", "P3"]
JsonObject = dict[str, Any]

NAMESPACES: Final[tuple[Namespace, ...]] = ("who", "when", "where", "how", "what")
GRADES: Final[tuple[Grade, ...]] = ("P0", "P1", "P2", "P3")
DEFAULT_GRADE: Final[Grade] = "P2"
RESERVED_EVENTS: Final = ("$identify", "$alias", "$group", "$page", "$screen")

# Built-in properties: in every plan without being written there, all nullable (design.md section 2).
# The types are plan types (trackplane.plan.model.TypeName).
BUILT_IN: Final[Mapping[str, str]] = {
    "id": "string",
    "event": "string",
    "who.user_id": "string",
    "who.anonymous_id": "string",
    "who.device_id": "string",
    "who.session_id": "string",
    "who.install_id": "string",
    "when.client": "timestamp",
    "when.sent": "timestamp",
    "when.offset_min": "integer",
    "when.server": "timestamp",
    "when.at": "timestamp",
    "where.page": "string",
    "where.module": "string",
    "where.referrer": "string",
    "where.country": "string",
    "how.platform": "string",
    "how.os_version": "string",
    "how.app_version": "string",
    "how.network": "string",
    "how.sdk": "string",
    "how.seq": "integer",
    "how.config": "integer",
    "meta.app": "string",
    "meta.env": "string",
    "meta.grade": "string",
    "meta.revision": "integer",
    "meta.weight": "number",
}

MAX_ID_BYTES: Final = 200
PAST_LIMIT_MS: Final = 30 * 24 * 3600 * 1000
FUTURE_LIMIT_MS: Final = 5 * 60 * 1000


class Position(msgspec.Struct, frozen=True, order=True):
    """Where a message stands in the queue: ``offset`` counts messages from 0 in its partition."""

    topic: str
    partition: int
    offset: int


def lane_topic(grade: Grade) -> str:
    """Return the topic of a grade's lane: ``events.p0`` … ``events.p3``."""
    return f"events.{grade.lower()}"


LANE_TOPICS: Final[tuple[str, ...]] = tuple(lane_topic(grade) for grade in GRADES)


def merge(header: Mapping[str, Any], event: Mapping[str, Any]) -> JsonObject:
    """Lay an event over its header's defaults, one level deep, by property.

    The event's value wins whole; an explicit null wins too. ``id`` and ``event`` of a header and
    ``meta`` of both are ignored. Namespaces that neither gives are absent.

    >>> merge({"who": {"user_id": "u"}, "id": "x"}, {"id": "1", "event": "e", "who": {"user_id": None}})
    {'id': '1', 'event': 'e', 'who': {'user_id': None}}
    """
    merged: JsonObject = {}
    for key in ("id", "event"):
        if key in event:
            merged[key] = event[key]
    for namespace in NAMESPACES:
        base, over = header.get(namespace), event.get(namespace)
        if base is not None and over is not None:
            merged[namespace] = {**base, **over}
        elif over is not None:
            merged[namespace] = dict(over)
        elif base is not None:
            merged[namespace] = dict(base)
    return merged


def canonical_id(value: str) -> str:
    """Return the id as it is kept: itself up to 200 UTF-8 bytes, else its SHA-256 in hex."""
    encoded = value.encode()
    return value if len(encoded) <= MAX_ID_BYTES else hashlib.sha256(encoded).hexdigest()


def identity(app: str, event_id: str, event: str, client: int | None) -> bytes:
    """Return the 16-byte identity of (app, id, event, when.client).

    The first 8 bytes digest (app, id), the last 8 (event, when.client), so a consumer that keeps
    both halves can tell a reused id from a duplicate without reading the event.
    """
    who = hashlib.blake2b(f"{app}\0{event_id}".encode(), digest_size=8).digest()
    stamp = "" if client is None else str(client)
    return who + hashlib.blake2b(f"{event}\0{stamp}".encode(), digest_size=8).digest()


def event_time(client: int | None, sent: int | None, server: int) -> int:
    """Return ``when.at``: client time moved to the server's clock.

    It is ``client + (server - sent)``; where client or sent is missing, or the result is over 30
    days before or 5 minutes after ``server``, it is ``server``.
    """
    if client is None or sent is None:
        return server
    at = client + (server - sent)
    if at < server - PAST_LIMIT_MS or at > server + FUTURE_LIMIT_MS:
        return server
    return at


def partition_key(app: str, who: Mapping[str, Any], event_id: str) -> str:
    """Return the key that keeps one person's events in order: install, anonymous, user, else id."""
    for name in ("install_id", "anonymous_id", "user_id"):
        value = who.get(name)
        if isinstance(value, str) and value:
            return f"{app}\0{value}"
    return f"{app}\0{event_id}"


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key, stable across processes and releases."""
    digest = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % partitions
