"""What is held in memory of the index, brought up to date by whoever searches next."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from trackplane.control.database import Database
from trackplane.control.search import columns, finding
from trackplane.control.search.columns import Columns
from trackplane.control.search.finding import Matches, Ranked, Sort
from trackplane.control.search.postings import CachedPostings, read_whole
from trackplane.control.search.tables import search_documents, search_state, search_words
from trackplane.control.search.vocabulary import Vocabulary

_FACET_VALUES = 50


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    build: int
    version: int
    columns: Columns
    vocabulary: Vocabulary
    postings: CachedPostings
    order: npt.NDArray[np.int64] | None = None  # each document's place by name


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for. ``apps``: those that may be seen (None: all); ``filters`` by facet."""

    text: str = ""
    apps: Sequence[str] | None = None
    filters: Mapping[str, Sequence[str]] = {}
    sort: Sort = "rank"
    cursor: str = ""
    limit: int = 50
    facet_values: int = _FACET_VALUES


class SearchReader:
    """Searches the index. Safe to use from several threads and processes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: _Held | None = None

    def search(self, connection: sa.Connection, wanted: Wanted) -> tuple[Ranked, Matches]:
        """Return a page of what is wanted, and the matches that it is of.

        Raises:
            CursorError: the cursor is not one that was given out.
        """
        held, exact = self._current(connection, ordered=wanted.sort == "name")
        matches = finding.match(
            connection,
            wanted.text,
            columns=held.columns,
            vocabulary=held.vocabulary,
            postings=held.postings,
            keep=exact,
        )
        visible = None if wanted.apps is None else held.columns.having("app", wanted.apps)
        ranked = finding.rank(
            held.columns,
            matches,
            visible=visible,
            filters=wanted.filters,
            sort=wanted.sort,
            order=held.order,
            cursor=wanted.cursor,
            limit=wanted.limit,
            facet_values=wanted.facet_values,
        )
        return ranked, matches

    def warm(self, database: Database) -> None:
        """Read what searches need, so that none waits for it: at the start, and now and then."""
        with database.read() as connection:
            held, exact = self._current(connection, ordered=False)
            if not exact or held.postings.is_whole:
                return
            whole = read_whole(connection)
        if whole is None:
            return
        with self._lock:
            if self._held is not None and self._held.build == held.build:
                # What others have read since is read again by the next search.
                self._held = msgspec.structs.replace(held, postings=CachedPostings(whole=whole))

    def _current(self, connection: sa.Connection, *, ordered: bool) -> tuple[_Held, bool]:
        """Return what is held, as of the connection's state or later, and whether as of just that."""
        state = connection.execute(sa.select(search_state)).one()
        with self._lock:
            held = self._held
            if held is None or held.build < state.build:
                held = _Held(
                    build=state.build,
                    version=state.version,
                    columns=columns.load(connection),
                    vocabulary=Vocabulary.load(connection),
                    postings=CachedPostings(),
                )
            elif held.build == state.build and held.version < state.version:
                held = _Held(
                    build=state.build,
                    version=state.version,
                    columns=columns.advanced(connection, held.columns, held.version),
                    vocabulary=held.vocabulary.advanced(connection, held.version),
                    postings=held.postings.without(_changed_words(connection, held.version)),
                )
            if ordered and held.order is None:
                held = msgspec.structs.replace(held, order=_order(connection, held.columns.size))
            self._held = held
            return held, (held.build, held.version) == (state.build, state.version)


def names_of(connection: sa.Connection, ids: Sequence[int]) -> list[str]:
    """Return the names of documents, in their order; those that are gone are left out."""
    table = search_documents.c
    rows = connection.execute(sa.select(table.id, table.name).where(table.id.in_(ids)))
    names = {row.id: row.name for row in rows}
    return [names[id] for id in ids if id in names]


def _changed_words(connection: sa.Connection, version: int) -> list[int]:
    table = search_words.c
    rows = connection.execute(sa.select(table.id).where(table.changed > version))
    return [row.id for row in rows]


def _order(connection: sa.Connection, size: int) -> npt.NDArray[np.int64]:
    table = search_documents.c
    ordered = sa.select(table.id).order_by(table.name, table.id)
    ids: list[int] = [row.id for row in connection.execute(ordered)]
    order = np.zeros(size, dtype=np.int64)
    order[np.array(ids, dtype=np.int64)] = np.arange(len(ids))
    return order
