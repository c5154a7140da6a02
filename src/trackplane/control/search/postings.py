"""Postings: which documents have a word, kept by the database. Words and documents are numbers.

Both back ends give the same answers; ``tests/control/test_search_postings.py`` runs over both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

Ids = npt.NDArray[np.int32]


class Postings(ABC):
    """The documents of each word. Everything happens in the caller's transaction."""

    @abstractmethod
    def add(self, connection: sa.Connection, documents: Mapping[int, Sequence[int]]) -> None:
        """Let documents, by number, be found by their words. None of them may be held already."""

    @abstractmethod
    def remove(self, connection: sa.Connection, documents: Mapping[int, Sequence[int]]) -> None:
        """Forget documents; the words have to be those that they were added with."""

    @abstractmethod
    def find(self, connection: sa.Connection, words: Sequence[int]) -> list[Ids]:
        """Return the numbers of the documents of each word, in no order, none twice."""

    @abstractmethod
    def clear(self, connection: sa.Connection) -> None:
        """Forget all documents."""

    @abstractmethod
    def settle(self, connection: sa.Connection) -> None:
        """Tidy up after a bulk load: called once all documents were added."""


def postings_of(connection: sa.Connection) -> Postings:
    """Return the postings that a connection's database keeps."""
    if connection.dialect.name == "postgresql":
        from trackplane.control.search.postgres import PostgresPostings  # noqa: PLC0415

        return PostgresPostings()
    from trackplane.control.search.sqlite import SqlitePostings  # noqa: PLC0415

    return SqlitePostings()


def parse(text: str | None) -> Ids:
    """Return numbers that a database joined with commas: many times faster than a row each."""
    if not text:
        return np.empty(0, dtype=np.int32)
    return np.fromstring(text, dtype=np.int32, sep=",")
