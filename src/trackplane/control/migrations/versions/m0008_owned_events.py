"""Events by who owns them, so that a person's are found without reading everybody's."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_events_owner"), "events", ["owner", "app", "event"])


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_events_owner"), table_name="events")
