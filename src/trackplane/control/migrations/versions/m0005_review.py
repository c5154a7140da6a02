"""People, change requests, requirements, notices; tokens belong to people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person", sa.String(length=100), nullable=True))
    op.execute("UPDATE tokens SET person = name")
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.alter_column("person", existing_type=sa.String(length=100), nullable=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.drop_column("person")
