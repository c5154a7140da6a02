"""The senders' own ledger: what each client sent, written before anybody could answer.

One JSON line for each event: id, name, digest of its payload, and the fault it carries on purpose
(empty: none). The check reads nothing else of the senders.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, TextIO

import msgspec


class Sent(msgspec.Struct, frozen=True):
    """An event a client sent: ``digest`` is ``payload_digest`` of its ``what``.

    A spoiled event stands in the place of a sound one: ``replaced`` is that one's name.
    """

    id: str
    event: str
    digest: str
    fault: str = ""
    replaced: str = ""


def payload_digest(what: Any) -> str:
    """Return a digest of a payload that does not depend on key order or number spelling."""
    text = json.dumps(what, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class SentLedger:
    """Appends to a ledger file."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, sent: Sent) -> None:
        """Add one event."""
        self._file.write(self._encode(sent).decode() + "\n")


def read_ledger(path: Path) -> Iterator[Sent]:
    """Yield what a sender wrote."""
    decode = msgspec.json.Decoder(Sent).decode
    with path.open("rb") as file:
        for line in file:
            yield decode(line)
