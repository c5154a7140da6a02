"""A sink of files: lines of JSON in a folder, a file for each delivery, replaced when made again."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from trackplane.sinks import (
    Delivery,
    Sink,
    SinkContext,
    SinkError,
    SinkOptionsError,
    SinkPlugin,
)


class FileOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of files.

    ``path`` is a folder inside the sink's own, so that a dataset cannot write elsewhere; ``gzip``
    compresses each file.
    """

    path: str = "."
    gzip: bool = False


class FileSink(Sink):
    """Writes ``<topic>-<partition>-<offset>.ndjson``: whole or not at all, synced, exactly once."""

    def __init__(self, folder: Path, *, compress: bool) -> None:
        self._folder = folder
        self._compress = compress

    def write(self, delivery: Delivery) -> None:
        """Write a file beside its place and move it there."""
        name = delivery.key.rpartition("/")[2] + ".ndjson" + (".gz" if self._compress else "")
        data = b"".join(row + b"\n" for row in delivery.rows)
        if self._compress:
            data = gzip.compress(data, 1, mtime=0)
        part = self._folder / f".{name}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / name)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SinkError(f"cannot write {name}: {error.strerror or error}") from error


class FilePlugin(SinkPlugin):
    """Files of the machine."""

    name: ClassVar[str] = "file"
    options: ClassVar[type[msgspec.Struct]] = FileOptions

    def open(self, context: SinkContext, options: Any) -> Sink:
        """Check that the folder is inside the sink's own."""
        root = context.folder.resolve()
        folder = (root / options.path).resolve()
        if not folder.is_relative_to(root):
            raise SinkOptionsError(
                f"dataset {context.dataset.name!r}: the path {options.path!r} leaves the sink's folder",
                hint="write a path below it, without .. or a leading /",
            )
        return FileSink(folder, compress=options.gzip)
