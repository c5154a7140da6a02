"""What only PostgreSQL has to be held to: other processes, values SQLite takes, a server that goes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.access import SYSTEM
from trackplane.control.database import Database, MetadataError
from trackplane.control.portable import elements, json_length, json_member, upsert
from trackplane.control.publishing import Publisher
from trackplane.control.settings import ControlSettings, MetadataSettings
from trackplane.discovery import Delta
from trackplane.errors import ConfigurationError, InputError
from trackplane.testing.postgres import PostgresServer

BOTH_DATABASES = True


@pytest.fixture
def database(tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]) -> Iterator[Database]:
    """Return a migrated database of the kind that the test runs on."""
    database = Database(metadata_of(tmp_path).url or tmp_path / "control.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def url(postgres: PostgresServer, migrated: str) -> str:
    """Return a PostgreSQL database of this release's shape."""
    return postgres.new_database(like=migrated)


def test_upserts_keep_or_set(database: Database) -> None:
    """A row that is there is left alone, or gets the columns that are named."""
    row = {"number": 1, "node": "n", "kind": "worker", "acknowledged_at": 5, "nacks": []}
    table = tables.acknowledgements
    with database.write() as connection:
        upsert(connection, table, [row])
        upsert(connection, table, [row | {"acknowledged_at": 6, "kind": "collector"}])
        upsert(connection, table, [])
    with database.write() as connection:
        assert connection.execute(sa.select(table.c.acknowledged_at)).scalars().all() == [5]
        upsert(connection, table, [row | {"acknowledged_at": 7, "kind": "x"}], update=["kind"])
    with database.read() as connection:
        found = connection.execute(sa.select(table.c.acknowledged_at, table.c.kind)).all()
    assert [tuple(each) for each in found] == [(5, "x")]


def test_json_is_read_alike(database: Database) -> None:
    """Elements of arrays and members of objects; what is no array has no elements."""
    table = tables.rulesets
    rows = [(1, ["a/x", "b/y"]), (2, []), (3, None)]
    with database.write() as connection:
        for number, changed in rows:
            connection.execute(
                sa.insert(table).values(
                    number=number, published_at=0, reason="", changed=changed, removed=[]
                )
            )
        connection.execute(
            sa.insert(tables.trials).values(
                kind="k", rule="r", status="", state='{"events": ["p", "q"], "none": null}'
            )
        )
    named = elements(table.c.changed)
    state = tables.trials.c.state
    with database.read() as connection:
        having = sa.select(table.c.number).where(
            sa.select(1).select_from(named).where(named.c.value == "b/y").exists()
        )
        assert connection.execute(having).scalars().all() == [1]
        lengths = sa.select(json_length(table.c.changed)).where(table.c.number < 3)
        assert sorted(connection.execute(lengths).scalars()) == [0, 2]
        for member, found in (("events", ["p", "q"]), ("none", []), ("missing", [])):
            inner = elements(json_member(state, member))
            select = sa.select(inner.c.value).select_from(tables.trials.join(inner, sa.true()))
            assert sorted(connection.execute(select).scalars()) == found


def test_a_reader_sees_one_state(database: Database) -> None:
    """What is committed while it reads is not there for it; the next reader sees it."""
    table = tables.objects
    count = sa.select(sa.func.count()).select_from(table)
    with database.read() as connection:
        before = connection.execute(count).scalar_one()
        with database.write() as writing:
            writing.execute(sa.insert(table).values(hash="h", body=b"\x00\xff"))
        assert connection.execute(count).scalar_one() == before
    with database.read() as connection:
        assert connection.execute(sa.select(table.c.body)).scalars().all() == [b"\x00\xff"]


@pytest.mark.integration
def test_writers_of_several_processes_go_one_at_a_time(url: str) -> None:
    """Each adds one to what it read: none is lost, though each has a pool of its own."""
    database = Database(url)
    with database.write() as connection:
        connection.execute(sa.insert(tables.objects).values(hash="n", body=b"0"))
    failures: list[BaseException] = []

    def add() -> None:
        mine = Database(url)  # a lock of its own: only the database's keeps them apart
        try:
            for _ in range(20):
                with mine.write() as connection:
                    table = tables.objects
                    held = connection.execute(sa.select(table.c.body)).scalar_one()
                    more = str(int(held) + 1).encode()
                    connection.execute(sa.update(table).values(body=more))
        except BaseException as error:  # noqa: BLE001 - said by the test
            failures.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with database.read() as connection:
        assert connection.execute(sa.select(tables.objects.c.body)).scalar_one() == b"80"
    database.close()


@pytest.mark.integration
def test_two_control_planes_on_one_database_follow_each_other(url: str) -> None:
    """Numbers never clash; each announces what the other published, and ends in the same state."""
    databases = [Database(url), Database(url)]
    heard: list[list[Delta]] = [[], []]
    publishers = [
        Publisher(database, clock=lambda: 1, on_published=deltas.append)
        for database, deltas in zip(databases, heard, strict=True)
    ]
    for number in range(6):
        publisher = publishers[number % 2]
        with publisher.change(SYSTEM, "turn by turn") as change:
            change.put("rule", f"r{number % 4}", str(number).encode())
            if number == 5:
                change.remove("rule", "r2")
    publishers[0].raise_number(100)
    for publisher in publishers:
        publisher.follow()
    first, second = (publisher.snapshot for publisher in publishers)
    assert first.number == second.number == 101
    assert first.hash == second.hash
    assert {key: each.body for key, each in first.resources.items()} == {
        ("rule", "r0"): b"4",
        ("rule", "r1"): b"5",
        ("rule", "r3"): b"3",
    }
    for deltas in heard:
        assert [delta.end for delta in deltas] == sorted({delta.end for delta in deltas})
        assert all(before.end == after.start for before, after in itertools.pairwise(deltas))
    for database in databases:
        database.close()


@pytest.mark.integration
def test_what_the_database_cannot_hold_is_the_callers_mistake(url: str) -> None:
    """A text with a NUL, or too long for its column: an error of the input, nothing is changed."""
    database = Database(url)
    for name in ("a\x00b", "x" * 500):
        with pytest.raises(InputError, match="cannot hold"), database.write() as connection:
            connection.execute(sa.insert(tables.objects).values(hash=name, body=b""))
    with pytest.raises(InputError, match="looked for"), database.read() as connection:
        connection.execute(sa.select(tables.apps).where(tables.apps.c.app == "a\x00b"))
    database.close()


@pytest.mark.integration
def test_a_server_that_went_and_came_back_is_used_again(
    tmp_path: Path,
) -> None:
    """While it is away there is an error that says so; what was committed is still there."""
    with PostgresServer(durable=True) as server:
        database = Database(server.new_database())
        database.migrate()
        with database.write() as connection:
            connection.execute(sa.insert(tables.objects).values(hash="h", body=b"kept"))
        server.stop()
        with pytest.raises(MetadataError, match="cannot read"), database.read():
            pass
        with pytest.raises(MetadataError, match="cannot change"), database.write():
            pass
        server.start()
        with database.read() as connection:
            assert connection.execute(sa.select(tables.objects.c.body)).scalar_one() == b"kept"
        database.close()


def test_a_url_that_is_none_is_refused_without_being_shown() -> None:
    """It may hold a password."""
    for wrong in ("mysql://ann:s3cret@host/db", "s3cret", "postgresql://ann:s3cret@host:port/db"):
        with pytest.raises(ConfigurationError, match=r"control\.metadata\.url") as refused:
            Database(wrong)
        assert "s3cret" not in str(refused.value)


def test_the_url_hides_in_every_print_of_the_settings() -> None:
    settings = ControlSettings(metadata=MetadataSettings(url="postgresql://ann:s3cret@host/db"))
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.metadata)


@pytest.mark.integration
def test_a_control_plane_says_over_http_what_its_database_cannot_hold(start: Any) -> None:
    """A NUL in a path or a body is answered as a client's error on both databases."""
    control = start()
    assert control.client.get("/apps/a%00b").status_code in (400, 404, 422)
    made = control.client.post("/apps", json={"app": "shop", "title": "a\x00b"})
    assert made.status_code == 422
    assert "cannot hold" in made.json()["detail"]
    assert control.client.get("/search", params={"q": "a\x00b"}).status_code == 200
