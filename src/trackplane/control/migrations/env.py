"""Run migrations on the connection that ``control.database`` gives."""

from __future__ import annotations

from alembic import context

from trackplane.control.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
