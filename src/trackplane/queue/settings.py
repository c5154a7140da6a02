"""How the disk queue writes."""

from __future__ import annotations

import msgspec


class DiskQueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the disk queue writes.

    Attributes:
        segment_bytes: size at which a new segment file is begun.
        sync_threads: partitions synced at the same time.
    """

    segment_bytes: int = 64 * 1024 * 1024
    sync_threads: int = 4
