"""A change request as one person sees it: with what they may do now, and why not the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control.access import Action
from trackplane.control.operations import Call
from trackplane.control.review import change_wire as wire
from trackplane.control.review import review_tables
from trackplane.control.review.approvers import Judge, approver_of, approvers_of
from trackplane.control.review.change_state import OPEN, base_revision, etag_of, find_change
from trackplane.control.review.review_rules import Approver
from trackplane.plan.changes import Counts

NEEDED: Final[dict[wire.ChangeAction, Action]] = {
    "edit": "change.propose",
    "comment": "comment",
    "submit": "change.propose",
    "approve": "change.review",
    "reject": "change.review",
    "withdraw": "change.propose",
    "rebase": "change.propose",
    "merge": "change.merge",
    "close": "change.propose",
}
STATES: Final[dict[wire.ChangeAction, tuple[str, ...]]] = {
    "edit": OPEN,
    "comment": (*OPEN, "merged", "closed"),
    "submit": ("draft",),
    "approve": ("in_review",),
    "reject": ("in_review", "approved"),
    "withdraw": ("in_review", "approved"),
    "rebase": OPEN,
    "merge": ("approved",),
    "close": OPEN,
}


def shown(call: Call, id: int) -> wire.ChangeRequest:
    """Return a change request as the asking person sees it."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        return Viewer(connection, call).view(row)


class Viewer:
    """Shows change requests to one person; keeps what several of them need."""

    def __init__(self, connection: sa.Connection, call: Call) -> None:
        self._connection = connection
        self._call = call
        self.me: Approver = approver_of(connection, call.actor)
        self._approvers: dict[str, dict[str, Approver]] = {}

    def judge(self, row: sa.Row[Any]) -> Judge:
        """Return who may approve what of a change request."""
        if row.app not in self._approvers:
            self._approvers[row.app] = approvers_of(self._connection, row.app)
        return Judge(self._approvers[row.app], row.author)

    def waiting(self) -> list[int]:
        """Return the change requests that wait for this person's approval."""
        table, items = review_tables.changes, review_tables.change_items
        select = (
            sa.select(table.c.id, table.c.app, table.c.author, items.c.rule, items.c.owner)
            .join(items, items.c.change == table.c.id)
            .where(table.c.state == "in_review", items.c.approved.is_(False))
            .distinct()
        )
        found = {
            row.id
            for row in self._connection.execute(select)
            if self._call.actor.sees(row.app)
            and row.author != self.me.person
            and not self.judge(row).why_not(row.rule, row.owner, self.me)
        }
        return sorted(found)

    def reasons(self, row: sa.Row[Any]) -> list[str]:
        """Return why the person can approve nothing of what waits; empty: there is something."""
        items = review_tables.change_items
        open_rules = self._connection.execute(
            sa.select(items.c.rule, items.c.owner)
            .where(items.c.change == row.id, items.c.approved.is_(False))
            .distinct()
        ).all()
        if not open_rules:
            return ["everything is approved already"]
        judge = self.judge(row)
        why = [judge.why_not(each.rule, each.owner, self.me) for each in open_rules]
        return [] if "" in why else list(dict.fromkeys(why))

    def view(self, row: sa.Row[Any]) -> wire.ChangeRequest:
        """Return a change request as the person sees it."""
        current = base_revision(self._connection, row.app)
        comments, unread = self._comments(row)
        actions = self._actions(row, current)
        may_approve = next(a.allowed for a in actions if a.action == "approve")
        fresh = (row.impact_version, row.impact_revision) == (row.version, current)
        number = row.number
        return wire.ChangeRequest(
            id=row.id,
            app=row.app,
            title=row.title,
            description=row.description,
            requirement=row.requirement,
            author=row.author,
            state=row.state,
            base=row.base,
            current=current,
            version=row.version,
            deadline=row.deadline,
            created_at=row.created_at,
            updated_at=row.updated_at,
            submitted_at=row.submitted_at,
            approved_at=row.approved_at,
            merged_at=row.merged_at,
            closed_at=row.closed_at,
            merged_revision=row.merged_revision,
            number=number,
            effective_ms=self._call.platform.nodes.effective_ms(number) if number else None,
            stale=row.state in OPEN and current != row.base,
            findings=row.broken,
            waiting=row.waiting,
            counts=msgspec.convert(row.counts, Counts),
            rejection=msgspec.convert(row.rejection, wire.Rejection | None),
            impact_version=row.impact_version,
            impact_fresh=fresh and row.impact_version is not None,
            comments=comments,
            unread=unread,
            waits_for_me=may_approve and row.author != self.me.person,
            actions=actions,
            etag=etag_of(row),
        )

    def _comments(self, row: sa.Row[Any]) -> tuple[int, int]:
        table, reads = review_tables.change_comments, review_tables.change_reads
        seen = (
            self._connection.execute(
                sa.select(reads.c.n).where(
                    reads.c.change == row.id, reads.c.person == self.me.person
                )
            ).scalar()
            or 0
        )
        unread = sa.func.sum(
            sa.case(((table.c.n > seen) & (table.c.author != self.me.person), 1), else_=0)
        )
        found = self._connection.execute(
            sa.select(
                sa.func.count().label("total"), sa.func.coalesce(unread, 0).label("unread")
            ).where(table.c.change == row.id)
        ).one()
        return found.total, found.unread

    def _actions(self, row: sa.Row[Any], current: int | None) -> list[wire.Allowed]:
        why: dict[wire.ChangeAction, list[str]] = {}
        for action in wire.ACTIONS:
            reasons = [*self._role_reasons(action), *self._state_reasons(action, row, current)]
            if not reasons and action in {"approve", "reject"}:
                reasons = self.reasons(row) if action == "approve" else self._reject_reasons(row)
            why[action] = reasons
        return [
            wire.Allowed(action=action, allowed=not reasons, reasons=reasons)
            for action, reasons in why.items()
        ]

    def _role_reasons(self, action: wire.ChangeAction) -> Iterable[str]:
        needed = NEEDED[action]
        if not self._call.actor.may(needed):
            yield f"the role {self._call.actor.role} may not ({needed})"

    def _state_reasons(
        self, action: wire.ChangeAction, row: sa.Row[Any], current: int | None
    ) -> Iterable[str]:
        if row.state not in STATES[action]:
            yield f"it is {row.state.replace('_', ' ')}"
            return
        if action == "comment":
            return
        if current is None and action != "close":
            yield f"the app {row.app!r} is gone"
        mine = row.author == self.me.person
        if action in {"edit", "submit", "withdraw", "rebase"} and not mine:
            yield f"it is {row.author}'s"
        if action == "close" and not mine and not self._call.actor.may("change.approve"):
            yield f"it is {row.author}'s"
        if action == "submit" and row.broken:
            yield f"{row.broken} finding(s) are to be mended first"
        if action == "rebase" and current == row.base:
            yield "it stands on the revision in force"
        if action == "merge" and (row.impact_version, row.impact_revision) != (
            row.version,
            current,
        ):
            yield "its impact is to be worked out anew first"

    def _reject_reasons(self, row: sa.Row[Any]) -> list[str]:
        items = review_tables.change_items
        found = self._connection.execute(
            sa.select(items.c.rule, items.c.owner).where(items.c.change == row.id).distinct()
        ).all()
        judge = self.judge(row)
        why = [judge.why_not(each.rule, each.owner, self.me) for each in found]
        return [] if "" in why else list(dict.fromkeys(why))
