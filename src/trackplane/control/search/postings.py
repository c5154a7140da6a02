"""Postings: which documents have a word, kept by the database. Words and documents are numbers.

Both back ends give the same answers; ``tests/control/test_search_postings.py`` runs over both.
"""

from __future__ import annotations

import threading
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from trackplane.control.search.tables import search_documents, search_words

Ids = npt.NDArray[np.int32]
_REMEMBERED: Final = 16_000_000  # numbers of documents, 4 bytes each
_HELD: Final = 64_000_000  # likewise, of all words together
_DOCUMENTS: Final = 5_000  # turned round at once
_STALE: Final = 20  # of so many words one may have changed before all are read again


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


class Whole(msgspec.Struct, frozen=True):
    """The documents of every word, of one state: those of word w are ids[starts[w]:starts[w + 1]]."""

    starts: npt.NDArray[np.int64]
    ids: Ids

    def __contains__(self, word: int) -> bool:
        """Say whether the word was there."""
        return 0 <= word < len(self.starts) - 1

    def __getitem__(self, word: int) -> Ids:
        """Return the documents of a word."""
        return self.ids[self.starts[word] : self.starts[word + 1]]


class CachedPostings:
    """Postings read through a memory of what was read before, of one state of the index.

    ``without`` gives the memory of a later state: that of words whose documents changed is left out.
    """

    def __init__(
        self,
        held: Mapping[int, Ids] | None = None,
        *,
        whole: Whole | None = None,
        stale: frozenset[int] = frozenset(),
    ) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, Ids] = dict(held or {})
        self._size = sum(map(len, self._held.values()))
        self._whole = whole
        self._stale = stale  # words whose documents are others than in ``whole``

    @property
    def is_whole(self) -> bool:
        """Whether nearly all words are in memory."""
        return self._whole is not None and len(self._stale) * _STALE < len(self._whole.starts)

    def find(self, connection: sa.Connection, words: Sequence[int], *, keep: bool) -> list[Ids]:
        """Return the numbers of the documents of each word; they are remembered if ``keep``."""
        known: dict[int, Ids] = {}
        if (whole := self._whole) is not None:
            known = {w: whole[w] for w in words if w in whole and w not in self._stale}
        with self._lock:
            known |= {word: self._held[word] for word in words if word in self._held}
        missing = [word for word in words if word not in known]
        if missing:
            found = postings_of(connection).find(connection, missing)
            known |= zip(missing, found, strict=True)
            if keep:
                self._keep(zip(missing, found, strict=True))
        return [known[word] for word in words]

    def without(self, words: Collection[int]) -> CachedPostings:
        """Return what is remembered of other words."""
        gone = frozenset(words)
        with self._lock:
            held = {word: ids for word, ids in self._held.items() if word not in gone}
        return CachedPostings(held, whole=self._whole, stale=self._stale | gone)

    def _keep(self, found: Iterable[tuple[int, Ids]]) -> None:
        with self._lock:
            for word, ids in found:
                if word not in self._held:
                    self._held[word] = ids
                    self._size += len(ids)
            while self._size > _REMEMBERED:
                oldest = next(iter(self._held))
                self._size -= len(self._held.pop(oldest))


def read_whole(connection: sa.Connection) -> Whole | None:
    """Return the documents of every word; None where they are too many to hold."""
    total = sa.select(sa.func.coalesce(sa.func.sum(search_words.c.documents), 0))
    if connection.execute(total).scalar_one() > _HELD:
        return None
    table = search_documents.c
    steps: list[npt.NDArray[np.uint32]] = [np.empty(0, dtype=np.uint32)]
    documents = [0]
    for row in connection.execute(sa.select(table.id, table.words)):
        steps.append(_steps(row.words))
        documents.append(row.id)
    lengths = np.fromiter(map(len, steps), dtype=np.int64, count=len(steps))
    ends = np.cumsum(lengths)
    # Summed over all documents, and what was before each taken off: both modulo 2**32.
    words = np.cumsum(np.concatenate(steps), dtype=np.uint32)
    words -= np.repeat(np.append(np.uint32(0), words)[ends - lengths], lengths)
    starts = np.zeros(int(words.max(initial=0)) + 2, dtype=np.int64)
    np.cumsum(np.bincount(words, minlength=len(starts) - 1), out=starts[1:])
    ids = np.empty(len(words), dtype=np.int32)
    free = starts[:-1].copy()  # where the next document of each word goes
    for first in range(0, len(steps), _DOCUMENTS):
        last = min(first + _DOCUMENTS, len(steps))
        some = words[ends[first] - lengths[first] : ends[last - 1]]
        order = np.argsort(some, kind="stable")
        several, at, counts = np.unique(some[order], return_index=True, return_counts=True)
        rank = np.arange(len(some)) - np.repeat(at, counts)
        whose = np.repeat(np.array(documents[first:last], dtype=np.int32), lengths[first:last])
        ids[np.repeat(free[several], counts) + rank] = whose[order]
        free[several] += counts
    return Whole(starts, ids)


def packed(words: Sequence[int]) -> bytes:
    """Return numbers of words, ascending, as they are kept with a document."""
    steps = np.diff(np.array(words, dtype="<u4"), prepend=np.uint32(0))
    return zlib.compress(steps.astype("<u4").tobytes(), 1)


def unpacked(data: bytes) -> list[int]:
    """Return what was ``packed``."""
    found: list[int] = np.cumsum(_steps(data)).tolist()
    return found


def _steps(data: bytes) -> npt.NDArray[np.uint32]:
    return np.frombuffer(zlib.decompress(data), dtype="<u4")


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
