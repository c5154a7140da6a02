"""The envelope of small queue messages: magic, version, CRC-32, then the body."""

from __future__ import annotations

import struct
from typing import Final

from isal import isal_zlib

from trackplane.errors import CorruptionError

VERSION: Final = 1
_PREFIX: Final = struct.Struct("<4sB3sI")
_RESERVED: Final = bytes(3)


def seal(magic: bytes, body: bytes) -> bytes:
    """Return the message that carries ``body`` under a four-byte magic."""
    return _PREFIX.pack(magic, VERSION, _RESERVED, isal_zlib.crc32(body)) + body


def unseal(magic: bytes, message: bytes | memoryview) -> memoryview:
    """Return the body of a message.

    Raises:
        CorruptionError: the magic is another, the version newer, or the checksum differs.
    """
    view = memoryview(message)
    if len(view) < _PREFIX.size or bytes(view[:4]) != magic:
        raise CorruptionError(f"not a {magic.decode()} message: the magic is missing")
    _, version, reserved, checksum = _PREFIX.unpack_from(view)
    if version != VERSION:
        raise CorruptionError(f"{magic.decode()} version {version}; this release reads {VERSION}")
    body = view[_PREFIX.size :]
    if reserved != _RESERVED or isal_zlib.crc32(body) != checksum:
        raise CorruptionError(f"{magic.decode()} checksum differs: the bytes were damaged")
    return body
