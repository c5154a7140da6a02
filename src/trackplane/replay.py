"""Replays of rules over stored events: what travels in the topic ``replay``.

A message is magic, version, CRC-32 and a msgpack ``Replay``. Its frame holds events that a rule
failed on; each event's identity in it is made for this replay, so that a message which comes twice
changes nothing, while ordinary deduplication does not stop it. ``spec/replay.md``.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from trackplane.envelope import seal, unseal
from trackplane.errors import CorruptionError

TOPIC: Final = "replay"
MAGIC: Final = b"TPRE"

Row = tuple[str, str, str, str, int]  # app, env, event, id, when.at


class Replay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Events for one rule. ``identities`` are their own, 16 bytes each, in the frame's order.

    With ``erase`` there is no frame: the rows that the rule put out for these events are taken out
    of its tables.
    """

    id: str
    rule: str
    frame: bytes = b""
    identities: bytes = b""
    erase: tuple[Row, ...] = ()


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Replay)


def encode(replay: Replay) -> bytes:
    """Return one queue message."""
    return seal(MAGIC, _encoder.encode(replay))


def decode(message: bytes | memoryview) -> Replay:
    """Return the replay of a message.

    Raises:
        CorruptionError: the message is not one of ours, newer, or damaged.
    """
    try:
        return _decoder.decode(unseal(MAGIC, message))
    except msgspec.DecodeError as error:
        raise CorruptionError(f"replay message cannot be read: {error}") from error


def identity_in(replay: str, rule: str, identity: bytes) -> bytes:
    """Return the identity that an event has within a replay of a rule."""
    text = f"{replay}\0{rule}\0".encode() + identity
    return hashlib.blake2b(text, digest_size=16).digest()
