"""The last good configuration on disk, so that a node starts while the control plane is down.

One file per node: an eight-byte head (magic, version), then records, each length, CRC-32 and a
msgpack ``_Part``, bodies packed (``trackplane.packed``; a change of its dictionary is a new version). The parts up to the first ``last`` one are a full state, every later run of parts
is one delta, appended and synced: a change costs its own size. When the deltas outgrow the base,
the file is written anew beside it and renamed over it.

Invariants: 1 a state is read only if every part's checksum and the hash of all hold; 2 a cut or
damaged delta leaves the state before it; 3 a damaged base, or a newer version, is no state at all,
never a wrong one; 4 the file is readable by its owner only.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

import msgspec
import structlog
from isal import isal_zlib

from trackplane.discovery import (
    Delta,
    Kind,
    Packed,
    PackedResource,
    ResyncError,
    Snapshot,
    packed_of,
)
from trackplane.discovery.parts import PART_RESOURCES
from trackplane.errors import StorageError

_log = structlog.get_logger(__name__)

MAGIC: Final = b"TPLG"
VERSION: Final = 2
_HEAD: Final = struct.Struct("<4sI")
_RECORD: Final = struct.Struct("<II")
_SMALLEST_COMPACTION: Final = 1024 * 1024


class CacheError(StorageError):
    """The last good configuration could not be written."""

    code = "configuration_cache"


class _Part(msgspec.Struct, frozen=True, array_like=True):
    start: int
    end: int
    changed: list[PackedResource]
    removed: list[tuple[Kind, str]]
    hash: str
    published: int
    last: bool


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Part)


class LastGood:
    """A node's last good state in a file. Used from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = -1  # of the state the file holds, when this object may append to it
        self._base_bytes = 0
        self._bytes = 0

    def load(self) -> Snapshot | None:
        """Return the state kept, or None where there is none that can be trusted."""
        self._number = -1
        try:
            data = self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.error("last_good_unreadable", path=str(self._path), error=str(error))
            return None
        if len(data) < _HEAD.size or _HEAD.unpack_from(data) != (MAGIC, VERSION):
            _log.error("last_good_ignored", path=str(self._path), reason="unknown format")
            return None
        return self._replay(data)

    def _read(self) -> bytes | mmap:
        with self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            return mmap(file.fileno(), 0, access=ACCESS_READ)

    def _replay(self, data: bytes | mmap) -> Snapshot | None:
        snapshot: Snapshot | None = None
        good = _HEAD.size
        try:
            for delta, end in _deltas(data):
                snapshot = (snapshot or Snapshot()).apply(delta)
                self._base_bytes = self._base_bytes if delta.start else end
                good = end
        except (ValueError, msgspec.DecodeError, ResyncError) as error:
            _log.error(
                "last_good_damaged",
                path=str(self._path),
                at=good,
                reason=str(error),
                kept=snapshot.number if snapshot else None,
            )
            return snapshot  # not appended to: the next save writes the file anew
        if snapshot is not None:
            self._number, self._bytes = snapshot.number, len(data)
        return snapshot

    def save(self, snapshot: Snapshot, delta: Delta) -> None:
        """Keep ``snapshot``, to which ``delta`` leads: appended if the file holds its start.

        Raises:
            CacheError: the disk did not take it; the file keeps an earlier state.
        """
        grown = self._bytes - self._base_bytes > max(self._base_bytes, _SMALLEST_COMPACTION)
        try:
            if delta.start and delta.start == self._number and not grown:
                self._append(delta)
            else:
                self._write(snapshot)
        except OSError as error:
            self._number = -1
            raise CacheError(f"cannot keep the configuration in {self._path}: {error}") from error
        self._number = snapshot.number

    def _append(self, delta: Delta) -> None:
        data = b"".join(_records(delta))
        with self._path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._bytes += len(data)

    def _write(self, snapshot: Snapshot) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_HEAD.pack(MAGIC, VERSION))
            for record in _records(snapshot.delta_from(None)):
                file.write(record)
            file.flush()
            os.fsync(file.fileno())
            self._base_bytes = self._bytes = file.tell()
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _records(delta: Delta) -> Iterator[bytes]:
    changed, removed = packed_of(delta.changed), iter(delta.removed)
    left = len(delta.changed) + len(delta.removed)
    while True:
        some = list(islice(changed, PART_RESOURCES))
        gone = list(islice(removed, PART_RESOURCES - len(some)))
        left -= len(some) + len(gone)
        last = left <= 0
        body = _encoder.encode(
            _Part(
                start=delta.start,
                end=delta.end,
                changed=some,
                removed=gone,
                hash=delta.hash if last else "",
                published=delta.published,
                last=last,
            )
        )
        yield _RECORD.pack(len(body), isal_zlib.crc32(body)) + body
        if last:
            return


def _deltas(data: bytes | mmap) -> Iterator[tuple[Delta, int]]:
    """Yield each whole delta with the offset behind it."""
    parts: list[_Part] = []
    with memoryview(data) as view:
        at = _HEAD.size
        while at < len(data):
            if at + _RECORD.size > len(data):
                raise ValueError("cut in a record's head")
            length, checksum = _RECORD.unpack_from(view, at)
            body = bytes(view[at + _RECORD.size : at + _RECORD.size + length])
            if len(body) != length:
                raise ValueError("cut in a record")
            if isal_zlib.crc32(body) != checksum:
                raise ValueError("checksum differs")
            part = _decoder.decode(body)
            at += _RECORD.size + length
            parts.append(part)
            if part.last:
                yield _joined(parts), at
                parts = []
    if parts:
        raise ValueError("cut between the parts of a change")


def _joined(parts: Sequence[_Part]) -> Delta:
    last = parts[-1]
    return Delta(
        start=last.start,
        end=last.end,
        changed=Packed([part.changed for part in parts], sum(len(p.changed) for p in parts)),
        removed=tuple(key for part in parts for key in part.removed),
        hash=last.hash,
        published=last.published,
    )
