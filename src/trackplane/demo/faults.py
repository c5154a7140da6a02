"""Requests no decent client can send, each with what must become of it.

Faulty events travel among healthy neighbours, which must not suffer. What is expected is written
down here, apart from the code under test.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

Outcome = Literal["stored", "dirty", "refused"]


class Fault(msgspec.Struct, frozen=True):
    """A fault of one event: ``make`` returns the bytes of events to send for (id, what)."""

    name: str
    outcome: Outcome
    make: Callable[[str, dict[str, Any]], list[bytes]]


def _event(id_: str, event: str | None, what: Any, **rest: Any) -> bytes:
    body: dict[str, Any] = {"id": id_, "event": event, "what": what, **rest}
    if event is None:
        del body["event"]
    return json.dumps(body, separators=(",", ":")).encode()


def _replaced(id_: str, what: dict[str, Any], value: bytes, event: str = "home") -> list[bytes]:
    marked = _event(id_, event, {**what, "mark": "@@"})
    return [marked.replace(b'"@@"', value)]


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("invalid_utf8", "dirty", lambda i, w: _replaced(i, w, b'"\xff\xfe"')),
    Fault("lone_surrogate", "dirty", lambda i, w: _replaced(i, w, b'"\\ud800"')),
    Fault("number_not_finite", "dirty", lambda i, w: _replaced(i, w, b"1e400")),
    Fault("too_deep", "dirty", lambda i, w: _replaced(i, w, b"[" * 200 + b"]" * 200)),
    Fault("no_event_name", "dirty", lambda i, w: [_event(i, None, w)]),
    Fault("wrong_type", "dirty", lambda i, w: [_event(i, "purchase", {**w, "total": "a lot"})]),
    Fault("missing_property", "dirty", lambda i, w: [_event(i, "purchase", w)]),
    Fault("unknown_event", "stored", lambda i, w: [_event(i, "never_planned", w)]),
    Fault(
        "clock_off",
        "stored",
        lambda i, w: [_event(i, "home", w, when={"client": 2_111_000_000_000, "sent": 1})],
    ),
    Fault("sent_twice", "stored", lambda i, w: [_event(i, "home", w), _event(i, "home", w)]),
    Fault("id_reused", "stored", lambda i, w: [_event(i, "home", w), _event(i, "account_page", w)]),
    Fault(
        "duplicate_key",
        "stored",
        lambda i, w: [_event(i, "home", w)[:-1] + b',"how":{"network":"a","network":"wifi"}}'],
    ),
)

# Whole requests that must be refused: (name, expected status, headers, body).
REQUESTS: Final[tuple[tuple[str, int, dict[str, str], bytes], ...]] = (
    ("empty_body", 400, {}, b""),
    ("not_json", 400, {}, b"purchase=1&total=2"),
    ("half_a_record", 400, {}, b'{"header":{},"events":[{"id":"x","ev'),
    (
        "truncated_gzip",
        400,
        {"Content-Encoding": "gzip"},
        gzip.compress(b'{"header":{},"events":[]}' * 50)[:-9],
    ),
    ("wrong_key", 401, {"Authorization": "Bearer tpw_nobody"}, b'{"header":{},"events":[]}'),
    ("bomb", 413, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 64_000_000)),
)


def pick(random_: random.Random) -> Fault:
    """Return a fault, all equally likely."""
    return random_.choice(FAULTS)
