"""A source of files: one event's JSON a line, plain or gzip; a plain file can be followed."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, Final, cast

import msgspec

from trackplane.sources import Chunk, Source, SourceError, SourceOptionsError, SourcePlugin

_CHUNK: Final = 500  # events
_CHUNK_BYTES: Final = 512 * 1024
_LINE_BYTES: Final = 4 * 1024 * 1024
_POLL_S: Final = 0.2


class FileOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a file. ``follow`` waits for more lines at its end, across rotation."""

    path: str
    follow: bool = False


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    inode: int
    offset: int  # bytes; of what is inside, where the file is compressed


class FileSource(Source):
    """Reads lines. A line over 4 MiB is given up to that length: the collector names it too large."""

    def __init__(self, path: Path, *, follow: bool) -> None:
        self._path = path
        self._follow = follow

    def chunks(self, cursor: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Give whole lines; one without an end is given at the end of a file that is not followed."""
        place = msgspec.json.decode(cursor, type=_Cursor) if cursor else None
        while True:
            try:
                found = self._path.stat()
                # A compressed file's offset is of what is inside; nobody cuts one off and goes on.
                cut = (
                    place is not None
                    and self._path.suffix != ".gz"
                    and found.st_size < place.offset
                )
                if place is None or place.inode != found.st_ino or cut:
                    place = _Cursor(found.st_ino, 0)
                for chunk, after in self._read(place):
                    place = after
                    yield chunk
            except OSError as error:
                if not (self._follow and isinstance(error, FileNotFoundError)):
                    raise SourceError(f"cannot read {self._path.name}: {error.strerror}") from error
            if not self._follow or stopped():
                return
            time.sleep(_POLL_S)

    def _read(self, place: _Cursor) -> Iterator[tuple[Chunk, _Cursor]]:
        with _opened(self._path) as file:
            file.seek(place.offset)
            offset, size = place.offset, 0
            events: list[bytes] = []
            while line := file.readline(_LINE_BYTES):
                if not line.endswith(b"\n") and len(line) < _LINE_BYTES and self._follow:
                    break  # somebody is writing it
                offset += len(line)
                size += len(line)
                if line.strip():
                    events.append(line.strip())
                if len(events) >= _CHUNK or size >= _CHUNK_BYTES:
                    yield _chunk(events, place.inode, offset)
                    events, size = [], 0
            if events:
                yield _chunk(events, place.inode, offset)


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(path)) if path.suffix == ".gz" else path.open("rb")


def _chunk(events: list[bytes], inode: int, offset: int) -> tuple[Chunk, _Cursor]:
    place = _Cursor(inode, offset)
    return Chunk(events=events, cursor=msgspec.json.encode(place).decode()), place


class FilePlugin(SourcePlugin):
    """Files of the machine."""

    name: ClassVar[str] = "file"
    options: ClassVar[type[msgspec.Struct]] = FileOptions

    def open(self, options: Any) -> Source:
        """Check what can be checked now."""
        path = Path(options.path)
        if path.is_dir():
            raise SourceOptionsError(f"{path.name!r} is a folder", hint="name one file")
        if not options.follow and not path.exists():
            hint = "with follow=true it may come later"
            raise SourceOptionsError(f"there is no file {path.name!r}", hint=hint)
        if options.follow and path.suffix == ".gz":
            raise SourceOptionsError("a compressed file cannot be followed")
        return FileSource(path, follow=options.follow)
