"""The raw store: the consumer that writes every event to the lake, exactly once.

It reads frames, dirty events and ledger entries of the partitions it owns, deduplicates, and on
``flush`` writes fresh files and commits them with the positions read (``spec/lake.md``, commit).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from trackplane import dirty, ledger
from trackplane.engine.dedup import DedupSettings
from trackplane.errors import CorruptionError
from trackplane.event import LANE_TOPICS, Position
from trackplane.frame import Frame
from trackplane.lake.columns import EventColumns
from trackplane.lake.commit import (
    DIRTY,
    EVENTS,
    RAW,
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
from trackplane.lake.parquet import FreshFiles, make_folder
from trackplane.lake.settings import RawStoreSettings
from trackplane.ledger import Kind, LedgerEntry

_log = structlog.get_logger(__name__)
_DAY_MS: Final = 24 * 3600 * 1000
IDENTITY_BYTES: Final = 16

Key = tuple[int, str, str, str, Kind, str]


class FlushResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a flush did: where partitions stand now, which were lost, and what became visible."""

    positions: Mapping[Partition, int]
    lost: tuple[Partition, ...] = ()
    snapshot: int = 0
    rows: int = 0
    bytes: int = 0


class RawStoreStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed since the start; ``corrupt`` counts messages, the others events."""

    stored: int = 0
    dirty: int = 0
    deduplicated: int = 0
    corrupt: int = 0
    files: int = 0
    bytes: int = 0


class _Owned:
    """A partition's state since the last commit."""

    def __init__(self, start: int, identities: PartitionIdentities) -> None:
        self.start = self.next = start
        self.identities = identities
        self.counts: Counter[Key] = Counter()


class RawStore:
    """Stores the partitions assigned to it. Call from one thread.

    ``folder`` is the lake's; ``clock`` returns Unix ms.
    """

    group: Final = RAW

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        clock: Callable[[], int],
        settings: RawStoreSettings | None = None,
    ) -> None:
        self._manifest = manifest
        self._folder = Path(folder)
        self._clock = clock
        self._settings = settings or RawStoreSettings()
        self._owned: dict[Partition, _Owned] = {}
        self._frames = EventColumns()
        self._dirt = DirtyColumns()
        self._events: list[pa.Table] = []
        self._dirty: list[pa.Table] = []
        self._totals: Counter[str] = Counter()

    def assign(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Take partitions over; return where to read each from.

        Raises:
            LakeError: the manifest or an identity run cannot be read.
        """
        committed = self._manifest.committed(RAW)
        starts: dict[Partition, int] = {}
        for partition in partitions:
            start = committed.get(partition, 0)
            identities = PartitionIdentities(
                self._folder,
                self._manifest.runs(RAW, *partition),
                DedupSettings(max_ids=self._settings.max_ids, window_ms=self._settings.window_ms),
                self._settings.merge_runs,
            )
            self._owned[partition] = _Owned(start, identities)
            starts[partition] = start
        return starts

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and whatever of theirs is not committed."""
        gone = [partition for partition in partitions if self._owned.pop(partition, None)]
        if gone:
            self._forget_rows(gone)

    def add(self, topic: str, partition: int, offset: int, message: bytes) -> int:
        """Take the next message of an owned partition; return how many events it held.

        A gap before ``offset`` was taken by retention; it is counted. A message that cannot be
        decoded is kept aside and counted, never raised.
        """
        owned = self._owned[topic, partition]
        self.skip(topic, partition, offset)
        try:
            if topic in LANE_TOPICS:
                events = self._add_frame(owned, Position(topic, partition, offset), message)
            elif topic == dirty.TOPIC:
                events = self._add_dirty(owned, Position(topic, partition, offset), message)
            else:
                events = self._add_entries(owned, message)
        except CorruptionError as error:
            events = 0
            self._keep_aside(owned, topic, partition, offset, message, error)
        owned.next = offset + 1
        return events

    def skip(self, topic: str, partition: int, offset: int) -> None:
        """Go on to ``offset``; the messages before it were lost to retention and are counted."""
        owned = self._owned[topic, partition]
        if offset < owned.next:
            raise LakeError(f"{topic}/{partition}: offset {offset} comes after {owned.next}")
        if offset > owned.next:
            owned.counts[self._today(), "", "", "", "trimmed", topic] += offset - owned.next
            owned.next = offset

    def flush(self) -> FlushResult:
        """Write and commit all that was added.

        Partitions that another owner committed meanwhile are dropped with all their rows, and
        reported; the others are committed without them.

        Raises:
            LakeError: nothing was committed; drop and assign the partitions again.
        """
        self._seal()
        lost: list[Partition] = []
        while True:
            moved = {key: own for key, own in self._owned.items() if own.next > own.start}
            if not moved:
                return FlushResult(positions={}, lost=tuple(lost))
            files = FreshFiles(self._folder)
            try:
                commit = self._written(files, moved)
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
            # On any other failure the commit may have happened: the files stay, and if nothing
            # names them the compactor sweeps them.
            return self._committed(commit, moved, snapshot, lost)

    def statistics(self) -> RawStoreStatistics:
        """Return totals since the start."""
        return RawStoreStatistics(**self._totals)

    def _written(self, files: FreshFiles, moved: Mapping[Partition, _Owned]) -> Commit:
        written: list[DataFile] = []
        for table, parts in ((EVENTS, self._events), (DIRTY, self._dirty)):
            if any(part.num_rows for part in parts):
                written.append(files.table(table, parts))
        states = {key: own.identities for key, own in moved.items()}
        runs, replaced = write_runs(files, states)
        files.sync()
        counts: Counter[Key] = Counter()
        for own in moved.values():
            counts.update(own.counts)
        return Commit(
            consumer=RAW,
            ranges=[
                Range(topic=topic, partition=partition, start=own.start, end=own.next)
                for (topic, partition), own in moved.items()
            ],
            files=written,
            runs=runs,
            replaced=replaced,
            ledger=[LedgerEntry(*key, count) for key, count in counts.items()],
            oldest_ms=min((file.min_server for file in written), default=0),
        )

    def _committed(
        self,
        commit: Commit,
        moved: Mapping[Partition, _Owned],
        snapshot: int,
        lost: Iterable[Partition],
    ) -> FlushResult:
        for entry in commit.ledger:
            if entry.kind in ("stored", "dirty", "deduplicated", "corrupt"):
                self._totals[entry.kind] += entry.count
        for own in moved.values():
            own.start = own.next
            own.counts.clear()
            own.identities.committed()
        size = sum(file.bytes for file in commit.files)
        self._totals["files"] += len(commit.files)
        self._totals["bytes"] += size
        self._clear()
        return FlushResult(
            positions={entry.key: entry.end for entry in commit.ranges},
            lost=tuple(lost),
            snapshot=snapshot,
            rows=sum(file.rows for file in commit.files),
            bytes=size,
        )

    def _add_frame(self, owned: _Owned, position: Position, message: bytes) -> int:
        frame = Frame.decode(message)
        if not len(frame):
            return 0
        received = max(upload.received for upload in frame.uploads)
        keep, reused = owned.identities.admit(frame.identities, received)
        groups: dict[tuple[int, str, str], int] = {}
        of_upload = np.array(
            [
                groups.setdefault((u.received // _DAY_MS, u.app, u.env), len(groups))
                for u in frame.uploads
            ],
            np.int64,
        )
        keys = of_upload[frame.upload] * len(frame.names) + frame.name
        listed = list(groups)
        masks: tuple[tuple[Kind, npt.NDArray[np.bool_]], ...] = (
            ("stored", keep),
            ("deduplicated", ~keep),
            ("id_reused", reused),
        )
        for kind, mask in masks:
            if mask.any():
                totals = np.bincount(keys[mask])
                for key in np.flatnonzero(totals).tolist():
                    group, name = divmod(key, len(frame.names))
                    self._count(owned, listed[group], frame.names[name], kind, "", int(totals[key]))
        for row, flaws in frame.violations.items():
            if keep[row]:
                group, name = divmod(int(keys[row]), len(frame.names))
                self._count(owned, listed[group], frame.names[name], "warned", flaws[0].code, 1)
        self._frames.add(frame, position.topic, position.partition, position.offset, keep)
        if len(self._frames) >= self._settings.row_group_rows:
            self._seal()
        return len(frame)

    def _add_dirty(self, owned: _Owned, position: Position, message: bytes) -> int:
        events = dirty.decode(message)
        known = [n for n, event in enumerate(events) if len(event.identity) == IDENTITY_BYTES]
        again: set[int] = set()
        if known:
            halves = np.frombuffer(b"".join(events[n].identity for n in known), ">u8")
            keep, _ = owned.identities.admit(
                halves.astype(np.uint64).reshape(-1, 2),
                max(event.received for event in events),
            )
            again = {n for n, kept in zip(known, keep.tolist(), strict=True) if not kept}
        for index, event in enumerate(events):
            group = (event.received // _DAY_MS, event.app, event.env)
            if index in again:
                self._count(owned, group, event.event, "deduplicated", "dirty", 1)
            else:
                self._count(owned, group, event.event, "dirty", event.reason, 1)
                self._dirt.add(event, position, index)
        return len(events)

    def _add_entries(self, owned: _Owned, message: bytes) -> int:
        for entry in ledger.decode(message):
            group = (entry.day, entry.app, entry.env)
            self._count(owned, group, entry.event, entry.kind, entry.reason, entry.count)
        return 0

    def _count(
        self,
        owned: _Owned,
        group: tuple[int, str, str],
        event: str,
        kind: Kind,
        reason: str,
        count: int,
    ) -> None:
        owned.counts[(*group, event, kind, reason)] += count

    def _keep_aside(
        self,
        owned: _Owned,
        topic: str,
        partition: int,
        offset: int,
        message: bytes,
        error: CorruptionError,
    ) -> None:
        folder = self._folder / "corrupt"
        try:
            make_folder(folder)
            (folder / f"{topic}-{partition}-{offset}.bin").write_bytes(message)
        except OSError as failure:
            raise LakeError(f"{folder}: {failure}") from failure
        owned.counts[self._today(), "", "", "", "corrupt", topic] += 1
        _log.error(
            "message_kept_aside", topic=topic, partition=partition, offset=offset, error=str(error)
        )

    def _seal(self) -> None:
        """Turn what was collected into tables, a row group each."""
        if len(self._frames):
            self._events.append(self._frames.build())
            self._frames = EventColumns()
        if len(self._dirt):
            self._dirty.append(self._dirt.build())
            self._dirt = DirtyColumns()

    def _clear(self) -> None:
        self._frames, self._dirt = EventColumns(), DirtyColumns()
        self._events, self._dirty = [], []

    def _forget_rows(self, partitions: Iterable[Partition]) -> None:
        self._seal()
        for parts in (self._events, self._dirty):
            for n, part in enumerate(parts):
                gone = None
                for topic, partition in partitions:
                    here = pc.and_(
                        pc.equal(part["topic"], topic), pc.equal(part["partition"], partition)
                    )
                    gone = here if gone is None else pc.or_(gone, here)
                parts[n] = part.filter(pc.invert(gone))

    def _today(self) -> int:
        return self._clock() // _DAY_MS
