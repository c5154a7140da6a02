"""The way of a change request: submitted, approved or rejected, withdrawn, closed; who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ForbiddenError, NotFoundError, StaleError
from trackplane.control.publishing import Change
from trackplane.control.review import change_wire as wire
from trackplane.control.review import notices, review_tables
from trackplane.control.review.change_branch import overlay_of, read_branch, version_row
from trackplane.control.review.change_state import (
    OPEN,
    find_change,
    record,
    require_author,
    require_state,
    settle,
    update,
)
from trackplane.control.review.change_view import STATES, Viewer, shown
from trackplane.control.review.review_rules import RULES
from trackplane.control.wire import Paging
from trackplane.errors import InputError, TrackplaneError

operations: Final = Operations("changes")


class BrokenError(InputError):
    """A branch has findings that forbid it to be submitted."""

    code = "change_broken"


@operations.add("POST", "/changes/{id}/submit", action="change.propose")
def submit_change(call: Call, id: wire.Id, body: wire.Remarked) -> wire.ChangeRequest:
    """Ask for review: whoever owns what it touches is told."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        require_author(call, row)
        require_state(row, *STATES["submit"])
        saved = version_row(connection, id, row.version)
        overlay = overlay_of(connection, saved.overlay) if saved is not None else {}
        branch = read_branch(connection, call, row.app, row.base, overlay)
    if branch.broken:
        raise BrokenError(
            f"{branch.broken} finding(s) are to be mended before it can be reviewed",
            findings=branch.findings,
        )
    if not overlay:
        raise BrokenError("it changes nothing", hint="edit it first")
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = _same(change.connection, call, id, row)
        row = update(
            change, row, state="in_review", broken=0, submitted_at=change.now, rejection=sa.null()
        )
        record(change, row, "submitted", note=body.note)
        row = settle(change, row)
        if row.state == "in_review":
            _ask(change, call, row)
    return shown(call, id)


def _same(connection: sa.Connection, call: Call, id: int, before: sa.Row[Any]) -> sa.Row[Any]:
    """Return the row again, if it is of the version and state that was looked at.

    Raises:
        StaleError: somebody was faster.
    """
    row = find_change(connection, call, id)
    if (row.version, row.state) != (before.version, before.state):
        raise StaleError(f"change request {id} changed meanwhile", hint="look at it again")
    return row


def _ask(change: Change, call: Call, row: sa.Row[Any]) -> None:
    """Tell those who can approve what waits."""
    items = review_tables.change_items
    judge = Viewer(change.connection, call).judge(row)
    waiting = change.connection.execute(
        sa.select(items.c.rule, items.c.owner)
        .where(items.c.change == row.id, items.c.approved.is_(False))
        .distinct()
    )
    asked = {person for each in waiting for person in judge.asked(each.rule, each.owner)}
    notices.tell(
        change,
        kind="review_asked",
        people=asked,
        app=row.app,
        subject=row.id,
        title=row.title,
    )


# --- approvals


@operations.add("GET", "/changes/{id}/approvals")
def list_approvals(call: Call, id: wire.Id, query: wire.ItemQuery) -> wire.Approvals:
    """List what a change request touches: who could approve each part, and who has."""
    table = review_tables.change_items
    select = sa.select(table).where(table.c.change == id)
    if query.text:
        select = select.where(table.c.name.icontains(query.text, autoescape=True))
    if query.compatibility:
        select = select.where(table.c.compatibility == query.compatibility)
    if query.waiting or query.mine:
        select = select.where(table.c.approved.is_(False))
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        viewer = Viewer(connection, call)
        judge = viewer.judge(row)
        if query.mine:
            open_rules = connection.execute(
                sa.select(table.c.rule, table.c.owner).where(table.c.change == id).distinct()
            )
            mine = [
                (each.rule, each.owner)
                for each in open_rules
                if not judge.why_not(each.rule, each.owner, viewer.me)
            ]
            select = select.where(
                sa.or_(
                    sa.false(),
                    *((table.c.rule == rule) & (table.c.owner == owner) for rule, owner in mine),
                )
            )
        paging = Paging(limit=query.limit, cursor=query.cursor)
        rows, cursor = page(connection, select, table.c.item, paging, lambda item: item)
        given = _given(connection, id, [item.item for item in rows])
        people: dict[tuple[str, str], list[str]] = {}
        found: list[wire.Approval] = []
        for item in rows:
            key = item.rule, item.owner
            if key not in people:
                people[key] = judge.reviewers(*key)
            why = judge.why_not(item.rule, item.owner, viewer.me)
            found.append(_approval(item, given.get(item.item, []), people[key], why))
    return wire.Approvals(items=found, next=cursor)


def _given(connection: sa.Connection, id: int, items: list[str]) -> dict[str, list[sa.Row[Any]]]:
    table = review_tables.approvals
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in connection.execute(
        sa.select(table).where(table.c.change == id, table.c.item.in_(items)).order_by(table.c.id)
    ):
        found.setdefault(row.item, []).append(row)
    return found


def _approval(
    item: sa.Row[Any], given: list[sa.Row[Any]], reviewers: list[str], why: str
) -> wire.Approval:
    standing = [each for each in given if each.fell_at is None]
    return wire.Approval(
        event=item.name if item.section == "events" else "",
        section=item.section,
        name=item.name,
        kind=item.kind,
        compatibility=item.compatibility,
        grade=item.grade,
        owner=item.owner,
        rule=item.rule,
        needs=RULES[item.rule].words,
        reviewers=reviewers[:50],
        may_approve=not why,
        why_not=why,
        approved=item.approved,
        approved_by=[each.person for each in standing],
        approved_at=max((each.at for each in standing), default=None),
        fallen=[
            wire.Fallen(by=each.person, at=each.fell_at, because=each.because)
            for each in given
            if each.fell_at is not None
        ],
    )


@operations.add("POST", "/changes/{id}/approve", action="change.review")
def approve_change(call: Call, id: wire.Id, body: wire.Approve) -> wire.Approved:
    """Approve what of a change request the person may; says of the rest why not."""
    with call.platform.publisher.change(call.actor, "change request") as change:
        return _approve(change, call, id, body)


@operations.add("POST", "/changes/approve", action="change.review")
def approve_changes(call: Call, body: wire.ApproveMany) -> wire.ApprovedMany:
    """Approve several change requests; each by itself, with its own result."""
    versions: list[int | None] = [*body.versions] or [None] * len(body.changes)
    if len(versions) != len(body.changes):
        raise InputError(
            f"{len(versions)} versions for {len(body.changes)} change requests",
            hint="give one for each, in their order, or none",
        )
    found: list[wire.Approved] = []
    for id, version in dict(zip(body.changes, versions, strict=True)).items():
        try:
            with call.platform.publisher.change(call.actor, "change request") as change:
                found.append(
                    _approve(change, call, id, wire.Approve(version=version, note=body.note))
                )
        except TrackplaneError as error:
            found.append(_not_approved(call, id, error))
    return wire.ApprovedMany(items=found)


def _not_approved(call: Call, id: int, error: TrackplaneError) -> wire.Approved:
    state: wire.State = "closed"
    waiting = 0
    try:
        with call.platform.database.read() as connection:
            row = find_change(connection, call, id)
            state, waiting = row.state, row.waiting
    except NotFoundError:
        pass
    return wire.Approved(
        change=id, state=state, approved=[], refused={}, waiting=waiting, error=error.message
    )


def _approve(change: Change, call: Call, id: int, body: wire.Approve) -> wire.Approved:
    connection = change.connection
    row = find_change(connection, call, id)
    require_state(row, *STATES["approve"])
    if body.version is not None and body.version != row.version:
        raise StaleError(
            f"change request {id} is at version {row.version}, not {body.version}",
            hint="look at what changed, then approve that",
        )
    viewer = Viewer(connection, call)
    judge = viewer.judge(row)
    table = review_tables.change_items
    select = sa.select(table).where(table.c.change == id, table.c.approved.is_(False))
    items = connection.execute(select).all()
    refused: dict[str, str] = {}
    if body.events:
        named: dict[str, list[sa.Row[Any]]] = {}
        for item in items:
            for name in {item.item, item.name}:
                named.setdefault(name, []).append(item)
        chosen: dict[str, sa.Row[Any]] = {}
        for name in body.events:
            found = named.get(name, [])
            if not found:
                refused[name] = "it waits for no approval in this change request"
            elif len(found) > 1:
                refused[name] = f"it is the name of {' and '.join(each.item for each in found)}"
            else:
                chosen[found[0].item] = found[0]
        items = list(chosen.values())
    taken: list[sa.Row[Any]] = []
    for item in items:
        why = judge.why_not(item.rule, item.owner, viewer.me)
        if why:
            refused[item.name] = why
        else:
            taken.append(item)
    if not taken:
        reasons = sorted(set(refused.values())) or ["everything is approved already"]
        raise ForbiddenError(f"nothing of change request {id} can be approved: {reasons[0]}")
    connection.execute(
        sa.insert(review_tables.approvals),
        [
            {
                "change": id,
                "item": item.item,
                "content": item.content,
                "person": call.actor.person,
                "rule": item.rule,
                "at": change.now,
                "because": "",
            }
            for item in taken
        ],
    )
    ids = [item.item for item in taken]
    for start in range(0, len(ids), 500):
        connection.execute(
            sa.update(table)
            .where(table.c.change == id, table.c.item.in_(ids[start : start + 500]))
            .values(approved=True)
        )
    record(
        change,
        row,
        "approve",
        items=[*ids[:100]],
        count=len(ids),
        note=body.note,
        role=call.actor.role,
    )
    row = settle(change, row)
    return wire.Approved(
        change=id,
        state=row.state,
        approved=[item.name for item in taken],
        refused=refused,
        waiting=row.waiting,
    )


@operations.add("POST", "/changes/{id}/reject", action="change.review")
def reject_change(call: Call, id: wire.Id, body: wire.RejectionReason) -> wire.ChangeRequest:
    """Give a change request back to its author, with the reason; one's own approvals fall."""
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        require_state(row, *STATES["reject"])
        _require_may(Viewer(change.connection, call), row, "reject")
        _take_back(change, row, f"{call.actor.person} rejected the change request", mine=True)
        rejection = {"by": call.actor.person, "at": change.now, "reason": body.reason}
        row = update(change, row, state="draft", approved_at=None, rejection=rejection)
        record(change, row, "rejected", reason=body.reason)
        settle(change, row)
        notices.tell(
            change,
            kind="rejected",
            people=[row.author],
            app=row.app,
            subject=id,
            title=row.title,
            detail=body.reason,
        )
    return shown(call, id)


def _require_may(viewer: Viewer, row: sa.Row[Any], action: wire.ChangeAction) -> None:
    found = next(each for each in viewer.view(row).actions if each.action == action)
    if not found.allowed:
        raise ForbiddenError("; ".join(found.reasons))


def _take_back(change: Change, row: sa.Row[Any], because: str, *, mine: bool) -> None:
    """Let approvals fall: the asking person's, or all; and count what waits again."""
    table, items = review_tables.approvals, review_tables.change_items
    wanted = (table.c.change == row.id) & table.c.fell_at.is_(None)
    if mine:
        wanted &= table.c.person == change.actor.person
    change.connection.execute(
        sa.update(table).where(wanted).values(fell_at=change.now, because=because)
    )
    standing = sa.select(table.c.item).where(table.c.change == row.id, table.c.fell_at.is_(None))
    change.connection.execute(
        sa.update(items)
        .where(items.c.change == row.id, items.c.item.not_in(standing))
        .values(approved=False)
    )


@operations.add("POST", "/changes/{id}/withdraw", action="change.propose")
def withdraw_change(call: Call, id: wire.Id, body: wire.Remarked) -> wire.ChangeRequest:
    """Take a change request back into work; approvals of what stays as it is stand."""
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        require_author(call, row)
        require_state(row, *STATES["withdraw"])
        row = update(change, row, state="draft", approved_at=None)
        record(change, row, "withdrawn", note=body.note)
    return shown(call, id)


@operations.add("POST", "/changes/{id}/close", action="change.propose")
def close_change(call: Call, id: wire.Id, body: wire.Remarked) -> wire.ChangeRequest:
    """Close a change request without merging it; its author may, or a data owner."""
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        require_state(row, *OPEN)
        if not call.actor.may("change.approve"):
            require_author(call, row)
        row = update(change, row, state="closed", closed_at=change.now)
        record(change, row, "closed", note=body.note)
    return shown(call, id)


# --- history


@operations.add("GET", "/changes/{id}/history")
def list_change_history(call: Call, id: wire.Id, query: Paging) -> wire.ChangeHistory:
    """Show who did what to a change request, newest first."""
    table = review_tables.change_history
    with call.platform.database.read() as connection:
        find_change(connection, call, id)
        select = sa.select(table).where(table.c.change == id)
        items, cursor = page(connection, select, table.c.id, query, _entry, newest_first=True)
    return wire.ChangeHistory(items=items, next=cursor)


def _entry(row: sa.Row[Any]) -> wire.HistoryEntry:
    detail: Mapping[str, Any] = row.detail
    return wire.HistoryEntry(
        id=row.id,
        at=row.at,
        person=row.person,
        action=row.action,
        version=row.version,
        detail=dict(detail),
    )
