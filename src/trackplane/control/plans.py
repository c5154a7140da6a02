"""Tracking plans: revisions, checks, and the events in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from trackplane.control import objects, search, tables, wire
from trackplane.control.apps import find_app, put_settings, require_direct
from trackplane.control.catalog import Catalog
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.control.publishing import Change
from trackplane.discovery.compile import CompiledPlan, compile_plan
from trackplane.errors import Finding, InputError
from trackplane.plan import compatibility
from trackplane.plan.model import EventSpec, Plan, Text

operations: Final = Operations("plan")


@operations.add("GET", "/apps/{app}/plan")
def get_plan(call: Call, app: wire.Word) -> wire.Plan:
    """Show the plan in force; revision 0 is no plan yet."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        if not row.revision:
            return wire.Plan(
                app=app,
                revision=0,
                files={},
                events=0,
                hash="",
                message="",
                author="",
                created_at=row.created_at,
                etag="0",
            )
        found = _revision_row(connection, app, row.revision)
        return wire.Plan(
            app=app,
            revision=found.revision,
            files=objects.files(connection, found.source),
            events=found.events,
            hash=found.tree,
            message=found.message,
            author=found.author,
            created_at=found.created_at,
            etag=str(found.revision),
        )


@operations.add("POST", "/apps/{app}/plan/check")
def check_plan(call: Call, app: wire.Word, body: wire.PlanSource) -> wire.PlanCheck:
    """Check a plan without changing anything: what it would change and break."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
    try:
        plan = compile_plan(app, body.files)
    except InputError as error:
        return wire.PlanCheck(
            ok=False,
            findings=list(error.findings) or [Finding(code=error.code, message=error.message)],
            added=[],
            changed=[],
            removed=[],
            broken_rules=[],
        )
    catalog = Catalog(call.platform.publisher.snapshot)
    added, changed, removed = _difference(catalog, app, plan)
    broken = catalog.broken_by(app, plan.specs, [*added, *changed, *removed])
    changes = _changes(catalog, app, plan, changed=[*added, *changed, *removed])
    return wire.PlanCheck(
        ok=not broken,
        findings=[*plan.warnings, *(f for findings in broken.values() for f in findings)],
        added=added,
        changed=changed,
        removed=removed,
        broken_rules=sorted(broken),
        compatibility=_gravest(changes),
        changes=changes,
    )


@operations.add("PUT", "/apps/{app}/plan", action="plan.apply", precondition=True)
def put_plan(call: Call, app: wire.Word, body: wire.PlanSource) -> wire.PlanChanged:
    """Make a plan the one in force, as a new revision."""
    with call.platform.database.read() as connection:
        call.match(str(find_app(connection, call, app).revision))
    return _apply(call, app, body.files, body.message)


@operations.add("PATCH", "/apps/{app}/plan", action="plan.apply", precondition=True)
def patch_plan(call: Call, app: wire.Word, body: wire.PlanPatch) -> wire.PlanChanged:
    """Change some files of the plan, as a new revision."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        call.match(str(row.revision))
        files = files_of(connection, app, row.revision)
    for path, text in body.files.items():
        if text is None:
            files.pop(path, None)
        else:
            files[path] = text
    if not files:
        raise InputError("nothing would be left of the plan", hint="keep one file at least")
    return _apply(call, app, files, body.message)


def _apply(call: Call, app: str, files: Mapping[str, str], message: str) -> wire.PlanChanged:
    plan = compile_plan(app, files)
    with call.platform.publisher.change(call.actor, f"plan of {app}") as change:
        row = find_app(change.connection, call, app)
        call.match(str(row.revision))
        require_direct(call, change, row)
        catalog = Catalog(call.platform.publisher.snapshot)
        changed = publish_plan(change, catalog, plan, files, message)
    return msgspec.structs.replace(changed, number=change.number)


def files_of(connection: sa.Connection, app: str, revision: int) -> dict[str, str]:
    """Return the source of a revision, texts by path; of revision 0, none."""
    if not revision:
        return {}
    return objects.files(connection, _revision_row(connection, app, revision).source)


def publish_plan(
    change: Change, catalog: Catalog, plan: CompiledPlan, files: Mapping[str, str], message: str
) -> wire.PlanChanged:
    """Make a compiled plan the one in force: the only way there is. ``number`` is not known yet.

    Raises:
        InputError: rules would break; their findings are in it.
    """
    app = plan.app
    table = tables.apps
    revision: int = change.connection.execute(
        sa.select(table.c.revision).where(table.c.app == app)
    ).scalar_one()
    added, changed, removed = _difference(catalog, app, plan)
    changes = _changes(catalog, app, plan, changed=[*added, *changed, *removed])
    _refuse_if_broken(catalog, app, plan, [*added, *changed, *removed])
    source = objects.put_files(change.connection, files)
    tree, hashes = objects.put_tree(change.connection, plan.bodies)
    held = _revision_row(change.connection, app, revision) if revision else None
    if held is None or (held.tree, held.source) != (tree, source):
        revision += 1
        _store(change, app, revision, tree, source, len(plan.specs), message)
        _index(change, app, plan, hashes, changed=[*added, *changed], removed=removed)
        bodies = catalog.bodies_of(app)
        search.index_plan(
            change.connection,
            plan.plan,
            before={
                event: msgspec.json.decode(bodies[event], type=EventSpec)
                for event in (*changed, *removed)
            },
            changed=[*added, *changed],
            removed=removed,
        )
        for event in [*added, *changed]:
            change.put("event", f"{app}/{event}", plan.bodies[event])
        for event in removed:
            change.remove("event", f"{app}/{event}")
        put_settings(change, app)
        detail: dict[str, Any] = {"revision": revision, "message": message}
        counts = {"added": len(added), "changed": len(changed), "removed": len(removed)}
        detail["compatibility"] = _gravest(changes)
        change.audit("plan.update", f"{app}@{revision}", app=app, detail=detail | counts)
    return wire.PlanChanged(
        app=app,
        revision=revision,
        hash=tree,
        number=0,
        added=added,
        changed=changed,
        removed=removed,
        warnings=list(plan.warnings),
        etag=str(revision),
        compatibility=_gravest(changes),
        changes=changes,
    )


def _changes(
    catalog: Catalog, app: str, plan: CompiledPlan, *, changed: list[str]
) -> list[wire.EventChange]:
    """Return what a plan means for those who read and send, of the events that differ."""
    held = catalog.bodies_of(app)
    before = {
        event: msgspec.json.decode(held[event], type=EventSpec)
        for event in changed
        if event in held
    }
    after = {event: plan.specs[event] for event in changed if event in plan.specs}
    return [
        wire.EventChange(
            event=change.event,
            kind=change.kind,
            compatibility=change.compatibility,
            reasons=list(change.reasons),
        )
        for change in compatibility.diff(Plan(app=app, events=before), Plan(app=app, events=after))
    ]


def _gravest(
    changes: list[wire.EventChange],
) -> Literal["same", "additive", "narrowing", "breaking"]:
    found = {change.compatibility for change in changes}
    if "breaking" in found:
        return "breaking"
    if "narrowing" in found:
        return "narrowing"
    return "additive" if found else "same"


def _refuse_if_broken(catalog: Catalog, app: str, plan: CompiledPlan, touched: list[str]) -> None:
    broken = catalog.broken_by(app, plan.specs, touched)
    if broken:
        raise InputError(
            f"the plan would break {len(broken)} rule(s): {', '.join(sorted(broken))}",
            findings=[finding for findings in broken.values() for finding in findings],
            hint="change the rules first, or keep what they read",
        )


def _difference(
    catalog: Catalog, app: str, plan: CompiledPlan
) -> tuple[list[str], list[str], list[str]]:
    held = catalog.bodies_of(app)
    return (
        sorted(plan.bodies.keys() - held.keys()),
        sorted(e for e, body in plan.bodies.items() if e in held and held[e] != body),
        sorted(held.keys() - plan.bodies.keys()),
    )


def _store(
    change: Change, app: str, revision: int, tree: str, source: str, events: int, message: str
) -> None:
    change.connection.execute(
        sa.insert(tables.revisions).values(
            app=app,
            revision=revision,
            tree=tree,
            source=source,
            events=events,
            message=message,
            author=change.actor.name,
            created_at=change.now,
        )
    )
    change.connection.execute(
        sa.update(tables.apps)
        .where(tables.apps.c.app == app)
        .values(revision=revision, version=tables.apps.c.version + 1)
    )


def _index(
    change: Change,
    app: str,
    plan: CompiledPlan,
    hashes: dict[str, str],
    *,
    changed: list[str],
    removed: list[str],
) -> None:
    table = tables.events
    for event in [*changed, *removed]:
        change.connection.execute(
            sa.delete(table).where(table.c.app == app, table.c.event == event)
        )
    rows = [_event_row(plan.specs[event], hashes[event]) for event in changed]
    if rows:
        change.connection.execute(sa.insert(table), rows)


def _event_row(spec: EventSpec, hash: str) -> dict[str, Any]:
    words = [spec.event, _plain(spec.title), _plain(spec.description), spec.owner or "", *spec.tags]
    return {
        "app": spec.app,
        "event": spec.event,
        "search": " ".join(words).casefold(),
        "title": _plain(spec.title),
        "grade": spec.grade,
        "owner": spec.owner or "",
        "properties": sum(len(properties) for properties in spec.properties.values()),
        "deprecated": spec.deprecated is not None or spec.removed,
        "object": hash,
    }


def _plain(text: Text | None) -> str:
    if isinstance(text, dict):
        return " / ".join(text.values())
    return text or ""


def _revision_row(connection: sa.Connection, app: str, revision: int) -> sa.Row[Any]:
    table = tables.revisions
    row = connection.execute(
        sa.select(table).where(table.c.app == app, table.c.revision == revision)
    ).first()
    if row is None:
        raise NotFoundError(f"the plan of {app!r} has no revision {revision}")
    return row


def _revision(row: sa.Row[Any], files: dict[str, str] | None = None) -> wire.Revision:
    return wire.Revision(
        app=row.app,
        revision=row.revision,
        hash=row.tree,
        events=row.events,
        message=row.message,
        author=row.author,
        created_at=row.created_at,
        files=files,
    )


@operations.add("GET", "/apps/{app}/plan/revisions")
def list_revisions(call: Call, app: wire.Word, query: wire.Paging) -> wire.Revisions:
    """List the plan's revisions, newest first."""
    table = tables.revisions
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        select = sa.select(table).where(table.c.app == app)
        items, cursor = page(
            connection, select, table.c.revision, query, _revision, newest_first=True
        )
    return wire.Revisions(items=items, next=cursor)


@operations.add("GET", "/apps/{app}/plan/revisions/{revision}")
def get_revision(call: Call, app: wire.Word, revision: wire.Number) -> wire.Revision:
    """Show one revision with its files."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        row = _revision_row(connection, app, revision)
        return _revision(row, objects.files(connection, row.source))


@operations.add("GET", "/apps/{app}/events")
def list_events(call: Call, app: wire.Word, query: wire.EventQuery) -> wire.Events:
    """Find planned events by name, title, description, owner or tag."""
    table = tables.events
    select = sa.select(table).where(table.c.app == app)
    for word in query.query.casefold().split():
        select = select.where(table.c.search.contains(word, autoescape=True))
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        items, cursor = page(connection, select, table.c.event, query, _summary)
    return wire.Events(items=items, next=cursor)


def _summary(row: sa.Row[Any]) -> wire.EventSummary:
    return wire.EventSummary(
        app=row.app,
        event=row.event,
        title=row.title,
        grade=row.grade,
        owner=row.owner,
        properties=row.properties,
        deprecated=row.deprecated,
    )


@operations.add("GET", "/apps/{app}/events/{event}")
def get_event(call: Call, app: wire.Word, event: wire.Word) -> wire.EventDetail:
    """Show a planned event, expanded."""
    table = tables.events
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        found = connection.execute(
            sa.select(table.c.object).where(table.c.app == app, table.c.event == event)
        ).first()
        if found is None:
            raise NotFoundError(f"the plan of {app!r} has no event {event!r}")
        spec = msgspec.json.decode(objects.body(connection, found.object), type=EventSpec)
    return wire.EventDetail(revision=row.revision, spec=spec)
