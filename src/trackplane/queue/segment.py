"""Segment files and the head: bytes on disk, as ``spec/queue.md`` says. No locking, no policy."""

from __future__ import annotations

import builtins
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from isal import isal_zlib

from trackplane.errors import CorruptionError
from trackplane.queue import Message

MAGIC: Final = b"TPQS"
VERSION: Final = 1
HEADER: Final = struct.Struct("<4sHHQ")
PREFIX: Final = struct.Struct("<IIqI")  # length, CRC, appended, back
_HEAD: Final = struct.Struct("<QQQ")
_CRC: Final = struct.Struct("<I")
_STAMP: Final = struct.Struct("<qI")
_MEND: Final = "restore the file, or move the partition's folder away and start anew"


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
    """Return a partition's head, or None where none was published; waits out a write in progress.

    Raises:
        CorruptionError: its checksum stays wrong.
    """
    for _ in range(1_000):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if not data:
            return None  # just created
        if len(data) == _HEAD.size + _CRC.size:
            body = data[: _HEAD.size]
            if _CRC.unpack_from(data, _HEAD.size)[0] == isal_zlib.crc32(body):
                return Head(*_HEAD.unpack(body))
        os.sched_yield()
    raise CorruptionError(f"{path} is damaged", hint="start the appender: it makes the head anew")


def segment_header(base: int) -> bytes:
    """Return the first bytes of a segment."""
    return HEADER.pack(MAGIC, VERSION, 0, base)


def encode_round(messages: Iterable[bytes], appended: int) -> bytes:
    """Return messages that are written at once, as they stand in a segment."""
    parts: list[bytes] = []
    back = 0
    for data in messages:
        checksum = isal_zlib.crc32(data, isal_zlib.crc32(_STAMP.pack(appended, back)))
        parts.append(PREFIX.pack(len(data), checksum, appended, back))
        parts.append(data)
        back += PREFIX.size + len(data)
    return b"".join(parts)


def segments(folder: Path) -> list[int]:
    """Return the base offsets of a partition's segments, in order."""
    try:
        return sorted(int(path.stem) for path in folder.iterdir() if path.suffix == ".seg")
    except FileNotFoundError:
        return []


def segment_path(folder: Path, base: int) -> Path:
    """Return where a segment is."""
    return folder / f"{base:020}.seg"


def check_header(path: Path, base: int, data: bytes) -> None:
    """Refuse a segment that is not ours, not this one, or newer.

    Raises:
        CorruptionError: says which.
    """
    if len(data) < HEADER.size or data[:4] != MAGIC:
        raise CorruptionError(f"{path} is not a queue segment", hint=_MEND)
    _, version, _, inside = HEADER.unpack_from(data)
    if version != VERSION:
        raise CorruptionError(
            f"{path} has segment version {version}; this release reads {VERSION}",
            hint="a newer release wrote this queue: upgrade before reading it",
        )
    if inside != base:
        raise CorruptionError(f"{path} says that it begins at offset {inside}", hint=_MEND)


def read_header(path: Path) -> bytes:
    """Return a segment's first bytes; fewer than a header's where it was cut."""
    with path.open("rb") as file:
        return file.read(HEADER.size)


def first_appended(path: Path) -> int | None:
    """Return the time (ms) of a segment's first message, or None where it has none."""
    with path.open("rb") as file:
        data = file.read(HEADER.size + PREFIX.size)
    return PREFIX.unpack_from(data, HEADER.size)[2] if len(data) == 36 else None


def _valid(file: BinaryIO, position: int, size: int) -> tuple[int, int | None]:
    """Return the position after a message (``size`` or more if cut), and ``back`` if it is whole."""
    file.seek(position)
    prefix = file.read(PREFIX.size)
    length, checksum, _, back = PREFIX.unpack(prefix)
    after = position + PREFIX.size + length
    if after > size:
        return after, None
    whole = isal_zlib.crc32(file.read(length), isal_zlib.crc32(prefix[8:])) == checksum
    return after, back if whole else None


def was_durable(path: Path, position: int, size: int) -> bool:
    """Say whether a later round stands behind ``position``: then what stands there was synced once.

    Follows the lengths; a message whose own length was damaged hides what is behind it.
    """
    with path.open("rb") as file:
        current = position
        while current + PREFIX.size <= size:
            after, back = _valid(file, current, size)
            if back is not None and current - back > position:
                return True
            current = after
    return False


def scan(
    path: Path, base: int, start: tuple[int, int], end: int, *, wanted: int = 0
) -> Iterator[tuple[Message, int]]:
    """Yield messages from ``start`` (offset, byte position), each with the position after it.

    Messages below offset ``wanted`` are passed over: their checksum is not computed and their data
    is empty. Stops where less than a whole message is left before ``end`` (bytes).

    Raises:
        CorruptionError: a message's checksum differs.
    """
    offset, position = start
    with path.open("rb") as file:
        if position == HEADER.size:
            check_header(path, base, file.read(HEADER.size))
        else:
            file.seek(position)
        while position + PREFIX.size <= end:
            prefix = file.read(PREFIX.size)
            if len(prefix) < PREFIX.size:
                return
            length, checksum, appended, _ = PREFIX.unpack(prefix)
            after = position + PREFIX.size + length
            if after > end:
                return
            data = b""
            if offset < wanted:
                file.seek(length, os.SEEK_CUR)
            else:
                data = file.read(length)
                if isal_zlib.crc32(data, isal_zlib.crc32(prefix[8:])) != checksum:
                    raise CorruptionError(
                        f"{path} is damaged at byte {position} (offset {offset})", hint=_MEND
                    )
            yield Message(offset, appended, data), after
            position, offset = after, offset + 1
