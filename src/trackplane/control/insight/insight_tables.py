"""The tables of insight: observations, saved queries, registered clients, screenshots."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from trackplane.control.tables import metadata

# Files of the lake that were counted. ``kept``: retention dropped the file, its counts stay.
observed_files: Final = sa.Table(
    "observed_files",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("path", sa.String(400), nullable=False, unique=True),
    sa.Column("kind", sa.String(10), nullable=False),  # events or dirty
    sa.Column("date", sa.String(10), nullable=False),  # empty: a fresh file, of any dates
    sa.Column("grade", sa.String(2), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.BigInteger, nullable=False),  # bytes of its events' own JSON
    sa.Column("max_server", sa.BigInteger, nullable=False),
    sa.Column("kept", sa.Boolean, nullable=False),
)

# What each counted file holds; a question sums over files. Replacing a file is deleting its rows
# and adding those of what replaces it, in one transaction.
observations: Final = sa.Table(
    "observations",
    metadata,
    sa.Column("file", sa.ForeignKey("observed_files.id"), primary_key=True, autoincrement=False),
    sa.Column("app", sa.String(100), primary_key=True),
    sa.Column("event", sa.String(200), primary_key=True),
    sa.Column("env", sa.String(100), primary_key=True),
    sa.Column("platform", sa.String(100), primary_key=True),
    sa.Column("version", sa.String(100), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),  # since 1970, UTC
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("violations", sa.BigInteger, nullable=False),
    sa.Column("dirty", sa.BigInteger, nullable=False),  # kept out by the collector
    sa.Column("failed", sa.BigInteger, nullable=False),  # stored, and a rule failed on it
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("payload", sa.BigInteger, nullable=False),
    sa.Column("first_at", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Index("ix_observations_event", "app", "event", "day"),
    sa.Index("ix_observations_day", "day"),
)

# How far the tender is: one row.
observation_state: Final = sa.Table(
    "observation_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("snapshot", sa.BigInteger, nullable=False),
    sa.Column("behind_rows", sa.BigInteger, nullable=False),
    sa.Column("counted_at", sa.BigInteger, nullable=False),
)

saved_queries: Final = sa.Table(
    "saved_queries",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("app", sa.String(100), nullable=False),  # empty: over all apps of who runs it
    sa.Column("sql", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("reads", sa.Text, nullable=False),  # JSON: registry_wire.ReadSet
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("updated_by", sa.String(100), nullable=False),
    sa.UniqueConstraint("app", "name", name="uq_saved_queries_app"),
)

saved_query_versions: Final = sa.Table(
    "saved_query_versions",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("app", sa.String(100), nullable=False),
    sa.Column("sql", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),  # save, delete
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

clients: Final = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("app", sa.String(100), nullable=False, index=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("platform", sa.String(100), nullable=False),
    sa.Column("language", sa.String(100), nullable=False),
    sa.Column("release", sa.String(100), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("events", sa.Text, nullable=False),  # JSON: event -> paths it may send
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    sa.Column("registered_by", sa.String(100), nullable=False),
    sa.UniqueConstraint("app", "name", "platform", "release", name="uq_clients_app"),
)

screenshots: Final = sa.Table(
    "screenshots",
    metadata,
    sa.Column("app", sa.String(100), primary_key=True),
    sa.Column("hash", sa.String(64), primary_key=True),  # of what is served: objects.hash
    sa.Column("media_type", sa.String(40), nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)
