"""A plan made the one in force: the only way there is, and it costs what changed.

The workspace in force is kept read; a change of it shares all that stays, so the difference, the
events that travel, the tree's pages and the files that are stored are those that changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import objects, search, tables, wire
from trackplane.control.apps import put_settings
from trackplane.control.catalog import Broken, Catalog
from trackplane.control.design.libraries import libraries_of, store_uses
from trackplane.control.design.owners import anybody_registered, unknown_owners
from trackplane.control.design.plan_lint import rules_of
from trackplane.control.design.plan_tables import plan_changes
from trackplane.control.design.workspaces import Base
from trackplane.control.platform import Platform
from trackplane.control.problems import NotFoundError
from trackplane.control.publishing import Change
from trackplane.errors import Finding, InputError
from trackplane.plan.changes import Difference, PartChange
from trackplane.plan.diff import changed_names, difference
from trackplane.plan.lint import lint
from trackplane.plan.model import EventSpec, Text
from trackplane.plan.text import PlanError
from trackplane.plan.workspace import Workspace
from trackplane.rules.plan_check import check_expressions

_MOST: Final = 1_000  # parts of a difference that an answer shows
_BATCH: Final = 1_000

Overlay = Mapping[str, str | None]  # path -> text; None: the file goes


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that may come into force after ``before``."""

    app: str
    before: Base
    after: Workspace
    difference: Difference
    added: list[str]
    changed: list[str]
    removed: list[str]
    findings: tuple[Finding, ...]  # warnings, and lint

    @property
    def touched(self) -> list[str]:
        """Return the events that differ."""
        return [*self.added, *self.changed, *self.removed]

    @property
    def wrong(self) -> list[Finding]:
        """Return the findings that forbid it."""
        return [finding for finding in self.findings if finding.severity == "error"]


def held_workspace(
    connection: sa.Connection, platform: Platform, app: str, revision: int
) -> Workspace | None:
    """Return the workspace of a revision, read once and kept; of revision 0, None."""
    return platform.workspaces.revision(connection, app, revision, libraries_of(connection))


def candidate(
    connection: sa.Connection, platform: Platform, app: str, revision: int, overlay: Overlay
) -> Candidate:
    """Return what a revision would be with some files changed, all that is wrong with it included.

    Owners that nobody registered are told where anybody is registered.

    Raises:
        PlanError: it does not read, or its expressions do not check; with every finding.
    """
    libraries = libraries_of(connection)
    before = platform.workspaces.base(connection, app, revision, libraries)
    found = candidate_of(connection, app, before, before.change(overlay, libraries))
    if not anybody_registered(connection):
        return found
    owners = unknown_owners(connection, found.after)
    return msgspec.structs.replace(found, findings=(*found.findings, *owners))


def candidate_of(connection: sa.Connection, app: str, before: Base, after: Workspace) -> Candidate:
    """Return a workspace as what may come into force after a base.

    Raises:
        PlanError: it is another app's, or its expressions do not check.
    """
    if after.plan.app != app:
        message = f"the plan is of the app {after.plan.app!r}, not of {app!r}"
        finding = Finding(code="app", message=message, file=next(iter(after.files), None))
        raise PlanError(f"it is the plan of {after.plan.app!r}", findings=[finding])
    old = before.plan
    check_expressions(after.plan, after.files, before=old)
    names = changed_names(old.events, after.plan.events)
    there = [name for name in names if name in after.plan.events]
    return Candidate(
        app=app,
        before=before,
        after=after,
        difference=difference(old, after.plan),
        added=[name for name in there if name not in old.events],
        changed=[name for name in there if name in old.events],
        removed=[name for name in names if name not in after.plan.events],
        findings=(*after.warnings, *lint(after, rules_of(connection), events=there)),
    )


def broken_by(platform: Platform, found: Candidate) -> Broken:
    """Return the rules that a plan would break, with what is wrong with each."""
    catalog = Catalog(platform.publisher.snapshot)
    return catalog.broken_by(found.app, found.after.plan.events, found.touched)


def publish_plan(
    platform: Platform, change: Change, found: Candidate, message: str
) -> wire.PlanChanged:
    """Make a plan the one in force. ``number`` is not known yet.

    Raises:
        InputError: it breaks rules, or the organisation's lint rules; with every finding.
    """
    connection, app = change.connection, found.app
    if found.wrong:
        raise PlanError(
            f"the plan breaks {len(found.wrong)} of the organisation's rules",
            findings=found.findings,
            hint="trackplane plan lint shows them, with --fix it mends what it can",
        )
    _refuse_if_broken(broken_by(platform, found))
    revision: int = connection.execute(
        sa.select(tables.apps.c.revision).where(tables.apps.c.app == app)
    ).scalar_one()
    held = revision_row(connection, app, revision) if revision else None
    events = found.after.plan.events
    bodies: dict[str, bytes | None] = {
        event: msgspec.json.encode(events[event]) for event in (*found.added, *found.changed)
    }
    tree, hashes = objects.change_tree(
        connection, held.tree if held is not None else None, bodies | dict.fromkeys(found.removed)
    )
    source = objects.change_files(
        connection,
        held.source if held is not None else None,
        overlay_between(found.before.files, found.after.files),
    )
    if held is None or (held.tree, held.source) != (tree, source):
        revision += 1
        _store(change, app, revision, tree, source, len(events), message)
        _store_changes(connection, app, revision, found.difference.parts)
        store_uses(connection, app, found.after.plan.use)
        _index(change, app, events, hashes, found.removed)
        were = found.before.plan.events
        search.index_plan(
            connection,
            found.after.plan,
            before={event: were[event] for event in (*found.changed, *found.removed)},
            changed=[*found.added, *found.changed],
            removed=found.removed,
        )
        for event, data in bodies.items():
            change.put("event", f"{app}/{event}", data or b"")
        for event in found.removed:
            change.remove("event", f"{app}/{event}")
        put_settings(change, app)
        detail: dict[str, Any] = {"revision": revision, "message": message}
        detail["compatibility"] = found.difference.compatibility
        detail |= {
            "added": len(found.added),
            "changed": len(found.changed),
            "removed": len(found.removed),
        }
        change.audit("plan.update", f"{app}@{revision}", app=app, detail=detail)
    platform.workspaces.keep(app, source, found.after)
    return wire.PlanChanged(
        app=app,
        revision=revision,
        hash=tree,
        number=0,
        added=found.added,
        changed=found.changed,
        removed=found.removed,
        warnings=list(found.findings),
        etag=str(revision),
        compatibility=found.difference.compatibility,
        difference=found.difference.limited(_MOST),
    )


def overlay_between(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """Return what turns some files into others: texts that differ, None for those that go."""
    found: dict[str, str | None] = {
        path: text for path, text in after.items() if before.get(path) != text
    }
    return found | {path: None for path in before if path not in after}


def files_of(connection: sa.Connection, app: str, revision: int) -> dict[str, str]:
    """Return the source of a revision, texts by path; of revision 0, none."""
    if not revision:
        return {}
    return objects.files(connection, revision_row(connection, app, revision).source)


def revision_row(connection: sa.Connection, app: str, revision: int) -> sa.Row[Any]:
    """Return a revision's row.

    Raises:
        NotFoundError: there is none.
    """
    table = tables.revisions
    row = connection.execute(
        sa.select(table).where(table.c.app == app, table.c.revision == revision)
    ).first()
    if row is None:
        raise NotFoundError(f"the plan of {app!r} has no revision {revision}")
    return row


def _refuse_if_broken(broken: Broken) -> None:
    if broken:
        raise InputError(
            f"the plan would break {len(broken)} rule(s): {', '.join(sorted(broken))}",
            findings=[finding for findings in broken.values() for finding in findings],
            hint="change the rules first, or keep what they read",
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


def _store_changes(
    connection: sa.Connection, app: str, revision: int, parts: Iterable[PartChange]
) -> None:
    rows = [
        {
            "app": app,
            "revision": revision,
            "section": part.section,
            "name": part.name,
            "kind": part.kind,
            "compatibility": part.compatibility,
            "was": part.was or "",
            "change": msgspec.json.encode(part).decode(),
        }
        for part in parts
    ]
    for start in range(0, len(rows), _BATCH):
        connection.execute(sa.insert(plan_changes), rows[start : start + _BATCH])


def _index(
    change: Change,
    app: str,
    events: Mapping[str, EventSpec],
    hashes: Mapping[str, str],
    removed: Iterable[str],
) -> None:
    table = tables.events
    gone = [*hashes, *removed]
    for start in range(0, len(gone), _BATCH // 2):
        names = gone[start : start + _BATCH // 2]
        change.connection.execute(
            sa.delete(table).where(table.c.app == app, table.c.event.in_(names))
        )
    rows = [_event_row(events[event], hash) for event, hash in hashes.items()]
    for start in range(0, len(rows), _BATCH):
        change.connection.execute(sa.insert(table), rows[start : start + _BATCH])


def _event_row(spec: EventSpec, hash: str) -> dict[str, Any]:
    return {
        "app": spec.app,
        "event": spec.event,
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
