"""Apps, their environments and write keys."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from trackplane.control import tables, wire
from trackplane.control.access import digest, new_secret, shown
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ExistsError, ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.discovery import AppSettings, WriteKey
from trackplane.errors import Finding, InputError

operations: Final = Operations("apps")


def find_app(connection: sa.Connection, call: Call, app: str) -> sa.Row[Any]:
    """Return an app's row.

    Raises:
        NotFoundError: there is none, or not for this token.
    """
    call.actor.require_app(app)
    row = connection.execute(sa.select(tables.apps).where(tables.apps.c.app == app)).first()
    if row is None:
        raise NotFoundError(f"there is no app {app!r}")
    return row


def require_direct(call: Call, change: Change, row: sa.Row[Any]) -> None:
    """Check that a plan may be applied without review: where the app requires one, in an emergency.

    Raises:
        ForbiddenError: the app's plan changes by approved change requests only.
    """
    if row.review != "required":
        return
    if not call.actor.may("review.bypass"):
        raise ForbiddenError(
            f"the plan of {row.app!r} changes by approved change requests only",
            hint="make one: trackplane change new; an admin may apply it in an emergency",
        )
    change.audit("plan.bypass", row.app, app=row.app, detail={"review": row.review})


def put_settings(change: Change, app: str) -> sa.Row[Any]:
    """Publish an app's settings as they stand in the change's transaction; return its row."""
    row = change.connection.execute(sa.select(tables.apps).where(tables.apps.c.app == app)).one()
    settings = AppSettings(
        app=app,
        revision=row.revision,
        validation=row.validation,
        allow_list=row.allow_list,
        blocked=tuple(row.blocked),
    )
    change.put("app", app, msgspec.json.encode(settings))
    return row


def _view(row: sa.Row[Any], number: int = 0) -> wire.App:
    return wire.App(
        app=row.app,
        title=row.title,
        environments=row.environments,
        validation=row.validation,
        allow_list=row.allow_list,
        blocked=row.blocked,
        review=row.review,
        revision=row.revision,
        created_at=row.created_at,
        etag=str(row.version),
        number=number,
    )


@operations.add("GET", "/apps")
def list_apps(call: Call, query: wire.Paging) -> wire.Apps:
    """List the apps that the token reaches."""
    select = sa.select(tables.apps)
    if not call.actor.everywhere:
        select = select.where(tables.apps.c.app.in_(call.actor.apps))
    with call.platform.database.read() as connection:
        items, cursor = page(connection, select, tables.apps.c.app, query, _view)
    return wire.Apps(items=items, next=cursor)


@operations.add("POST", "/apps", action="app.edit", status=201)
def create_app(call: Call, body: wire.AppCreate) -> wire.App:
    """Create an app."""
    call.actor.require_apps([body.app])
    with call.platform.publisher.change(call.actor, f"app {body.app} created") as change:
        taken = sa.select(tables.apps.c.app).where(tables.apps.c.app == body.app)
        if change.connection.execute(taken).first():
            raise ExistsError(f"there is an app {body.app!r} already")
        change.connection.execute(
            sa.insert(tables.apps).values(
                app=body.app,
                title=body.title,
                environments=list(dict.fromkeys(body.environments)),
                validation=body.validation,
                allow_list=body.allow_list,
                blocked=list(dict.fromkeys(body.blocked)),
                review=body.review,
                revision=0,
                version=1,
                created_at=change.now,
            )
        )
        row = put_settings(change, body.app)
        change.audit("app.create", body.app, app=body.app)
    return _view(row, change.number)


@operations.add("GET", "/apps/{app}")
def get_app(call: Call, app: wire.Word) -> wire.App:
    """Show an app and its settings."""
    with call.platform.database.read() as connection:
        return _view(find_app(connection, call, app))


@operations.add("PATCH", "/apps/{app}", action="app.edit", precondition=True)
def update_app(call: Call, app: wire.Word, body: wire.AppChange) -> wire.App:
    """Change an app's settings; what is left out stays."""
    with call.platform.publisher.change(call.actor, f"app {app} changed") as change:
        before = find_app(change.connection, call, app)
        call.match(str(before.version))
        values = {k: v for k, v in msgspec.structs.asdict(body).items() if v is not UNSET}
        if body.environments is not UNSET:
            _check_environments_free(change.connection, app, body.environments)
        change.connection.execute(
            sa.update(tables.apps)
            .where(tables.apps.c.app == app)
            .values(**values, version=before.version + 1)
        )
        row = put_settings(change, app)
        change.audit("app.update", app, app=app, detail=values)
    return _view(row, change.number)


def _check_environments_free(connection: sa.Connection, app: str, kept: list[str]) -> None:
    used: sa.ScalarResult[str] = connection.execute(
        sa.select(tables.keys.c.env).where(tables.keys.c.app == app).distinct()
    ).scalars()
    gone = sorted(set(used) - set(kept))
    if gone:
        raise InputError(
            "an environment with write keys cannot be removed",
            findings=[
                Finding(code="environment_used", message=f"{env} has keys", pointer="/environments")
                for env in gone
            ],
            hint="delete its keys first",
        )


# --- write keys


def _key(row: sa.Row[Any]) -> wire.Key:
    return wire.Key(
        id=row.id,
        app=row.app,
        env=row.env,
        label=row.label,
        prefix=row.prefix,
        created_at=row.created_at,
        created_by=row.created_by,
    )


@operations.add("GET", "/apps/{app}/keys", action="key.edit")
def list_keys(call: Call, app: wire.Word, query: wire.Paging) -> wire.Keys:
    """List an app's write keys, by their prefixes."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        select = sa.select(tables.keys).where(tables.keys.c.app == app)
        items, cursor = page(connection, select, tables.keys.c.id, query, _key)
    return wire.Keys(items=items, next=cursor)


@operations.add("POST", "/apps/{app}/keys", action="key.edit", status=201)
def create_key(call: Call, app: wire.Word, body: wire.KeyCreate) -> wire.KeyCreated:
    """Make a write key; it is shown this once."""
    return add_key(call, app, body.env, body.label)


def add_key(call: Call, app: str, env: str, label: str) -> wire.KeyCreated:
    """Make and publish a write key."""
    key, id = new_secret("tpk"), new_secret("key")[:20]
    with call.platform.publisher.change(call.actor, f"write key for {app}/{env}") as change:
        row = find_app(change.connection, call, app)
        if env not in row.environments:
            raise InputError(
                f"the app {app!r} has no environment {env!r}",
                hint=f"it has {', '.join(row.environments)}",
            )
        change.connection.execute(
            sa.insert(tables.keys).values(
                id=id,
                app=app,
                env=env,
                label=label,
                prefix=shown(key),
                sha256=digest(key),
                created_at=change.now,
                created_by=call.actor.name,
            )
        )
        change.put("key", digest(key), msgspec.json.encode(WriteKey(app=app, env=env)))
        change.audit("key.create", id, app=app, detail={"env": env, "prefix": shown(key)})
    return wire.KeyCreated(
        id=id,
        app=app,
        env=env,
        label=label,
        prefix=shown(key),
        created_at=change.now,
        created_by=call.actor.name,
        key=key,
        number=change.number,
    )


@operations.add("DELETE", "/apps/{app}/keys/{id}", action="key.edit")
def delete_key(call: Call, app: wire.Word, id: wire.Word) -> wire.Removed:
    """Revoke a write key."""
    with call.platform.publisher.change(call.actor, f"write key of {app} revoked") as change:
        find_app(change.connection, call, app)
        table = tables.keys
        wanted = (table.c.app == app) & (table.c.id == id)
        row = change.connection.execute(sa.select(table).where(wanted)).first()
        if row is None:
            raise NotFoundError(f"there is no key {id!r}")
        change.connection.execute(sa.delete(table).where(wanted))
        change.remove("key", row.sha256)
        change.audit("key.delete", id, app=app, detail={"env": row.env, "prefix": row.prefix})
    return wire.Removed(number=change.number)
