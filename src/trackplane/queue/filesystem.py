"""The file system as the queue writes through it, so that tests can make it fail."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final, Protocol

from trackplane.errors import FullError
from trackplane.queue import QueueError

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class File(Protocol):
    """A file open for writing. Every method may raise ``OSError``."""

    def append(self, data: bytes) -> None:
        """Write all of ``data`` at the end."""

    def overwrite(self, data: bytes) -> None:
        """Write ``data`` at the start, in place."""

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes; the next ``append`` goes there."""

    def sync(self) -> None:
        """Return when what was written is durable."""

    def close(self) -> None:
        """Release the file."""


class Filesystem(Protocol):
    """What the queue does to a disk. Every method may raise ``OSError``."""

    def open(self, path: Path) -> File:
        """Open for writing, at its end, creating it if it is missing."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, where they are missing."""

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""

    def replace(self, source: Path, target: Path) -> None:
        """Put a file in the place of another in one step."""

    def unlink(self, path: Path) -> None:
        """Remove a file."""


class _RealFile:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._end = os.lseek(self._descriptor, 0, os.SEEK_END)

    def append(self, data: bytes) -> None:
        self._write(data, self._end)
        self._end += len(data)

    def overwrite(self, data: bytes) -> None:
        self._write(data, 0)

    def _write(self, data: bytes, position: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, position)
            position += written
            view = view[written:]

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        self._end = size

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class RealFilesystem:
    """The machine's own file system."""

    def open(self, path: Path) -> File:
        """Open for writing, at its end, creating it if it is missing."""
        return _RealFile(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, where they are missing."""
        path.mkdir(parents=True, exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Put a file in the place of another in one step."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()


def wrap(error: OSError, folder: Path) -> QueueError | FullError:
    """Return our error for a failure of the file system."""
    if error.errno in _NO_ROOM:
        return FullError(f"no room in {folder}: {error.strerror}", hint="free disk space")
    return QueueError(f"cannot use {folder}: {error.strerror or error}")


def write_whole(filesystem: Filesystem, path: Path, data: bytes) -> None:
    """Put a small file in place durably: readers see the old bytes or the new ones."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    file = filesystem.open(fresh)
    try:
        file.truncate(0)
        file.append(data)
        file.sync()
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    finally:
        file.close()
    filesystem.replace(fresh, path)
    filesystem.sync_folder(path.parent)
