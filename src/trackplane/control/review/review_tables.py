"""The tables of people, change requests, requirements and notices.

A change request's branch is content-addressed: a version names an object that lists the changed files
by path and hash (no hash: removed), over the files of its base revision. Its *items* are what the
branch touches, worked out on each save; an approval is of one item's content and falls with it.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from trackplane.control.tables import metadata

people: Final = sa.Table(
    "people",
    metadata,
    sa.Column("person", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("language", sa.String(10), nullable=False),
    sa.Column("webhook", sa.Text, nullable=False),
    sa.Column("webhook_secret", sa.String(100), nullable=False),
    sa.Column("notify", sa.JSON, nullable=False),  # kind of notice -> channels
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

teams: Final = sa.Table(
    "teams",
    metadata,
    sa.Column("team", sa.String(100), primary_key=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

team_members: Final = sa.Table(
    "team_members",
    metadata,
    sa.Column("team", sa.String(100), primary_key=True),
    sa.Column("person", sa.String(100), primary_key=True, index=True),
)

changes: Final = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("app", sa.String(100), nullable=False, index=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("requirement", sa.Integer, nullable=True, index=True),
    sa.Column("author", sa.String(100), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("base", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # of the branch
    sa.Column("tick", sa.Integer, nullable=False),  # rises with every change of this row
    sa.Column("broken", sa.Integer, nullable=False),  # findings that forbid it to be submitted
    sa.Column("waiting", sa.Integer, nullable=False),  # items that nobody has approved
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("rejection", sa.JSON, nullable=True),
    sa.Column("impact", sa.Text, nullable=True),  # JSON of the last one
    sa.Column("impact_version", sa.Integer, nullable=True),
    sa.Column("impact_revision", sa.Integer, nullable=True),
    sa.Column("deadline", sa.String(10), nullable=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("submitted_at", sa.BigInteger, nullable=True),
    sa.Column("approved_at", sa.BigInteger, nullable=True),
    sa.Column("merged_at", sa.BigInteger, nullable=True),
    sa.Column("closed_at", sa.BigInteger, nullable=True),
    sa.Column("merged_revision", sa.Integer, nullable=True),
    sa.Column("number", sa.BigInteger, nullable=True),
)

change_versions: Final = sa.Table(
    "change_versions",
    metadata,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("base", sa.Integer, nullable=False),
    sa.Column("overlay", sa.String(64), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

change_items: Final = sa.Table(
    "change_items",
    metadata,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.String(300), primary_key=True),  # section/name
    sa.Column("section", sa.String(20), nullable=False),
    sa.Column("name", sa.String(200), nullable=False, index=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("compatibility", sa.String(10), nullable=False),
    sa.Column("grade", sa.String(2), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("rule", sa.String(20), nullable=False),
    sa.Column("content", sa.String(64), nullable=False),  # hash of what it will be
    sa.Column("approved", sa.Boolean, nullable=False),
)

approvals: Final = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("change", sa.Integer, nullable=False, index=True),
    sa.Column("item", sa.String(300), nullable=False),
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("rule", sa.String(20), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("fell_at", sa.BigInteger, nullable=True),
    sa.Column("because", sa.Text, nullable=False),
)

change_comments: Final = sa.Table(
    "change_comments",
    metadata,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("edited_at", sa.BigInteger, nullable=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("event", sa.String(200), nullable=False),
    sa.Column("property", sa.String(400), nullable=False),
    sa.Column("reply_to", sa.Integer, nullable=True),
    sa.Column("resolved_by", sa.String(100), nullable=True),
    sa.Column("resolved_at", sa.BigInteger, nullable=True),
)

change_reads: Final = sa.Table(
    "change_reads",
    metadata,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", sa.String(100), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),  # the last comment the person has read
)

change_history: Final = sa.Table(
    "change_history",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("change", sa.Integer, nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

requirements: Final = sa.Table(
    "requirements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("apps", sa.JSON, nullable=False),
    sa.Column("people", sa.JSON, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),  # [[app, event], ...] beside those of its changes
    sa.Column("deadline", sa.String(10), nullable=True),
    sa.Column("dropped", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

notices: Final = sa.Table(
    "notices",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("person", sa.String(100), nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("app", sa.String(100), nullable=False),
    sa.Column("change", sa.Integer, nullable=True),
    sa.Column("event", sa.String(200), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("key", sa.String(300), nullable=False),  # of what is told once only; else empty
    sa.Column("read_at", sa.BigInteger, nullable=True),
)

# Notices on their way by e-mail or webhook; bounded, sent by a thread of its own.
outbox: Final = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("channel", sa.String(10), nullable=False),
    sa.Column("person", sa.String(100), nullable=False, index=True),
    sa.Column("notice", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.String(10), nullable=False, index=True),  # waiting, sent, dead
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("done_at", sa.BigInteger, nullable=True),
)
