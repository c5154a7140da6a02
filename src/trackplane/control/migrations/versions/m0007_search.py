"""The search index: documents, words, and postings in the database's own kind of index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FTS5 = (
    "CREATE VIRTUAL TABLE search_index USING"
    " fts5(words, content='', detail=none, columnsize=0, tokenize='ascii')"
)
_GIN = (
    # Arrays stand outside the rows, so that reading a common word's documents takes few pages.
    "CREATE TABLE search_index (id integer PRIMARY KEY, words integer[] NOT NULL) WITH (toast_tuple_target = 128)",
    "ALTER TABLE search_index ALTER COLUMN words SET STORAGE EXTERNAL",
    "CREATE INDEX search_index_words ON search_index USING gin (words) WITH (fastupdate = off)",
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_column("search")
    op.create_table(
        "search_documents",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("app", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("variant", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("grade", sa.String(length=2), nullable=False),
        sa.Column("deprecated", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("platforms", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("properties", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("trust", sa.String(length=10), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("daily", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_documents")),
        sa.UniqueConstraint("app", "kind", "name", "variant", name=op.f("uq_search_documents_app")),
    )
    op.create_index(op.f("ix_search_documents_changed"), "search_documents", ["changed"])
    word = sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql")
    op.create_table(
        "search_words",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("word", word, nullable=False),
        sa.Column("field", sa.Integer(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_words")),
        sa.UniqueConstraint("word", "field", name=op.f("uq_search_words_word")),
    )
    op.create_index(op.f("ix_search_words_changed"), "search_words", ["changed"])
    op.create_table(
        "search_gone",
        sa.Column("changed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("changed", "id", name=op.f("pk_search_gone")),
    )
    state = op.create_table(
        "search_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("build", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("next_document", sa.Integer(), nullable=False),
        sa.Column("next_word", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_state")),
    )
    # Format 0 is no release's: the index is made from the plans on the first start.
    op.bulk_insert(
        state,
        [{"id": 1, "format": 0, "build": 0, "version": 0, "next_document": 1, "next_word": 1}],
    )
    statements = _GIN if op.get_bind().dialect.name == "postgresql" else (_FTS5,)
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    """Undo."""
    op.execute("DROP TABLE search_index")
    op.drop_table("search_state")
    op.drop_table("search_gone")
    op.drop_table("search_words")
    op.drop_table("search_documents")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("search", sa.Text(), nullable=False, server_default=""))
