"""Segment files and the head: bytes on disk, as ``spec/queue.md`` says. No locking, no policy."""

from __future__ import annotations

import builtins
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from isal import isal_zlib

from trackplane.errors import CorruptionError
from trackplane.queue import Message

MAGIC: Final = b"TPQS"
VERSION: Final = 1
HEADER: Final = struct.Struct("<4sHHQ")
_MESSAGE: Final = struct.Struct("<IIq")
_HEAD: Final = struct.Struct("<QQQ")
_CRC: Final = struct.Struct("<I")
_STAMP: Final = struct.Struct("<q")


class Head(msgspec.Struct, frozen=True):
    """What is durable: ``end`` offset, and ``bytes`` of the segment that starts at ``base``."""

    end: int
    base: int
    bytes: int

    def encode(self) -> builtins.bytes:
        """Return the head file's bytes."""
        body = _HEAD.pack(self.end, self.base, self.bytes)
        return body + _CRC.pack(isal_zlib.crc32(body))


def read_head(path: Path) -> Head | None:
    """Return a partition's head, or None where there is none; waits out a write in progress."""
    for _ in range(1_000):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) == _HEAD.size + _CRC.size:
            body = data[: _HEAD.size]
            if _CRC.unpack_from(data, _HEAD.size)[0] == isal_zlib.crc32(body):
                return Head(*_HEAD.unpack(body))
        os.sched_yield()
    raise CorruptionError(f"{path} is damaged", hint="start the appender: it makes the head anew")


def segment_header(base: int) -> bytes:
    """Return the first bytes of a segment."""
    return HEADER.pack(MAGIC, VERSION, 0, base)


def encode_message(data: bytes, appended: int) -> bytes:
    """Return a message as it stands in a segment."""
    stamp = _STAMP.pack(appended)
    checksum = isal_zlib.crc32(data, isal_zlib.crc32(stamp))
    return _MESSAGE.pack(len(data), checksum, appended) + data


def message_bytes(data: bytes) -> int:
    """Return how many bytes a message takes in a segment."""
    return _MESSAGE.size + len(data)


def segments(folder: Path) -> list[int]:
    """Return the base offsets of a partition's segments, in order."""
    try:
        return sorted(int(path.stem) for path in folder.iterdir() if path.suffix == ".seg")
    except FileNotFoundError:
        return []


def segment_path(folder: Path, base: int) -> Path:
    """Return where a segment is."""
    return folder / f"{base:020}.seg"


def check_header(path: Path, data: bytes) -> None:
    """Refuse a segment that is not ours, or newer.

    Raises:
        CorruptionError: says which.
    """
    magic, version, _, _ = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise CorruptionError(f"{path} is not a queue segment")
    if version != VERSION:
        raise CorruptionError(
            f"{path} has segment version {version}; this release reads {VERSION}",
            hint="a newer release wrote this queue: upgrade before reading it",
        )


def scan(path: Path, base: int, position: int, end: int) -> Iterator[tuple[Message, int]]:
    """Yield messages from a byte position on, each with the position after it.

    Stops where less than a whole message is left before ``end`` (bytes).

    Raises:
        CorruptionError: a message's checksum differs.
    """
    with path.open("rb") as file:
        if position == HEADER.size:
            check_header(path, file.read(HEADER.size))
        else:
            file.seek(position)
        offset = base
        while position + _MESSAGE.size <= end:
            prefix = file.read(_MESSAGE.size)
            length, checksum, appended = _MESSAGE.unpack(prefix)
            after = position + _MESSAGE.size + length
            if after > end:
                return
            data = file.read(length)
            if isal_zlib.crc32(data, isal_zlib.crc32(prefix[8:])) != checksum:
                raise CorruptionError(
                    f"{path} is damaged at byte {position} (offset {offset})",
                    hint="restore the file, or move the partition's folder away and start anew",
                )
            yield Message(offset, appended, data), after
            position, offset = after, offset + 1
