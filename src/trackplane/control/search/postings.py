"""Postings: which documents have a word, kept by the database. Words and documents are numbers.

Both back ends give the same answers; ``tests/control/test_search_postings.py`` runs over both.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

Ids = npt.NDArray[np.int32]
_REMEMBERED: Final = 16_000_000  # numbers of documents, 4 bytes each


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


class CachedPostings:
    """Postings read through a memory of what was read before, of one state of the index.

    ``without`` gives the memory of a later state: that of words whose documents changed is left out.
    """

    def __init__(self, held: Mapping[int, Ids] | None = None) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, Ids] = dict(held or {})
        self._size = sum(map(len, self._held.values()))

    def find(self, connection: sa.Connection, words: Sequence[int], *, keep: bool) -> list[Ids]:
        """Return the numbers of the documents of each word; they are remembered if ``keep``."""
        with self._lock:
            known = {word: self._held[word] for word in words if word in self._held}
        missing = [word for word in words if word not in known]
        if missing:
            found = postings_of(connection).find(connection, missing)
            known |= zip(missing, found, strict=True)
            if keep:
                self._keep(zip(missing, found, strict=True))
        return [known[word] for word in words]

    def without(self, words: Collection[int]) -> CachedPostings:
        """Return what is remembered of other words."""
        gone = set(words)
        with self._lock:
            return CachedPostings({w: ids for w, ids in self._held.items() if w not in gone})

    def _keep(self, found: Iterable[tuple[int, Ids]]) -> None:
        with self._lock:
            for word, ids in found:
                if word not in self._held:
                    self._held[word] = ids
                    self._size += len(ids)
            while self._size > _REMEMBERED:
                oldest = next(iter(self._held))
                self._size -= len(self._held.pop(oldest))


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
