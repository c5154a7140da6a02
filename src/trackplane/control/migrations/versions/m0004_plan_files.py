"""A plan's source is a set of files: what was one text becomes the file ``plan.yaml``."""

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


def downgrade() -> None:
    """Undo."""
    connection = op.get_bind()
    column = _revisions.c.source
    hashes: list[str] = list(connection.execute(sa.select(column).distinct()).scalars())
    for hash in hashes:
        found = sa.select(_objects.c.body).where(_objects.c.hash == hash)
        body: bytes = connection.execute(found).scalar_one()
        index = msgspec.json.decode(zlib.decompress(body), type=list[tuple[str, str]])
        connection.execute(sa.update(_revisions).where(column == hash).values(source=index[0][1]))
