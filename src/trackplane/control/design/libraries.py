"""Libraries: published versions, who uses which, and what a new one would change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control import tables, wire
from trackplane.control.design import plan_wire
from trackplane.control.design.plan_tables import libraries as table
from trackplane.control.design.plan_tables import library_uses
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ExistsError, NotFoundError
from trackplane.errors import Finding, InputError, did_you_mean
from trackplane.plan.changes import Difference
from trackplane.plan.diff import difference, library_difference
from trackplane.plan.edit import with_use
from trackplane.plan.libraries import load_library
from trackplane.plan.model import Library, Plan
from trackplane.plan.workspace import Workspace

operations: Final = Operations("libraries")

_MOST: Final = 200  # parts of a difference that an answer shows


def libraries_of(connection: sa.Connection) -> Mapping[str, Library]:
    """Return the published libraries by id, such as ``commerce@3``."""
    return {
        f"{row.name}@{row.version}": _library(row.source)
        for row in connection.execute(sa.select(table.c.name, table.c.version, table.c.source))
    }


@lru_cache(maxsize=512)
def _library(source: str) -> Library:
    return load_library(source)


def store_uses(connection: sa.Connection, app: str, use: tuple[str, ...]) -> None:
    """Write down which libraries the plan in force of an app uses."""
    connection.execute(sa.delete(library_uses).where(library_uses.c.app == app))
    rows = [
        {"app": app, "name": name, "version": int(version)}
        for name, _, version in (each.partition("@") for each in use)
    ]
    if rows:
        connection.execute(sa.insert(library_uses), rows)


@operations.add("GET", "/libraries")
def list_libraries(call: Call, query: wire.Paging) -> plan_wire.Libraries:
    """List the libraries, each with its versions and the apps that use it."""
    names = sa.select(table.c.name, sa.func.max(table.c.version).label("latest")).group_by(
        table.c.name
    )
    with call.platform.database.read() as connection:
        found = names.subquery()
        items, cursor = page(
            connection, sa.select(found), found.c.name, query,
            lambda row: _summary(connection, call, row.name),
        )  # fmt: skip
    return plan_wire.Libraries(items=items, next=cursor)


@operations.add("GET", "/libraries/{name}")
def get_library(call: Call, name: wire.Word) -> plan_wire.LibrarySummary:
    """Show a library: its versions, and who uses which."""
    with call.platform.database.read() as connection:
        return _summary(connection, call, name)


@operations.add("GET", "/libraries/{name}/{version}")
def get_library_version(
    call: Call, name: wire.Word, version: wire.Number
) -> plan_wire.LibraryVersion:
    """Show a version of a library with its text."""
    with call.platform.database.read() as connection:
        return _version(connection, call, _row(connection, name, version))


@operations.add("GET", "/libraries/{name}/{version}/diff")
def diff_library(
    call: Call, name: wire.Word, version: wire.Number, query: plan_wire.LibraryDiffQuery
) -> Difference:
    """Tell a version of a library from another, the one before if none is named."""
    with call.platform.database.read() as connection:
        after = _row(connection, name, version)
        before = query.from_ or _before(connection, name, version)
        old = _row(connection, name, before).source if before else None
    return _told(name, old, after.source).limited(_MOST)


@operations.add("POST", "/libraries/{name}/check")
def check_library(
    call: Call, name: wire.Word, body: plan_wire.LibrarySource
) -> plan_wire.LibraryCheck:
    """Say what is wrong with a library's text, and what it would change for the apps that use it."""
    try:
        library = load_library(body.source, file=f"{name}.yaml")
    except InputError as error:
        found = list(error.findings) or [Finding(code=error.code, message=error.message)]
        return plan_wire.LibraryCheck(ok=False, findings=found, impact=[], hidden=0)
    findings = _findings(library, name)
    with call.platform.database.read() as connection:
        latest = connection.execute(
            sa.select(sa.func.max(table.c.version)).where(table.c.name == name)
        ).scalar()
        old = _row(connection, name, latest).source if latest else None
        impact, hidden = ([], 0) if findings else _impact(connection, call, library)
    return plan_wire.LibraryCheck(
        ok=not findings,
        findings=findings,
        difference=None if findings else _told(name, old, body.source).limited(_MOST),
        impact=impact,
        hidden=hidden,
    )


@operations.add("GET", "/libraries/{name}/{version}/impact")
def library_impact(call: Call, name: wire.Word, version: wire.Number) -> plan_wire.LibraryImpact:
    """Show what would change for each app that uses another version, were it to use this one."""
    with call.platform.database.read() as connection:
        library = _library(_row(connection, name, version).source)
        items, hidden = _impact(connection, call, library)
    return plan_wire.LibraryImpact(items=items, hidden=hidden)


@operations.add("PUT", "/libraries/{name}/{version}", action="library.publish")
def publish_library(
    call: Call, name: wire.Word, version: wire.Number, body: plan_wire.LibrarySource
) -> plan_wire.LibraryVersion:
    """Publish a version of a library, which never changes afterwards."""
    call.actor.require_apps([])
    library = load_library(body.source, file=f"{name}.yaml")
    findings = _findings(library, name)
    if library.version != version:
        message = f"the text is of version {library.version}, not {version}"
        findings.append(Finding(code="version", message=message))
    if findings:
        raise InputError(f"the library {name}@{version} cannot be published", findings=findings)
    with call.platform.publisher.change(call.actor, f"library {name}@{version}") as change:
        held = change.connection.execute(
            sa.select(table).where(table.c.name == name, table.c.version == version)
        ).first()
        if held is not None and held.source != body.source:
            last: int = change.connection.execute(
                sa.select(sa.func.max(table.c.version)).where(table.c.name == name)
            ).scalar_one()
            raise ExistsError(
                f"{name}@{version} is published already, and versions never change",
                hint=f"publish it as version {last + 1}",
            )
        if held is None:
            change.connection.execute(
                sa.insert(table).values(
                    name=name,
                    version=version,
                    source=body.source,
                    message=body.message,
                    created_at=change.now,
                    created_by=change.actor.name,
                )
            )
            detail = {"message": body.message}
            change.audit("library.publish", f"{name}@{version}", detail=detail)
        return _version(change.connection, call, _row(change.connection, name, version))


def _findings(library: Library, name: str) -> list[Finding]:
    if library.name == name:
        return []
    message = f"the text is of the library {library.name!r}, not {name!r}"
    return [Finding(code="library", message=message)]


def _impact(
    connection: sa.Connection, call: Call, library: Library
) -> tuple[list[plan_wire.AppImpact], int]:
    """Return what a version would change for the apps that use another, and how many are not seen."""
    uses = connection.execute(
        sa.select(library_uses, tables.apps.c.revision)
        .join(tables.apps, tables.apps.c.app == library_uses.c.app)
        .where(library_uses.c.name == library.name, library_uses.c.version != library.version)
        .order_by(library_uses.c.app)
    ).all()
    seen = [row for row in uses if call.actor.sees(row.app)]
    published = dict(libraries_of(connection))
    published[library.id] = library
    items = []
    for row in seen:
        try:
            # One plan that does not read (a library of it vanished) hides no other's impact.
            held = call.platform.workspaces.revision(connection, row.app, row.revision, published)
            if held is None:
                continue
            files = with_use(held.files, library.name, library.version)
            after = held.change(files, published).plan
        except InputError as error:
            items.append(
                plan_wire.AppImpact(
                    app=row.app, version=row.version, ok=False, findings=list(error.findings)
                )
            )
            continue
        found = difference(held.plan, after)
        items.append(
            plan_wire.AppImpact(
                app=row.app,
                version=row.version,
                ok=True,
                findings=[],
                difference=found.limited(_MOST),
            )
        )
    return items, len(uses) - len(seen)


def _told(name: str, before: str | None, after: str) -> Difference:
    """Return what differs between two texts of a library."""
    return library_difference(_as_plan(name, before), _as_plan(name, after))


def _as_plan(name: str, source: str | None) -> Plan:
    if source is None:
        return Plan(app=name)
    library = _library(source)
    text = f"format: 1\napp: {name}\nuse: [{library.id}]\n"
    return Workspace.load({"plan.yaml": text}, {library.id: library}).plan


def _before(connection: sa.Connection, name: str, version: int) -> int:
    found = connection.execute(
        sa.select(sa.func.max(table.c.version)).where(
            table.c.name == name, table.c.version < version
        )
    ).scalar()
    return int(found or 0)


def _row(connection: sa.Connection, name: str, version: int) -> sa.Row[Any]:
    row = connection.execute(
        sa.select(table).where(table.c.name == name, table.c.version == version)
    ).first()
    if row is None:
        there = [str(each.version) for each in _versions(connection, name)]
        hint = f"there are {', '.join(there)}" if there else None
        raise NotFoundError(f"there is no library {name}@{version}", hint=hint)
    return row


def _versions(connection: sa.Connection, name: str) -> list[sa.Row[Any]]:
    select = sa.select(table).where(table.c.name == name).order_by(table.c.version)
    return list(connection.execute(select))


def _users(connection: sa.Connection, call: Call, name: str) -> list[plan_wire.LibraryUser]:
    select = sa.select(library_uses).where(library_uses.c.name == name)
    return [
        plan_wire.LibraryUser(app=row.app, version=row.version)
        for row in connection.execute(select.order_by(library_uses.c.app))
        if call.actor.sees(row.app)
    ]


def _summary(connection: sa.Connection, call: Call, name: str) -> plan_wire.LibrarySummary:
    versions = _versions(connection, name)
    if not versions:
        names: list[str] = list(connection.execute(sa.select(table.c.name).distinct()).scalars())
        raise NotFoundError(f"there is no library {name!r}", hint=did_you_mean(name, names))
    last = versions[-1]
    library = _library(last.source)
    return plan_wire.LibrarySummary(
        name=name,
        title=library.title,
        description=library.description,
        owner=library.owner,
        latest=last.version,
        versions=[
            plan_wire.LibraryRelease(
                version=row.version,
                message=row.message,
                created_at=row.created_at,
                created_by=row.created_by,
            )
            for row in reversed(versions)
        ],
        types=sorted(library.types),
        groups=sorted(library.groups),
        used_by=_users(connection, call, name),
    )


def _version(connection: sa.Connection, call: Call, row: sa.Row[Any]) -> plan_wire.LibraryVersion:
    library = _library(row.source)
    return plan_wire.LibraryVersion(
        name=row.name,
        version=row.version,
        source=row.source,
        title=library.title,
        description=library.description,
        owner=library.owner,
        types=sorted(library.types),
        groups=sorted(library.groups),
        message=row.message,
        created_at=row.created_at,
        created_by=row.created_by,
        used_by=[
            user.app for user in _users(connection, call, row.name) if user.version == row.version
        ],
    )
