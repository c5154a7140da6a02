"""The file system as the queue writes through it, so that tests can make it fail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


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

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""

    def unlink(self, path: Path) -> None:
        """Remove a file."""


class _RealFile:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._end = os.lseek(self._descriptor, 0, os.SEEK_END)

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, self._end)
            self._end += written
            view = view[written:]

    def overwrite(self, data: bytes) -> None:
        os.pwrite(self._descriptor, data, 0)

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

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()
