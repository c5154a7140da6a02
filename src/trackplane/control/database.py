"""The metadata database, SQLite or PostgreSQL, brought up to this release's shape on opening.

Readers take a connection each and see one state. Writers go one at a time, here by a lock that is
held for the whole transaction, and on PostgreSQL by an advisory lock among processes as well: so
numbers rise in the order they are committed in, and a writer reads what the one before it wrote.
"""

from __future__ import annotations

import importlib.util
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
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError

from trackplane.errors import ConfigurationError, InputError, StorageError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_MS: Final = 10_000
_LOCK: Final = 7_236_150_021  # any number, the same in every process
_LOCK_WAIT_MS: Final = (
    120_000  # longer than any change takes, the search index made anew among them
)
_CONNECTIONS: Final = 20
_SCHEMES: Final = ("postgresql", "postgres")


class MetadataError(StorageError):
    """The metadata database did not do its work; nothing was changed."""

    code = "metadata"


class Database:
    """An open metadata database. Safe to use from several threads.

    The target is the path of a SQLite file or the URL of a PostgreSQL database.

    Raises:
        ConfigurationError: the URL is not one of PostgreSQL, or its driver is not installed.
    """

    def __init__(self, target: Path | str) -> None:
        self._writing = threading.RLock()
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(f"sqlite:///{target}")
            sa.event.listen(self._engine, "connect", _configure)
            sa.event.listen(self._engine, "begin", _begin)
            sa.event.listen(self._engine, "before_cursor_execute", _refuse_nul)
            self._reading = self._engine
        else:
            self._engine = sa.create_engine(
                _url(target), pool_pre_ping=True, pool_size=_CONNECTIONS, max_overflow=_CONNECTIONS
            )
            self._reading = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def is_shared(self) -> bool:
        """Say whether other processes may change the metadata beside this one."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose reads all see one state.

        Raises:
            InputError: a value that was asked for can be in no text of the database.
            MetadataError: the database cannot be read.
        """
        try:
            with self._reading.connect() as connection:
                yield connection
        except DataError as error:
            raise InputError(f"that cannot be looked for: {_reason(error)}") from error
        except DBAPIError as error:
            raise MetadataError(f"cannot read the metadata: {_reason(error)}") from error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection for one transaction: committed when the block ends, else undone.

        Raises:
            InputError: a value is too long for the database, or has a character it cannot keep.
            MetadataError: the database did not take it.
        """
        try:
            with self._writing, self._engine.begin() as connection:
                if self.is_shared:
                    # Each statement after this one sees what the writer before has committed.
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_WAIT_MS}")
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
        except DataError as error:
            raise InputError(f"the metadata cannot hold that: {_reason(error)}") from error
        except DBAPIError as error:
            raise MetadataError(f"cannot change the metadata: {_reason(error)}") from error

    @contextmanager
    def writers_wait(self) -> Iterator[None]:
        """Keep other writers out, before and after a transaction of this thread as well."""
        with self._writing:
            yield

    def migrate(self) -> None:
        """Bring the tables to this release's shape.

        Raises:
            ConfigurationError: a newer release wrote the database.
            MetadataError: the database is not there.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with self.write() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise ConfigurationError(
                    f"the metadata is of a newer version (it is at {current})",
                    hint="start the release that wrote it, or a later one",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _url(text: str) -> sa.URL:
    """Return a PostgreSQL URL for the driver that is used; what is wrong is said without it."""
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _SCHEMES:
        raise ConfigurationError(
            "control.metadata.url is not the URL of a PostgreSQL database",
            hint="write postgresql://user:password@host:5432/database, or leave it out for SQLite",
        )
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigurationError(
            "PostgreSQL needs a driver that is not installed",
            hint="pip install 'trackplane[postgres]'",
        )
    return url.set(drivername="postgresql+psycopg")


def _reason(error: DBAPIError) -> str:
    """Return the first line of what the database says."""
    return str(error.orig).partition("\n")[0]


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


def _refuse_nul(*call: Any) -> None:
    """Refuse in SQLite the character that PostgreSQL keeps in no text."""
    _connection, _cursor, _statement, parameters, _context, many = call
    for row in parameters if many else (parameters,):
        for value in row:
            if type(value) is str and "\x00" in value:
                raise InputError("the metadata cannot hold a text with the character NUL")
