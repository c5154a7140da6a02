"""The record between a wire and admission: its header, its events, and what is wrong with each."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from trackplane.errors import InputError
from trackplane.event import JsonObject

# Every reason for which an event is dirty before its plan is asked, and what it means.
# docs/collector.md lists them; a test holds the two equal.
PROBLEMS: Final[dict[str, str]] = {
    "invalid_utf8": "the bytes are not UTF-8",
    "lone_surrogate": "a \\u escape is half of a surrogate pair",
    "number_out_of_range": "a number is infinite, NaN or too long",
    "not_json": "the bytes are not JSON",
    "too_deep": "objects and arrays are nested too deeply",
    "event_too_large": "the event has too many bytes",
    "property_too_large": "a property has too many bytes",
    "event_not_object": "the event is not a JSON object",
    "event_missing": "the event has no name",
    "event_type": "`event` is not a string of 1 to 200 bytes",
    "id_type": "`id` is not a string",
    "namespace_type": "who, when, where, how or what is not an object",
    "time_type": "`when.client` or `when.sent` is not an integer of milliseconds",
    "header_type": "the header is not a JSON object",
    "validator_failed": "the plan's validator failed on it: a fault of ours",
    "wire_type": "the wire's call is not one that is known here",
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large an upload's parts may be.

    Attributes:
        events: events in one upload; more are refused (413).
        event_bytes: bytes of one event; a larger one is dirty.
        property_bytes: bytes of one property's value; a larger one makes its event dirty.
        depth: nesting of objects and arrays in an event or header; a deeper one is dirty.
    """

    events: int = 1_000
    event_bytes: int = 256 * 1024
    property_bytes: int = 64 * 1024
    depth: int = 64


class RecordError(InputError):
    """The body cannot be cut into events: it is refused as a whole.

    ``reason`` is the stable code of the HTTP answer and of the ledger, ``status`` the HTTP status.
    """

    code: ClassVar[str] = "record"

    def __init__(
        self, reason: str, message: str, *, hint: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.status = status


class Problem(msgspec.Struct, frozen=True):
    """Why an event goes dirty: a key of ``PROBLEMS``, and a message for its sender.

    ``salvaged`` is what could be read of the event all the same, so that it can be named.
    """

    code: str
    message: str
    salvaged: JsonObject = {}


class Record(msgspec.Struct, kw_only=True):
    """An upload, decoded.

    ``data`` and ``values`` run in parallel: an event's bytes and its object, or the ``Problem`` that
    makes it dirty. ``duplicates`` holds the indexes of events with duplicate keys: their bytes are
    not clean. ``header_bytes`` are encoded by us, so always clean; ``header_problem`` makes every
    event dirty, and ``header_raw`` is then what the client sent.
    """

    header: JsonObject
    header_bytes: bytes
    data: list[bytes]
    values: list[Any]
    duplicates: set[int]
    header_problem: Problem | None = None
    header_raw: bytes = b""
    header_duplicates: bool = False
    wire: str = "native"
