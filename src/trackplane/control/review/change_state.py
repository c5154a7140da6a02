"""What a change request keeps of itself: its row, versions, items and approvals, brought in line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.operations import Call
from trackplane.control.problems import ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.review import notices, review_tables
from trackplane.control.review.change_branch import Branch, Item, branch_items, put_overlay
from trackplane.errors import ConflictError

OPEN: Final = ("draft", "in_review", "approved")


class StateError(ConflictError):
    """A change request is not in the state for that."""

    code = "state"


# --- finding one


def find_change(connection: sa.Connection, call: Call, id: int) -> sa.Row[Any]:
    """Return a change request's row.

    Raises:
        NotFoundError: there is none, or it is of an app that the token does not reach.
    """
    table = review_tables.changes
    row = connection.execute(sa.select(table).where(table.c.id == id)).first()
    if row is None or not call.actor.sees(row.app):
        raise NotFoundError(f"there is no change request {id}")
    return row


def require_state(row: sa.Row[Any], *states: str) -> None:
    """Check a change request's state.

    Raises:
        StateError: it is another.
    """
    if row.state not in states:
        wanted = " or ".join(states).replace("_", " ")
        raise StateError(f"change request {row.id} is {row.state.replace('_', ' ')}, not {wanted}")


def require_author(call: Call, row: sa.Row[Any]) -> None:
    """Check that the change request is the asking person's.

    Raises:
        ForbiddenError: it is somebody else's.
    """
    if row.author != call.actor.person:
        raise ForbiddenError(
            f"change request {row.id} is {row.author}'s: only its author may do that",
            hint="say what should change in a comment",
        )


def etag_of(row: sa.Row[Any]) -> str:
    """Return what If-Match takes: the branch's version and the tick of the rest."""
    return f"{row.version}.{row.tick}"


def base_revision(connection: sa.Connection, app: str) -> int | None:
    """Return the revision of an app's plan in force, None where the app is gone."""
    table = tables.apps
    row = connection.execute(sa.select(table.c.revision).where(table.c.app == app)).first()
    return None if row is None else int(row.revision)


# --- what a change request keeps of itself


def update(change: Change, row: sa.Row[Any], *, tick: bool = True, **values: Any) -> sa.Row[Any]:
    """Change a change request's row; return it as it is then."""
    table = review_tables.changes
    values["updated_at"] = change.now
    if tick:
        values["tick"] = row.tick + 1
    change.connection.execute(sa.update(table).where(table.c.id == row.id).values(**values))
    return change.connection.execute(sa.select(table).where(table.c.id == row.id)).one()


def record(change: Change, row: sa.Row[Any], action: str, **detail: Any) -> None:
    """Write down what was done to a change request, in its history and in the audit log."""
    change.connection.execute(
        sa.insert(review_tables.change_history).values(
            change=row.id,
            at=change.now,
            person=change.actor.person,
            action=action,
            version=row.version,
            detail=detail,
        )
    )
    change.audit(
        f"change.{action}", str(row.id), app=row.app, detail={"version": row.version, **detail}
    )


def save_branch(
    change: Change, row: sa.Row[Any], branch: Branch, *, base: int, note: str
) -> tuple[sa.Row[Any], list[str]]:
    """Keep a branch as the next version; approvals fall whose content changed.

    Returns the row as it is then, and the items whose approval fell.
    """
    version = row.version + 1
    change.connection.execute(
        sa.insert(review_tables.change_versions).values(
            change=row.id,
            version=version,
            base=base,
            overlay=put_overlay(change.connection, branch.overlay),
            person=change.actor.person,
            note=note,
            at=change.now,
        )
    )
    items = branch_items(branch)
    fallen = keep_items(change, row, items, f"it changed in version {version}")
    row = update(
        change,
        row,
        version=version,
        base=base,
        broken=branch.broken,
        counts=msgspec.to_builtins(branch.difference.counts),
    )
    return settle(change, row), fallen


def keep_items(
    change: Change, row: sa.Row[Any], items: Mapping[str, Item], because: str
) -> list[str]:
    """Write down what a branch touches; return the items whose approval fell."""
    connection, approvals = change.connection, review_tables.approvals
    standing: dict[str, list[sa.Row[Any]]] = {}
    for approval in connection.execute(
        sa.select(approvals).where(approvals.c.change == row.id, approvals.c.fell_at.is_(None))
    ):
        standing.setdefault(approval.item, []).append(approval)
    fallen: dict[str, list[sa.Row[Any]]] = {}
    for id, given in standing.items():
        item = items.get(id)
        gone = [each for each in given if item is None or each.content != item.content]
        if gone:
            fallen[id] = gone
    ids = [each.id for given in fallen.values() for each in given]
    for start in range(0, len(ids), 500):
        connection.execute(
            sa.update(approvals)
            .where(approvals.c.id.in_(ids[start : start + 500]))
            .values(fell_at=change.now, because=because)
        )
    table = review_tables.change_items
    connection.execute(sa.delete(table).where(table.c.change == row.id))
    rows = [
        msgspec.structs.asdict(item)
        | {
            "change": row.id,
            "item": id,
            "approved": len(standing.get(id, ())) > len(fallen.get(id, ())),
        }
        for id, item in items.items()
    ]
    if rows:
        connection.execute(sa.insert(table), rows)
    if fallen:
        tell_of_fallen(change, row, fallen, because)
    return sorted(fallen)


def tell_of_fallen(
    change: Change, row: sa.Row[Any], fallen: Mapping[str, list[sa.Row[Any]]], because: str
) -> None:
    """Write down which approvals fell, by item, and tell who gave them."""
    by_person: dict[str, list[str]] = {}
    for id, given in fallen.items():
        for each in given:
            by_person.setdefault(each.person, []).append(id.partition("/")[2])
    record(change, row, "approval_fell", items=sorted(fallen)[:100], because=because)
    for person, names in by_person.items():
        notices.tell(
            change,
            kind="approval_fell",
            people=[person],
            app=row.app,
            subject=row.id,
            title=row.title,
            detail=f"{', '.join(sorted(names)[:10])}: {because}",
        )


def settle(change: Change, row: sa.Row[Any]) -> sa.Row[Any]:
    """Bring a change request's count and state in line with its approvals."""
    table = review_tables.change_items
    waiting = change.connection.execute(
        sa.select(sa.func.count()).where(table.c.change == row.id, table.c.approved.is_(False))
    ).scalar_one()
    state, approved_at = row.state, row.approved_at
    if state == "in_review" and not waiting and not row.broken:
        state, approved_at = "approved", change.now
    elif state == "approved" and waiting:
        state, approved_at = "in_review", None
    if (state, waiting) == (row.state, row.waiting):
        return row
    if state == "approved" and row.state != "approved":
        record(change, row, "approved")
        notices.tell(
            change,
            kind="approved",
            people=[row.author],
            app=row.app,
            subject=row.id,
            title=row.title,
        )
    return update(change, row, tick=False, state=state, waiting=waiting, approved_at=approved_at)
