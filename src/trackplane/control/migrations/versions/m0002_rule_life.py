"""The life of a rule: reasons and numbers of versions, drafts, functions, tables, scripts.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A version was written in the transaction of its number, at the same moment. A number that came
# later without a change of the rule does not matter: the last one up to a number is what counts.
_NUMBERS = """
UPDATE rule_versions SET number = coalesce(
    (SELECT max(r.number) FROM rulesets r WHERE r.published_at <= rule_versions.created_at), 0)
"""
_BODIES = """
UPDATE rule_versions SET body =
    (SELECT r.definition FROM rules r
     WHERE r.rule = rule_versions.rule AND r.version = rule_versions.version)
WHERE action = 'published'
"""


def upgrade() -> None:
    """Do."""
    with op.batch_alter_table("rule_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("number", sa.BigInteger(), nullable=False, server_default="0")
        )
        batch_op.add_column(sa.Column("body", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_rule_versions_number"), ["number"], unique=False)
    op.execute(_NUMBERS)
    op.execute(_BODIES)
    op.create_table(
        "drafts",
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("apps", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_drafts")),
    )
    op.create_table(
        "draft_texts",
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "version", name=op.f("pk_draft_texts")),
    )
    op.create_table(
        "definitions",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_definitions")),
    )
    op.create_table(
        "definition_versions",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "version", name=op.f("pk_definition_versions")),
    )
    with op.batch_alter_table("definition_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_definition_versions_number"), ["number"], unique=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("definition_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_definition_versions_number"))
    op.drop_table("definition_versions")
    op.drop_table("definitions")
    op.drop_table("draft_texts")
    op.drop_table("drafts")
    with op.batch_alter_table("rule_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rule_versions_number"))
        batch_op.drop_column("body")
        batch_op.drop_column("number")
        batch_op.drop_column("reason")
