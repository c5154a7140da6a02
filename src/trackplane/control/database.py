"""The metadata database: SQLite in WAL mode, brought up to this release's shape on opening.

Readers take a connection each; writers go one at a time through ``write``, which holds a lock for
the whole transaction, so that numbers rise in the order they are committed in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from trackplane.errors import ConfigurationError, StorageError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_MS: Final = 10_000


class MetadataError(StorageError):
    """The metadata database did not do its work; nothing was changed."""

    code = "metadata"


class Database:
    """An open metadata database. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writing = threading.RLock()
        self._engine = sa.create_engine(f"sqlite:///{path}")
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose reads all see one state.

        Raises:
            MetadataError: the database cannot be read.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise MetadataError(f"cannot read the metadata: {error.orig}") from error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection for one transaction: committed when the block ends, else undone.

        Raises:
            MetadataError: the database did not take it.
        """
        try:
            with self._writing, self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise MetadataError(f"cannot change the metadata: {error.orig}") from error

    @contextmanager
    def writers_wait(self) -> Iterator[None]:
        """Keep other writers out, before and after a transaction of this thread as well."""
        with self._writing:
            yield

    def migrate(self) -> None:
        """Bring the tables to this release's shape.

        Raises:
            ConfigurationError: a newer release wrote the database.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with self.write() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise ConfigurationError(
                    f"the data folder is of a newer version (its metadata is at {current})",
                    hint="start the release that wrote it, or a later one",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours to say, else DDL escapes the transaction
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
