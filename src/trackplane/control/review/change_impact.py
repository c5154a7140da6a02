"""The impact of a change request: worked out over the plan in force, kept with the version it is of."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control.insight import insight_wire
from trackplane.control.insight.impact import assess
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.review import change_wire as wire
from trackplane.control.review import notices, review_tables
from trackplane.control.review.change_merge import merged_branch
from trackplane.control.review.change_state import (
    OPEN,
    StateError,
    base_revision,
    find_change,
    record,
    require_state,
)

operations: Final = Operations("data")  # it reads the lake, in the threads for that


@operations.add("GET", "/changes/{id}/impact", action="data.read")
def get_change_impact(call: Call, id: wire.Id) -> wire.ChangeImpact:
    """Show the last impact that was worked out, and whether it still holds."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        revision = base_revision(connection, row.app)
    if row.impact is None:
        raise NotFoundError(
            f"no impact of change request {id} was worked out yet",
            hint=f"trackplane change impact {id}",
        )
    return _view(row, msgspec.json.decode(row.impact, type=insight_wire.Impact), revision)


def _view(row: sa.Row[Any], impact: insight_wire.Impact, revision: int | None) -> wire.ChangeImpact:
    return wire.ChangeImpact(
        change=row.id,
        version=row.impact_version,
        revision=row.impact_revision,
        fresh=(row.impact_version, row.impact_revision) == (row.version, revision),
        impact=impact,
    )


@operations.add("POST", "/changes/{id}/impact", action="data.read")
def assess_change(call: Call, id: wire.Id, body: wire.ImpactAsked) -> wire.ChangeImpact:
    """Work out what merging a change request now would do, and keep it: a merge asks for it.

    Raises:
        StateError: the branch does not read.
    """
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        require_state(row, *OPEN)
        sides, branch = merged_branch(connection, call, row)
    found = branch.candidate
    if found is None:
        raise StateError("the branch does not read", findings=branch.findings)
    impact = assess(
        call, row.app, found.before.plan, found.after.plan, hours=body.hours, events=body.events
    )
    with call.platform.publisher.change(call.actor, "change request") as change:
        now = find_change(change.connection, call, id)
        if now.version != row.version:
            raise StateError(f"version {now.version} was saved meanwhile", hint="ask again")
        table = review_tables.changes
        change.connection.execute(
            sa.update(table)
            .where(table.c.id == id)
            .values(
                impact=msgspec.json.encode(impact).decode(),
                impact_version=row.version,
                impact_revision=sides.revision,
            )
        )
        record(change, row, "impact", revision=sides.revision, broken=impact.broken)
        if impact.broken:
            _tell(change, row, impact)
        kept = find_change(change.connection, call, id)
    return _view(kept, impact, sides.revision)


def _tell(change: Change, row: sa.Row[Any], impact: insight_wire.Impact) -> None:
    """Tell the author, and the owners of what would break."""
    broken = [
        each
        for each in (*impact.rules, *impact.metrics, *impact.queries, *impact.clients)
        if each.how == "broken"
    ]
    members = review_tables.team_members
    people = {row.author}
    for owner in {each.owner for each in broken}:
        kind, _, who = owner.partition(":")
        if kind == "person":
            people.add(who)
        elif kind == "team":
            rows = change.connection.execute(
                sa.select(members.c.person).where(members.c.team == who)
            )
            people |= {each.person for each in rows}
    names = ", ".join(f"{each.kind} {each.name}" for each in broken[:10])
    notices.tell(
        change,
        kind="impact_found",
        people=people,
        app=row.app,
        subject=row.id,
        title=row.title,
        detail=names,
        key=f"impact:{row.id}:{row.version}",
    )
