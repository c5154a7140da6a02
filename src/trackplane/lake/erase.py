"""Taking rows out of rule tables again: the undo of a replay."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trackplane.lake.commit import Compaction, CompactionConflictError, DataFile, LakeError
from trackplane.lake.manifest import Manifest, ManifestReader
from trackplane.lake.parquet import FreshFiles
from trackplane.replay import Row

_PLACE: Final = ("_app", "_env", "_event", "_id", "_at")
_TRIES: Final = 10


def count_rows(
    manifest: ManifestReader, tables: Iterable[str], rule: str, rows: Collection[Row]
) -> int:
    """Return how many rows a rule put out for these events."""
    rows = frozenset(rows)
    return sum(
        int(np.count_nonzero(_found(manifest, file, rule, rows)))
        for table in tables
        for file in _files(manifest, table, rows)
    )


def erase_rows(manifest: Manifest, tables: Iterable[str], rule: str, rows: Collection[Row]) -> int:
    """Take the rows that a rule put out for these events out of tables; return how many.

    Doing it twice is doing it once. A file that was compacted meanwhile is looked at again.

    Raises:
        LakeError: a file cannot be read or written.
    """
    rows = frozenset(rows)
    return sum(_erase(manifest, table, rule, rows) for table in tables)


def _erase(manifest: Manifest, table: str, rule: str, rows: Collection[Row]) -> int:
    erased = 0
    for _ in range(_TRIES):
        conflict = False
        for file in _files(manifest, table, rows):
            gone = _found(manifest, file, rule, rows)
            count = int(np.count_nonzero(gone))
            if not count:
                continue
            try:
                _replace(manifest, file, pa.array(~gone))
            except CompactionConflictError:
                conflict = True
                continue
            erased += count
        if not conflict:
            return erased
    raise LakeError(f"{table}: rows could not be erased: compaction was always quicker")


def _replace(manifest: Manifest, file: DataFile, keep: Any) -> None:
    rest = _read(manifest, file).filter(keep)
    files = FreshFiles(manifest.folder)
    try:
        added: list[DataFile] = []
        if rest.num_rows:
            written = files.table(file.table, [rest])
            added.append(
                msgspec.structs.replace(written, fresh=file.fresh, date=file.date, grade=file.grade)
            )
        files.sync()
        manifest.replace(Compaction(removed=[file.path], added=added))
    except BaseException:
        files.discard()
        raise


def _files(manifest: ManifestReader, table: str, rows: Collection[Row]) -> list[DataFile]:
    apps = {row[0] for row in rows}
    times = [row[4] for row in rows]
    if not times:
        return []
    return [
        file
        for file in manifest.files(table)
        if apps & set(file.apps) and file.max_at >= min(times) and file.min_at <= max(times)
    ]


def _found(manifest: ManifestReader, file: DataFile, rule: str, rows: Collection[Row]) -> Any:
    """Return a mask of the file's rows that the rule put out for these events."""
    table = _read(manifest, file, columns=["_rule", *_PLACE])
    rules = np.array([name == rule for name in table["_rule"].to_pylist()], np.bool_)
    if not rules.any():
        return rules
    columns = [table[name].to_pylist() for name in _PLACE[:4]]
    times = table["_at"].cast(pa.int64()).to_pylist()
    places = zip(*columns, times, strict=True)
    return rules & np.array([place in rows for place in places], np.bool_)


def _read(manifest: ManifestReader, file: DataFile, columns: list[str] | None = None) -> Any:
    try:
        return pq.read_table(manifest.folder / file.path, columns=columns, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{file.path}: {error}") from error
