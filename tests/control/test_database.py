"""The metadata database: migrations there and back, newer versions, the append-only log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from trackplane.control import tables
from trackplane.control.access import SYSTEM
from trackplane.control.database import MIGRATIONS, Database, MetadataError
from trackplane.control.publishing import Publisher
from trackplane.control.settings import MetadataSettings
from trackplane.errors import ConfigurationError

BOTH_DATABASES = True


@pytest.fixture
def empty(tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]) -> Iterator[Database]:
    """Return a database of the kind that the test runs on, without a table."""
    database = Database(metadata_of(tmp_path).url or tmp_path / "control.db")
    _migrate_to(database, "base")
    yield database
    database.close()


@pytest.fixture
def database(empty: Database) -> Database:
    """Return a fresh, migrated database."""
    empty.migrate()
    return empty


def _migrate_to(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision == "base" else command.upgrade)(config, revision)


def test_migrations_lead_to_the_tables_as_declared(database: Database) -> None:
    """Autogeneration finds nothing left to do, and a second run does nothing."""
    database.migrate()
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            # Each database's own kind of index, which SQLAlchemy has no words for.
            opts={"include_name": lambda name, *_: not str(name).startswith("search_index")},
        )
        assert compare_metadata(context, tables.metadata) == []


def test_migrations_can_be_undone_and_done_again(database: Database) -> None:
    """Down to nothing, up to head."""
    _migrate_to(database, "base")
    with database.read() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
    database.migrate()
    with database.read() as connection:
        assert set(tables.metadata.tables) <= set(sa.inspect(connection).get_table_names())


def test_what_the_first_release_wrote_is_taken_over(empty: Database) -> None:
    """Its rules' versions get the numbers they were published under, the last one its IR."""
    database = empty
    _migrate_to(database, "0001")
    with database.write() as connection:
        for number, at in ((1, 10), (2, 20), (3, 30)):
            connection.execute(
                sa.text("INSERT INTO rulesets VALUES (:number, :at, '', '[]', '[]')"),
                {"number": number, "at": at},
            )
        for version, at in ((1, 20), (2, 30)):
            connection.execute(
                sa.text(
                    "INSERT INTO rule_versions VALUES"
                    " ('r', :version, 'text', '[]', 'published', :at, 'ana')"
                ),
                {"version": version, "at": at},
            )
        connection.execute(
            sa.text(
                "INSERT INTO rules VALUES"
                " ('r', 2, 'text', '{\"name\": \"r\"}', '[]', 't', '', 'published', '', 30, 'ana')"
            ).bindparams()
        )
    database.migrate()
    table = tables.rule_versions
    with database.read() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.version)).all()
    assert [(row.number, row.reason, row.body) for row in rows] == [
        (2, "", None),
        (3, "", '{"name": "r"}'),
    ]


def test_a_folder_of_a_newer_version_is_refused(database: Database) -> None:
    """With a hint to start the release that wrote it; nothing is changed."""
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer version"):
        database.migrate()


def test_the_audit_log_refuses_changes(database: Database) -> None:
    """The database itself refuses UPDATE and DELETE."""
    publisher = Publisher(database, clock=lambda: 1)
    with publisher.change(SYSTEM, "x") as change:
        change.audit("test", "x")
    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(MetadataError, match="append-only"), database.write() as connection:
            connection.execute(sa.text(statement))


def test_numbers_rise_across_restarts_and_a_change_that_failed_takes_none(
    database: Database,
) -> None:
    """A change undone by an error leaves no number, no resource and no audit entry."""
    publisher = Publisher(database, clock=lambda: 1)
    first = publisher.snapshot.number

    class BrokenError(Exception): ...

    def broken() -> None:
        with publisher.change(SYSTEM, "x") as change:
            change.put("rule", "r", b"{}")
            change.audit("test", "x")
            raise BrokenError

    with pytest.raises(BrokenError):
        broken()
    with publisher.change(SYSTEM, "nothing the data plane runs") as change:
        change.audit("test", "y")
    assert publisher.snapshot.number == first
    with publisher.change(SYSTEM, "a rule") as change:
        change.put("rule", "r", b"{}")
    assert change.number == first + 1
    again = Publisher(database, clock=lambda: 2)
    assert again.snapshot.number == first + 1
    assert again.snapshot.hash == publisher.snapshot.hash
    with again.change(SYSTEM, "the same rule") as change:
        change.put("rule", "r", b"{}")
    assert change.number == 0
    again.raise_number(40)
    assert again.snapshot.number == 41
    database.close()
