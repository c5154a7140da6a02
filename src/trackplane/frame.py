"""The frame: many uploads' events of one lane and one partition in one queue message.

Normative text and invariants: ``spec/frame.md``. In short: magic, version, three lengths, then a
columnar directory (msgpack), the uploads' headers and the events (each block a JSON array, so a
consumer can decode all of it in one pass), then a CRC-32 of all before it. The directory holds all
that most consumers need; workers without a rule for a name never touch that event's bytes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from trackplane.errors import CorruptionError
from trackplane.event import GRADES, Grade, JsonObject, merge

MAGIC: Final = b"TPFR"
VERSION: Final = 1
MAX_EVENTS: Final = 1_000
MAX_BYTES: Final = 768 * 1024

# The event's bytes are valid UTF-8 JSON of finite numbers without duplicate keys: copy, don't re-encode.
CLEAN: Final = 1

_PREFIX: Final = struct.Struct("<4sBBHIII")
_CRC: Final = struct.Struct("<I")
_EVENT_COST: Final = 60  # directory bytes an event costs besides its id; an upper estimate
_UPLOAD_COST: Final = 96


class FrameError(CorruptionError):
    """The message is not a frame of ours, or was damaged."""

    code = "frame"


class Upload(msgspec.Struct, frozen=True, array_like=True):
    """One client request in a frame: whose it is, when it came, where its header's bytes are.

    ``received`` is ``when.server`` in ms; ``offset`` and ``length`` are bytes in the header block;
    ``revision`` is the plan revision the events were admitted under (0: no plan).
    """

    app: str
    env: str
    revision: int
    received: int
    offset: int
    length: int


class Flaw(msgspec.Struct, frozen=True, array_like=True):
    """A violation as ``meta.violations`` keeps it: its code and JSON pointer."""

    code: str
    pointer: str


class _Directory(msgspec.Struct, frozen=True, array_like=True):
    grade: Grade
    uploads: list[Upload]
    names: list[str]
    ids: list[str]
    name: bytes  # u16 per event, into names
    upload: bytes  # u16 per event, into uploads
    identity: bytes  # 16 bytes per event
    at: bytes  # i64 per event, ms
    offset: bytes  # u32 per event, into the event block
    length: bytes  # u32 per event
    flags: bytes  # u8 per event
    weights: dict[int, float]  # only those that are not 1.0
    violations: dict[int, list[Flaw]]  # only events that have some


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Directory)


def _utf8_bound(text: str) -> int:
    """Return at least as many bytes as the text has in UTF-8, at no cost."""
    return len(text) if text.isascii() else 4 * len(text)


class FrameBuilder:
    """Collects events of one lane and partition until the frame is full.

    The caller asks ``has_room`` first; ``build`` returns the message and leaves the builder spent.
    """

    def __init__(self, grade: Grade) -> None:
        self._grade = grade
        self._uploads: list[Upload] = []
        self._headers: list[bytes] = []
        self._header_bytes = 1
        self._names: dict[str, int] = {}
        self._ids: list[str] = []
        self._name = array("H")
        self._upload = array("H")
        self._identity: list[bytes] = []
        self._at = array("q")
        self._offset = array("I")
        self._length = array("I")
        self._flags = bytearray()
        self._weights: dict[int, float] = {}
        self._violations: dict[int, list[Flaw]] = {}
        self._events: list[bytes] = []
        self._event_bytes = 1
        self._directory_bytes = 64

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def size(self) -> int:
        """Return an upper estimate of the message's bytes so far."""
        return (
            _PREFIX.size
            + self._directory_bytes
            + self._header_bytes
            + self._event_bytes
            + _CRC.size
            + 2
        )

    def has_room(self, event_bytes: int, header_bytes: int = 0) -> bool:
        """Say whether an event of that many bytes (and a new header) still fits the limits.

        The first event of a frame always does. 256 bytes are set aside for its id and name; what
        an event's own violations take beyond them may lead the frame over ``MAX_BYTES`` once.
        """
        if not self._ids:
            return True
        extra = event_bytes + header_bytes + _EVENT_COST + _UPLOAD_COST + 256
        return len(self._ids) < MAX_EVENTS and self.size + extra <= MAX_BYTES

    def add_upload(self, app: str, env: str, revision: int, received: int, header: bytes) -> int:
        """Add an upload's header (a JSON object's bytes); return its index for ``add``."""
        self._uploads.append(Upload(app, env, revision, received, self._header_bytes, len(header)))
        self._headers.append(header)
        self._header_bytes += len(header) + 1
        self._directory_bytes += _UPLOAD_COST + _utf8_bound(app) + _utf8_bound(env)
        return len(self._uploads) - 1

    def add(
        self,
        upload: int,
        *,
        event: str,
        id: str,
        identity: bytes,
        at: int,
        data: bytes,
        clean: bool,
        weight: float = 1.0,
        violations: Sequence[Flaw] = (),
    ) -> None:
        """Add one event: ``data`` is its JSON object's bytes, not yet merged with the header."""
        index = len(self._ids)
        name = self._names.get(event)
        if name is None:
            name = self._names[event] = len(self._names)
            self._directory_bytes += 5 + _utf8_bound(event)
        self._ids.append(id)
        self._name.append(name)
        self._upload.append(upload)
        self._identity.append(identity)
        self._at.append(at)
        self._offset.append(self._event_bytes)
        self._length.append(len(data))
        self._flags.append(CLEAN if clean else 0)
        if weight != 1.0:
            self._weights[index] = weight
        if violations:
            self._violations[index] = list(violations)
            self._directory_bytes += sum(
                16 + _utf8_bound(flaw.code) + _utf8_bound(flaw.pointer) for flaw in violations
            )
        self._events.append(data)
        self._event_bytes += len(data) + 1
        self._directory_bytes += _EVENT_COST + _utf8_bound(id)

    def build(self) -> bytes:
        """Return the message's bytes."""
        directory = _encoder.encode(
            _Directory(
                grade=self._grade,
                uploads=self._uploads,
                names=list(self._names),
                ids=self._ids,
                name=self._name.tobytes(),
                upload=self._upload.tobytes(),
                identity=b"".join(self._identity),
                at=self._at.tobytes(),
                offset=self._offset.tobytes(),
                length=self._length.tobytes(),
                flags=bytes(self._flags),
                weights=self._weights,
                violations=self._violations,
            )
        )
        headers = b"[" + b",".join(self._headers) + b"]"
        events = b"[" + b",".join(self._events) + b"]"
        prefix = _PREFIX.pack(MAGIC, VERSION, 0, 0, len(directory), len(headers), len(events))
        body = b"".join((prefix, directory, headers, events))
        return body + _CRC.pack(isal_zlib.crc32(body))


class Frame:
    """A decoded frame: the directory as columns, headers and events as slices of one buffer.

    Columns are numpy views over the message (``n`` events): ``name`` and ``upload`` u16, ``at`` i64
    (ms), ``offset`` and ``length`` u32 (bytes in ``events``), ``flags`` u8, ``identities`` (n, 2)
    u64 halves of ``trackplane.event.identity``, big-endian.
    """

    def __init__(self, directory: _Directory, headers: memoryview, events: memoryview) -> None:
        self.grade: Grade = directory.grade
        self.uploads: list[Upload] = directory.uploads
        self.names: list[str] = directory.names
        self.ids: list[str] = directory.ids
        self.name: npt.NDArray[np.uint16] = np.frombuffer(directory.name, "<u2")
        self.upload: npt.NDArray[np.uint16] = np.frombuffer(directory.upload, "<u2")
        self.identity: bytes = directory.identity
        self.at: npt.NDArray[np.int64] = np.frombuffer(directory.at, "<i8")
        self.offset: npt.NDArray[np.uint32] = np.frombuffer(directory.offset, "<u4")
        self.length: npt.NDArray[np.uint32] = np.frombuffer(directory.length, "<u4")
        self.flags: npt.NDArray[np.uint8] = np.frombuffer(directory.flags, "u1")
        self.weights: dict[int, float] = directory.weights
        self.violations: dict[int, list[Flaw]] = directory.violations
        self.headers = headers
        self.events = events

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def decode(cls, message: bytes | memoryview) -> Frame:
        """Check and open a message.

        Raises:
            FrameError: it lacks the magic, is of a newer version, is cut, fails its checksum, or
                its directory points outside its blocks.
        """
        view = memoryview(message)
        if len(view) < _PREFIX.size + _CRC.size or bytes(view[:4]) != MAGIC:
            raise FrameError("not a frame: the magic is missing")
        _, version, _, _, directory_size, header_size, event_size = _PREFIX.unpack_from(view)
        if version != VERSION:
            raise FrameError(
                f"frame version {version}; this release reads {VERSION}",
                hint="a newer release wrote this queue: upgrade before reading it",
            )
        end = _PREFIX.size + directory_size + header_size + event_size
        if end + _CRC.size != len(view):
            raise FrameError(f"frame of {len(view)} bytes says it has {end + _CRC.size}")
        if isal_zlib.crc32(view[:end]) != _CRC.unpack_from(view, end)[0]:
            raise FrameError("frame checksum differs: the bytes were damaged")
        start = _PREFIX.size
        try:
            directory = _decoder.decode(view[start : start + directory_size])
        except msgspec.DecodeError as error:
            raise FrameError(f"frame directory cannot be read: {error}") from error
        start += directory_size
        if directory.grade not in GRADES:
            raise FrameError(f"frame of an unknown grade {directory.grade!r}")
        headers, events = view[start : start + header_size], view[start + header_size : end]
        try:
            frame = cls(directory, headers, events)
        except ValueError as error:  # a column of broken items
            raise FrameError(f"frame directory cannot be read: {error}") from error
        frame._check_bounds()
        return frame

    def _check_bounds(self) -> None:
        count = len(self.ids)
        columns = (self.name, self.upload, self.at, self.offset, self.length, self.flags)
        if any(len(column) != count for column in columns) or len(self.identity) != 16 * count:
            raise FrameError("frame directory columns differ in length")
        if not count:
            return
        ends = self.offset.astype(np.int64) + self.length
        if (
            int(self.name.max()) >= len(self.names)
            or int(self.upload.max()) >= len(self.uploads)
            or int(ends.max()) > len(self.events)
            or any(
                u.offset < 0 or u.length < 0 or u.offset + u.length > len(self.headers)
                for u in self.uploads
            )
        ):
            raise FrameError("frame directory points outside its blocks")

    @cached_property
    def identities(self) -> npt.NDArray[np.uint64]:
        """Return the identities as an (n, 2) array: digest of (app, id), digest of (event, client)."""
        return np.frombuffer(self.identity, ">u8").astype(np.uint64).reshape(-1, 2)

    def event_bytes(self, index: int) -> bytes:
        """Return one event's JSON, as it was admitted, not merged."""
        start = int(self.offset[index])
        return bytes(self.events[start : start + int(self.length[index])])

    def header_bytes(self, upload: int) -> bytes:
        """Return one upload's header JSON."""
        entry = self.uploads[upload]
        return bytes(self.headers[entry.offset : entry.offset + entry.length])

    def merged(self, index: int) -> JsonObject:
        """Return one event as validation and rules see it: merged, with times and ``meta``.

        Slow: for people (``tap``), tests and the reference evaluator.
        """
        entry = self.uploads[int(self.upload[index])]
        header: Any = msgspec.json.decode(self.header_bytes(int(self.upload[index])))
        event: Any = msgspec.json.decode(self.event_bytes(index))
        merged = merge(header, event)
        merged["id"] = self.ids[index]
        merged["event"] = self.names[int(self.name[index])]
        merged["when"] = {
            **(merged.get("when") or {}),
            "server": entry.received,
            "at": int(self.at[index]),
        }
        merged["meta"] = {
            "app": entry.app,
            "env": entry.env,
            "grade": self.grade,
            "revision": entry.revision,
            "weight": self.weights.get(index, 1.0),
            "violations": [
                {"code": flaw.code, "pointer": flaw.pointer}
                for flaw in self.violations.get(index, ())
            ],
        }
        return merged

    def __iter__(self) -> Iterator[JsonObject]:
        return (self.merged(index) for index in range(len(self)))
