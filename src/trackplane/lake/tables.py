"""What rules put out, committed to the lake exactly once: datasets of kind ``table``, dirty events.

``TableCommitter`` is the lake's half of the consumer ``rules``; the worker runs the engine between
``admit`` and ``add``.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from trackplane.dirty import DirtyEvent
from trackplane.engine.dedup import DedupSettings, Mask
from trackplane.engine.engine import DatasetRows, Outputs
from trackplane.event import Position
from trackplane.frame import Frame
from trackplane.lake.columns import MOMENT
from trackplane.lake.commit import (
    DIRTY,
    RULES,
    Commit,
    CommitConflictError,
    DataFile,
    LakeError,
    Partition,
    Range,
)
from trackplane.lake.dirt import DirtyColumns
from trackplane.lake.identities import PartitionIdentities, write_runs
from trackplane.lake.manifest import Manifest
from trackplane.lake.parquet import FreshFiles
from trackplane.lake.settings import RawStoreSettings
from trackplane.lake.writer import FlushResult
from trackplane.ledger import LedgerEntry
from trackplane.rules.ir import EVENT_COLUMNS, Dataset

_DAY_MS: Final = 24 * 3600 * 1000
_FIRST_MS: Final = -62_135_596_800_000  # year 1
_LAST_MS: Final = 253_402_300_799_999  # year 9999
_STANDARD: Final = ("_rule", "_app", "_env", "_id", "_event", "_at", "_server", "_weight")
_ARROW: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": MOMENT,
    "json": pa.string(),
}
_PYTHON: Final[Mapping[str, Any]] = {
    "string": str | None,
    "int64": int | None,
    "float64": float | None,
    "bool": bool | None,
    "timestamp": int | None,
    "json": msgspec.Raw,
}


class _Owned:
    """A partition's state and outputs since the last commit."""

    def __init__(self, start: int, identities: PartitionIdentities) -> None:
        self.start = self.next = start
        self.identities = identities
        self.rows: dict[str, DatasetRows] = {}
        self.dirty: list[tuple[DirtyEvent, Position, int]] = []

    def clear(self) -> None:
        self.rows, self.dirty = {}, []


class TableCommitter:
    """Commits the outputs of rules for the partitions assigned to it. Call from one thread.

    ``start`` says where a group begins in a partition that it never committed.
    """

    def __init__(
        self,
        manifest: Manifest,
        settings: RawStoreSettings | None = None,
        *,
        group: str = RULES,
        start: Callable[[Partition], int] = lambda _: 0,
    ) -> None:
        self.group: Final = group
        self._start = start
        self._manifest = manifest
        self._settings = settings or RawStoreSettings()
        self._owned: dict[Partition, _Owned] = {}

    def assign(self, partitions: Iterable[Partition], ruleset: int) -> dict[Partition, int]:
        """Take partitions over; return where to read each from.

        One that was processed under a higher number than ``ruleset`` is left out: ask again.

        Raises:
            LakeError: the manifest or an identity run cannot be read.
        """
        committed = self._manifest.committed(self.group)
        numbers = self._manifest.rulesets(self.group)
        starts: dict[Partition, int] = {}
        for partition in partitions:
            if numbers.get(partition, 0) > ruleset:
                continue
            identities = PartitionIdentities(
                self._manifest.folder,
                self._manifest.runs(self.group, *partition),
                DedupSettings(max_ids=self._settings.max_ids, window_ms=self._settings.window_ms),
                self._settings.merge_runs,
            )
            if partition not in committed:
                self._begin(partition, ruleset)
                committed = self._manifest.committed(self.group)
            starts[partition] = committed.get(partition, 0)
            self._owned[partition] = _Owned(starts[partition], identities)
        return starts

    def _begin(self, partition: Partition, ruleset: int) -> None:
        """Commit where the group begins; somebody who did so first is right."""
        topic, number = partition
        begin = self._start(partition)
        if begin:
            entry = Range(topic=topic, partition=number, start=0, end=begin, ruleset=ruleset)
            with contextlib.suppress(CommitConflictError):
                self._manifest.commit(Commit(consumer=self.group, ranges=[entry]))

    def start_of(self, partition: Partition) -> int:
        """Return where what is not committed begins."""
        return self._owned[partition].start

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and whatever of theirs is not committed."""
        for partition in partitions:
            self._owned.pop(partition, None)

    def admit(self, partition: Partition, frame: Frame) -> Mask:
        """Return which of a frame's events are to be processed: those not seen before."""
        received = max((upload.received for upload in frame.uploads), default=0)
        keep, _ = self._owned[partition].identities.admit(frame.identities, received)
        return keep

    def add(self, partition: Partition, offset: int, outputs: Outputs) -> None:
        """Take what the messages up to ``offset`` (inclusive) gave."""
        owned = self._owned[partition]
        for name, rows in outputs.rows.items():
            owned.rows.setdefault(name, DatasetRows()).extend(rows)
        position = Position(*partition, offset)
        owned.dirty += [(event, position, n) for n, event in enumerate(outputs.dirty)]
        self.skip(partition, offset + 1)

    def skip(self, partition: Partition, offset: int) -> None:
        """Go on to ``offset``: what is before it gave nothing."""
        owned = self._owned[partition]
        if offset < owned.next:
            raise LakeError(f"{partition}: offset {offset} comes after {owned.next}")
        owned.next = offset

    def flush(self, datasets: Mapping[str, Dataset], ruleset: int) -> FlushResult:
        """Write and commit all that was added under a ruleset number.

        Rows of a dataset that is not a table here are left out. Partitions that another owner
        committed meanwhile are dropped, and reported; the others are committed.

        Raises:
            RulesetBehindError: somebody processed a partition under a higher number.
            LakeError: nothing was committed; drop and assign the partitions again.
        """
        lost: list[Partition] = []
        while True:
            moved = {key: own for key, own in self._owned.items() if own.next > own.start}
            if not moved:
                return FlushResult(positions={}, lost=tuple(lost))
            files = FreshFiles(self._manifest.folder)
            try:
                commit = self._written(files, moved, datasets, ruleset)
            except BaseException:
                files.discard()
                raise
            try:
                snapshot = self._manifest.commit(commit)
            except CommitConflictError as conflict:
                files.discard()
                self.drop(conflict.lost)
                lost += conflict.lost
                continue
            for own in moved.values():
                own.start = own.next
                own.clear()
                own.identities.committed()
            return FlushResult(
                positions={entry.key: entry.end for entry in commit.ranges},
                lost=tuple(lost),
                snapshot=snapshot,
                rows=sum(file.rows for file in commit.files),
                bytes=sum(file.bytes for file in commit.files),
            )

    def _written(
        self,
        files: FreshFiles,
        moved: Mapping[Partition, _Owned],
        datasets: Mapping[str, Dataset],
        ruleset: int,
    ) -> Commit:
        rows: dict[str, DatasetRows] = {}
        dirty = DirtyColumns()
        counts: Counter[tuple[int, str, str, str, str]] = Counter()
        for own in moved.values():
            for name, some in own.rows.items():
                if name in datasets and datasets[name].kind == "table":
                    rows.setdefault(name, DatasetRows()).extend(some)
            for event, position, index in own.dirty:
                dirty.add(event, position, index)
                day = event.received // _DAY_MS
                counts[day, event.app, event.env, event.event, event.rule] += 1
        written: list[DataFile] = [
            files.table(name, [table_of(datasets[name], some)])
            for name, some in rows.items()
            if len(some)
        ]
        if len(dirty):
            written.append(files.table(DIRTY, [dirty.build()]))
        states = {key: own.identities for key, own in moved.items()}
        runs, replaced = write_runs(files, states)
        files.sync()
        return Commit(
            consumer=self.group,
            ranges=[
                Range(topic=t, partition=p, start=own.start, end=own.next, ruleset=ruleset)
                for (t, p), own in moved.items()
            ],
            files=written,
            runs=runs,
            replaced=replaced,
            ledger=[
                LedgerEntry(day, app, env, event, "dirty", rule, count)
                for (day, app, env, event, rule), count in counts.items()
            ],
            oldest_ms=min((file.min_server for file in written), default=0),
        )


def table_of(dataset: Dataset, rows: DatasetRows) -> pa.Table:
    """Return rows as an Arrow table: the dataset's columns, then the standard ones.

    Raises:
        LakeError: a row does not have the declared types (the engine checks them).
    """
    columns = dataset.columns or EVENT_COLUMNS
    names = list(columns)
    shape = msgspec.defstruct(
        "Row",
        [
            (f"c{n}", _PYTHON[kind], msgspec.Raw() if kind == "json" else None)
            for n, kind in enumerate(columns.values())
        ],
        rename={f"c{n}": name for n, name in enumerate(names)},
        gc=False,
    )
    try:
        decoder = msgspec.json.Decoder(list[shape])  # type: ignore[valid-type]
        found = decoder.decode(b"[" + b",".join(rows.data) + b"]")
    except msgspec.DecodeError as error:
        raise LakeError(f"dataset {dataset.name}: {error}") from error
    arrays: list[pa.Array] = [
        _array([getattr(row, f"c{n}") for row in found], kind)
        for n, kind in enumerate(columns.values())
    ]
    arrays += [
        pa.array(values, pa.string()).dictionary_encode()
        for values in (rows.rule, rows.app, rows.env, rows.id, rows.event)
    ]
    arrays += [pa.array(np.array(times, np.int64)).view(MOMENT) for times in (rows.at, rows.server)]
    arrays.append(pa.array(np.array(rows.weight, np.float64)))
    return pa.table(arrays, [*names, *_STANDARD])


def _array(values: Sequence[Any], kind: str) -> pa.Array:
    if kind == "json":
        texts = [bytes(value) or None for value in values]
        return pa.array([None if t == b"null" else t for t in texts], pa.binary()).cast(pa.string())
    if kind == "timestamp":
        inside = [v if v is not None and _FIRST_MS <= v <= _LAST_MS else None for v in values]
        return pa.array(inside, pa.int64()).view(MOMENT)
    return pa.array(values, _ARROW[kind])
