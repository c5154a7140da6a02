"""One partition's appender: its lock, its last segment, its head."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from trackplane.errors import CorruptionError
from trackplane.queue import QueueError
from trackplane.queue.filesystem import File, Filesystem, wrap
from trackplane.queue.segment import (
    HEADER,
    Head,
    check_header,
    encode_round,
    first_appended,
    read_head,
    read_header,
    scan,
    segment_header,
    segment_path,
    segments,
    was_durable,
)
from trackplane.queue.settings import DiskQueueSettings

_log = structlog.get_logger(__name__)
_MAX_ROUND: Final = (1 << 32) - 1  # the bytes of one round, which `back` must be able to say


class Appender:
    """Writes one partition; holds its lock until closed.

    ``write`` and ``sync`` are two steps, so that many partitions can be synced at once. After a
    failure of either, the next ``write`` first cuts back to the durable end. Not thread-safe.
    """

    def __init__(self, folder: Path, filesystem: Filesystem, settings: DiskQueueSettings) -> None:
        self._folder = folder
        self._filesystem = filesystem
        self._settings = settings
        self._segment: File | None = None
        self._head_file: File | None = None
        self._durable = Head(0, 0, 0)
        self._written = self._durable
        self._sound = True  # what was written is what is durable, and the head says so
        try:
            filesystem.make_folder(folder)
            filesystem.sync_folder(folder.parent)
            self._lock = self._take_lock()
        except OSError as error:
            raise wrap(error, folder) from error
        try:
            self._open()
        except OSError as error:
            self.close()
            raise wrap(error, folder) from error
        except BaseException:
            self.close()
            raise

    def _take_lock(self) -> int:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            # Best effort, for the error message: a full disk must not hide behind it.
            with contextlib.suppress(OSError):
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise QueueError(
                f"{self._folder} has an appender already: process {holder}",
                hint="a partition takes one appender at a time; stop the other one",
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _open(self) -> None:
        """Find the durable end by scanning the last segment; cut what is torn."""
        published = self._published()
        bases = segments(self._folder)
        if published is not None and (not bases or bases[-1] < published.base):
            path = segment_path(self._folder, published.base)
            raise CorruptionError(f"{path} is missing", hint="restore the file, or remove the head")
        if not bases:
            self._begin(0)
            return
        base = bases[-1]
        path = segment_path(self._folder, base)
        size = path.stat().st_size
        durable = published.bytes if published is not None and published.base == base else 0
        header = read_header(path)
        if not durable and (size < HEADER.size or not any(header)):
            self._begin(base)  # the machine stopped while it was being made
            return
        check_header(path, base, header)
        end, position = self._scan(path, base, size, durable)
        file = self._filesystem.open(path)
        self._segment = file
        if position < size:
            _log.warning("torn_tail_cut", file=str(path), bytes=size - position, offset=end)
            file.truncate(position)
        file.sync()
        self._written = Head(end, base, position)
        self._publish()

    def _scan(self, path: Path, base: int, size: int, durable: int) -> tuple[int, int]:
        """Return the end offset and position of the last whole message."""
        end, position = base, HEADER.size
        try:
            for message, after in scan(path, base, (base, HEADER.size), size):
                end, position = message.offset + 1, after
        except CorruptionError:
            # A torn write only if nothing that was ever durable stands there.
            if durable > position or was_durable(path, position, size):
                raise
        if durable > position:
            raise CorruptionError(
                f"{path} is cut at byte {position} (offset {end}); {durable} bytes were durable",
                hint="restore the file; or remove the partition's head to accept the loss",
            )
        return end, position

    def _published(self) -> Head | None:
        try:
            return read_head(self._folder / "head")
        except CorruptionError:
            return None

    def _begin(self, base: int) -> None:
        """Make the segment that starts at ``base`` and go on there."""
        file = self._filesystem.open(segment_path(self._folder, base))
        try:
            file.truncate(0)
            file.append(segment_header(base))
            file.sync()
            self._filesystem.sync_folder(self._folder)
        except BaseException:
            file.close()
            raise
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
        self._sound = True

    def write(self, messages: Sequence[bytes], now: int) -> int:
        """Write messages behind the last; return the first one's offset. Not durable yet."""
        data = encode_round(messages, now)
        if len(data) > _MAX_ROUND:
            raise QueueError(
                "over 4 GiB for one partition in one round", hint="append less at once"
            )
        try:
            if not self._sound:
                self._recover()
            self._sound = False
            if self._written.bytes >= self._settings.segment_bytes:
                self._begin(self._written.end)
                self._sound = False
            assert self._segment is not None
            first = self._written.end
            self._segment.append(data)
        except OSError as error:
            raise wrap(error, self._folder) from error
        written = self._written
        self._written = Head(first + len(messages), written.base, written.bytes + len(data))
        return first

    def sync(self) -> None:
        """Make all that was written durable and readable."""
        assert self._segment is not None
        try:
            self._segment.sync()
            self._publish()
        except OSError as error:
            raise wrap(error, self._folder) from error

    def _recover(self) -> None:
        """Cut back to the durable end; raises OSError while the disk does not let us."""
        durable = self._durable
        segment, self._segment = self._segment, None
        if segment is not None:
            with contextlib.suppress(OSError):
                segment.close()
        for base in segments(self._folder):
            if base > durable.base:  # begun, never published: nothing is in it
                self._filesystem.unlink(segment_path(self._folder, base))
        self._segment = self._filesystem.open(segment_path(self._folder, durable.base))
        self._segment.truncate(durable.bytes)
        self._segment.sync()
        self._written = durable
        self._publish()
        _log.warning("partition_cut_back", folder=str(self._folder), offset=durable.end)

    def trim(self, keep_from_ms: int | None, keep_bytes: int | None) -> int:
        """Remove closed segments that retention lets go; return how many messages they held.

        Raises:
            OSError: a segment could not be removed; the next call goes on there.
        """
        bases = [base for base in segments(self._folder) if base <= self._durable.base]
        sizes = [segment_path(self._folder, base).stat().st_size for base in bases]
        total, dropped = sum(sizes), 0
        for base, following, size in zip(bases, bases[1:], sizes, strict=False):
            # The next segment's first message is the newest possible age of all in this one.
            newest = first_appended(segment_path(self._folder, following))
            old = keep_from_ms is not None and newest is not None and newest < keep_from_ms
            large = keep_bytes is not None and total > keep_bytes
            if not (old or large):
                break
            self._filesystem.unlink(segment_path(self._folder, base))
            # One by one: power loss must not bring back an older segment than one that is gone.
            self._filesystem.sync_folder(self._folder)
            total -= size
            dropped += following - base
        return dropped

    def close(self) -> None:
        """Release the files and the lock."""
        for file in (self._segment, self._head_file):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        self._segment = self._head_file = None
        os.close(self._lock)
