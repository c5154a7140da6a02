"""The metadata tables. Changes of shape are Alembic migrations (``control/migrations``)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

apps: Final = sa.Table(
    "apps",
    metadata,
    sa.Column("app", sa.String(100), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("environments", sa.JSON, nullable=False),
    sa.Column("validation", sa.String(10), nullable=False),
    sa.Column("allow_list", sa.String(10), nullable=False),
    sa.Column("blocked", sa.JSON, nullable=False),
    sa.Column("review", sa.String(10), nullable=False, server_default="optional"),
    sa.Column("revision", sa.Integer, nullable=False),  # plan revision in force; 0: none
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

keys: Final = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("app", sa.ForeignKey("apps.app"), nullable=False, index=True),
    sa.Column("env", sa.String(100), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("prefix", sa.String(20), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

# Plan revisions are trees of content hashes: a revision names a tree object, that names pages of
# (event, hash), each hash an object. What did not change between revisions is stored once.
objects: Final = sa.Table(
    "objects",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

revisions: Final = sa.Table(
    "revisions",
    metadata,
    sa.Column("app", sa.ForeignKey("apps.app"), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tree", sa.String(64), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),  # hash of the source text's object
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

# The events of the revision in force, for paging.
events: Final = sa.Table(
    "events",
    metadata,
    sa.Column("app", sa.ForeignKey("apps.app"), primary_key=True),
    sa.Column("event", sa.String(200), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("grade", sa.String(2), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("properties", sa.Integer, nullable=False),
    sa.Column("deprecated", sa.Boolean, nullable=False),
    sa.Column("object", sa.String(64), nullable=False),
    sa.Index("ix_events_owner", "owner", "app", "event"),
)

datasets: Final = sa.Table(
    "datasets",
    metadata,
    sa.Column("dataset", sa.String(100), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("definition", sa.Text, nullable=False),  # JSON, as it travels
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("updated_by", sa.String(100), nullable=False),
)

rules: Final = sa.Table(
    "rules",
    metadata,
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("definition", sa.Text, nullable=False),  # JSON, as it travels
    sa.Column("apps", sa.JSON, nullable=False),  # empty: all
    sa.Column("to", sa.String(100), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("updated_by", sa.String(100), nullable=False),
)

rule_versions: Final = sa.Table(
    "rule_versions",
    metadata,
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("apps", sa.JSON, nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # The ruleset number in force when the version was: what a rollback of the ruleset goes by.
    sa.Column("number", sa.BigInteger, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=True),  # the IR as published; NULL where none was
)

# One draft a rule; each text it ever had is kept for a while, as the base of a merge.
drafts: Final = sa.Table(
    "drafts",
    metadata,
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("base_version", sa.Integer, nullable=False),
    sa.Column("apps", sa.JSON, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

draft_texts: Final = sa.Table(
    "draft_texts",
    metadata,
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

# Functions, lookup tables and scripts: what rules name, of one shape.
definitions: Final = sa.Table(
    "definitions",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("updated_by", sa.String(100), nullable=False),
)

definition_versions: Final = sa.Table(
    "definition_versions",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False, index=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

# What the data plane is told now: the state that the highest number stands for.
resources: Final = sa.Table(
    "resources",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("name", sa.String(400), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

rulesets: Final = sa.Table(
    "rulesets",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("changed", sa.JSON, nullable=False),  # ["kind/name", ...]
    sa.Column("removed", sa.JSON, nullable=False),
)

acknowledgements: Final = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("node", sa.String(200), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("acknowledged_at", sa.BigInteger, nullable=False),
    sa.Column("nacks", sa.JSON, nullable=False),
)

tokens: Final = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("apps", sa.JSON, nullable=False),
    sa.Column("prefix", sa.String(20), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

# Append-only: a trigger refuses UPDATE and DELETE.
audit: Final = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("subject", sa.String(400), nullable=False),
    sa.Column("app", sa.String(100), nullable=False, index=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

# What runs, or last ran, of each rule on live traffic: its shadow, canary and guard.
trials: Final = sa.Table(
    "trials",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # JSON
)

replays: Final = sa.Table(
    "replays",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("app", sa.String(100), nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # JSON
)

# The dirty events of each replay by what tells one failing from another.
resolutions: Final = sa.Table(
    "resolutions",
    metadata,
    sa.Column("identity", sa.LargeBinary, primary_key=True),
    sa.Column("replay", sa.String(40), primary_key=True, index=True),
    sa.Column("app", sa.String(100), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # sent, resolved, failed, skipped, undone
    sa.Column("detail", sa.Text, nullable=False),
)

# Tables of other parts belong to the same metadata.
from trackplane.control.design import plan_tables as _plan_tables  # noqa: E402, F401
from trackplane.control.insight import insight_tables as _insight_tables  # noqa: E402, F401
from trackplane.control.review import review_tables as _review_tables  # noqa: E402, F401
from trackplane.control.search import tables as _search_tables  # noqa: E402, F401
