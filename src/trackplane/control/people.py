"""Sessions, API tokens and the audit log."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

import trackplane
from trackplane.control import people_wire, tables, wire
from trackplane.control.access import (
    ACTIONS,
    ALL_APPS,
    PERMISSIONS,
    ROLES,
    SYSTEM,
    digest,
    new_secret,
    shown,
)
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ForbiddenError, NotFoundError
from trackplane.control.publishing import Publisher
from trackplane.control.review.lapsed import let_fall_of
from trackplane.control.roles import MEANING, least

operations: Final = Operations("people")


@operations.add("GET", "/session")
def get_session(call: Call) -> people_wire.Session:
    """Show who the token is."""
    return people_wire.Session(
        name=call.actor.name,
        person=call.actor.person,
        role=call.actor.role,
        apps=list(call.actor.apps),
        may=[action for action in ACTIONS if call.actor.may(action)],
        version=trackplane.__version__,
        number=call.platform.publisher.snapshot.number,
    )


@operations.add("GET", "/permissions")
def list_permissions(call: Call) -> people_wire.Permissions:
    """Show which role may do what, and what the token may."""
    return people_wire.Permissions(
        roles=list(ROLES),
        items=[
            people_wire.Permission(
                action=action,
                meaning=MEANING[action],
                roles=[role for role in ROLES if role in PERMISSIONS[action]],
                allowed=call.actor.may(action),
                why_not=""
                if call.actor.may(action)
                else f"this needs the role {least(action)} or a higher one",
            )
            for action in ACTIONS
        ],
    )


def _view(row: sa.Row[Any]) -> people_wire.Token:
    return people_wire.Token(
        id=row.id,
        name=row.name,
        person=row.person,
        role=row.role,
        apps=row.apps,
        prefix=row.prefix,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def first_token(publisher: Publisher) -> str | None:
    """Make the first admin token and return it; None when there are tokens already."""
    with publisher.change(SYSTEM, "first token") as change:
        if change.connection.execute(sa.select(tables.tokens.c.id).limit(1)).first():
            return None
        token, id = new_secret("tpt"), new_secret("token")[:20]
        change.connection.execute(
            sa.insert(tables.tokens).values(
                id=id,
                name="first admin",
                person="first admin",
                role="admin",
                apps=[ALL_APPS],
                prefix=shown(token),
                sha256=digest(token),
                created_at=change.now,
                created_by=SYSTEM.name,
            )
        )
        change.audit("token.create", id, detail={"name": "first admin", "role": "admin"})
    return token


@operations.add("GET", "/tokens", action="token.edit")
def list_tokens(call: Call, query: wire.Paging) -> people_wire.Tokens:
    """List the API tokens, by their prefixes."""
    call.actor.require_apps([])
    with call.platform.database.read() as connection:
        select = sa.select(tables.tokens)
        items, cursor = page(connection, select, tables.tokens.c.id, query, _view)
    return people_wire.Tokens(items=items, next=cursor)


@operations.add("POST", "/tokens", action="token.edit", status=201)
def create_token(call: Call, body: people_wire.TokenCreate) -> people_wire.TokenCreated:
    """Make an API token; it is shown this once."""
    names = list(dict.fromkeys(body.apps))
    call.actor.require_grantable(body.role, names)
    person = body.person or body.name
    if not call.actor.everywhere and person != call.actor.person:
        raise ForbiddenError(
            "only a token of all apps makes tokens for other people",
            hint=f"make one for yourself: person {call.actor.person!r}",
        )
    token, id = new_secret("tpt"), new_secret("token")[:20]
    with call.platform.publisher.change(call.actor, "token") as change:
        made = people_wire.TokenCreated(
            id=id,
            name=body.name,
            person=person,
            role=body.role,
            apps=names,
            prefix=shown(token),
            created_at=change.now,
            created_by=call.actor.name,
            token=token,
        )
        values = msgspec.structs.asdict(made) | {"sha256": digest(token)}
        del values["token"]
        change.connection.execute(sa.insert(tables.tokens).values(**values))
        detail = {"name": body.name, "person": person, "role": body.role, "apps": names}
        change.audit("token.create", id, detail=detail)
    return made


@operations.add("DELETE", "/tokens/{id}", action="token.edit")
def delete_token(call: Call, id: wire.Word) -> wire.Removed:
    """Revoke an API token; approvals that its person may not give without it fall."""
    call.actor.require_apps([])
    with call.platform.publisher.change(call.actor, "token revoked") as change:
        table = tables.tokens
        row = change.connection.execute(sa.select(table).where(table.c.id == id)).first()
        if row is None:
            raise NotFoundError(f"there is no token {id!r}")
        change.connection.execute(sa.delete(table).where(table.c.id == id))
        let_fall_of(change, [row.person])
        change.audit("token.delete", id, detail={"name": row.name, "prefix": row.prefix})
    return wire.Removed(number=change.number)


def _entry(row: sa.Row[Any]) -> people_wire.AuditEntry:
    return people_wire.AuditEntry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        app=row.app,
        number=row.number,
        detail=row.detail,
    )


@operations.add("GET", "/audit", action="audit.read")
def list_audit(call: Call, query: wire.Paging) -> people_wire.Audit:
    """Show who changed what, newest first."""
    select = sa.select(tables.audit)
    if not call.actor.everywhere:
        select = select.where(tables.audit.c.app.in_(call.actor.apps))
    with call.platform.database.read() as connection:
        items, cursor = page(
            connection, select, tables.audit.c.id, query, _entry, newest_first=True
        )
    return people_wire.Audit(items=items, next=cursor)
