"""The lake's settings."""

from __future__ import annotations

import msgspec


class RawStoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How events are stored.

    Attributes:
        row_group_rows: events turned into one Parquet row group; bounds memory.
        max_ids: identities remembered per partition for deduplication.
        window_ms: how long an identity is remembered, in server time.
        merge_runs: identity runs of a partition after which they are written as one.
    """

    row_group_rows: int = 32_000
    max_ids: int = 10_000_000
    window_ms: int = 24 * 3600 * 1000
    merge_runs: int = 64


class CompactionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When fresh files become partitions, and how long those stay.

    Attributes:
        min_files: fresh files of a table that make compaction worth while.
        max_age_ms: a fresh file older than this is compacted even if alone.
        max_bytes: input bytes of one compaction; bounds memory.
        grace_ms: how long a replaced or unnamed file stays on disk.
        merge_files: small files of a partition that make merging them worth while.
        duplicates_ms: how far back, in server time, duplicates that crossed partitions are looked for.
        memory_mb: DuckDB's memory limit while sorting.
        threads: DuckDB's threads while sorting.
        lease_ms: a compactor silent this long loses its turn.
        ttl_days: days a partition of ``events`` is kept, by grade; absent: for ever.
        dirty_ttl_days: days a partition of ``dirty`` is kept.
    """

    min_files: int = 40
    max_age_ms: int = 3600 * 1000
    max_bytes: int = 256 * 1024 * 1024
    merge_files: int = 8
    duplicates_ms: int = 3600 * 1000
    grace_ms: int = 15 * 60 * 1000
    memory_mb: int = 512
    threads: int = 1
    lease_ms: int = 5 * 60 * 1000
    ttl_days: dict[str, int] = msgspec.field(
        default_factory=lambda: {"P0": 1095, "P1": 730, "P2": 365, "P3": 90}
    )
    dirty_ttl_days: int = 30


class QuerySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one query's process.

    Attributes:
        timeout_ms: wall time a query may take; at most 10 minutes.
        memory_mb: DuckDB's memory limit; the process may take 1 GiB of address space more.
        cpu_s: CPU seconds the process may use.
        threads: DuckDB's threads.
        max_rows: rows returned at most.
        max_bytes: bytes of the answer at most.
        workers: queries at a time; further ones wait.
    """

    timeout_ms: int = 30_000
    memory_mb: int = 1024
    cpu_s: int = 120
    threads: int = 2
    max_rows: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    workers: int = 4
