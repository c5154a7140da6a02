"""The branch of a change request: its files over a base, read, compared and stored by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from trackplane.control import objects
from trackplane.control.design.libraries import libraries_of
from trackplane.control.design.owners import unknown_owners
from trackplane.control.design.plan_publishing import Candidate, candidate_of
from trackplane.control.design.workspaces import applied
from trackplane.control.operations import Call
from trackplane.control.review import review_tables
from trackplane.control.review.review_rules import rule_of
from trackplane.errors import Finding, InputError
from trackplane.plan.changes import Compatibility, Counts, Difference, PartChange, PartKind
from trackplane.plan.model import Plan
from trackplane.plan.workspace import Workspace

Overlay = dict[str, str | None]  # path -> text; None: the file is removed


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A part that a branch touches, and what it takes to approve it."""

    section: str
    name: str
    kind: PartKind
    compatibility: Compatibility
    grade: str
    owner: str
    rule: str
    content: str

    @property
    def id(self) -> str:
        """Return the item's name among all: ``events/order_pay``."""
        return f"{self.section}/{self.name}"


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch as it reads; ``candidate`` is None where it does not, ``findings`` says why not."""

    app: str
    files: Mapping[str, str]
    overlay: Overlay
    candidate: Candidate | None
    findings: tuple[Finding, ...]

    @property
    def after(self) -> Workspace | None:
        """Return the branch as it reads; None where it does not."""
        return self.candidate.after if self.candidate is not None else None

    @property
    def difference(self) -> Difference:
        """Return what it changes of its base; nothing while it does not read."""
        if self.candidate is None:
            return Difference(app=self.app, compatibility="same", counts=Counts())
        return self.candidate.difference

    @property
    def broken(self) -> int:
        """Return how many findings forbid it to be submitted."""
        return sum(1 for finding in self.findings if finding.severity == "error")


# --- storing


class _Stored(msgspec.Struct, frozen=True):
    files: str
    removed: tuple[str, ...]


def put_overlay(connection: sa.Connection, overlay: Overlay) -> str:
    """Store changed files; return the hash that ``overlay_of`` takes."""
    kept = {path: text for path, text in sorted(overlay.items()) if text is not None}
    removed = tuple(sorted(path for path, text in overlay.items() if text is None))
    stored = _Stored(files=objects.put_files(connection, kept), removed=removed)
    return objects.put_text(connection, msgspec.json.encode(stored).decode())


def overlay_of(connection: sa.Connection, hash: str) -> Overlay:
    """Return the changed files that ``put_overlay`` stored."""
    stored = msgspec.json.decode(objects.body(connection, hash), type=_Stored)
    return {**objects.files(connection, stored.files), **dict.fromkeys(stored.removed)}


def version_row(connection: sa.Connection, change: int, version: int) -> sa.Row[Any] | None:
    """Return a saved version, None where there is none."""
    table = review_tables.change_versions
    return connection.execute(
        sa.select(table).where(table.c.change == change, table.c.version == version)
    ).first()


# --- reading


def read_branch(
    connection: sa.Connection, call: Call, app: str, base: int, overlay: Overlay
) -> Branch:
    """Return a branch as it reads: nothing is raised for what is wrong with its texts.

    Raises:
        GoneError: its base is gone.
    """
    libraries = libraries_of(connection)
    before = call.platform.workspaces.base(connection, app, base, libraries)
    files = applied(before.files, overlay)
    findings: list[Finding] = []
    found: Candidate | None = None
    if not files:
        findings.append(Finding(code="plan_empty", message="the branch holds no plan"))
    else:
        try:
            found = candidate_of(connection, app, before, before.change(overlay, libraries))
        except InputError as error:
            findings += error.findings or [Finding(code=error.code, message=error.message)]
        else:
            findings += found.findings
            findings += unknown_owners(connection, found.after)
    return Branch(
        app=app,
        files=files,
        overlay=overlay,
        candidate=found,
        findings=tuple(findings),
    )


# --- comparing


def items_of(held: Plan, after: Plan, found: Difference) -> dict[str, Item]:
    """Return what of a difference asks for approval: its events and metrics.

    Types, groups and libraries ask by the events they reach.
    """
    items = [
        _event_item(part, held, after)
        if part.section == "events"
        else _metric_item(part, held, after)
        for part in found.parts
        if part.section in {"events", "metrics"}
    ]
    return {item.id: item for item in items}


def branch_items(branch: Branch) -> dict[str, Item]:
    """Return what a branch touches; nothing while it does not read.

    What differs in no event and no metric (an unused type, a comment) is one item: the plan itself.
    """
    found = branch.candidate
    if found is None:
        return {}
    items = items_of(found.before.plan, found.after.plan, found.difference)
    if not items and branch.overlay:
        whole = _whole_item(branch.app, branch.overlay)
        items[whole.id] = whole
    return items


def _whole_item(app: str, overlay: Overlay) -> Item:
    return Item(
        section="plan",
        name=app,
        kind="changed",
        compatibility="neutral",
        grade="P3",
        owner="",
        rule="P3",
        content=_digest(msgspec.json.encode(sorted(overlay.items())), "P3", ""),
    )


def _event_item(part: PartChange, held: Plan, plan: Plan) -> Item:
    before, after = held.events.get(part.was or part.name), plan.events.get(part.name)
    grade, owner, rule = rule_of(before, after)
    return Item(
        section="events",
        name=part.name,
        kind=part.kind,
        compatibility=part.compatibility,
        grade=grade,
        owner=owner,
        rule=rule,
        content=_digest(msgspec.json.encode([part.was, after]), rule, owner),
    )


def _metric_item(part: PartChange, held: Plan, plan: Plan) -> Item:
    """Return a metric's item: of the grade of the event it measures, of its own owner first."""
    before, after = held.metrics.get(part.name), plan.metrics.get(part.name)
    specs = [
        spec
        for metric, events in ((before, held.events), (after, plan.events))
        if metric is not None and (spec := events.get(metric.of)) is not None
    ]
    grade = min((spec.grade for spec in specs), default="P2")
    owners = [m.owner for m in (before, after) if m is not None] + [s.owner for s in specs]
    owner = next((each for each in owners if each), None) or ""
    # Where only what it measures changed, that is what an approval stands for.
    meaning = [part.changes] if part.kind == "affected" else []
    return Item(
        section="metrics",
        name=part.name,
        kind=part.kind,
        compatibility=part.compatibility,
        grade=grade,
        owner=owner,
        rule=grade,
        content=_digest(msgspec.json.encode([after, *meaning]), grade, owner),
    )


def _digest(data: bytes, rule: str, owner: str) -> str:
    """Return what an approval is bound to: the content, and what it took to approve it."""
    return hashlib.sha256(b"\0".join((data, rule.encode(), owner.encode()))).hexdigest()
