"""The tables of the search index; the postings themselves are a table of each database's own kind.

Everything here can be made again from the plans in force, but for ``use`` columns, which
``search.set_use`` fills. ``changed`` is the index's version that last touched a row: by it readers
bring what they hold in memory up to date.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from trackplane.control.tables import metadata

# Words are compared byte by byte on both databases, so that a prefix is a range.
Word: Final = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")

search_documents: Final = sa.Table(
    "search_documents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("app", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("variant", sa.String(16), nullable=False),  # tells definitions of a property apart
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("grade", sa.String(2), nullable=False),
    sa.Column("deprecated", sa.Boolean, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),  # JSON
    sa.Column("platforms", sa.Text, nullable=False),  # JSON
    sa.Column("length", sa.Integer, nullable=False),  # words of the name
    sa.Column("properties", sa.Integer, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),  # that have this property or group
    sa.Column("body", sa.LargeBinary, nullable=False),  # the texts, JSON, zlib
    sa.Column("words", sa.LargeBinary, nullable=False),  # numbers of its words
    sa.Column("hash", sa.String(16), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("trust", sa.String(10), nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("last_seen", sa.BigInteger, nullable=False),  # ms; 0: never
    sa.Column("daily", sa.Text, nullable=False),  # JSON
    sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    sa.UniqueConstraint("app", "kind", "name", "variant", name="uq_search_documents_app"),
)

# A word in one field of documents: a number, by which postings name it.
search_words: Final = sa.Table(
    "search_words",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("word", Word, nullable=False),
    sa.Column("field", sa.Integer, nullable=False),
    sa.Column("documents", sa.Integer, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    sa.UniqueConstraint("word", "field", name="uq_search_words_word"),
)

# Documents that went, for readers that still hold them.
search_gone: Final = sa.Table(
    "search_gone",
    metadata,
    sa.Column("changed", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
)

search_state: Final = sa.Table(
    "search_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),  # always 1
    sa.Column("format", sa.Integer, nullable=False),  # of documents and words
    sa.Column("build", sa.Integer, nullable=False),  # which rebuild this is
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("next_document", sa.Integer, nullable=False),
    sa.Column("next_word", sa.Integer, nullable=False),
)
