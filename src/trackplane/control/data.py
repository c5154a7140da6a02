"""What the control plane reads of the data plane: the queue's ends and the lake.

It never writes there, and runs without either: ``DataAccess`` itself is a data plane with nothing
in it, ``local.LocalData`` the one in the shared data folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trackplane.control.wire import DirtyGroup, Lag, QueryResult
from trackplane.dirty import DirtyEvent
from trackplane.discovery import Snapshot
from trackplane.errors import UnavailableError
from trackplane.ledger import LedgerEntry
from trackplane.queue import Batch

Partition = tuple[str, int]


class StoredDirty(DirtyEvent, frozen=True, kw_only=True):
    """A dirty event as the lake keeps it; ``key`` tells it from others."""

    key: str


class DataAccess:
    """A data plane with nothing in it."""

    def ends(self) -> Mapping[Partition, int]:
        """Return the next offset of every partition that live viewers follow."""
        return {}

    def read(self, partition: Partition, offset: int, max_bytes: int) -> Batch:
        """Return messages from ``offset`` on."""
        del partition, max_bytes
        return Batch(messages=[], next=offset)

    def lag(self) -> list[Lag]:
        """Return how far each group is behind in each partition."""
        return []

    def ledger(self, app: str | None, day: int | None) -> list[LedgerEntry]:
        """Return the ingest ledger of an app (None: all) on a day since 1970 (None: all)."""
        del app, day
        return []

    def rule_ledger(self) -> list[LedgerEntry]:
        """Return the ledger of stored events that rules failed on; ``reason`` names the rule."""
        return []

    def freshness_ms(self, now: int) -> int | None:
        """Return how long recent rows took from received to visible (p99); None without any."""
        del now
        return None

    def query(
        self,
        sql: str,
        *,
        apps: Sequence[str] | None,
        snapshot: Snapshot,
        limit: int,
        timeout_ms: int,
    ) -> QueryResult:
        """Run a SELECT over the views of these apps (None: all), typed as configured.

        Raises:
            InputError: the statement is wrong or not allowed.
            UnavailableError: there is no lake.
        """
        del sql, apps, snapshot, limit, timeout_ms
        raise UnavailableError("there is no lake in this data folder yet")

    def dirty(
        self,
        *,
        apps: Sequence[str] | None,
        reason: str = "",
        ids: Sequence[str] = (),
        keys: Sequence[str] = (),
        limit: int = 100,
        before: str = "",
    ) -> list[StoredDirty]:
        """Return dirty events, newest first, those after the key ``before`` in that order.

        ``reason``, ``ids`` (of the events) and ``keys`` choose, where they are given.
        """
        del apps, reason, ids, keys, limit, before
        return []

    def dirty_groups(self, *, apps: Sequence[str] | None) -> list[DirtyGroup]:
        """Return dirty events that failed alike, counted."""
        del apps
        return []
