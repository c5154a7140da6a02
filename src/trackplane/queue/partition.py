"""One partition's appender and reader."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from trackplane.errors import CorruptionError, FullError
from trackplane.queue import Batch, Message, PartitionInfo, QueueError
from trackplane.queue.filesystem import File, Filesystem
from trackplane.queue.segment import (
    HEADER,
    Head,
    encode_message,
    message_bytes,
    read_head,
    scan,
    segment_header,
    segment_path,
    segments,
)

_log = structlog.get_logger(__name__)
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskQueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the disk queue writes.

    Attributes:
        segment_bytes: size at which a new segment file is begun.
        sync_threads: partitions synced at the same time.
    """

    segment_bytes: int = 64 * 1024 * 1024
    sync_threads: int = 4


def wrap(error: OSError, folder: Path) -> QueueError | FullError:
    """Return our error for a failure of the file system."""
    if error.errno in _NO_ROOM:
        return FullError(f"no room in {folder}: {error.strerror}", hint="free disk space")
    return QueueError(f"cannot write {folder}: {error.strerror or error}")


class Appender:
    """Writes one partition; holds its lock until closed.

    ``write`` and ``sync`` are two steps so that many partitions can be synced at once; after a
    failure of either, ``recover`` is called by the next ``write``.
    """

    def __init__(self, folder: Path, filesystem: Filesystem, settings: DiskQueueSettings) -> None:
        self._folder = folder
        self._filesystem = filesystem
        self._settings = settings
        try:
            folder.mkdir(parents=True, exist_ok=True)
            filesystem.sync_folder(folder.parent)
            self._lock = self._take_lock()
        except OSError as error:
            raise wrap(error, folder) from error
        self._segment: File | None = None
        self._head_file: File | None = None
        self._durable = Head(0, 0, 0)
        self._written = self._durable
        try:
            self._open()
        except OSError as error:
            self.close()
            raise wrap(error, folder) from error
        except CorruptionError:
            self.close()
            raise

    def _take_lock(self) -> int:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise QueueError(
                f"{self._folder} has an appender already: process {holder}",
                hint="a partition takes one appender at a time; stop the other one",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def _open(self) -> None:
        """Find the durable end by scanning the last segment; cut what is torn."""
        bases = segments(self._folder)
        if not bases:
            self._begin(0)
            return
        base = bases[-1]
        path = segment_path(self._folder, base)
        size = path.stat().st_size
        end, position = base, HEADER.size
        if size >= HEADER.size:
            end, position = self._scan_tail(path, base, size)
        file = self._filesystem.open(path)
        if size < HEADER.size:
            file.truncate(0)
            file.append(segment_header(base))
        elif position < size:
            _log.warning("torn_tail_cut", file=str(path), bytes=size - position, offset=end)
            file.truncate(position)
        file.sync()
        self._segment = file
        self._written = Head(end, base, position)
        self._publish()

    def _scan_tail(self, path: Path, base: int, size: int) -> tuple[int, int]:
        published = self._published()
        end, position = base, HEADER.size
        try:
            for message, after in scan(path, base, HEADER.size, size):
                end, position = message.offset + 1, after
        except CorruptionError:
            # Whole but wrong: a torn write only if nothing durable stands there or behind it.
            if published is not None and published.base == base and published.bytes > position:
                raise
        return end, position

    def _published(self) -> Head | None:
        try:
            return read_head(self._folder / "head")
        except CorruptionError:
            return None

    def _begin(self, base: int) -> None:
        file = self._filesystem.open(segment_path(self._folder, base))
        file.truncate(0)
        file.append(segment_header(base))
        file.sync()
        self._filesystem.sync_folder(self._folder)
        if self._segment is not None:
            self._segment.close()
        self._segment = file
        self._written = Head(base, base, HEADER.size)
        self._publish()

    def _publish(self) -> None:
        if self._head_file is None:
            self._head_file = self._filesystem.open(self._folder / "head")
        self._head_file.overwrite(self._written.encode())
        self._durable = self._written

    def write(self, messages: Sequence[bytes], now: int) -> int:
        """Write messages behind the last; return the first one's offset. Not durable yet."""
        try:
            if self._segment is None or self._written != self._durable:
                self._recover()
            if self._written.bytes >= self._settings.segment_bytes:
                self._begin(self._written.end)
            assert self._segment is not None
            first = self._written.end
            size = sum(message_bytes(data) for data in messages)
            head = Head(first + len(messages), self._written.base, self._written.bytes + size)
            # Known before the write: a failed one must be cut back as well.
            self._written = head
            self._segment.append(b"".join(encode_message(data, now) for data in messages))
        except OSError as error:
            raise wrap(error, self._folder) from error
        return first

    def sync(self) -> None:
        """Make all that was written durable and readable."""
        try:
            assert self._segment is not None
            self._segment.sync()
            self._publish()
        except OSError as error:
            raise wrap(error, self._folder) from error

    def _recover(self) -> None:
        """Cut back to the durable end; raises OSError while the disk does not let us."""
        if self._segment is None:
            self._open()
            return
        self._segment.truncate(self._durable.bytes)
        self._segment.sync()
        self._written = self._durable
        _log.warning("partition_cut_back", folder=str(self._folder), offset=self._durable.end)

    def trim(self, keep_from_ms: int | None, keep_bytes: int | None) -> int:
        """Remove closed segments that retention lets go; return how many messages they held."""
        bases = segments(self._folder)
        sizes = [segment_path(self._folder, base).stat().st_size for base in bases]
        total, dropped = sum(sizes), 0
        for base, following, size in zip(bases, bases[1:], sizes, strict=False):
            path = segment_path(self._folder, base)
            old = keep_from_ms is not None and path.stat().st_mtime * 1000 < keep_from_ms
            large = keep_bytes is not None and total > keep_bytes
            if not (old or large):
                break
            try:
                self._filesystem.unlink(path)
            except OSError as error:
                raise wrap(error, self._folder) from error
            total -= size
            dropped += following - base
        return dropped

    def close(self) -> None:
        """Release the files and the lock."""
        for file in (self._segment, self._head_file):
            if file is not None:
                file.close()
        self._segment = self._head_file = None
        os.close(self._lock)


class Reader:
    """Reads one partition from any process. Keeps only where the last read ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bases: list[int] = []
        self._places: dict[int, tuple[int, int]] = {}  # offset -> (segment, byte position)

    def head(self) -> Head | None:
        """Return what is durable, or None before the first append."""
        return read_head(self._folder / "head")

    def info(self, topic: str, partition: int) -> PartitionInfo:
        """Return the partition's bounds."""
        head = self.head()
        if head is None:
            return PartitionInfo(topic, partition, 0, 0, 0)
        bases = segments(self._folder)
        size = 0
        for base in bases:
            with contextlib.suppress(FileNotFoundError):
                size += segment_path(self._folder, base).stat().st_size
        return PartitionInfo(topic, partition, bases[0] if bases else head.end, head.end, size)

    def read(self, offset: int, max_bytes: int) -> Batch:
        """Return messages from ``offset`` on."""
        head = self.head()
        if head is None or offset >= head.end:
            return Batch([], offset)
        place = self._places.pop(offset, None)
        for _ in range(100):
            try:
                return self._read(offset, place, head, max_bytes)
            except FileNotFoundError:
                place = None  # retention was quicker: look again
                self._bases = []
        raise QueueError(f"{self._folder}: segments vanish while being read")

    def _read(
        self, offset: int, place: tuple[int, int] | None, head: Head, max_bytes: int
    ) -> Batch:
        if not self._bases or self._bases[-1] < head.base:
            self._bases = segments(self._folder)
        first = self._bases[0] if self._bases else head.end
        trimmed = max(0, first - offset)
        wanted = max(offset, first)
        messages: list[Message] = []
        size = 0
        while wanted < head.end and (not messages or size < max_bytes):
            base, position = place or self._locate(wanted)
            place = None
            path = segment_path(self._folder, base)
            end = head.bytes if base == head.base else path.stat().st_size
            if position >= end:
                place = (wanted, HEADER.size)  # the next segment begins with the offset wanted
                if not segment_path(self._folder, wanted).exists():
                    raise CorruptionError(f"{path} ends before offset {wanted}")
                continue
            started_at = position
            for message, after in scan(
                path, self._first_offset(base, position, wanted), position, end
            ):
                position = after
                if message.offset < wanted:
                    continue
                messages.append(message)
                wanted = message.offset + 1
                size += len(message.data)
                if size >= max_bytes or wanted >= head.end:
                    break
            if position == started_at:
                raise CorruptionError(f"{path} ends inside the message at byte {position}")
            if len(self._places) > 8:
                self._places.clear()
            self._places[wanted] = (base, position)
        return Batch(messages, wanted, trimmed)

    def _locate(self, offset: int) -> tuple[int, int]:
        base = max(base for base in self._bases if base <= offset)
        return base, HEADER.size

    @staticmethod
    def _first_offset(base: int, position: int, wanted: int) -> int:
        """Return the offset of the message at ``position``: known places are exact."""
        return base if position == HEADER.size else wanted
