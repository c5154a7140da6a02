"""Postings over both databases, held to a dictionary of sets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trackplane.control.database import Database
from trackplane.control.search.postings import CachedPostings, postings_of
from trackplane.control.settings import MetadataSettings

BOTH_DATABASES = True


@pytest.fixture
def database(tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]) -> Iterator[Database]:
    """Return a migrated database of the kind that the test runs on."""
    database = Database(metadata_of(tmp_path).url or tmp_path / "control.db")
    database.migrate()
    yield database
    database.close()


def test_documents_are_found_by_their_words_through_any_changes(database: Database) -> None:
    chance = random.Random(7)
    model: dict[int, list[int]] = {}
    words = range(1, 30)
    for _ in range(40):
        with database.write() as connection:
            postings = postings_of(connection)
            gone = chance.sample(sorted(model), min(len(model), chance.randrange(4)))
            postings.remove(connection, {each: model.pop(each) for each in gone})
            fresh = {
                each: sorted(chance.sample(words, chance.randrange(1, 12)))
                for each in chance.sample(range(1, 200), 5)
                if each not in model
            }
            postings.add(connection, fresh)
            model |= fresh
            if chance.random() < 0.1:
                postings.settle(connection)
        with database.read() as connection:
            found = postings_of(connection).find(connection, [*words, 999])
        expected = [{each for each, has in model.items() if word in has} for word in words]
        assert [sorted(ids.tolist()) for ids in found] == [*map(sorted, expected), []]


def test_many_words_are_found_at_once(database: Database) -> None:
    with database.write() as connection:
        postings = postings_of(connection)
        postings.add(connection, {5: list(range(1_000))})
        assert [ids.tolist() for ids in postings.find(connection, range(1_000))] == [[5]] * 1_000
        assert postings.find(connection, []) == []


def test_clearing_forgets_everything_and_takes_documents_again(database: Database) -> None:
    with database.write() as connection:
        postings = postings_of(connection)
        postings.add(connection, {1: [7], 2: [7, 8]})
        postings.clear(connection)
        assert [ids.tolist() for ids in postings.find(connection, [7, 8])] == [[], []]
        postings.add(connection, {3: [8]})
        postings.settle(connection)
        assert [ids.tolist() for ids in postings.find(connection, [7, 8])] == [[], [3]]


def test_what_is_remembered_is_forgotten_for_words_that_changed(database: Database) -> None:
    remembered = CachedPostings()
    with database.write() as connection:
        postings = postings_of(connection)
        postings.add(connection, {1: [7, 8]})
        assert [i.tolist() for i in remembered.find(connection, [7, 8], keep=True)] == [[1], [1]]
        postings.add(connection, {2: [7, 8]})
        assert [i.tolist() for i in remembered.find(connection, [7, 8], keep=True)] == [[1], [1]]
        later = remembered.without([7])
        first, second = later.find(connection, [7, 8], keep=False)
        assert (sorted(first.tolist()), second.tolist()) == ([1, 2], [1])
