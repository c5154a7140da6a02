"""Owners that a plan names, held against who is registered."""

from __future__ import annotations

import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.review import review_tables
from trackplane.errors import Finding, did_you_mean
from trackplane.plan.workspace import Workspace


def anybody_registered(connection: sa.Connection) -> bool:
    """Say whether there is any person or team."""
    named = (review_tables.people.c.person, review_tables.teams.c.team)
    return any(connection.execute(sa.select(name).limit(1)).first() for name in named)


def unknown_owners(connection: sa.Connection, workspace: Workspace) -> list[Finding]:
    """Return a warning for each owner of what changed that nobody registered."""
    plan = workspace.plan
    owned = {
        owner: ("events", name)
        for name in sorted(workspace.changed)
        if (spec := plan.events.get(name)) is not None and (owner := spec.owner)
    }
    owned |= {
        metric.owner: ("metrics", name) for name, metric in plan.metrics.items() if metric.owner
    }
    people, teams = review_tables.people.c.person, review_tables.teams.c.team
    tokens = tables.tokens.c.person
    found: list[Finding] = []
    for owner, (section, name) in sorted(owned.items()):
        kind, _, who = owner.partition(":")
        selects = [sa.select(teams).where(teams == who)] if kind == "team" else []
        if kind == "person":
            selects = [
                sa.select(people).where(people == who),
                sa.select(tokens).where(tokens == who),
            ]
        if any(connection.execute(select.limit(1)).first() for select in selects):
            continue
        place = workspace.place(section, name)
        found.append(
            Finding(
                code="owner_unknown",
                message=f"{owner} of {name} is not registered: nobody of it can approve",
                severity="warning",
                file=place.file if place is not None else None,
                line=place.first if place is not None else None,
                pointer=f"/{section}/{name}/owner",
                hint=_meant(connection, kind, who)
                or "register it: trackplane team add, trackplane people add",
            )
        )
    return found


def _meant(connection: sa.Connection, kind: str, who: str) -> str | None:
    name = review_tables.teams.c.team if kind == "team" else review_tables.people.c.person
    return did_you_mean(who, connection.execute(sa.select(name)).scalars())
