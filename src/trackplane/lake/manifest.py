"""The manifest: which files count, where consumers stand, and the ledgers, in one SQLite database.

Invariants: ``spec/lake.md``. ``ManifestReader`` is for any process (control plane, query);
``Manifest`` adds what workers and the compactor change. Both are safe to use from several threads.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from trackplane.errors import ConfigurationError
from trackplane.lake.commit import (
    RAW,
    Commit,
    CommitConflictError,
    Compaction,
    CompactionConflictError,
    DataFile,
    Freshness,
    IdentityRun,
    LakeError,
    Partition,
    RulesetBehindError,
)
from trackplane.lake.schema import FORMAT, TABLES
from trackplane.ledger import LedgerEntry

_BUSY_S: Final = 30.0
_FILE_COLUMNS: Final = (
    '"table", path, rows, bytes, fresh, date, grade, min_server, max_server, min_at, max_at, apps'
)
_RUN_COLUMNS: Final = "topic, partition, path, offset, length, count, newest_ms"
_HISTORY_MS: Final = 24 * 3600 * 1000  # snapshots' commit times are kept this long


class ManifestReader:
    """Read-only view of a lake's manifest; before the first commit everything is empty."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.folder = self.path.parent
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def snapshot(self) -> int:
        """Return the newest snapshot's number; 0 before the first commit."""
        return int(self._one("SELECT value FROM meta WHERE name = 'snapshot'", default=0))

    def files(self, table: str, snapshot: int | None = None) -> list[DataFile]:
        """Return a table's files visible in a snapshot (None: the newest), oldest first."""
        if snapshot is None:
            clause, values = "removed IS NULL", (table,)
        else:
            clause = "added <= ? AND (removed IS NULL OR removed > ?)"
            values = (table, snapshot, snapshot)  # type: ignore[assignment]
        rows = self._all(
            f'SELECT {_FILE_COLUMNS}, committed_at FROM files WHERE "table" = ? AND {clause} ORDER BY added, path',  # noqa: S608
            values,
        )
        return [_file(row) for row in rows]

    def tables(self) -> list[str]:
        """Return the tables that have files."""
        query = 'SELECT DISTINCT "table" FROM files WHERE removed IS NULL ORDER BY 1'
        return [name for (name,) in self._all(query)]

    def committed(self, consumer: str) -> dict[Partition, int]:
        """Return where a consumer stands; a partition it never committed is absent (it is at 0)."""
        query = "SELECT topic, partition, position FROM positions WHERE consumer = ?"
        return {(t, p): n for t, p, n in self._all(query, (consumer,))}

    def rulesets(self, consumer: str) -> dict[Partition, int]:
        """Return the ruleset number each partition was last processed under."""
        query = "SELECT topic, partition, ruleset FROM positions WHERE consumer = ?"
        return {(t, p): n for t, p, n in self._all(query, (consumer,))}

    def runs(self, consumer: str, topic: str, partition: int) -> list[IdentityRun]:
        """Return a partition's identity runs, oldest first."""
        rows = self._all(
            f"SELECT {_RUN_COLUMNS} FROM runs WHERE consumer = ? AND topic = ? AND partition = ?"  # noqa: S608
            " ORDER BY added, path, offset",
            (consumer, topic, partition),
        )
        return [
            IdentityRun(
                topic=t, partition=p, path=path, offset=o, length=n, count=c, newest_ms=newest
            )
            for t, p, path, o, n, c, newest in rows
        ]

    def ledger(self, app: str | None = None, day: int | None = None) -> list[LedgerEntry]:
        """Return the ingest ledger of an app (None: all) on a day since 1970 (None: all)."""
        return self._ledger("ledger", app, day)

    def rule_ledger(self, app: str | None = None, day: int | None = None) -> list[LedgerEntry]:
        """Return the ledger of stored events that rules failed on; ``reason`` names the rule."""
        return self._ledger("rule_ledger", app, day)

    def _ledger(self, table: str, app: str | None, day: int | None) -> list[LedgerEntry]:
        rows = self._all(
            f"SELECT day, app, env, event, kind, reason, count FROM {table}"  # noqa: S608
            " WHERE count != 0 AND (?1 IS NULL OR app = ?1) AND (?2 IS NULL OR day = ?2)",
            (app, day),
        )
        return [LedgerEntry(*row) for row in rows]

    def freshness(self, since_ms: int, consumer: str = RAW) -> Freshness:
        """Return how long rows committed since ``since_ms`` took from received to visible."""
        rows = self._all(
            "SELECT committed_at - oldest_ms, committed_at FROM snapshots"
            " WHERE consumer = ? AND committed_at >= ? AND oldest_ms > 0",
            (consumer, since_ms),
        )
        times = sorted(row[0] for row in rows)
        if not times:
            return Freshness(commits=0, p50_ms=0, p99_ms=0, newest_ms=0)
        return Freshness(
            commits=len(times),
            p50_ms=times[len(times) // 2],
            p99_ms=times[min(len(times) - 1, len(times) * 99 // 100)],
            newest_ms=max(row[1] for row in rows),
        )

    def close(self) -> None:
        """Close the connection; the object may be used again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        """Return the connection; None while there is no manifest yet."""
        if self._connection is None:
            if not self.path.exists():
                return None
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            _check_format(connection, self.path)
            self._connection = connection
        return self._connection

    def _all(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with self._lock, _wrapped(self.path):
            connection = self._open()
            return [] if connection is None else connection.execute(query, values).fetchall()

    def _one(self, query: str, values: Sequence[object] = (), *, default: Any) -> Any:
        rows = self._all(query, values)
        return rows[0][0] if rows else default


class Manifest(ManifestReader):
    """The manifest as workers and the compactor use it. ``clock`` returns Unix ms.

    Raises:
        ConfigurationError: a newer release wrote it.
        LakeError: the database cannot be used; nothing of that call counts.
    """

    def __init__(self, path: Path | str, clock: Callable[[], int]) -> None:
        super().__init__(path)
        self._clock = clock
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock, _wrapped(self.path):
            self._open()

    def commit(self, commit: Commit) -> int:
        """Commit all of it or nothing; return the snapshot in which it is visible.

        Raises:
            CommitConflictError: a range does not start where its partition stands.
            RulesetBehindError: a range's ruleset number is below its partition's.
            LakeError: a named file is not there, or the database failed.
        """
        with self._writing() as connection:
            now = self._clock()
            self._check_ranges(connection, commit)
            self._check_files(
                [file.path for file in commit.files] + [run.path for run in commit.runs]
            )
            rows = sum(file.rows for file in commit.files)
            number = _next_snapshot(connection, commit.consumer, now, commit.oldest_ms, rows)
            connection.executemany(
                "INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " position = excluded.position, ruleset = excluded.ruleset,"
                " committed_at = excluded.committed_at",
                [
                    (commit.consumer, r.topic, r.partition, r.end, r.ruleset, now)
                    for r in commit.ranges
                ],
            )
            _add_files(connection, commit.files, number, now)
            connection.executemany(
                "DELETE FROM runs WHERE path = ? AND offset = ?", list(commit.replaced)
            )
            connection.executemany(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        run.path,
                        run.offset,
                        commit.consumer,
                        run.topic,
                        run.partition,
                        run.length,
                        run.count,
                        run.newest_ms,
                        number,
                    )
                    for run in commit.runs
                ],
            )
            _add_counts(connection, commit.consumer, commit.ledger)
        return number

    def replace(self, compaction: Compaction) -> int:
        """Replace files; return the snapshot in which it is visible.

        Raises:
            CompactionConflictError: a file to be removed is no longer visible.
            LakeError: an added file is not there, or the database failed.
        """
        with self._writing() as connection:
            now = self._clock()
            self._check_files([file.path for file in compaction.added])
            rows = sum(file.rows for file in compaction.added)
            number = _next_snapshot(connection, "", now, 0, rows)
            for path in compaction.removed:
                changed = connection.execute(
                    "UPDATE files SET removed = ?, removed_at = ? WHERE path = ? AND removed IS NULL",
                    (number, now, path),
                ).rowcount
                if not changed:
                    raise CompactionConflictError(f"{path} is no longer visible")
            _add_files(connection, compaction.added, number, now)
            _add_counts(connection, RAW, compaction.ledger)
        return number

    def acquire(self, name: str, holder: str, ttl_ms: int) -> bool:
        """Take or renew a named lease; say whether ``holder`` has it now."""
        with self._writing() as connection:
            now = self._clock()
            row = connection.execute(
                "SELECT holder, expires_ms FROM leases WHERE name = ?", (name,)
            ).fetchone()
            if row is not None and row[0] != holder and row[1] > now:
                return False
            connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
                " holder = excluded.holder, expires_ms = excluded.expires_ms",
                (name, holder, now + ttl_ms),
            )
        return True

    def release(self, name: str, holder: str) -> None:
        """Give up a lease that ``holder`` has."""
        with self._writing() as connection:
            connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))

    def sweep(self, candidates: Iterable[str], now: int, grace_ms: int) -> list[str]:
        """Delete files removed over ``grace_ms`` ago and those of ``candidates`` nobody names.

        ``candidates`` are paths older than ``grace_ms``. Deleting happens under the write lock, so a
        commit that names one of them comes before, and keeps it, or after, and is refused.
        """
        swept: list[str] = []
        with self._writing() as connection:
            gone = connection.execute(
                "SELECT path FROM files WHERE removed_at IS NOT NULL AND removed_at <= ?",
                (now - grace_ms,),
            ).fetchall()
            for (path,) in gone:
                (self.folder / path).unlink(missing_ok=True)
                swept.append(path)
            connection.executemany("DELETE FROM files WHERE path = ?", gone)
            for path in candidates:
                known = connection.execute(
                    "SELECT 1 FROM files WHERE path = ?1 UNION ALL SELECT 1 FROM runs WHERE path = ?1",
                    (path,),
                ).fetchone()
                if known is None:
                    (self.folder / path).unlink(missing_ok=True)
                    swept.append(path)
            connection.execute("DELETE FROM snapshots WHERE committed_at < ?", (now - _HISTORY_MS,))
        return swept

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _check_format(connection, self.path)
            connection.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('snapshot', 0)")
            self._connection = connection
        return self._connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _wrapped(self.path):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _check_ranges(self, connection: sqlite3.Connection, commit: Commit) -> None:
        lost: dict[Partition, int] = {}
        behind: dict[Partition, int] = {}
        for entry in commit.ranges:
            row = connection.execute(
                "SELECT position, ruleset FROM positions"
                " WHERE consumer = ? AND topic = ? AND partition = ?",
                (commit.consumer, entry.topic, entry.partition),
            ).fetchone()
            stands, ruleset = row or (0, 0)
            if stands != entry.start:
                lost[entry.key] = stands
            elif entry.ruleset < ruleset:
                behind[entry.key] = ruleset
        if lost:
            raise CommitConflictError(commit.consumer, lost)
        if behind:
            raise RulesetBehindError(behind)

    def _check_files(self, paths: Iterable[str]) -> None:
        missing = [path for path in paths if not (self.folder / path).exists()]
        if missing:
            raise LakeError(f"files to be committed are not there: {', '.join(missing)}")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
    return connection


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    row = known and connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    if row and row[0] > FORMAT:
        connection.close()
        raise ConfigurationError(
            f"{path} has format {row[0]}; this release knows {FORMAT}",
            hint="a newer release wrote this lake: upgrade before using it",
        )


@contextlib.contextmanager
def _wrapped(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LakeError(f"{path}: {error}") from error
    except OSError as error:
        raise LakeError(f"{error.filename or path}: {error.strerror}") from error


def _next_snapshot(
    connection: sqlite3.Connection, consumer: str, now: int, oldest: int, rows: int
) -> int:
    number = int(
        connection.execute(
            "UPDATE meta SET value = value + 1 WHERE name = 'snapshot' RETURNING value"
        ).fetchone()[0]
    )
    connection.execute(
        "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)", (number, consumer, now, oldest, rows)
    )
    return number


def _add_files(
    connection: sqlite3.Connection, files: Iterable[DataFile], number: int, now: int
) -> None:
    connection.executemany(
        f"INSERT INTO files ({_FILE_COLUMNS}, added, committed_at)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                file.table,
                file.path,
                file.rows,
                file.bytes,
                file.fresh,
                file.date,
                file.grade,
                file.min_server,
                file.max_server,
                file.min_at,
                file.max_at,
                msgspec.json.encode(file.apps).decode(),
                number,
                now,
            )
            for file in files
        ],
    )


def _add_counts(
    connection: sqlite3.Connection, consumer: str, entries: Iterable[LedgerEntry]
) -> None:
    connection.executemany(
        f"INSERT INTO {'ledger' if consumer == RAW else 'rule_ledger'} VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(e.day, e.app, e.env, e.event, e.kind, e.reason, e.count) for e in entries],
    )


def _file(row: Sequence[Any]) -> DataFile:
    table, path, rows, size, fresh, date, grade, *times, apps, committed_at = row
    min_server, max_server, min_at, max_at = times
    return DataFile(
        table=table,
        path=path,
        rows=rows,
        bytes=size,
        fresh=bool(fresh),
        date=date,
        grade=grade,
        min_server=min_server,
        max_server=max_server,
        min_at=min_at,
        max_at=max_at,
        apps=msgspec.json.decode(apps, type=tuple[str, ...]),
        committed_at=committed_at,
    )
