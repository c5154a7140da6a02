"""Parquet files of the lake: written whole, synced with their folder, then described."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackplane.lake.commit import DataFile, LakeError

_DELTA: Final = (
    "server",
    "at",
    "_server",
    "_at",
    "offset",
    "index",
    "when_client",
    "when_sent",
    "how_seq",
)


class FreshFiles:
    """Writes one flush's files; ``discard`` removes them when they are not committed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[Path] = []
        self._folders: set[Path] = set()

    def table(self, table: str, parts: Sequence[pa.Table]) -> DataFile:
        """Write a table's rows to a fresh file, a row group for each part.

        Raises:
            LakeError: the disk refused.
        """
        path = self._new(f"{folder_name(table)}/fresh", ".parquet")
        schema = parts[0].schema
        with _wrapped(path):
            write(path, schema, parts)
            self._sync(path)
        return described(self._folder, path, table, parts)

    def blob(self, kind: str, data: bytes) -> str:
        """Write bytes to a file of their own; return its path in the lake."""
        path = self._new(kind, ".bin")
        with _wrapped(path):
            path.write_bytes(data)
            self._sync(path)
        return str(path.relative_to(self._folder))

    def sync(self) -> None:
        """Make the names of all written files durable; call before they are committed."""
        for folder in self._folders:
            with _wrapped(folder):
                sync_folder(folder)

    def discard(self) -> None:
        """Remove all written files."""
        for path in self._paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        self._paths.clear()

    def _new(self, kind: str, suffix: str) -> Path:
        folder = self._folder / kind
        with _wrapped(folder):
            make_folder(folder)
        path = folder / f"{uuid.uuid4().hex}{suffix}"
        self._paths.append(path)
        self._folders.add(folder)
        return path

    def _sync(self, path: Path) -> None:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def write(path: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """Write parts as row groups: zstd 1, dictionaries where the schema has them, deltas for counters."""
    columns = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=columns,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in _DELTA if name in schema.names},
        store_schema=False,
    ) as writer:
        for part in parts:
            writer.write_table(part)


def described(folder: Path, path: Path, table: str, parts: Sequence[pa.Table]) -> DataFile:
    """Return what the manifest keeps of a fresh file."""
    apps: set[str] = set()
    bounds: dict[str, list[int]] = {"server": [], "at": []}
    for part in parts:
        for name, values in bounds.items():
            column = name if name in part.schema.names else f"_{name}"
            if column in part.schema.names and part.num_rows:
                found: Any = pc.min_max(part[column].cast(pa.int64())).as_py()
                values += [v for v in found.values() if v is not None]
        app = "_app" if "_app" in part.schema.names else "app"
        apps.update(name for name in pc.unique(part[app]).to_pylist() if name is not None)
    server, at = bounds["server"] or [0], bounds["at"] or [0]
    return DataFile(
        table=table,
        path=str(path.relative_to(folder)),
        rows=sum(part.num_rows for part in parts),
        bytes=path.stat().st_size,
        min_server=min(server),
        max_server=max(server),
        min_at=min(at),
        max_at=max(at),
        apps=tuple(sorted(apps)),
    )


def folder_name(table: str) -> str:
    """Return the folder of a table: its name, made safe for a path."""
    safe = table.replace("_", "").replace("-", "").replace(".", "")
    if safe.isascii() and safe.isalnum() and len(table) <= 100:
        return table
    return "x" + table.encode().hex()[:200]


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, durably."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _wrapped(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path}: {error}") from error
