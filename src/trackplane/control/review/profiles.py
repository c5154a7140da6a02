"""People and teams: who owns events and approves changes, and where each wants to be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from trackplane.control import tables
from trackplane.control.access import new_secret
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.review import notice_wire, review_tables
from trackplane.control.review import profile_wire as wire
from trackplane.control.review.lapsed import let_fall_of
from trackplane.control.review.notices import channels_of, mine
from trackplane.control.roles import ROLES
from trackplane.control.wire import Paging, Removed, Word
from trackplane.errors import Finding, InputError

operations: Final = Operations("people")

_people, _teams, _members = review_tables.people, review_tables.teams, review_tables.team_members


# --- people


@operations.add("GET", "/people")
def list_people(call: Call, query: wire.PeopleQuery) -> wire.People:
    """List the people: those who are registered, and those who have a token that meets the asker's."""
    with call.platform.database.read() as connection:
        book = _Book(connection, call)
        names = book.names()
        if query.team:
            names &= set(book.members(query.team))
        for word in query.query.casefold().split():
            names = {name for name in names if word in book.text(name)}
        ordered = sorted(name for name in names if name > query.cursor)
        shown = ordered[: query.limit]
        return wire.People(
            items=[book.person(name) for name in shown],
            next=shown[-1] if len(ordered) > len(shown) else None,
        )


class _Book:
    """All that is known of people, read once."""

    def __init__(self, connection: sa.Connection, call: Call) -> None:
        self._call = call
        self._profiles = {row.person: row for row in connection.execute(sa.select(_people))}
        self._teams: dict[str, list[str]] = {}
        self._members: dict[str, list[str]] = {}
        ordered = sa.select(_members).order_by(_members.c.team, _members.c.person)
        for row in connection.execute(ordered):
            self._teams.setdefault(row.person, []).append(row.team)
            self._members.setdefault(row.team, []).append(row.person)
        self._roles: dict[str, set[str]] = {}
        for row in connection.execute(sa.select(tables.tokens)):
            if call.actor.everywhere or "*" in row.apps or any(map(call.actor.sees, row.apps)):
                self._roles.setdefault(row.person, set()).add(row.role)

    def names(self) -> set[str]:
        """Return everybody."""
        return self._profiles.keys() | self._roles.keys() | self._teams.keys()

    def members(self, team: str) -> list[str]:
        """Return who is in a team."""
        return self._members.get(team, [])

    def text(self, person: str) -> str:
        """Return what of a person is searched."""
        row = self._profiles.get(person)
        known = (row.name, row.title) if row is not None else ()
        return " ".join((person, *known, *self._teams.get(person, ()))).casefold()

    def person(self, name: str) -> wire.Person:
        """Return a person; addresses only to themselves and to admins of all apps."""
        row = self._profiles.get(name)
        actor = self._call.actor
        private = name == actor.person or (actor.may("person.edit") and actor.everywhere)
        return wire.Person(
            person=name,
            name=row.name if row is not None else "",
            title=row.title if row is not None else "",
            email=row.email if row is not None and private else "",
            language=row.language if row is not None else "en",
            webhook=row.webhook if row is not None and private else "",
            teams=self._teams.get(name, []),
            roles=[role for role in ROLES if role in self._roles.get(name, ())],
            registered=row is not None,
            etag=str(row.version if row is not None else 0),
        )


@operations.add("GET", "/people/{person}")
def get_person(call: Call, person: Word) -> wire.Person:
    """Show a person."""
    with call.platform.database.read() as connection:
        book = _Book(connection, call)
        if person not in book.names():
            raise NotFoundError(f"there is nobody called {person!r}")
        return book.person(person)


@operations.add("PUT", "/people/{person}", action="person.edit", precondition=True)
def put_person(call: Call, person: wire.PersonName, body: wire.PersonPatch) -> wire.Person:
    """Register a person, or change what is known of one (ETag 0: not registered yet)."""
    call.actor.require_apps([])
    with call.platform.publisher.change(call.actor, "person") as change:
        _keep(change, call, person, _given(body))
        change.audit("person.put", person)
    return get_person(call, person)


def _given(body: msgspec.Struct) -> dict[str, Any]:
    return {k: v for k, v in msgspec.structs.asdict(body).items() if v is not UNSET}


def _keep(change: Change, call: Call, person: str, values: dict[str, Any]) -> None:
    """Write a profile; what is not in ``values`` stays, or is as it is of somebody new."""
    row = change.connection.execute(sa.select(_people).where(_people.c.person == person)).first()
    call.match(str(row.version if row is not None else 0))
    if "notify" in values:
        held = row.notify if row is not None else {}
        values = values | {"notify": {**held, **msgspec.to_builtins(values["notify"])}}
    if values.get("webhook") and (row is None or row.webhook != values["webhook"]):
        # A new receiver gets a secret of its own: the old one may not sign for it.
        values = values | {"webhook_secret": new_secret("tph")}
    values = values | {"updated_at": change.now, "version": (row.version if row else 0) + 1}
    if row is not None:
        change.connection.execute(
            sa.update(_people).where(_people.c.person == person).values(**values)
        )
        return
    blank = dict.fromkeys(("name", "title", "email", "webhook", "webhook_secret"), "")
    fresh = {**blank, "language": "en", "notify": {}, **values}
    change.connection.execute(sa.insert(_people).values(person=person, **fresh))


@operations.add("DELETE", "/people/{person}", action="person.edit", precondition=True)
def delete_person(call: Call, person: Word) -> Removed:
    """Forget a person's profile and leave it out of its teams; tokens stay."""
    call.actor.require_apps([])
    with call.platform.publisher.change(call.actor, "person") as change:
        row = change.connection.execute(
            sa.select(_people).where(_people.c.person == person)
        ).first()
        if row is None:
            raise NotFoundError(f"there is nobody called {person!r}")
        call.match(str(row.version))
        change.connection.execute(sa.delete(_people).where(_people.c.person == person))
        change.connection.execute(sa.delete(_members).where(_members.c.person == person))
        let_fall_of(change, [person])
        change.audit("person.delete", person)
    return Removed(number=change.number)


# --- oneself


@operations.add("GET", "/me")
def get_me(call: Call) -> wire.Me:
    """Show the asking person: profile, teams, and where each kind of notice is told."""
    with call.platform.database.read() as connection:
        return _me(connection, call)


def _me(connection: sa.Connection, call: Call) -> wire.Me:
    person = call.actor.person
    row = connection.execute(sa.select(_people).where(_people.c.person == person)).first()
    teams = connection.execute(
        sa.select(_members.c.team).where(_members.c.person == person).order_by(_members.c.team)
    )
    unread: int = connection.execute(
        sa.select(sa.func.count()).where(
            mine(call.actor), review_tables.notices.c.read_at.is_(None)
        )
    ).scalar_one()
    wishes = row.notify if row is not None else {}
    return wire.Me(
        person=person,
        name=row.name if row is not None else "",
        title=row.title if row is not None else "",
        email=row.email if row is not None else "",
        language=row.language if row is not None else "en",
        webhook=row.webhook if row is not None else "",
        webhook_secret=row.webhook_secret if row is not None else "",
        teams=[each.team for each in teams],
        role=call.actor.role,
        apps=list(call.actor.apps),
        notify={kind: channels_of(wishes, kind) for kind in notice_wire.KINDS},
        email_possible=bool(call.platform.settings.notify.smtp_host),
        unread=unread,
        registered=row is not None,
        etag=str(row.version if row is not None else 0),
    )


@operations.add("PATCH", "/me", action="profile.edit")
def update_me(call: Call, body: wire.PersonPatch) -> wire.Me:
    """Change one's own profile; it is made where there is none yet."""
    with call.platform.publisher.change(call.actor, "person") as change:
        values = _given(body)
        _keep(change, call, call.actor.person, values)
        change.audit("person.me", call.actor.person, detail={"fields": sorted(values)})
        return _me(change.connection, call)


# --- teams


@operations.add("GET", "/teams")
def list_teams(call: Call, query: Paging) -> wire.Teams:
    """List the teams."""
    with call.platform.database.read() as connection:
        owned = _owned(connection, call)
        items, cursor = page(
            connection,
            sa.select(_teams),
            _teams.c.team,
            query,
            lambda row: _team(connection, row, owned),
        )
    return wire.Teams(items=items, next=cursor)


def _owned(connection: sa.Connection, call: Call) -> dict[str, int]:
    """Return how many events each owner has in the token's apps."""
    table = tables.events
    select = sa.select(table.c.owner, sa.func.count().label("events")).group_by(table.c.owner)
    if not call.actor.everywhere:
        select = select.where(table.c.app.in_(call.actor.apps))
    return {row.owner: row.events for row in connection.execute(select)}


def _team(connection: sa.Connection, row: sa.Row[Any], owned: dict[str, int]) -> wire.Team:
    members = connection.execute(
        sa.select(_members.c.person).where(_members.c.team == row.team).order_by(_members.c.person)
    )
    return wire.Team(
        team=row.team,
        title=row.title,
        description=row.description,
        members=[member.person for member in members],
        events=owned.get(f"team:{row.team}", 0),
        etag=str(row.version),
    )


@operations.add("GET", "/teams/{team}")
def get_team(call: Call, team: Word) -> wire.Team:
    """Show a team and who is in it."""
    with call.platform.database.read() as connection:
        row = connection.execute(sa.select(_teams).where(_teams.c.team == team)).first()
        if row is None:
            raise NotFoundError(f"there is no team {team!r}")
        return _team(connection, row, _owned(connection, call))


@operations.add("PUT", "/teams/{team}", action="person.edit", precondition=True)
def put_team(call: Call, team: wire.PersonName, body: wire.TeamPatch) -> wire.Team:
    """Make a team, or change it and who is in it (ETag 0: there is none yet)."""
    call.actor.require_apps([])
    if " " in team:
        finding = Finding(code="team", message="a team's name has no blanks", pointer="/team")
        raise InputError(f"{team!r} cannot be a team", findings=[finding])
    with call.platform.publisher.change(call.actor, "team") as change:
        row = change.connection.execute(sa.select(_teams).where(_teams.c.team == team)).first()
        call.match(str(row.version if row is not None else 0))
        values = _given(body) | {"updated_at": change.now}
        members = values.pop("members", None)
        if row is None:
            fresh = {"title": "", "description": "", **values}
            change.connection.execute(sa.insert(_teams).values(team=team, version=1, **fresh))
        else:
            change.connection.execute(
                sa.update(_teams)
                .where(_teams.c.team == team)
                .values(version=row.version + 1, **values)
            )
        if members is not None:
            _set_members(change, team, members)
        change.audit("team.put", team, detail={"members": members})
    return get_team(call, team)


def _set_members(change: Change, team: str, members: Iterable[str]) -> None:
    """Say who is in a team; approvals that others gave as its members fall."""
    before = change.connection.execute(sa.select(_members.c.person).where(_members.c.team == team))
    gone = {row.person for row in before}.difference(members)
    change.connection.execute(sa.delete(_members).where(_members.c.team == team))
    rows = [{"team": team, "person": person} for person in dict.fromkeys(members)]
    if rows:
        change.connection.execute(sa.insert(_members), rows)
    if gone:
        let_fall_of(change, gone)


@operations.add("DELETE", "/teams/{team}", action="person.edit", precondition=True)
def delete_team(call: Call, team: Word) -> Removed:
    """Delete a team; what it owned has an owner that nobody knows until that changes."""
    call.actor.require_apps([])
    with call.platform.publisher.change(call.actor, "team") as change:
        row = change.connection.execute(sa.select(_teams).where(_teams.c.team == team)).first()
        if row is None:
            raise NotFoundError(f"there is no team {team!r}")
        call.match(str(row.version))
        change.connection.execute(sa.delete(_teams).where(_teams.c.team == team))
        _set_members(change, team, [])
        change.audit("team.delete", team)
    return Removed(number=change.number)
