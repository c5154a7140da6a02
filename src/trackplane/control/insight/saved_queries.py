"""Saved queries: named SQL with an owner, its versions, and what it may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import registry_wire, tables
from trackplane.control.access import new_secret
from trackplane.control.data_operations import reach
from trackplane.control.insight.consumers import event_reads
from trackplane.control.insight.insight_tables import saved_queries, saved_query_versions
from trackplane.control.insight.read_sets import read_set
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ExistsError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.wire import Query, QueryResult, Removed, Word
from trackplane.discovery.compile import Plans
from trackplane.lake.manifest import ManifestReader
from trackplane.lake.query import QueryRunner
from trackplane.plan.model import EventSpec
from trackplane.rules import ir

operations: Final = Operations("data")  # a query is tried on saving: in threads of their own
_LIMIT: Final = 1_000
_TRY_MS: Final = 10_000
# A lake without files: its views have all their columns and no row.
_VIEWS: Final = QueryRunner(ManifestReader(Path("/nonexistent/manifest.db")))


@operations.add("GET", "/saved-queries", action="read")
def list_saved_queries(
    call: Call, query: registry_wire.SavedQueryFilter
) -> registry_wire.SavedQueries:
    """List the saved queries that the token reaches, by name."""
    table = saved_queries
    select = sa.select(table)
    if query.app:
        call.actor.require_app(query.app)
        select = select.where(table.c.app.in_((query.app, "")))
    if not call.actor.everywhere:
        mine = sa.and_(table.c.app == "", table.c.created_by == call.actor.person)
        select = select.where(sa.or_(table.c.app.in_(call.actor.apps), mine))
    if query.name:
        select = select.where(table.c.name == query.name)
    with call.platform.database.read() as connection:
        items, cursor = page(connection, select, table.c.id, query, _view)
    if query.event:
        items = [each for each in items if event_reads(each.reads, query.event) is not False]
    return registry_wire.SavedQueries(items=items, next=cursor)


@operations.add("POST", "/saved-queries", action="query.edit", status=201)
def save_query(call: Call, body: registry_wire.SavedQueryChange) -> registry_wire.SavedQuery:
    """Save a query under a new name; it is checked against the views there are."""
    with call.platform.database.read() as connection:
        _require_free(connection, body, but="")
    reads = _checked(call, body)
    id = new_secret("sq")[:20]
    with call.platform.publisher.change(call.actor, f"query {body.name} saved") as change:
        _require_free(change.connection, body, but="")
        values = _values(call, body, reads, change.now)
        change.connection.execute(
            sa.insert(saved_queries).values(
                id=id,
                version=1,
                created_at=change.now,
                created_by=call.actor.person,
                **values,
            )
        )
        _keep_version(change, call, id, 1, values, "save")
        change.audit("query.save", body.name, app=body.app, detail={"id": id, "version": 1})
        row = _row(change.connection, call, id)
    return _view(row)


@operations.add("GET", "/saved-queries/{id}", action="read")
def get_saved_query(call: Call, id: Word) -> registry_wire.SavedQuery:
    """Show a saved query."""
    with call.platform.database.read() as connection:
        return _view(_row(connection, call, id))


@operations.add("PUT", "/saved-queries/{id}", action="query.edit", precondition=True)
def change_saved_query(
    call: Call, id: Word, body: registry_wire.SavedQueryChange
) -> registry_wire.SavedQuery:
    """Give a saved query another text, name, owner or description, as a new version."""
    with call.platform.database.read() as connection:
        call.match(str(_row(connection, call, id).version))
        _require_free(connection, body, but=id)
    reads = _checked(call, body)
    with call.platform.publisher.change(call.actor, f"query {body.name} changed") as change:
        before = _row(change.connection, call, id)
        call.match(str(before.version))
        _require_free(change.connection, body, but=id)
        version = before.version + 1
        values = _values(call, body, reads, change.now)
        change.connection.execute(
            sa.update(saved_queries)
            .where(saved_queries.c.id == id)
            .values(version=version, **values)
        )
        _keep_version(change, call, id, version, values, "save")
        change.audit("query.save", body.name, app=body.app, detail={"id": id, "version": version})
        row = _row(change.connection, call, id)
    return _view(row)


@operations.add("DELETE", "/saved-queries/{id}", action="query.edit")
def delete_saved_query(call: Call, id: Word) -> Removed:
    """Delete a saved query; its versions stay."""
    with call.platform.publisher.change(call.actor, "query deleted") as change:
        row = _row(change.connection, call, id)
        change.connection.execute(sa.delete(saved_queries).where(saved_queries.c.id == id))
        values = {
            name: getattr(row, name) for name in ("name", "app", "sql", "description", "owner")
        }
        _keep_version(change, call, id, row.version + 1, values, "delete")
        change.audit("query.delete", row.name, app=row.app, detail={"id": id})
    return Removed(number=change.number)


@operations.add("GET", "/saved-queries/{id}/versions", action="read")
def list_saved_query_versions(call: Call, id: Word) -> registry_wire.SavedQueryVersions:
    """List a saved query's versions, newest first."""
    table = saved_query_versions
    with call.platform.database.read() as connection:
        _row(connection, call, id)
        rows = connection.execute(
            sa.select(table).where(table.c.id == id).order_by(table.c.version.desc())
        ).all()
    return registry_wire.SavedQueryVersions(
        items=[
            registry_wire.SavedQueryVersion(
                version=row.version,
                name=row.name,
                sql=row.sql,
                description=row.description,
                owner=row.owner,
                action=row.action,
                created_at=row.created_at,
                created_by=row.created_by,
            )
            for row in rows
        ]
    )


@operations.add("POST", "/saved-queries/{id}/run", action="data.read")
def run_saved_query(call: Call, id: Word) -> QueryResult:
    """Run a saved query over what the token reaches."""
    with call.platform.database.read() as connection:
        row = _row(connection, call, id)
    return _run(call, Query(sql=row.sql, app=row.app or None, limit=_LIMIT))


def _run(call: Call, query: Query) -> QueryResult:
    return call.platform.data.query(
        query.sql,
        apps=reach(call.actor, query.app or ""),
        snapshot=call.platform.publisher.snapshot,
        limit=query.limit,
        timeout_ms=call.platform.settings.query_timeout_ms,
    )


def _checked(call: Call, body: registry_wire.SavedQueryChange) -> registry_wire.ReadSet:
    """Try a query on the views, without reading a row, and return what it may read.

    Raises:
        QueryError: it would not run.
    """
    apps = reach(call.actor, body.app)
    snapshot = call.platform.publisher.snapshot
    known = [r.name for r in snapshot.of_kind("app")] if apps is None else list(apps)
    plans = Plans(snapshot)
    _VIEWS.query(
        body.sql,
        apps=known,
        specs=plans,
        datasets=[ir.decode_dataset(r.body) for r in snapshot.of_kind("dataset")],
        limit=1,
        timeout_ms=_TRY_MS,
    )

    def find(app: str, event: str) -> EventSpec | None:
        if not app:
            app = known[0] if len(known) == 1 else ""
        return plans.get((app, event))

    datasets = [resource.name for resource in snapshot.of_kind("dataset")]
    return read_set(body.sql, find=find, apps=known, datasets=datasets)


def _values(
    call: Call, body: registry_wire.SavedQueryChange, reads: registry_wire.ReadSet, now: int
) -> dict[str, Any]:
    return {
        "name": body.name,
        "app": body.app,
        "sql": body.sql,
        "description": body.description,
        "owner": body.owner or f"person:{call.actor.person}",
        "reads": msgspec.json.encode(reads).decode(),
        "updated_at": now,
        "updated_by": call.actor.person,
    }


def _keep_version(
    change: Change, call: Call, id: str, version: int, values: dict[str, Any], action: str
) -> None:
    kept = {name: values[name] for name in ("name", "app", "sql", "description", "owner")}
    change.connection.execute(
        sa.insert(saved_query_versions).values(
            id=id,
            version=version,
            action=action,
            created_at=change.now,
            created_by=call.actor.person,
            **kept,
        )
    )


def _require_free(
    connection: sa.Connection, body: registry_wire.SavedQueryChange, *, but: str
) -> None:
    table = saved_queries
    if body.app:
        known = sa.select(tables.apps.c.app).where(tables.apps.c.app == body.app)
        if connection.execute(known).first() is None:
            raise NotFoundError(f"there is no app {body.app!r}")
    taken = connection.execute(
        sa.select(table.c.id).where(table.c.app == body.app, table.c.name == body.name)
    ).first()
    if taken is not None and taken.id != but:
        raise ExistsError(
            f"there is a saved query {body.name!r} already",
            hint="change that one, or choose another name",
        )


def _row(connection: sa.Connection, call: Call, id: str) -> sa.Row[Any]:
    """Return a saved query's row.

    Raises:
        NotFoundError: there is none, or not for this token.
    """
    row = connection.execute(sa.select(saved_queries).where(saved_queries.c.id == id)).first()
    if row is None or not _sees(call, row):
        raise NotFoundError(f"there is no saved query {id!r}")
    return row


def _sees(call: Call, row: sa.Row[Any]) -> bool:
    if call.actor.everywhere:
        return True
    return call.actor.sees(row.app) if row.app else bool(row.created_by == call.actor.person)


def _view(row: sa.Row[Any]) -> registry_wire.SavedQuery:
    return registry_wire.SavedQuery(
        id=row.id,
        name=row.name,
        app=row.app,
        sql=row.sql,
        description=row.description,
        owner=row.owner,
        reads=msgspec.json.decode(row.reads, type=registry_wire.ReadSet),
        version=row.version,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        etag=str(row.version),
    )
