"""The branch of a change request: its files and parts, saved by number, compared, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control import objects
from trackplane.control.design.plan_publishing import overlay_between
from trackplane.control.design.workspaces import GoneError, applied, source_of
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import CursorError, page
from trackplane.control.problems import NotFoundError, StaleError
from trackplane.control.review import change_wire as wire
from trackplane.control.review import review_tables
from trackplane.control.review.change_branch import (
    Branch,
    Overlay,
    overlay_of,
    read_branch,
    version_row,
)
from trackplane.control.review.change_state import (
    OPEN,
    StateError,
    etag_of,
    find_change,
    record,
    require_author,
    require_state,
    save_branch,
)
from trackplane.control.wire import Conflict, Paging
from trackplane.errors import CorruptionError, Finding
from trackplane.plan.changes import PartChange
from trackplane.plan.edit import part_of, with_part
from trackplane.plan.merge_lines import merge_lines

operations: Final = Operations("changes")

_FINDINGS: Final = 1_000  # of a broken branch, how many are told


# --- reading


def overlay_at(connection: sa.Connection, id: int, version: int) -> tuple[Overlay, int]:
    """Return the changed files of a saved version, and the revision it stands on.

    Raises:
        NotFoundError: there is no such version.
    """
    saved = version_row(connection, id, version)
    if saved is None:
        raise NotFoundError(f"change request {id} has no version {version}")
    return overlay_of(connection, saved.overlay), saved.base


def base_files(connection: sa.Connection, app: str, revision: int) -> dict[str, str]:
    """Return the files of a revision; of revision 0, none.

    Raises:
        GoneError: there is no such revision.
    """
    if not revision:
        return {}
    try:
        return objects.files(connection, source_of(connection, app, revision))
    except CorruptionError as error:
        raise GoneError(f"revision {revision} of {app!r} is gone: {error.message}") from error


def branch_of(connection: sa.Connection, call: Call, row: sa.Row[Any]) -> Branch:
    """Return a change request's branch as it reads; read once per version."""

    def make() -> Branch:
        overlay, base = overlay_at(connection, row.id, row.version)
        return read_branch(connection, call, row.app, base, overlay)

    return call.platform.workspaces.branch((row.id, row.version), make)


@operations.add("GET", "/changes/{id}/files")
def get_change_files(call: Call, id: wire.Id, query: wire.BranchQuery) -> wire.ChangeBranch:
    """Show the files of a branch."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        overlay, base = overlay_at(connection, id, query.version or row.version)
        files = applied(base_files(connection, row.app, base), overlay) if query.all else {}
    return wire.ChangeBranch(
        change=id,
        version=query.version or row.version,
        base=base,
        files=files,
        changed=overlay,
        etag=etag_of(row),
    )


@operations.add("GET", "/changes/{id}/versions")
def list_change_versions(call: Call, id: wire.Id, query: Paging) -> wire.SavedVersions:
    """List the saved versions of a branch, newest first."""
    table = review_tables.change_versions
    with call.platform.database.read() as connection:
        find_change(connection, call, id)
        select = sa.select(table).where(table.c.change == id)
        items, cursor = page(
            connection, select, table.c.version, query, _version, newest_first=True
        )
    return wire.SavedVersions(items=items, next=cursor)


def _version(row: sa.Row[Any]) -> wire.SavedVersion:
    return wire.SavedVersion(
        version=row.version, base=row.base, person=row.person, note=row.note, at=row.at
    )


@operations.add("GET", "/changes/{id}/diff")
def diff_change(call: Call, id: wire.Id, query: wire.ChangeDiffQuery) -> wire.ChangeDiff:
    """Show what a branch changes of its base, part by part."""
    with call.platform.database.read() as connection:
        branch = branch_of(connection, call, find_change(connection, call, id))
    found = branch.difference
    wanted = query.text.casefold()
    parts = [
        part
        for part in found.parts
        if wanted in part.name.casefold()
        and query.compatibility in {"", part.compatibility}
        and query.section in {"", part.section}
    ]
    start = _start(query.cursor)
    end = start + query.limit
    items: list[PartChange] = parts[start:end]
    return wire.ChangeDiff(
        items=items, next=str(end) if end < len(parts) else None, counts=found.counts
    )


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise CursorError("the cursor is not one that was given out")
    return int(cursor)


@operations.add("GET", "/changes/{id}/findings")
def get_change_findings(call: Call, id: wire.Id) -> wire.ChangeFindings:
    """Show what is wrong with a branch, and what is worth saying."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        branch = branch_of(connection, call, row)
    return wire.ChangeFindings(
        version=row.version, ok=not branch.broken, findings=list(branch.findings[:_FINDINGS])
    )


# --- saving


@operations.add("PUT", "/changes/{id}/files", action="change.propose", precondition=True)
def put_change_files(call: Call, id: wire.Id, body: wire.BranchFiles) -> wire.BranchSaved:
    """Save changed files of a branch as its next version; broken ones only while it is a draft."""
    with call.platform.database.read() as connection:
        row = _to_edit(connection, call, id)
        overlay, base = overlay_at(connection, id, row.version)
        held = base_files(connection, row.app, base)
        _require_version(connection, call, row, held, overlay, body.files)
        wanted = applied(applied(held, overlay), body.files)
        branch = read_branch(connection, call, row.app, base, overlay_between(held, wanted))
    return _save(call, row, branch, body.note)


@operations.add("PUT", "/changes/{id}/parts", action="change.propose", precondition=True)
def put_change_parts(call: Call, id: wire.Id, body: wire.BranchParts) -> wire.BranchSaved:
    """Save single parts of a branch by name, as its next version; every other byte stays."""
    with call.platform.database.read() as connection:
        row = _to_edit(connection, call, id)
        overlay, base = overlay_at(connection, id, row.version)
        held = base_files(connection, row.app, base)
        files = applied(held, overlay)
        _require_parts(connection, call, row, held, files, body.parts)
        for part in body.parts:
            text = part.text
            files |= with_part(files, part.section, part.name, text, file=part.file)
        branch = read_branch(connection, call, row.app, base, overlay_between(held, files))
    return _save(call, row, branch, body.note)


@operations.add("GET", "/changes/{id}/part")
def get_change_part(call: Call, id: wire.Id, query: wire.ChangePartQuery) -> wire.BranchPart:
    """Show the text of one part in a branch and in its base."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        overlay, base = overlay_at(connection, id, row.version)
        held = base_files(connection, row.app, base)
    place = part_of(applied(held, overlay), query.section, query.name)
    return wire.BranchPart(
        section=query.section,
        name=query.name,
        text=place.text if place is not None else None,
        base=_text(held, query.section, query.name),
        file=place.file if place is not None else None,
        etag=etag_of(row),
    )


def _text(files: Mapping[str, str], section: str, name: str) -> str | None:
    place = part_of(files, section, name)
    return place.text if place is not None else None


def _require_parts(
    connection: sa.Connection,
    call: Call,
    row: sa.Row[Any],
    held: Mapping[str, str],
    files: Mapping[str, str],
    parts: Sequence[wire.BranchPartPut],
) -> None:
    """Check that the parts are as the caller saw them: what else was saved meanwhile may be.

    Raises:
        StaleError: one was changed since; with both sides of the first that was.
    """
    given = given_version(call)
    if given == row.version or (given is None and not call.etags()):
        return
    saved = version_row(connection, row.id, given or 0)
    before: Mapping[str, str] = {}
    if saved is not None and saved.base == row.base:
        before = applied(held, overlay_of(connection, saved.overlay))
    sides = {f"{part.section}/{part.name}": part for part in parts}
    base = {n: t for n, p in sides.items() if (t := _text(before, p.section, p.name)) is not None}
    theirs = {n: t for n, p in sides.items() if (t := _text(files, p.section, p.name)) is not None}
    if before and base == theirs:
        return
    yours = {name: part.text for name, part in sides.items()}
    raise stale(row, base=base, theirs=theirs, yours=yours, names=sorted(sides))


def _to_edit(connection: sa.Connection, call: Call, id: int) -> sa.Row[Any]:
    row = find_change(connection, call, id)
    require_author(call, row)
    require_state(row, *OPEN)
    return row


def _save(call: Call, before: sa.Row[Any], branch: Branch, note: str) -> wire.BranchSaved:
    if branch.broken and before.state != "draft":
        raise StateError(
            "a change request in review is saved only as it may be merged",
            findings=branch.findings,
            hint="mend the findings, or withdraw it first",
        )
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = _to_edit(change.connection, call, before.id)
        if row.version != before.version:
            raise StaleError(f"version {row.version} was saved meanwhile", hint="read it again")
        row, fallen = save_branch(change, row, branch, base=before.base, note=note)
        record(change, row, "saved", note=note, findings=branch.broken)
    call.platform.workspaces.branch((row.id, row.version), lambda: branch)
    return wire.BranchSaved(
        change=row.id,
        version=row.version,
        ok=not branch.broken,
        findings=list(branch.findings[:_FINDINGS]),
        counts=branch.difference.counts,
        fallen=fallen,
        state=row.state,
        etag=etag_of(row),
    )


def given_version(call: Call) -> int | None:
    """Return the version of a branch that If-Match names; None for ``*``."""
    for etag in call.etags():
        version, _, _ = etag.partition(".")
        if version.isascii() and version.isdigit() and len(version) < 10:
            return int(version)
    return None


def _require_version(
    connection: sa.Connection,
    call: Call,
    row: sa.Row[Any],
    held: Mapping[str, str],
    overlay: Overlay,
    yours: Mapping[str, str | None],
) -> None:
    """Check that the branch is of the version the caller saw.

    Raises:
        StaleError: another was saved since; with both sides of the first file that differs.
    """
    given = given_version(call)
    if given == row.version or (given is None and not call.etags()):
        return
    theirs = applied(held, overlay)
    base: Mapping[str, str] = {}
    saved = version_row(connection, row.id, given or 0)
    if saved is not None and saved.base == row.base:
        base = applied(held, overlay_of(connection, saved.overlay))
    raise stale(row, base=base, theirs=theirs, yours=yours, names=sorted(yours))


def stale(
    row: sa.Row[Any],
    *,
    base: Mapping[str, str],
    theirs: Mapping[str, str],
    yours: Mapping[str, str | None],
    names: Iterable[str],
) -> StaleError:
    """Return the error of a save over another: both sides of the first thing that differs."""
    differing = [name for name in names if theirs.get(name) != base.get(name)]
    error = StaleError(
        f"version {row.version} was saved since you read it",
        hint="read it again and decide whether your change still holds",
        findings=[
            Finding(code="conflict", message=f"{name} was changed as well", pointer=f"/{name}")
            for name in differing
        ],
    )
    first = next(iter(differing or sorted(yours)))
    ours, other, origin = yours.get(first) or "", theirs.get(first, ""), base.get(first)
    error.conflict = Conflict(
        theirs=other,
        author=row.author,
        yours=ours,
        base=origin,
        merged=merge_lines(origin, other, ours) if origin is not None else None,
        etag=etag_of(row),
    )
    return error
