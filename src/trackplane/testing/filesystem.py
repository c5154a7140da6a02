"""A file system that fails when told: full disk, I/O errors, short writes, at chosen calls."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from trackplane.queue.filesystem import File, Filesystem, RealFilesystem

Operation = Literal[
    "append",
    "overwrite",
    "truncate",
    "sync",
    "open",
    "make_folder",
    "sync_folder",
    "replace",
    "unlink",
]


class _Fault:
    def __init__(self, error: int, after: int, times: int | None, part: float) -> None:
        self.error = error
        self.after = after
        self.times = times
        self.part = part


class FaultyFilesystem:
    """The real file system, until ``fail`` says otherwise. ``calls`` counts every operation.

    >>> filesystem = FaultyFilesystem()
    >>> filesystem.fail("append", errno.ENOSPC, part=0.5)  # half is written, then: disk full
    """

    def __init__(self, below: Filesystem | None = None) -> None:
        self.calls: dict[Operation, int] = {}
        self._below = below or RealFilesystem()
        self._faults: dict[Operation, _Fault] = {}

    def fail(
        self,
        operation: Operation,
        error: int = errno.EIO,
        *,
        after: int = 0,
        times: int | None = 1,
        part: float = 0.0,
    ) -> None:
        """Let an operation fail.

        Args:
            operation: which one.
            error: the ``errno`` raised.
            after: how many calls succeed before.
            times: how many fail; None until ``heal``.
            part: the share (0..1) of the bytes that a failing write leaves behind: a short write.
        """
        self._faults[operation] = _Fault(error, after, times, part)

    def heal(self) -> None:
        """Let everything succeed again."""
        self._faults.clear()

    def _call(self, operation: Operation, partly: Callable[[float], None] | None = None) -> None:
        self.calls[operation] = self.calls.get(operation, 0) + 1
        fault = self._faults.get(operation)
        if fault is None:
            return
        if fault.after:
            fault.after -= 1
            return
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                del self._faults[operation]
        if partly is not None:
            partly(fault.part)
        raise OSError(fault.error, os.strerror(fault.error))

    def open(self, path: Path) -> File:
        """Open for writing, at its end, creating it if it is missing."""
        self._call("open")
        return _FaultyFile(self._below.open(path), self._call)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, where they are missing."""
        self._call("make_folder")
        self._below.make_folder(path)

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""
        self._call("sync_folder")
        self._below.sync_folder(path)

    def replace(self, source: Path, target: Path) -> None:
        """Put a file in the place of another in one step."""
        self._call("replace")
        self._below.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        self._call("unlink")
        self._below.unlink(path)


class _FaultyFile:
    def __init__(self, file: File, call: Callable[..., None]) -> None:
        self._file = file
        self._call = call

    def append(self, data: bytes) -> None:
        self._call("append", lambda part: self._file.append(data[: int(len(data) * part)]))
        self._file.append(data)

    def overwrite(self, data: bytes) -> None:
        self._call("overwrite", lambda part: self._file.overwrite(data[: int(len(data) * part)]))
        self._file.overwrite(data)

    def truncate(self, size: int) -> None:
        self._call("truncate")
        self._file.truncate(size)

    def sync(self) -> None:
        self._call("sync")
        self._file.sync()

    def close(self) -> None:
        self._file.close()
