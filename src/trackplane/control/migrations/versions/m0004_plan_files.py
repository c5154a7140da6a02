"""A plan's source is a set of files; what each revision changed; libraries; organisation's texts."""

from __future__ import annotations

import hashlib
import zlib

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_revisions = sa.table("revisions", sa.column("source", sa.String(64)))
_objects = sa.table("objects", sa.column("hash", sa.String), sa.column("body", sa.LargeBinary))


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    column = _revisions.c.source
    texts: list[str] = list(connection.execute(sa.select(column).distinct()).scalars())
    for text in texts:
        index = msgspec.json.encode([("plan.yaml", text)])
        hash = hashlib.sha256(index).hexdigest()
        held = sa.select(_objects.c.hash).where(_objects.c.hash == hash)
        if connection.execute(held).first() is None:
            body = zlib.compress(index, 1)
            connection.execute(sa.insert(_objects).values(hash=hash, body=body))
        connection.execute(sa.update(_revisions).where(column == text).values(source=hash))
    op.create_table(
        "plan_changes",
        sa.Column("app", sa.String(length=100), nullable=False),
        sa.Column("section", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("compatibility", sa.String(length=10), nullable=False),
        sa.Column("was", sa.String(length=200), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "section", "name", "revision", name="pk_plan_changes"),
    )
    op.create_index("plan_changes_of_revision", "plan_changes", ["app", "revision"])
    op.create_table(
        "libraries",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_libraries"),
    )
    op.create_table(
        "library_uses",
        sa.Column("app", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("app", "name", name="pk_library_uses"),
    )
    op.create_table(
        "organisation_texts",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_organisation_texts"),
    )


def downgrade() -> None:
    """Undo."""
    for table in ("organisation_texts", "library_uses", "libraries", "plan_changes"):
        op.drop_table(table)
    connection = op.get_bind()
    column = _revisions.c.source
    hashes: list[str] = list(connection.execute(sa.select(column).distinct()).scalars())
    for hash in hashes:
        found = sa.select(_objects.c.body).where(_objects.c.hash == hash)
        body: bytes = connection.execute(found).scalar_one()
        index = msgspec.json.decode(zlib.decompress(body), type=list[tuple[str, str]])
        connection.execute(sa.update(_revisions).where(column == hash).values(source=index[0][1]))
