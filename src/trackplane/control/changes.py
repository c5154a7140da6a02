"""Change requests: made, found, shown, edited; what follows from a branch being saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from trackplane.control import change_wire as wire
from trackplane.control import notices, review_tables, tables
from trackplane.control.access import Action
from trackplane.control.approvers import Judge, approver_of, approvers_of
from trackplane.control.apps import find_app
from trackplane.control.change_branch import (
    Branch,
    Item,
    Overlay,
    branch_items,
    put_overlay,
    read_branch,
)
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.review_rules import Approver
from trackplane.control.wire import Paging
from trackplane.errors import ConflictError, Finding, InputError
from trackplane.plan.changes import Counts

operations: Final = Operations("changes")

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
        _tell_of_fallen(change, row, fallen, because)
    return sorted(fallen)


def _tell_of_fallen(
    change: Change, row: sa.Row[Any], fallen: Mapping[str, list[sa.Row[Any]]], because: str
) -> None:
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


# --- making


@operations.add("POST", "/changes", action="change.propose", status=201)
def create_change(call: Call, body: wire.ChangeCreate) -> wire.ChangeRequest:
    """Start a change request over the plan in force."""
    with call.platform.database.read() as connection:
        base = find_app(connection, call, body.app).revision
        overlay = msgspec.convert(body.files, Overlay)
        branch = read_branch(connection, call, body.app, base, overlay)
    with call.platform.publisher.change(call.actor, "change request") as change:
        require_requirement(change.connection, call, body.requirement)
        table = review_tables.changes
        made = change.connection.execute(
            sa.insert(table).values(
                app=body.app,
                title=body.title,
                description=body.description,
                requirement=body.requirement,
                author=call.actor.person,
                state="draft",
                base=base,
                version=0,
                tick=1,
                broken=0,
                waiting=0,
                counts={},
                deadline=body.deadline,
                created_at=change.now,
                updated_at=change.now,
            )
        )
        id = (made.inserted_primary_key or (0,))[0]
        row = change.connection.execute(sa.select(table).where(table.c.id == id)).one()
        record(change, row, "created", title=body.title)
        row, _ = save_branch(change, row, branch, base=base, note="")
    call.platform.workspaces.branch((row.id, row.version), lambda: branch)
    return shown(call, row.id)


def require_requirement(connection: sa.Connection, call: Call, id: int | None) -> None:
    """Check that a requirement is there and may be seen.

    Raises:
        InputError: it is not.
    """
    if id is None:
        return
    table = review_tables.requirements
    row = connection.execute(sa.select(table.c.apps).where(table.c.id == id)).first()
    if row is None or not (
        call.actor.everywhere or not row.apps or any(map(call.actor.sees, row.apps))
    ):
        finding = Finding(
            code="requirement", message=f"there is no requirement {id}", pointer="/requirement"
        )
        raise InputError(f"there is no requirement {id}", findings=[finding])


@operations.add("PATCH", "/changes/{id}", action="change.propose", precondition=True)
def update_change(call: Call, id: wire.Id, body: wire.ChangePatch) -> wire.ChangeRequest:
    """Change a change request's title, description, requirement or deadline."""
    with call.platform.publisher.change(call.actor, "change request") as change:
        row = find_change(change.connection, call, id)
        require_author(call, row)
        require_state(row, *OPEN)
        call.match(etag_of(row))
        values = {k: v for k, v in msgspec.structs.asdict(body).items() if v is not UNSET}
        require_requirement(change.connection, call, values.get("requirement"))
        if values:
            row = update(change, row, **values)
            record(change, row, "edited", **{k: str(v)[:200] for k, v in values.items()})
    return shown(call, id)


# --- showing


@operations.add("GET", "/changes/{id}")
def get_change(call: Call, id: wire.Id) -> wire.ChangeRequest:
    """Show a change request, and what the token may do with it."""
    return shown(call, id)


def shown(call: Call, id: int) -> wire.ChangeRequest:
    """Return a change request as the asking person sees it."""
    with call.platform.database.read() as connection:
        row = find_change(connection, call, id)
        return Viewer(connection, call).view(row)


@operations.add("GET", "/changes")
def list_changes(call: Call, query: wire.ChangeQuery) -> wire.ChangeRequests:
    """List change requests, newest first."""
    table, items = review_tables.changes, review_tables.change_items
    select = sa.select(table)
    if not call.actor.everywhere:
        select = select.where(table.c.app.in_(call.actor.apps))
    if query.app:
        call.actor.require_app(query.app)
        select = select.where(table.c.app == query.app)
    if query.state == "open":
        select = select.where(table.c.state.in_(OPEN))
    elif query.state:
        select = select.where(table.c.state == query.state)
    if query.author:
        select = select.where(table.c.author == query.author)
    if query.mine:
        select = select.where(table.c.author == call.actor.person)
    if query.requirement is not None:
        select = select.where(table.c.requirement == query.requirement)
    if query.event:
        touching = sa.select(items.c.change).where(
            items.c.name == query.event, items.c.section == "events"
        )
        select = select.where(table.c.id.in_(touching))
    for word in query.query.split():
        named = sa.select(items.c.change).where(items.c.name.icontains(word, autoescape=True))
        found = table.c.title.icontains(word, autoescape=True) | table.c.id.in_(named)
        if word.isascii() and word.isdecimal() and len(word) < 10:
            found |= table.c.id == int(word)
        select = select.where(found)
    with call.platform.database.read() as connection:
        viewer = Viewer(connection, call)
        if query.waits:
            select = select.where(table.c.id.in_(viewer.waiting()))
        paging = Paging(limit=query.limit, cursor=query.cursor)
        found_items, cursor = page(
            connection, select, table.c.id, paging, viewer.view, newest_first=True
        )
    return wire.ChangeRequests(items=found_items, next=cursor)


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
