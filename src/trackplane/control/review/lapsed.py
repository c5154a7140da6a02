"""Approvals whose giver could not give them any more: without the role, the team or the app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from trackplane.control.publishing import Change
from trackplane.control.review import review_tables
from trackplane.control.review.approvers import Judge, approvers_of
from trackplane.control.review.change_state import OPEN, settle, tell_of_fallen

_BECAUSE = "who gave it may not approve this any more"


def lapsed(connection: sa.Connection, row: sa.Row[Any]) -> list[sa.Row[Any]]:
    """Return the standing approvals of a change request that nobody may give who gave them."""
    given, items = review_tables.approvals, review_tables.change_items
    approvers = approvers_of(connection, row.app)
    judge = Judge(approvers, row.author)
    found = connection.execute(
        sa.select(given, items.c.rule.label("takes"), items.c.owner)
        .join(items, (items.c.change == given.c.change) & (items.c.item == given.c.item))
        .where(given.c.change == row.id, given.c.fell_at.is_(None))
    )
    return [
        each
        for each in found
        if (approver := approvers.get(each.person)) is None
        or judge.why_not(each.takes, each.owner, approver)
    ]


def let_fall_of(change: Change, people: Iterable[str]) -> None:
    """Let lapsed approvals of open change requests fall, once some people may do less than before."""
    changes, given = review_tables.changes, review_tables.approvals
    theirs = sa.select(given.c.change).where(
        given.c.person.in_(list(people)), given.c.fell_at.is_(None)
    )
    open_ones = sa.select(changes).where(changes.c.state.in_(OPEN), changes.c.id.in_(theirs))
    for row in change.connection.execute(open_ones).all():
        let_fall(change, row)


def let_fall(change: Change, row: sa.Row[Any]) -> list[str]:
    """Let the lapsed approvals of a change request fall; return what waits again by it."""
    gone = lapsed(change.connection, row)
    given, items = review_tables.approvals, review_tables.change_items
    ids = [each.id for each in gone]
    for start in range(0, len(ids), 500):
        change.connection.execute(
            sa.update(given)
            .where(given.c.id.in_(ids[start : start + 500]))
            .values(fell_at=change.now, because=_BECAUSE)
        )
    standing = sa.select(given.c.item).where(given.c.change == row.id, given.c.fell_at.is_(None))
    bare = (items.c.change == row.id) & items.c.approved & items.c.item.not_in(standing)
    rows = change.connection.execute(sa.select(items.c.item).where(bare))
    waiting = [row.item for row in rows]
    change.connection.execute(sa.update(items).where(bare).values(approved=False))
    fallen: dict[str, list[sa.Row[Any]]] = {}
    for each in gone:
        fallen.setdefault(each.item, []).append(each)
    if fallen:
        tell_of_fallen(change, row, fallen, _BECAUSE)
        settle(change, row)
    return sorted(waiting)
