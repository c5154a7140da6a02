"""The ledger: how many events ended how, so that the equations of ``spec/ledgers.md`` can be held.

Counts of events that never reach a frame or the dirty stream (refused, dropped, retry) travel in
the ``ledger`` topic, appended with the same group commit as everything else of their upload; the
raw store adds all counts up in the transaction that commits its positions, so each is counted once
whatever process dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from trackplane.envelope import seal, unseal
from trackplane.errors import CorruptionError

TOPIC: Final = "ledger"
MAGIC: Final = b"TPLE"

Kind = Literal[
    # how an event that arrived ended: these add up to `transmitted`
    "stored",
    "dirty",
    "dropped",
    "deduplicated",
    "refused",
    "retry",
    # remarks on events that are in one of the above as well
    "warned",
    "id_reused",
    "id_made",
    "id_hashed",
    "duplicate_keys",
    "time_replaced",
    # messages lost to retention before the raw store read them (their events are unknown)
    "trimmed",
    # messages that could not be decoded and are kept aside (their events are unknown)
    "corrupt",
]
OUTCOMES: Final[tuple[Kind, ...]] = (
    "stored",
    "dirty",
    "dropped",
    "deduplicated",
    "refused",
    "retry",
)


class LedgerEntry(msgspec.Struct, frozen=True, array_like=True):
    """``count`` events of one kind. ``day`` is days since 1970-01-01 UTC of ``when.server``."""

    day: int
    app: str
    env: str
    event: str
    kind: Kind
    reason: str
    count: int


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[LedgerEntry])


def encode(entries: Sequence[LedgerEntry]) -> bytes:
    """Return one queue message of these entries."""
    return seal(MAGIC, _encoder.encode(list(entries)))


def decode(message: bytes | memoryview) -> list[LedgerEntry]:
    """Return the entries of a message.

    Raises:
        CorruptionError: the message is not one of ours, newer, or damaged.
    """
    body = unseal(MAGIC, message)
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise CorruptionError(f"ledger message cannot be read: {error}") from error
