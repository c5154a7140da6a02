"""A branch and the plan in force made one: rebased, or merged through the code that applies plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control.apps import find_app
from trackplane.control.design.plan_publishing import overlay_between, publish_plan
from trackplane.control.design.workspaces import GoneError, applied
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import ConflictsError
from trackplane.control.publishing import Change
from trackplane.control.review import change_wire as wire
from trackplane.control.review import notices, review_tables
from trackplane.control.review.change_branch import (
    Branch,
    Item,
    branch_items,
    read_branch,
)
from trackplane.control.review.change_files import base_files, overlay_at
from trackplane.control.review.change_state import (
    StateError,
    find_change,
    record,
    require_author,
    require_state,
    save_branch,
    update,
)
from trackplane.control.review.change_view import STATES, shown
from trackplane.control.review.lapsed import lapsed, let_fall
from trackplane.control.wire import PartConflict, PlanChanged
from trackplane.errors import ConflictError, Finding
from trackplane.plan.edit import part_of, with_part
from trackplane.plan.merge import Conflict, Merged, merge_files

operations: Final = Operations("changes")


class MovedError(ConflictError):
    """The plan in force is another than the one that was looked at."""

    code = "moved"


class ApprovalError(ConflictError):
    """What would come into force is not what was approved."""

    code = "not_approved"


class ImpactError(ConflictError):
    """The impact of what would come into force is not known."""

    code = "impact_stale"


class Sides:
    """The three sides of a change request: its base, its branch, and the plan in force."""

    def __init__(self, connection: sa.Connection, call: Call, row: sa.Row[Any]) -> None:
        self.app: str = row.app
        self.revision: int = find_app(connection, call, row.app).revision
        self.theirs = base_files(connection, row.app, self.revision)
        self.overlay, self.base_revision = overlay_at(connection, row.id, row.version)
        self.base: Mapping[str, str] = self.theirs
        if self.base_revision != self.revision:
            try:
                self.base = base_files(connection, row.app, self.base_revision)
            except GoneError:
                # Of the branch only its changed files are known: every part of them that is not as
                # in force is a conflict.
                self.base = {
                    path: text for path, text in self.theirs.items() if path not in self.overlay
                }
        self.yours = applied(self.base, self.overlay)

    def merged(self) -> Merged:
        """Return the branch with what came into force since its base."""
        if self.base == self.theirs:
            return Merged(files=dict(self.yours))
        return merge_files(self.base, self.yours, self.theirs)


def merged_branch(connection: sa.Connection, call: Call, row: sa.Row[Any]) -> tuple[Sides, Branch]:
    """Return a change request's branch over the plan in force.

    Raises:
        ConflictsError: both changed the same; both sides of each are in it.
    """
    sides = Sides(connection, call, row)
    found = sides.merged()
    if found.conflicts:
        raise ConflictsError(
            f"{len(found.conflicts)} conflict(s) with revision {sides.revision}",
            conflicts(found.conflicts),
            hint=f"settle them: trackplane change rebase {row.id}",
        )
    overlay = overlay_between(sides.theirs, found.files)
    return sides, read_branch(connection, call, row.app, sides.revision, overlay)


def conflicts(found: Iterable[Conflict]) -> list[PartConflict]:
    """Return conflicts as they travel."""
    return [msgspec.convert(each, PartConflict, from_attributes=True) for each in found]


# --- rebase


@operations.add("POST", "/changes/{id}/rebase", action="change.propose")
def rebase_change(call: Call, id: wire.Id, body: wire.Rebase) -> wire.ChangeRequest:
    """Move a branch to the plan in force; what conflicts is settled in the request, or told."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        require_author(call, row)
        require_state(row, *STATES["rebase"])
        sides = Sides(connection, call, row)
        files = _settled(sides, body)
        overlay = overlay_between(sides.theirs, files)
        branch = read_branch(connection, call, row.app, sides.revision, overlay)
    if branch.broken and row.state != "draft":
        raise StateError(
            "over the plan in force it no longer reads",
            findings=branch.findings,
            hint="withdraw it, rebase, and mend the findings",
        )
    with call.platform.publisher.change(call.actor, "change request") as change:
        _require_unmoved(change, call, row, sides.revision)
        row = find_change(change.connection, call, id)
        note = f"rebased from revision {sides.base_revision} to {sides.revision}"
        row, fallen = save_branch(change, row, branch, base=sides.revision, note=note)
        record(
            change,
            row,
            "rebased",
            base=sides.revision,
            was=sides.base_revision,
            fallen=fallen[:100],
        )
    return shown(call, id)


def _settled(sides: Sides, body: wire.Rebase) -> dict[str, str]:
    """Return the merged files with conflicts settled as the request says.

    Raises:
        ConflictsError: with those that it says nothing of.
        PlanError: a resolution is no part of a plan.
    """
    found = sides.merged()
    files = found.files
    if found.conflicts and body.take == "mine":
        # The other way round: where both changed the same, the branch's text stays.
        files = merge_files(sides.base, sides.theirs, sides.yours).files
    named = {(each.section, each.name) for each in body.resolutions}
    if not body.take:
        left = [each for each in found.conflicts if (each.section, each.name) not in named]
        if left:
            raise ConflictsError(
                f"{len(left)} conflict(s) with revision {sides.revision}",
                conflicts(left),
                hint="send a resolution for each, or take mine or theirs of all",
            )
    for each in body.resolutions:
        if each.text is None and part_of(files, each.section, each.name) is None:
            continue
        files = files | with_part(files, each.section, each.name, each.text)
    return files


def _require_unmoved(change: Change, call: Call, before: sa.Row[Any], revision: int) -> None:
    """Check, in the transaction, that all is as it was looked at.

    Raises:
        MovedError: somebody was faster.
    """
    row = find_change(change.connection, call, before.id)
    if (row.version, row.state) != (before.version, before.state):
        raise MovedError(f"change request {row.id} changed meanwhile", hint="look at it again")
    app = find_app(change.connection, call, row.app)
    if app.revision != revision:
        raise MovedError(
            f"the plan of {row.app!r} is at revision {app.revision} now, not {revision}",
            hint="look at the impact again, then merge",
        )


# --- merge


@operations.add("POST", "/changes/{id}/merge", action="change.merge")
def merge_change(call: Call, id: wire.Id, body: wire.MergeRequest) -> wire.Merged:
    """Put an approved change request in force, as a new revision."""
    _drop_lapsed(call, id)
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        require_state(row, *STATES["merge"])
        sides, branch = merged_branch(connection, call, row)
        items = branch_items(branch)
        _require_approved(connection, row, sides, items)
    found = branch.candidate
    if branch.broken or found is None:
        raise StateError(
            "over the plan in force it no longer reads",
            findings=branch.findings,
            hint=f"trackplane change rebase {id}, and mend the findings",
        )
    if (row.impact_version, row.impact_revision) != (row.version, sides.revision):
        raise ImpactError(
            f"the impact of version {row.version} on revision {sides.revision} is not known",
            hint=f"look at it first: trackplane change impact {id}",
        )
    message = body.message or row.title
    with call.platform.publisher.change(call.actor, f"change request {id}") as change:
        _require_unmoved(change, call, row, sides.revision)
        if lapsed(change.connection, row):
            raise MovedError("an approval lapsed in this moment", hint="look at it again")
        made = publish_plan(call.platform, change, found, f"{message} (change request {id})")
        done = _merged(change, row, made)
    return wire.Merged(
        change=id,
        revision=made.revision,
        number=change.number,
        added=made.added,
        changed=made.changed,
        removed=made.removed,
        etag=f"{done.version}.{done.tick}",
    )


def _drop_lapsed(call: Call, id: int) -> None:
    """Let approvals fall whose giver may not give them any more.

    Raises:
        ApprovalError: something waits again by it.
    """
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        require_state(row, *STATES["merge"])
        if not lapsed(connection, row):
            return
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        require_state(row, *STATES["merge"])
        waiting = let_fall(change, row)
    if waiting:
        raise ApprovalError(
            f"{len(waiting)} approval(s) fell: who gave them may not approve that any more",
            findings=[
                Finding(code="not_approved", message=f"{item} waits again", pointer=f"/{item}")
                for item in waiting[:100]
            ],
            hint="ask others: trackplane change show tells who may",
        )


def _merged(change: Change, row: sa.Row[Any], made: PlanChanged) -> sa.Row[Any]:
    """Write down that a change request is in force now."""
    done = update(change, row, state="merged", merged_at=change.now, merged_revision=made.revision)
    table = review_tables.changes

    def numbered(number: int) -> None:
        change.connection.execute(
            sa.update(table).where(table.c.id == row.id).values(number=number)
        )

    change.when_numbered(numbered)
    record(change, done, "merged", revision=made.revision)
    approvals = review_tables.approvals
    approved = change.connection.execute(
        sa.select(approvals.c.person).where(approvals.c.change == row.id).distinct()
    )
    notices.tell(
        change,
        kind="merged",
        people={row.author, *(each.person for each in approved)},
        app=row.app,
        subject=row.id,
        title=row.title,
        detail=f"revision {made.revision}",
    )
    return done


def _require_approved(
    connection: sa.Connection, row: sa.Row[Any], sides: Sides, items: Mapping[str, Item]
) -> None:
    """Check that everything that would come into force is approved as it would be.

    Raises:
        ApprovalError: something is not; each is told.
    """
    if sides.revision == sides.base_revision:
        return  # the branch itself would come into force, and the state says it is approved
    table = review_tables.change_items
    approved = {
        each.item: each.content
        for each in connection.execute(
            sa.select(table.c.item, table.c.content).where(
                table.c.change == row.id, table.c.approved.is_(True)
            )
        )
    }
    others = [
        item
        for id, item in items.items()
        if item.section != "plan" and approved.get(id) != item.content
    ]
    if others:
        raise ApprovalError(
            f"{len(others)} part(s) would not come into force as they were approved",
            findings=[
                Finding(
                    code="not_approved",
                    message=f"{item.id} differs from what was approved, by revision {sides.revision}",
                    pointer=f"/{item.id}",
                )
                for item in others[:100]
            ],
            hint=f"trackplane change rebase {row.id}; who approved is asked again for these",
        )
