"""Dirty events: what failed, kept with its reason and its original bytes, replayable.

A message of the ``dirty`` topic is magic, version, CRC-32 and a msgpack list of ``DirtyEvent``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from trackplane.envelope import seal, unseal
from trackplane.errors import CorruptionError
from trackplane.event import Grade
from trackplane.frame import Flaw

TOPIC: Final = "dirty"
MAGIC: Final = b"TPDE"

Stage = Literal["hygiene", "plan", "rule"]


class DirtyEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dirty event.

    ``reason`` is a violation code or a rule error's code; ``header`` and ``data`` are the client's
    own bytes, perhaps not JSON at all; ``identity`` is empty where no identity could be found;
    ``received`` is in ms. ``key`` tells one failing from another: identity and, at stage ``rule``,
    the rule.
    """

    app: str
    env: str
    stage: Stage
    reason: str
    received: int
    id: str = ""
    event: str = ""
    identity: bytes = b""
    grade: Grade = "P2"
    revision: int = 0
    message: str = ""
    violations: tuple[Flaw, ...] = ()
    header: bytes = b"{}"
    data: bytes = b""
    rule: str = ""
    wire: str = "native"


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[DirtyEvent])


def encode(events: Sequence[DirtyEvent]) -> bytes:
    """Return one queue message of these dirty events."""
    return seal(MAGIC, _encoder.encode(list(events)))


def decode(message: bytes | memoryview) -> list[DirtyEvent]:
    """Return the dirty events of a message.

    Raises:
        CorruptionError: the message is not one of ours, newer, or damaged.
    """
    body = unseal(MAGIC, message)
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise CorruptionError(f"dirty message cannot be read: {error}") from error
