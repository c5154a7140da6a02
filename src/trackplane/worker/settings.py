"""A worker's settings."""

from __future__ import annotations

import msgspec


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker reads, flushes and shares partitions.

    Attributes:
        flush_ms: longest time read events wait before they are written and committed.
        flush_bytes: bytes read after which a flush comes earlier.
        read_bytes: bytes asked of a partition at a time.
        poll_ms: wait before asking again when nothing was there to read.
        lease_ms: a worker that is silent this long loses its partitions.
        max_ids: identities remembered per partition for deduplication.
        metrics_host: address of the workers' `/metrics`.
        metrics_port: port of the first worker's `/metrics`, the others follow; 0: none.
    """

    flush_ms: int = 1_000
    flush_bytes: int = 64 * 1024 * 1024
    read_bytes: int = 4 * 1024 * 1024
    poll_ms: int = 50
    lease_ms: int = 10_000
    max_ids: int = 10_000_000
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
