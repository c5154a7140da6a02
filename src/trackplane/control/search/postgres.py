"""Postings in PostgreSQL: an array of word numbers for each document under a GIN index.

No extension is needed. The arrays are stored outside the rows, so that reading the documents of a
common word passes over few pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control.search.postings import Ids, Postings, parse

_INDEX: Final = (
    "CREATE INDEX search_index_words ON search_index USING gin (words) WITH (fastupdate = off)"
)
_FIND: Final = (
    "SELECT w.number, (SELECT string_agg(i.id::text, ',') FROM search_index i"
    " WHERE i.words @> ARRAY[w.word]) FROM unnest(%s::integer[]) WITH ORDINALITY AS w(word, number)"
)


class PostgresPostings(Postings):
    """Postings in a table of arrays."""

    def add(self, connection: sa.Connection, documents: Mapping[int, Sequence[int]]) -> None:
        """Let documents be found."""
        if not documents:
            return
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy("COPY search_index (id, words) FROM STDIN") as copy,
        ):
            for document, words in documents.items():
                copy.write_row((document, "{" + ",".join(map(str, words)) + "}"))

    def remove(self, connection: sa.Connection, documents: Mapping[int, Sequence[int]]) -> None:
        """Forget documents."""
        if documents:
            connection.exec_driver_sql(
                "DELETE FROM search_index WHERE id = ANY(%s)", (list(documents),)
            )

    def find(self, connection: sa.Connection, words: Sequence[int]) -> list[Ids]:
        """Return the documents of each word."""
        if not words:
            return []
        rows: Any = connection.exec_driver_sql(_FIND, (list(words),))
        by_number: dict[int, str] = {row[0]: row[1] for row in rows}
        return [parse(by_number.get(number)) for number in range(1, len(words) + 1)]

    def clear(self, connection: sa.Connection) -> None:
        """Forget all documents, and the index until ``settle``."""
        connection.exec_driver_sql("DROP INDEX IF EXISTS search_index_words")
        connection.exec_driver_sql("TRUNCATE search_index")

    def settle(self, connection: sa.Connection) -> None:
        """Make the index, and the statistics by which queries are planned."""
        connection.exec_driver_sql("DROP INDEX IF EXISTS search_index_words")
        connection.exec_driver_sql(_INDEX)
        connection.exec_driver_sql("ANALYZE search_index, search_documents, search_words")
