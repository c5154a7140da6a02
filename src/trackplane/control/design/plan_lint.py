"""The organisation's lint rules: one text for every app, checked when it is put."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from trackplane.control.design import plan_wire
from trackplane.control.design.plan_tables import organisation_texts as table
from trackplane.control.operations import Call, Operations
from trackplane.plan.lint import LintRules, load_rules

operations: Final = Operations("plan")

_NAME: Final = "lint"


def rules_of(connection: sa.Connection) -> LintRules | None:
    """Return the organisation's rules; None: those that come with Trackplane."""
    text: str | None = connection.execute(
        sa.select(table.c.text).where(table.c.name == _NAME)
    ).scalar()
    return _loaded(text) if text else None


@lru_cache(maxsize=8)
def _loaded(text: str) -> LintRules:
    return load_rules(text, file="lint.yaml")


@operations.add("GET", "/lint")
def get_lint(call: Call) -> plan_wire.LintText:
    """Show the organisation's lint rules."""
    with call.platform.database.read() as connection:
        return _view(connection)


@operations.add("PUT", "/lint", action="lint.edit", precondition=True)
def put_lint(call: Call, body: plan_wire.LintSource) -> plan_wire.LintText:
    """Set the organisation's lint rules, for every app from now on."""
    call.actor.require_apps([])
    if body.source.strip():
        load_rules(body.source, file="lint.yaml")
    with call.platform.publisher.change(call.actor, "lint rules") as change:
        held = _view(change.connection)
        call.match(held.etag)
        if held.source != body.source:
            change.connection.execute(sa.delete(table).where(table.c.name == _NAME))
            change.connection.execute(
                sa.insert(table).values(
                    name=_NAME,
                    text=body.source,
                    version=held.version + 1,
                    updated_at=change.now,
                    updated_by=change.actor.name,
                )
            )
            change.audit("lint.update", "lint", detail={"version": held.version + 1})
        return _view(change.connection)


def _view(connection: sa.Connection) -> plan_wire.LintText:
    row = connection.execute(sa.select(table).where(table.c.name == _NAME)).first()
    if row is None:
        return plan_wire.LintText(source="", version=0, updated_at=0, updated_by="", etag="0")
    return plan_wire.LintText(
        source=row.text,
        version=row.version,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        etag=str(row.version),
    )
