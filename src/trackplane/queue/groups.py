"""Groups of readers: members, leases and positions in one small SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from trackplane.queue import QueueError

Partition = tuple[str, int]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS members (
    "group" TEXT, member TEXT, expires INTEGER NOT NULL, PRIMARY KEY ("group", member));
CREATE TABLE IF NOT EXISTS leases (
    "group" TEXT, topic TEXT, partition INTEGER, owner TEXT, epoch INTEGER NOT NULL,
    PRIMARY KEY ("group", topic, partition));
CREATE TABLE IF NOT EXISTS positions (
    "group" TEXT, topic TEXT, partition INTEGER, position INTEGER NOT NULL,
    PRIMARY KEY ("group", topic, partition));
"""


def spread(
    member: str,
    live: Sequence[str],
    owners: Mapping[Partition, str | None],
) -> tuple[list[Partition], list[Partition]]:
    """Return what ``member`` gives up and what it takes, given who owns each partition.

    Shares differ by one at most; those who own most now get the larger ones, so that little moves.
    """
    held = {name: [p for p, owner in owners.items() if owner == name] for name in live}
    order = sorted(live, key=lambda name: (-len(held[name]), name))
    base, extra = divmod(len(owners), len(live))
    quota = base + (order.index(member) < extra)
    mine = held[member]
    free = [p for p, owner in owners.items() if owner is None or owner not in held]
    return mine[quota:], free[: max(0, quota - len(mine))]


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    deadline = time.monotonic() + 30
    while True:
        try:
            # SQLite does not wait here for another process that does the same.
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.executescript(_SCHEMA)
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                database.close()
                raise
            time.sleep(0.01)
        else:
            return database


class Groups:
    """The groups of one queue folder. Safe from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._guard = threading.Lock()
        try:
            self._database = _connect(path)
        except sqlite3.Error as error:
            raise QueueError(f"cannot open {path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._database.close()

    @contextlib.contextmanager
    def _transaction(self, what: str) -> Iterator[sqlite3.Connection]:
        with self._guard:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise QueueError(f"cannot {what}: {error}") from error

    def commit(self, group: str, positions: Mapping[Partition, int]) -> None:
        """Store positions, all or none."""
        with self._transaction("store positions") as database:
            database.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)",
                [(group, topic, number, at) for (topic, number), at in positions.items()],
            )

    def committed(self, group: str) -> dict[Partition, int]:
        """Return positions."""
        with self._guard:
            try:
                rows = self._database.execute(
                    'SELECT topic, partition, position FROM positions WHERE "group" = ?', (group,)
                ).fetchall()
            except sqlite3.Error as error:
                raise QueueError(f"cannot read positions: {error}") from error
        return {(topic, partition): position for topic, partition, position in rows}

    def lease(
        self, group: str, member: str, partitions: Sequence[Partition], now: int, ttl_ms: int
    ) -> dict[Partition, int]:
        """Renew, share out, and return what ``member`` owns with epochs."""
        with self._transaction("lease"):
            return self._lease(group, member, partitions, now, now + ttl_ms)

    def _lease(
        self, group: str, member: str, partitions: Sequence[Partition], now: int, expires: int
    ) -> dict[Partition, int]:
        run = self._database.execute
        run('DELETE FROM members WHERE "group" = ? AND expires <= ?', (group, now))
        run("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", (group, member, expires))
        live = [name for (name,) in run('SELECT member FROM members WHERE "group" = ?', (group,))]
        rows = run(
            'SELECT topic, partition, owner, epoch FROM leases WHERE "group" = ?', (group,)
        ).fetchall()
        epochs = {(topic, number): epoch for topic, number, _, epoch in rows}
        known = {(topic, number): owner for topic, number, owner, _ in rows}
        owners = {p: known.get(p) for p in partitions}
        given_up, taken = spread(member, live, owners)
        for partition in given_up:
            owners[partition] = None
            run(
                'UPDATE leases SET owner = NULL WHERE "group" = ? AND topic = ? AND partition = ?',
                (group, *partition),
            )
        for partition in taken:
            owners[partition] = member
            epochs[partition] = epochs.get(partition, 0) + 1
            run(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)",
                (group, *partition, member, epochs[partition]),
            )
        return {p: epochs[p] for p, owner in owners.items() if owner == member}

    def leave(self, group: str, member: str) -> None:
        """Give all up."""
        with self._transaction("leave") as database:
            database.execute(
                'UPDATE leases SET owner = NULL WHERE "group" = ? AND owner = ?', (group, member)
            )
            database.execute(
                'DELETE FROM members WHERE "group" = ? AND member = ?', (group, member)
            )
