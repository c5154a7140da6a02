"""What the control plane reads of the data plane: the queue's ends and the lake.

It writes nothing there but replays, and runs without either: ``DataAccess`` itself is a data plane with nothing
in it, ``local.LocalData`` the one in the shared data folder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from trackplane.control.wire import Lag, QueryResult
from trackplane.dirty import DirtyEvent
from trackplane.discovery import Snapshot
from trackplane.errors import UnavailableError
from trackplane.lake.census import Counts
from trackplane.lake.commit import DataFile
from trackplane.lake.event_figures import EventFigures
from trackplane.lake.metrics import MetricSeries
from trackplane.lake.replay import Replayed
from trackplane.lake.sample import EventSample
from trackplane.ledger import LedgerEntry
from trackplane.queue import Batch
from trackplane.replay import Row
from trackplane.rules import ir
from trackplane.rules.library import Environment
from trackplane.rules.metrics import CompiledMetric

Partition = tuple[str, int]


class StoredDirty(DirtyEvent, frozen=True, kw_only=True):
    """A dirty event as the lake keeps it; ``key`` tells it from others.

    ``failing`` tells one failing (of an event, by a rule) from another, ``attempts`` how often it came.
    """

    key: str
    failing: bytes
    attempts: int
    app_version: str


class DirtyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dirty events: what is empty does not choose.

    ``apps`` None is every app. ``resolved`` are failings that are mended: they are left out, or
    with ``only_resolved`` all others are; None: that does not matter.
    """

    apps: Collection[str] | None = None
    stage: str = ""
    reason: str = ""
    rule: str = ""
    event: str = ""
    app_version: str = ""
    ids: Collection[str] = ()
    keys: Collection[str] = ()
    resolved: Collection[bytes] | None = None
    only_resolved: bool = False


class DirtyCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Dirty events that failed alike; ``sample`` is the key of the newest. Times are ms."""

    fields: Mapping[str, str]
    count: int
    first_at: int
    last_at: int
    sample: str


class DirtyTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How many failings there are."""

    unresolved: int = 0
    resolved: int = 0


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a rule put out for some events, and in which datasets to look for them."""

    rule: str
    tables: Sequence[str]
    rows: Collection[Row]


class DataAccess:
    """A data plane with nothing in it."""

    def ends(self) -> Mapping[Partition, int]:
        """Return the next offset of every partition that live viewers follow."""
        return {}

    def read(self, partition: Partition, offset: int, max_bytes: int) -> Batch:
        """Return messages from ``offset`` on."""
        del partition, max_bytes
        return Batch(messages=[], next=offset)

    def lag(self, sinks: Sequence[str] = ()) -> list[Lag]:
        """Return how far each group is behind in each partition; ``sinks`` are datasets delivered."""
        del sinks
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
        self, wanted: DirtyFilter, *, limit: int = 100, before: str = ""
    ) -> list[StoredDirty]:
        """Return dirty events, newest first, those after the key ``before`` in that order."""
        del wanted, limit, before
        return []

    def dirty_groups(self, wanted: DirtyFilter, by: Sequence[str]) -> list[DirtyCounts]:
        """Return dirty events that failed alike in the fields ``by``, counted, the most first."""
        del wanted, by
        return []

    def dirty_total(self, apps: Collection[str] | None, resolved: Collection[bytes]) -> DirtyTotal:
        """Return how many failings there are, and how many of them are among ``resolved``."""
        del apps, resolved
        return DirtyTotal()

    def replay_rule(
        self,
        rule: ir.Rule,
        *,
        since_ms: int,
        until_ms: int,
        apps: Sequence[str] | None,
        snapshot: Snapshot,
        environment: Environment,
        limit: int,
    ) -> Replayed:
        """Run a rule over stored events of these apps (None: all); return up to ``limit`` rows.

        Raises:
            InputError: the rule cannot be run so, or there are no events of that time.
            UnavailableError: there is no lake.
        """
        del rule, since_ms, until_ms, apps, snapshot, environment, limit
        raise UnavailableError("there is no lake in this data folder yet")

    # --- files of events, for those who count them

    def snapshot(self) -> int:
        """Return the number of the lake's state; 0 before there is one."""
        return 0

    def files(self, snapshot: int) -> list[DataFile]:
        """Return the files of stored and of dirty events in a state."""
        del snapshot
        return []

    def census(self, file: DataFile) -> Counts:
        """Return what a file holds, counted by event, sender and day.

        Raises:
            StorageError: it cannot be read.
        """
        raise UnavailableError(f"there is no lake in this data folder yet: {file.path}")

    def metric(
        self, compiled: CompiledMetric, *, since_ms: int, until_ms: int, step_ms: int | None = None
    ) -> MetricSeries:
        """Return a metric over stored events by event time (``lake.metrics.series``).

        Raises:
            ReplayError: there are no events of that time.
            UnavailableError: there is no lake.
        """
        del compiled, since_ms, until_ms, step_ms
        raise UnavailableError("there is no lake in this data folder yet")

    def sample(
        self,
        *,
        app: str,
        events: Collection[str],
        since_ms: int,
        until_ms: int,
        most: int,
        timeout_s: float,
        committed: Mapping[Partition, int] | None = None,
        dirty: bool = True,
    ) -> EventSample:
        """Return some events of these names, of each platform and version a few at least.

        With ``committed``, only events before these offsets. Nothing where there is no lake.

        Raises:
            StorageError: the lake cannot be read.
        """
        del app, events, most, timeout_s, committed, dirty
        return EventSample(since=since_ms, until=until_ms, populations={}, events=(), cut=False)

    def event_figures(
        self,
        *,
        app: str,
        event: str,
        env: str,
        hours_since: int,
        violations_since: int,
        timeout_s: float,
    ) -> EventFigures:
        """Return what arrived of an event by hour, and its violations, since these times (ms)."""
        del app, event, env, hours_since, violations_since, timeout_s
        return EventFigures()

    # --- replays of rules: the one thing the control plane appends

    def replay_end(self) -> int:
        """Return the offset of the next replay message."""
        return 0

    def send_replay(self, messages: Sequence[bytes]) -> int:
        """Append replay messages; return the offset after them.

        Raises:
            UnavailableError: there is no data plane.
        """
        del messages
        raise UnavailableError("there is no queue in this data folder yet")

    def replayed(self) -> int:
        """Return the offset up to which replay messages were processed and committed."""
        return 0

    def failed_replays(self, offset: int) -> set[bytes]:
        """Return the failings that replay messages from ``offset`` on gave again."""
        del offset
        return set()

    def count_rows(self, written: Written) -> int:
        """Return how many rows there are of a rule for these events."""
        del written
        return 0
