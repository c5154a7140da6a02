"""Making the index anew from the plans in force."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control import objects, tables
from trackplane.control.design.libraries import libraries_of
from trackplane.control.search.documents import FORMAT
from trackplane.control.search.index import Use, build, set_use
from trackplane.control.search.tables import search_documents, search_state
from trackplane.discovery.compile import compile_plan
from trackplane.errors import InputError
from trackplane.plan.model import EventSpec, Plan

_log = structlog.get_logger(__name__)


def is_outdated(connection: sa.Connection) -> bool:
    """Say whether the index is of no or another format, so that it has to be made anew."""
    return bool(connection.execute(sa.select(search_state.c.format)).scalar() != FORMAT)


def rebuild(connection: sa.Connection) -> int:
    """Make the index anew, in the caller's transaction; return how many documents it has.

    How things are used is kept.
    """
    uses = _uses(connection)
    table = tables.apps.c
    apps = connection.execute(
        sa.select(table.app, table.revision).where(table.revision > 0).order_by(table.app)
    ).all()
    build(connection, (_plan_of(connection, row.app, row.revision) for row in apps))
    set_use(connection, uses)
    count: int = connection.execute(
        sa.select(sa.func.count()).select_from(search_documents)
    ).scalar_one()
    return count


def _plan_of(connection: sa.Connection, app: str, revision: int) -> Plan:
    """Return the plan in force; of one that this release can no longer read, its events."""
    row = connection.execute(
        sa.select(tables.revisions.c.tree, tables.revisions.c.source).where(
            tables.revisions.c.app == app, tables.revisions.c.revision == revision
        )
    ).one()
    try:
        files = objects.files(connection, row.source)
        return compile_plan(app, files, libraries_of(connection)).plan
    except InputError as error:
        _log.warning("plan_not_read", app=app, revision=revision, reason=str(error))
    events = {
        event: msgspec.json.decode(objects.body(connection, hash), type=EventSpec)
        for event, hash in objects.events_of(connection, row.tree).items()
    }
    return Plan(app=app, events=events)


def _uses(connection: sa.Connection) -> dict[tuple[str, str, str], Use]:
    table = search_documents.c
    rows = connection.execute(
        sa.select(
            table.app,
            table.kind,
            table.name,
            table.seen,
            table.last_seen,
            table.daily,
            table.trust,
            table.state,
        ).where(sa.or_(table.seen > 0, table.trust != "", table.state != ""))
    )
    return {
        (row.app, row.kind, row.name): Use(
            seen=row.seen,
            last_seen=row.last_seen or None,
            daily=msgspec.json.decode(row.daily, type=tuple[int, ...]),
            trust=row.trust,
            state=row.state,
        )
        for row in rows
    }
