"""Postings in SQLite: an FTS5 table without content, whose tokens are the words' numbers.

``detail=none`` keeps the set of documents of a word and nothing else: what fields, weights and
typos are is settled before a word gets its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control.search.postings import Ids, Postings, parse

_ADD: Final = "INSERT INTO search_index(rowid, words) VALUES (?, ?)"
_REMOVE: Final = "INSERT INTO search_index(search_index, rowid, words) VALUES ('delete', ?, ?)"
_FIND: Final = "SELECT {}, group_concat(rowid) FROM search_index WHERE search_index MATCH ?"
_AT_ONCE: Final = 200  # SQLite takes 500 terms in a compound SELECT


class SqlitePostings(Postings):
    """Postings in an FTS5 table."""

    def add(self, connection: sa.Connection, documents: Mapping[int, Sequence[int]]) -> None:
        """Let documents be found."""
        if documents:
            connection.exec_driver_sql(_ADD, _rows(documents))

    def remove(self, connection: sa.Connection, documents: Mapping[int, Sequence[int]]) -> None:
        """Forget documents."""
        if documents:
            connection.exec_driver_sql(_REMOVE, _rows(documents))

    def find(self, connection: sa.Connection, words: Sequence[int]) -> list[Ids]:
        """Return the documents of each word."""
        found: list[Ids] = []
        for start in range(0, len(words), _AT_ONCE):
            batch = words[start : start + _AT_ONCE]
            statement = " UNION ALL ".join(_FIND.format(number) for number in range(len(batch)))
            rows: Any = connection.exec_driver_sql(statement, tuple(f'"{word}"' for word in batch))
            by_number: dict[int, str] = {row[0]: row[1] for row in rows}
            found += [parse(by_number.get(number)) for number in range(len(batch))]
        return found

    def clear(self, connection: sa.Connection) -> None:
        """Forget all documents."""
        connection.exec_driver_sql("INSERT INTO search_index(search_index) VALUES ('delete-all')")

    def settle(self, connection: sa.Connection) -> None:
        """Merge the index's parts into one."""
        connection.exec_driver_sql("INSERT INTO search_index(search_index) VALUES ('optimize')")


def _rows(documents: Mapping[int, Sequence[int]]) -> list[tuple[int, str]]:
    return [(document, " ".join(map(str, words))) for document, words in documents.items()]
