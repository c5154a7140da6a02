"""The tables beside a plan's revisions: what each changed, libraries, texts of the organisation."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from trackplane.control.tables import metadata

# What each revision changed, part by part: log and blame read these, never the revisions.
plan_changes: Final = sa.Table(
    "plan_changes",
    metadata,
    sa.Column("app", sa.String(100), primary_key=True),
    sa.Column("section", sa.String(10), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("compatibility", sa.String(10), nullable=False),
    sa.Column("was", sa.String(200), nullable=False),  # of a rename, else empty
    sa.Column("change", sa.Text, nullable=False),  # plan.changes.PartChange as JSON
    sa.Index("plan_changes_of_revision", "app", "revision"),
)

# Versions of libraries never change once they are there.
libraries: Final = sa.Table(
    "libraries",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

# What the plan in force of each app uses.
library_uses: Final = sa.Table(
    "library_uses",
    metadata,
    sa.Column("app", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

# Texts that hold for every app: ``lint``.
organisation_texts: Final = sa.Table(
    "organisation_texts",
    metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("updated_by", sa.String(100), nullable=False),
)
