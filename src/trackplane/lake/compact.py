"""Compaction: fresh files to (date, grade) partitions, retention, and sweeping what nobody names.

``spec/lake.md``, compaction. Any number of processes may run one; a lease in the manifest lets one
work at a time, and the manifest's own check keeps a paused one from doing harm.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from trackplane.lake import views
from trackplane.lake.commit import DIRTY, EVENTS, Compaction, DataFile, LakeError
from trackplane.lake.duckdb import Workspace
from trackplane.lake.manifest import Manifest
from trackplane.lake.parquet import folder_name, make_folder, sync_folder
from trackplane.lake.settings import CompactionSettings
from trackplane.ledger import Kind, LedgerEntry

_log = structlog.get_logger(__name__)
_LEASE: Final = "compactor"
_IDENTITY: Final = "app, id, event, when_client"
_ROW: Final = 'topic, partition, "offset", "index"'


class CompactionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did; counts of files and rows."""

    compacted: int = 0
    written: int = 0
    duplicates: int = 0
    expired: int = 0
    swept: int = 0


class _Layout(msgspec.Struct, frozen=True):
    """How a table is partitioned and sorted: SQL over its columns."""

    server: str
    at: str
    grade: str
    app: str
    order: str


def _layout(table: str) -> _Layout:
    if table == EVENTS:
        return _Layout("server", '"at"', "grade", "app", 'app, event, "at"')
    if table == DIRTY:
        return _Layout("epoch_ms(server)", "epoch_ms(server)", "grade", "app", "app, event, server")
    return _Layout("_server", "_at", "''", "_app", "_app, _event, _at")


class Compactor:
    """Keeps a lake's files few, sorted and no older than wanted. Call from one thread."""

    def __init__(
        self,
        manifest: Manifest,
        clock: Callable[[], int],
        settings: CompactionSettings | None = None,
    ) -> None:
        self._manifest = manifest
        self._folder = manifest.folder
        self._clock = clock
        self._settings = settings or CompactionSettings()
        self._holder = uuid.uuid4().hex

    def run(self) -> CompactionReport | None:
        """Compact, expire and sweep once; None when another process has the turn.

        Raises:
            LakeError: a file or the manifest failed; what was done before counts.
            CompactionConflictError: another compactor was faster.
        """
        if not self._turn():
            return None
        compacted = written = duplicates = 0
        for table in self._manifest.tables():
            for files, fresh in self._due(table):
                made, dropped = self._rewrite(table, files, fresh=fresh)
                compacted += len(files)
                written += made
                duplicates += dropped
        expired = self.expire(self._clock())
        swept = len(self.sweep(self._clock()))
        self._manifest.release(_LEASE, self._holder)
        return CompactionReport(
            compacted=compacted,
            written=written,
            duplicates=duplicates,
            expired=expired,
            swept=swept,
        )

    def expire(self, now: int) -> int:
        """Drop partitions past their time; return how many files went."""
        today = dt.datetime.fromtimestamp(now / 1000, dt.UTC).date()
        gone: list[str] = []
        for table in (EVENTS, DIRTY):
            for file in self._manifest.files(table):
                days = self._settings.ttl_days.get(file.grade)
                if table == DIRTY:
                    days = self._settings.dirty_ttl_days
                if file.date and days is not None:
                    age = today - dt.date.fromisoformat(file.date)
                    if age.days > days:
                        gone.append(file.path)
        if gone:
            self._manifest.replace(Compaction(removed=gone, added=()))
            _log.info("partitions_expired", files=len(gone))
        return len(gone)

    def sweep(self, now: int) -> list[str]:
        """Delete files replaced, or named by nobody, longer ago than the grace time."""
        limit = (now - self._settings.grace_ms) / 1000
        candidates: list[str] = []
        for kind in (p for p in self._folder.iterdir() if p.is_dir() and p.name != "corrupt"):
            for path in kind.rglob("*"):
                try:
                    if path.is_file() and path.stat().st_mtime <= limit:
                        candidates.append(str(path.relative_to(self._folder)))
                except FileNotFoundError:
                    continue
        return self._manifest.sweep(candidates, now, self._settings.grace_ms)

    def _turn(self) -> bool:
        return self._manifest.acquire(_LEASE, self._holder, self._settings.lease_ms)

    def _due(self, table: str) -> Iterable[tuple[list[DataFile], bool]]:
        """Yield sets of files to be rewritten together, and whether they are fresh."""
        settings = self._settings
        files = self._manifest.files(table)
        fresh = [file for file in files if file.fresh]
        old = self._clock() - settings.max_age_ms
        if fresh and (len(fresh) >= settings.min_files or fresh[0].committed_at <= old):
            for some in _cut(fresh, settings.max_bytes):
                yield some, True
        small: dict[tuple[str, str], list[DataFile]] = {}
        for file in files:
            if not file.fresh and file.bytes < settings.max_bytes // 2:
                small.setdefault((file.date, file.grade), []).append(file)
        for group in small.values():
            if len(group) >= settings.merge_files:
                for some in _cut(group, settings.max_bytes):
                    if len(some) > 1:
                        yield some, False

    def _rewrite(self, table: str, files: Sequence[DataFile], *, fresh: bool) -> tuple[int, int]:
        spill = self._folder / "spill" / self._holder
        written: list[Path] = []
        try:
            with Workspace(
                memory_mb=self._settings.memory_mb, threads=self._settings.threads, spill=spill
            ) as workspace:
                source = views.read(self._paths(files), by_name=table not in (EVENTS, DIRTY))
                ledger: list[LedgerEntry] = []
                if table == EVENTS and fresh:
                    ledger = self._find_duplicates(workspace, files, source)
                    source = (
                        f"SELECT f.* FROM ({source}) AS f ANTI JOIN duplicates AS d USING ({_ROW})"  # noqa: S608
                    )
                added = [
                    self._write(workspace, table, source, part, written)
                    for part in self._partitions(workspace, table, source)
                ]
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(spill, ignore_errors=True)
        dropped = sum(entry.count for entry in ledger if entry.kind == "deduplicated")
        before, after = sum(f.rows for f in files), sum(f.rows for f in added)
        if before != after + dropped or not self._turn():
            for path in written:
                path.unlink(missing_ok=True)
            if before != after + dropped:
                raise LakeError(f"compaction of {table}: {before} rows became {after} + {dropped}")
            return 0, 0
        self._manifest.replace(
            Compaction(removed=[file.path for file in files], added=added, ledger=ledger)
        )
        _log.info("compacted", table=table, files=len(files), rows=after, duplicates=dropped)
        return len(added), dropped

    def _find_duplicates(
        self, workspace: Workspace, files: Sequence[DataFile], source: str
    ) -> list[LedgerEntry]:
        """Make the temporary table ``duplicates``; return how the ledger moves."""
        since = min(file.min_server for file in files) - self._settings.duplicates_ms
        older = [
            file
            for file in self._manifest.files(EVENTS)
            if not file.fresh and file.max_server >= since
        ]
        known = "false"
        if older:
            same = " AND ".join(
                f"o.{name} IS NOT DISTINCT FROM f.{name}" for name in _IDENTITY.split(", ")
            )
            workspace.rows(
                f"CREATE TEMP TABLE known AS SELECT DISTINCT {_ROW} FROM ({source}) AS f"  # noqa: S608
                f" SEMI JOIN ({views.read(self._paths(older))}) AS o ON {same}"
            )
            known = f"({_ROW}) IN (SELECT ({_ROW}) FROM known)"  # noqa: S608
        workspace.rows(
            f"CREATE TEMP TABLE duplicates AS SELECT {_ROW}, app, env, event, server FROM"  # noqa: S608
            f" (SELECT *, row_number() OVER (PARTITION BY {_IDENTITY}"
            f"  ORDER BY server, {_ROW}) AS place FROM (SELECT {_IDENTITY}, env, {_ROW},"
            f"  server FROM ({source}))) WHERE place > 1 OR {known}"
        )
        rows = workspace.rows(
            "SELECT epoch_ms(server) // 86400000, app, env, event, count(*)"
            " FROM duplicates GROUP BY ALL"
        )
        moves: tuple[tuple[Kind, str, int], ...] = (
            ("stored", "", -1),
            ("deduplicated", "compaction", 1),
        )
        return [
            LedgerEntry(day, app, env, event, kind, reason, sign * count)
            for day, app, env, event, count in rows
            for kind, reason, sign in moves
        ]

    def _partitions(
        self, workspace: Workspace, table: str, source: str
    ) -> list[tuple[str, str, DataFile]]:
        """Return date, grade and a description of each partition of the rows."""
        layout = _layout(table)
        rows = workspace.rows(
            f"SELECT strftime({layout.server}, '%Y-%m-%d') AS date, {layout.grade} AS g, count(*),"  # noqa: S608
            f" min(epoch_ms({layout.server})), max(epoch_ms({layout.server})),"
            f" min(epoch_ms({layout.at})), max(epoch_ms({layout.at})),"
            f" list(DISTINCT {layout.app}) FROM ({source}) GROUP BY date, g ORDER BY date, g"
        )
        return [
            (
                date,
                grade,
                DataFile(
                    table=table,
                    path="",
                    rows=count,
                    bytes=0,
                    fresh=False,
                    date=date,
                    grade=grade,
                    min_server=min_server,
                    max_server=max_server,
                    min_at=min_at,
                    max_at=max_at,
                    apps=tuple(sorted(apps)),
                ),
            )
            for date, grade, count, min_server, max_server, min_at, max_at, apps in rows
        ]

    def _write(
        self,
        workspace: Workspace,
        table: str,
        source: str,
        part: tuple[str, str, DataFile],
        written: list[Path],
    ) -> DataFile:
        date, grade, file = part
        layout = _layout(table)
        place = f"date={date}" + (f"/grade={grade}" if grade else "")
        folder = self._folder / folder_name(table) / place
        target = folder / f"{uuid.uuid4().hex}.parquet"
        written.append(target)
        try:
            make_folder(folder)
            workspace.write(
                f"SELECT * FROM ({source}) WHERE strftime({layout.server}, '%Y-%m-%d') ="  # noqa: S608
                f" '{date}' AND {layout.grade} = {views.literal(grade)} ORDER BY {layout.order}",
                target,
            )
            with target.open("rb") as opened:
                os.fsync(opened.fileno())
            sync_folder(folder)
            size = target.stat().st_size
        except OSError as error:
            raise LakeError(f"{target}: {error}") from error
        path = str(target.relative_to(self._folder))
        return msgspec.structs.replace(file, path=path, bytes=size)

    def _paths(self, files: Iterable[DataFile]) -> list[str]:
        return [str(self._folder / file.path) for file in files]


def _cut(files: Sequence[DataFile], max_bytes: int) -> Iterable[list[DataFile]]:
    """Cut files, in order, into sets of at most ``max_bytes`` (or one file)."""
    some: list[DataFile] = []
    for file in files:
        if some and sum(f.bytes for f in some) + file.bytes > max_bytes:
            yield some
            some = []
        some.append(file)
    if some:
        yield some
