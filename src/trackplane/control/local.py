"""The data plane in the shared data folder: the queue's ends, the lake's manifest and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackplane import dirty, ledger
from trackplane.control.data import DataAccess, Partition, StoredDirty
from trackplane.control.wire import Column, DirtyGroup, Lag, QueryResult
from trackplane.dirty import Stage
from trackplane.discovery import Snapshot
from trackplane.discovery.compile import Plans
from trackplane.errors import StorageError
from trackplane.event import LANE_TOPICS, Grade
from trackplane.lake.commit import DIRTY, RAW, RULES, DataFile
from trackplane.lake.manifest import ManifestReader
from trackplane.lake.query import QueryRunner
from trackplane.ledger import LedgerEntry
from trackplane.queue import Batch, Queue
from trackplane.rules import ir

_FRESHNESS_MS: Final = 10 * 60 * 1000  # over how much of the past it is measured
_READ: Final[Mapping[str, tuple[str, ...]]] = {
    RAW: (*LANE_TOPICS, dirty.TOPIC, ledger.TOPIC),
    RULES: LANE_TOPICS,
}
_GROUPED: Final = ("app", "stage", "reason", "rule", "event")


class LocalData(DataAccess):
    """Reads a queue and a lake that other processes of this machine write."""

    def __init__(
        self, queue: Queue, manifest: ManifestReader, runner: QueryRunner | None = None
    ) -> None:
        self._queue = queue
        self._manifest = manifest
        self._runner = runner or QueryRunner(manifest)

    def ends(self) -> Mapping[Partition, int]:
        """Return the next offset of every lane's partitions and of the dirty topic's."""
        return {
            (name, partition): self._queue.info(name, partition).end
            for name, spec in self._queue.topics().items()
            if name in LANE_TOPICS or name == dirty.TOPIC
            for partition in range(spec.partitions)
        }

    def read(self, partition: Partition, offset: int, max_bytes: int) -> Batch:
        """Return messages from ``offset`` on."""
        return self._queue.read(*partition, offset, max_bytes=max_bytes)

    def lag(self) -> list[Lag]:
        """Return how far the lake's consumers are behind, by what the manifest committed."""
        found: list[Lag] = []
        topics = self._queue.topics()
        for group, names in _READ.items():
            committed = self._manifest.committed(group)
            for name in names:
                for partition in range(topics[name].partitions if name in topics else 0):
                    end = self._queue.info(name, partition).end
                    at = committed.get((name, partition), 0)
                    found.append(
                        Lag(
                            group=group,
                            topic=name,
                            partition=partition,
                            end=end,
                            committed=at,
                            lag=max(0, end - at),
                        )
                    )
        return found

    def ledger(self, app: str | None, day: int | None) -> list[LedgerEntry]:
        """Return the ingest ledger."""
        return self._manifest.ledger(app, day)

    def rule_ledger(self) -> list[LedgerEntry]:
        """Return the ledger of stored events that rules failed on."""
        return self._manifest.rule_ledger()

    def freshness_ms(self, now: int) -> int | None:
        """Return how long recent rows took from received to visible (p99)."""
        found = self._manifest.freshness(now - _FRESHNESS_MS)
        return found.p99_ms if found.commits else None

    def query(
        self,
        sql: str,
        *,
        apps: Sequence[str] | None,
        snapshot: Snapshot,
        limit: int,
        timeout_ms: int,
    ) -> QueryResult:
        """Run a SELECT in a process with limits."""
        known = [resource.name for resource in snapshot.of_kind("app")]
        found = self._runner.query(
            sql,
            apps=known if apps is None else apps,
            specs=Plans(snapshot),
            datasets=[ir.decode_dataset(r.body) for r in snapshot.of_kind("dataset")],
            limit=limit,
            timeout_ms=timeout_ms,
        )
        return QueryResult(
            columns=[Column(name=column.name, type=column.type) for column in found.columns],
            rows=found.rows,
            snapshot=found.snapshot,
            truncated=found.truncated,
        )

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
        """Return dirty events, newest first, reading no more files than it takes."""
        wanted, named = set(keys), set(ids)
        files = sorted(self._files(apps), key=lambda file: file.max_server, reverse=True)
        found: list[tuple[str, StoredDirty]] = []
        for file in files:
            if len(found) == limit and found[-1][1].received > file.max_server:
                break  # the rest is older than all that was found
            rows = _after(self._table(file, apps, reason), before)
            chosen = (
                (key, event)
                for key, event in rows
                if (not wanted or key in wanted) and (not named or event.id in named)
            )
            both = merge(found, chosen, key=lambda row: _order(row[0]))
            found = list(islice(both, limit))
        return [event for _, event in found]

    def dirty_groups(self, *, apps: Sequence[str] | None) -> list[DirtyGroup]:
        """Return dirty events that failed alike, counted, the most first."""
        tables = [
            self._table(file, apps, "", columns=[*_GROUPED, "server"]) for file in self._files(apps)
        ]
        if not tables:
            return []
        table = pa.concat_tables(tables)
        grouped = table.group_by(list(_GROUPED)).aggregate([("server", "count"), ("server", "max")])
        found = [
            DirtyGroup(
                app=row["app"],
                stage=row["stage"],
                reason=row["reason"],
                rule=row["rule"],
                event=row["event"],
                count=row["server_count"],
                last_at=row["server_max"],
            )
            for row in grouped.to_pylist()
        ]
        return sorted(found, key=lambda group: (-group.count, -group.last_at))

    def _files(self, apps: Sequence[str] | None) -> list[DataFile]:
        return [
            file
            for file in self._manifest.files(DIRTY)
            if apps is None or not file.apps or set(apps) & set(file.apps)
        ]

    def _table(
        self,
        file: DataFile,
        apps: Sequence[str] | None,
        reason: str,
        columns: list[str] | None = None,
    ) -> Any:
        try:
            table = pq.read_table(
                self._manifest.folder / file.path,
                columns=columns and list(dict.fromkeys([*columns, "app", "reason"])),
                partitioning=None,
            )
        except (OSError, pa.ArrowException) as error:
            raise StorageError(f"a file of dirty events cannot be read: {error}") from error
        text = {name: table[name].cast(pa.string()) for name in ("app", "reason")}
        if apps is not None:
            table = table.filter(pc.is_in(text["app"], pa.array(list(apps), pa.string())))
        if reason:
            table = table.filter(pc.equal(table["reason"].cast(pa.string()), reason))
        plain = [
            pa.field(f.name, f.type.value_type) if pa.types.is_dictionary(f.type) else f
            for f in table.schema
        ]
        return table.cast(pa.schema(plain))


def _after(table: Any, before: str) -> Iterator[tuple[str, StoredDirty]]:
    """Yield a table's rows in the order of ``_order``, those after the key ``before``."""
    keyed = sorted(((_key(row), row) for row in table.to_pylist()), key=lambda row: _order(row[0]))
    for key, row in keyed:
        if not before or _order(key) > _order(before):
            yield key, _stored(key, row)


def _key(row: Mapping[str, Any]) -> str:
    return ":".join(str(row[name]) for name in ("server", "topic", "partition", "offset", "index"))


def _order(key: str) -> tuple[int, str]:
    """Sort keys newest first; anything that is no key of ours comes last."""
    server, _, rest = key.partition(":")
    return (-int(server) if server.isdecimal() and len(server) < 19 else 1, rest)


def _stored(key: str, row: Mapping[str, Any]) -> StoredDirty:
    return StoredDirty(
        key=key,
        app=row["app"],
        env=row["env"],
        stage=msgspec.convert(row["stage"], Stage),
        reason=row["reason"],
        received=row["server"],
        id=row["id"] or "",
        event=row["event"] or "",
        grade=msgspec.convert(row["grade"], Grade),
        message=row["message"] or "",
        header=row["header"] or b"{}",
        data=row["data"] or b"",
        rule=row["rule"] or "",
        wire=row["wire"] or "native",
    )
