"""What is committed to the lake: plain structs, and the errors of a refused commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trackplane.errors import ConflictError, StorageError
from trackplane.ledger import LedgerEntry

EVENTS: Final = "events"
DIRTY: Final = "dirty"
RAW: Final = "raw"  # the consumer that stores every event
RULES: Final = "rules"  # the consumer that runs the rules

Partition = tuple[str, int]


class LakeError(StorageError):
    """The lake could not do what was asked; nothing of that call counts."""

    code = "lake"


class CommitConflictError(ConflictError):
    """Partitions were processed from elsewhere than where they stand: another owner was there.

    ``lost`` maps each to its committed position. Nothing was written.
    """

    code = "lake_conflict"

    def __init__(self, consumer: str, lost: dict[Partition, int]) -> None:
        names = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(lost))
        super().__init__(f"another owner committed for {consumer}: {names}")
        self.lost = lost


class RulesetBehindError(ConflictError):
    """Partitions were processed under a lower ruleset number before than now: wait for the newer.

    ``behind`` maps each to the number needed. Nothing was written.
    """

    code = "ruleset_behind"
    retryable = True

    def __init__(self, behind: dict[Partition, int]) -> None:
        need = ", ".join(f"{t}/{p} needs {n}" for (t, p), n in sorted(behind.items()))
        super().__init__(f"ruleset is behind what partitions were processed under: {need}")
        self.behind = behind


class CompactionConflictError(ConflictError):
    """A file to be replaced is no longer visible. Nothing was written."""

    code = "compaction_conflict"


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Messages ``start`` (inclusive) to ``end`` (exclusive) of a partition, and the ruleset number."""

    topic: str
    partition: int
    start: int
    end: int
    ruleset: int = 0

    @property
    def key(self) -> Partition:
        """Return the partition."""
        return self.topic, self.partition


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet file of a table. ``path`` is relative to the lake's folder; times are ms.

    A fresh file holds any dates and grades: its ``date`` and ``grade`` are empty. ``committed_at`` is
    the manifest's.
    """

    table: str
    path: str
    rows: int
    bytes: int
    fresh: bool = True
    date: str = ""
    grade: str = ""
    min_server: int = 0
    max_server: int = 0
    min_at: int = 0
    max_at: int = 0
    apps: tuple[str, ...] = ()
    committed_at: int = 0


class IdentityRun(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run of identities of a partition lies: ``length`` bytes at ``offset`` of a file."""

    topic: str
    partition: int
    path: str
    offset: int
    length: int
    count: int
    newest_ms: int


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """All that one consumer did between two flushes.

    ``replaced`` names the (path, offset) of identity runs that ``runs`` stand for now.
    ``oldest_ms`` is the earliest ``when.server`` among new rows, for freshness; 0: no rows.
    """

    consumer: str
    ranges: Sequence[Range]
    files: Sequence[DataFile] = ()
    runs: Sequence[IdentityRun] = ()
    replaced: Sequence[tuple[str, int]] = ()
    ledger: Sequence[LedgerEntry] = ()
    oldest_ms: int = 0


class Compaction(msgspec.Struct, frozen=True, kw_only=True):
    """Files replaced by files with the same rows, less duplicates, whose counts ``ledger`` moves."""

    removed: Sequence[str]
    added: Sequence[DataFile]
    ledger: Sequence[LedgerEntry] = ()


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows took from being received to being visible, over recent commits (ms)."""

    commits: int
    p50_ms: int
    p99_ms: int
    newest_ms: int
