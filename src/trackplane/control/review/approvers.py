"""Who could approve: the people with tokens that reach an app, their roles and their teams."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.access import ALL_APPS, Actor
from trackplane.control.review import review_tables
from trackplane.control.review.review_rules import Approver, keepers_of, why_not
from trackplane.control.roles import Role, rank


def owners_of(connection: sa.Connection, person: str) -> frozenset[str]:
    """Return the owners that a person is: itself and its teams."""
    table = review_tables.team_members
    rows = connection.execute(sa.select(table.c.team).where(table.c.person == person))
    return frozenset({f"person:{person}", *(f"team:{row.team}" for row in rows)})


def approver_of(connection: sa.Connection, actor: Actor) -> Approver:
    """Return the asking person, with the role of the token."""
    owners = owners_of(connection, actor.person)
    return Approver(person=actor.person, role=actor.role, owners=owners)


def approvers_of(connection: sa.Connection, app: str) -> dict[str, Approver]:
    """Return everybody with a token that reaches an app, by person, in their highest role."""
    table = tables.tokens
    roles: dict[str, Role] = {}
    for row in connection.execute(sa.select(table.c.person, table.c.role, table.c.apps)):
        reaches = ALL_APPS in row.apps or app in row.apps
        if reaches and rank(row.role) >= rank(roles.get(row.person, "viewer")):
            roles[row.person] = row.role
    members = review_tables.team_members
    owners: dict[str, set[str]] = {person: {f"person:{person}"} for person in roles}
    for row in connection.execute(sa.select(members)):
        if row.person in owners:
            owners[row.person].add(f"team:{row.team}")
    return {
        person: Approver(person=person, role=role, owners=frozenset(owners[person]))
        for person, role in roles.items()
    }


class Judge:
    """Says who may approve what of one change request; keeps what it worked out."""

    def __init__(self, approvers: Mapping[str, Approver], author: str) -> None:
        self._approvers = approvers
        self._author = author
        self._keepers: dict[tuple[str, str], set[str]] = {}

    def why_not(self, rule: str, owner: str, approver: Approver) -> str:
        """Return why somebody may not approve an item of a rule and owner; empty: they may."""
        return why_not(rule, owner, self._author, approver, keepers=self.keepers(rule, owner))

    def keepers(self, rule: str, owner: str) -> set[str]:
        """Return the people with a rule's role in the owning team, the author aside."""
        key = rule, owner
        if key not in self._keepers:
            self._keepers[key] = keepers_of(rule, owner, self._author, self._approvers)
        return self._keepers[key]

    def reviewers(self, rule: str, owner: str) -> list[str]:
        """Return who could approve an item, those of the owning team first."""
        able = [a for a in self._approvers.values() if not self.why_not(rule, owner, a)]
        return [a.person for a in sorted(able, key=lambda a: (owner not in a.owners, a.person))]

    def asked(self, rule: str, owner: str) -> list[str]:
        """Return who is told that an approval is asked for: the owners, else those of weight."""
        able = self.reviewers(rule, owner)
        owners = [person for person in able if owner in self._approvers[person].owners]
        if owners or rule in {"P2", "P3"}:
            return [person for person in owners if person != self._author]
        return [person for person in able if person != self._author]
