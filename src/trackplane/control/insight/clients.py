"""Registered clients: which release of generated code can send what, told by its lock file."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import registry_wire
from trackplane.control.access import new_secret
from trackplane.control.apps import find_app
from trackplane.control.insight.insight_tables import clients
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.control.wire import Removed, Word

operations: Final = Operations("clients")


@operations.add("GET", "/clients")
def list_clients(call: Call, query: registry_wire.ClientQuery) -> registry_wire.Clients:
    """List the registered clients of the token's apps."""
    select = sa.select(clients)
    if query.app:
        call.actor.require_app(query.app)
        select = select.where(clients.c.app == query.app)
    elif not call.actor.everywhere:
        select = select.where(clients.c.app.in_(call.actor.apps))
    with call.platform.database.read() as connection:
        items, cursor = page(connection, select, clients.c.id, query, _detail)
    return registry_wire.Clients(
        items=[_summary(each) for each in items if not query.event or query.event in each.sends],
        next=cursor,
    )


@operations.add("POST", "/clients", action="client.register", status=201)
def register_client(call: Call, body: registry_wire.ClientLock) -> registry_wire.ClientDetail:
    """Register a generated client by its lock file; the same release again takes the new one."""
    table = clients
    with call.platform.publisher.change(call.actor, f"client {body.name} registered") as change:
        find_app(change.connection, call, body.app)
        same = (
            (table.c.app == body.app)
            & (table.c.name == body.name)
            & (table.c.platform == body.platform)
            & (table.c.release == body.release)
        )
        held = change.connection.execute(sa.select(table.c.id).where(same)).first()
        id = held.id if held is not None else new_secret("cl")[:20]
        change.connection.execute(sa.delete(table).where(same))
        change.connection.execute(
            sa.insert(table).values(
                id=id,
                app=body.app,
                name=body.name,
                platform=body.platform,
                language=body.language,
                release=body.release,
                revision=body.revision,
                events=msgspec.json.encode(body.events, order="sorted").decode(),
                registered_at=change.now,
                registered_by=call.actor.person,
            )
        )
        detail = {"platform": body.platform, "release": body.release, "revision": body.revision}
        change.audit("client.register", body.name, app=body.app, detail=detail)
        row = _row(change.connection, call, id)
    return _detail(row)


@operations.add("GET", "/clients/{id}")
def get_client(call: Call, id: Word) -> registry_wire.ClientDetail:
    """Show a registered client and what it may send."""
    with call.platform.database.read() as connection:
        return _detail(_row(connection, call, id))


@operations.add("DELETE", "/clients/{id}", action="client.register")
def delete_client(call: Call, id: Word) -> Removed:
    """Forget a registered client: nobody runs that release any more."""
    with call.platform.publisher.change(call.actor, "client forgotten") as change:
        row = _row(change.connection, call, id)
        change.connection.execute(sa.delete(clients).where(clients.c.id == id))
        change.audit("client.delete", row.name, app=row.app, detail={"release": row.release})
    return Removed(number=change.number)


def _row(connection: sa.Connection, call: Call, id: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(clients).where(clients.c.id == id)).first()
    if row is None or not call.actor.sees(row.app):
        raise NotFoundError(f"there is no client {id!r}")
    return row


def _detail(row: sa.Row[Any]) -> registry_wire.ClientDetail:
    sends = msgspec.json.decode(row.events, type=dict[str, list[str] | None])
    return registry_wire.ClientDetail(
        id=row.id,
        app=row.app,
        name=row.name,
        platform=row.platform,
        language=row.language,
        release=row.release,
        revision=row.revision,
        events=len(sends),
        registered_at=row.registered_at,
        registered_by=row.registered_by,
        sends=sends,
    )


def _summary(client: registry_wire.ClientDetail) -> registry_wire.Client:
    fields = registry_wire.Client.__struct_fields__
    return registry_wire.Client(**{name: getattr(client, name) for name in fields})
