"""The impact check: what a proposed plan would do to consumers, to real traffic and to volume."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from trackplane.control import registry_wire, tables
from trackplane.control.apps import find_app
from trackplane.control.catalog import Catalog
from trackplane.control.design.libraries import libraries_of
from trackplane.control.insight import insight_wire
from trackplane.control.insight.consumers import (
    clients_of,
    event_reads,
    queries_of,
    rule_index,
    touches,
)
from trackplane.control.insight.impact_replay import replay
from trackplane.control.insight.impact_volume import MOST_NEW, estimates
from trackplane.control.operations import Call, Operations
from trackplane.control.reach import sees
from trackplane.control.wire import Word
from trackplane.discovery import AppSettings
from trackplane.errors import Finding
from trackplane.plan.changes import Change, PartChange
from trackplane.plan.diff import difference
from trackplane.plan.model import Metric, Plan
from trackplane.plan.workspace import Workspace
from trackplane.rules.metrics import metric_findings
from trackplane.rules.plan_check import check_expressions

operations: Final = Operations("data")  # it reads the lake: in threads of its own
HOURS: Final = 24
EVENTS: Final = 10_000
BUDGET_S: Final = 8.0  # of the replay, the longest part
_ORDER: Final = {"broken": 0, "altered": 1, "touched": 2}
_CHANGES: Final = ("narrowing", "breaking")
_MOST_NAMES: Final = 20_000  # touched events whose traffic is replayed


class Touch(NamedTuple):
    """What changes of one event: the paths of its properties, or the event as a whole."""

    event: str
    gone: bool
    whole: bool
    changes: tuple[Change, ...]

    @property
    def paths(self) -> set[str]:
        """Return the paths that change, as rules and queries name them."""
        return {
            plain_path(path)
            for change in self.changes
            for path in (change.path, change.was)
            if path
        }


def plain_path(path: str) -> str:
    """Return a path without the marks of items and values, which readers do not name."""
    return re.sub(r"\[\]|\{\}", "", path)


@operations.add("POST", "/apps/{app}/plan/impact", action="data.read")
def check_impact(call: Call, app: Word, body: insight_wire.ImpactRequest) -> insight_wire.Impact:
    """Say what a proposed plan would do to consumers, real traffic and volume; nothing is changed."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        libraries = libraries_of(connection)
        held = call.platform.workspaces.revision(connection, app, row.revision, libraries)
    if held is None:
        before, workspace = Plan(app=app), Workspace.load(body.files, libraries)
    else:
        overlay: dict[str, str | None] = dict.fromkeys(held.files.keys() - body.files.keys())
        overlay |= {p: text for p, text in body.files.items() if held.files.get(p) != text}
        before, workspace = held.plan, held.change(overlay, libraries)
    check_expressions(workspace.plan, body.files, before=before)
    return assess(call, app, before, workspace.plan, hours=body.hours, events=body.events)


def assess(
    call: Call,
    app: str,
    before: Plan,
    after: Plan,
    *,
    hours: int = HOURS,
    events: int = EVENTS,
    budget_s: float = BUDGET_S,
) -> insight_wire.Impact:
    """Return what taking ``after`` in place of ``before`` would do. Takes up to about ``budget_s``.

    Raises:
        RuleError: a check of the proposed plan is wrong.
        StorageError: lake or metadata cannot be read.
    """
    now = call.platform.clock()
    parts = difference(before, after).parts
    touched = _touched(parts)
    names = sorted(touched)
    added = [name for name in names if name not in before.events]
    removed = [name for name in names if name not in after.events]
    with call.platform.database.read() as connection:
        row = connection.execute(sa.select(tables.apps).where(tables.apps.c.app == app)).one()
        queries = _queries(call, connection, app, touched)
        clients = _clients(connection, app, touched, after)
        volume = estimates(connection, app, before, after, added, now)
    settings = AppSettings(
        app=app,
        revision=row.revision,
        validation=row.validation,
        allow_list=row.allow_list,
        blocked=tuple(row.blocked),
    )
    rules = _rules(call, app, touched, after)
    metrics = _metrics(app, parts, before, after)
    replayed = replay(
        call,
        settings,
        before.events,
        after.events,
        _traffic(names, touched),
        hours=hours,
        most=events,
        budget_s=budget_s,
    )
    known = [each.bytes_per_day for each in volume if each.bytes_per_day is not None]
    return insight_wire.Impact(
        app=app,
        assessed_at=now,
        added=added,
        changed=[name for name in names if name in before.events and name in after.events],
        removed=removed,
        rules=rules,
        metrics=metrics,
        queries=queries,
        clients=clients,
        replay=replayed,
        volume=volume,
        bytes_per_day=sum(known) if known else None,
        broken=sum(each.how == "broken" for each in (*rules, *metrics, *queries, *clients)),
        notes=_notes(replayed, names, added),
    )


def _touched(parts: Iterable[PartChange]) -> dict[str, Touch]:
    found: dict[str, Touch] = {}
    for part in parts:
        if part.section != "events":
            continue
        removes = any(change.field == "removed" for change in part.changes)
        if part.kind == "renamed" and part.was is not None:
            found[part.was] = Touch(part.was, True, True, ())
        whole = part.kind != "changed" or removes
        found[part.name] = Touch(part.name, part.kind == "removed", whole, part.changes)
    return found


def _traffic(names: list[str], touched: Mapping[str, Touch]) -> list[str]:
    """Return the events whose traffic is worth replaying: what is only reworded is not."""
    found = [
        name
        for name in names
        if touched[name].whole
        or any(change.compatibility != "neutral" for change in touched[name].changes)
    ]
    return found[:_MOST_NAMES]


def _notes(
    replayed: insight_wire.Replayed, names: Collection[str], added: Collection[str]
) -> list[str]:
    notes = []
    if len(added) > MOST_NEW:
        notes.append(f"the volume of {MOST_NEW:,} of {len(added):,} new events is estimated")
    if len(names) > _MOST_NAMES:
        notes.append(f"the traffic of {_MOST_NAMES:,} of {len(names):,} touched events is replayed")
    if replayed.cut:
        notes.append("time or size ended the replay early: it covers less than was asked for")
    if replayed.mode != "enforce" and replayed.newly_fail:
        notes.append(
            f"the app's validation is {replayed.mode}: what fails would be kept"
            + (", with a warning" if replayed.mode == "warn" else ", unseen")
        )
    return notes


def _said(change: Change) -> Finding:
    return Finding(code=f"plan.{change.kind}", message=change.message, pointer=change.path or None)


def _reasons(touch: Touch, reads: Collection[str] | None) -> list[Finding]:
    """Return what of a change concerns a reader of these paths (None: of all)."""
    if touch.whole:
        word = "removed" if touch.gone or touch.changes else "added"
        return [Finding(code=f"plan.{word}", message=f"the event {touch.event} is {word}")]
    return [_said(change) for change in _read(touch, reads)]


def _read(touch: Touch, reads: Collection[str] | None) -> list[Change]:
    """Return the changes of properties that a reader of these paths (None: of all) meets."""
    return [
        change
        for change in touch.changes
        if change.path
        and (
            reads is None or touches(reads, {plain_path(p) for p in (change.path, change.was) if p})
        )
    ]


def _is_lost(change: Change) -> bool:
    """Say whether a property goes under its old name."""
    return change.kind in ("removed", "renamed") and not change.field


# --- rules


def _rules(
    call: Call, app: str, touched: Mapping[str, Touch], after: Plan
) -> list[insight_wire.Touched]:
    heads = rule_index(call.platform.publisher).of(app, touched)
    if not heads:
        return []
    catalog = Catalog(call.platform.publisher.snapshot, call.platform.facilities)
    broken = catalog.broken_by(app, after.events, touched)
    found: list[insight_wire.Touched] = []
    for head in heads:
        if not sees(call, head.apps):
            continue
        events = [name for name in touched if head.events is None or name in head.events]
        reasons = {name: _reasons(touched[name], head.reads) for name in events}
        if head.name in broken:
            how, findings = "broken", broken[head.name]
        else:
            events = [name for name in events if reasons[name] and name not in _new(touched)]
            if not events:
                continue
            alters = any(
                touched[name].whole
                or any(c.compatibility in _CHANGES for c in _read(touched[name], head.reads))
                for name in events
            )
            how = "altered" if alters else "touched"
            findings = [finding for name in events for finding in reasons[name]]
        found.append(
            insight_wire.Touched(
                kind="rule",
                name=head.name,
                how=msgspec.convert(how, insight_wire.How),
                owner=head.owner,
                app=head.apps[0] if len(head.apps) == 1 else "",
                events=events,
                findings=findings,
            )
        )
    return _sorted(found)


def _new(touched: Mapping[str, Touch]) -> set[str]:
    return {
        name
        for name, touch in touched.items()
        if touch.whole and not touch.gone and not touch.changes
    }


def _sorted(found: list[insight_wire.Touched]) -> list[insight_wire.Touched]:
    return sorted(found, key=lambda each: (_ORDER[each.how], each.name))


# --- metrics


def _metrics(
    app: str, parts: Iterable[PartChange], before: Plan, after: Plan
) -> list[insight_wire.Touched]:
    found: list[insight_wire.Touched] = []
    for part in parts:
        if part.section != "metrics" or part.kind == "added":
            continue
        metric = after.metrics.get(part.name)
        held = metric or before.metrics[part.was or part.name]
        findings = [_said(change) for change in part.changes]
        spec = after.events.get(metric.of) if metric is not None else None
        wrong = metric_findings(metric, spec) if metric is not None and spec is not None else []
        how: insight_wire.How = "touched"
        if metric is None or spec is None or spec.removed or wrong:
            how = "broken"
            findings = [*wrong, *findings] or [_gone(held, metric)]
        elif any(change.compatibility != "neutral" for change in part.changes):
            how = "altered"
        found.append(
            insight_wire.Touched(
                kind="metric",
                name=part.name,
                how=how,
                owner=held.owner or "",
                app=app,
                events=[held.of],
                findings=findings,
            )
        )
    return _sorted(found)


def _gone(held: Metric, metric: Metric | None) -> Finding:
    if metric is None:
        return Finding(code="metric.removed", message=f"the metric {held.name} is removed")
    return Finding(code="metric.event", message=f"its event {held.of} is gone")


# --- saved queries


def _queries(
    call: Call, connection: sa.Connection, app: str, touched: Mapping[str, Touch]
) -> list[insight_wire.Touched]:
    found: list[insight_wire.Touched] = []
    for row, reads in queries_of(call, connection, app):
        events: list[str] = []
        findings: list[Finding] = []
        how: insight_wire.How = "touched"
        for name, touch in touched.items():
            paths = event_reads(reads, name)
            if paths is False or name in _new(touched):
                continue
            reasons = _reasons(touch, None if paths is None or paths is True else list(paths))
            if not reasons:
                continue
            events.append(name)
            findings += reasons
            how = min(how, _query_how(touch, reads, name, paths), key=_ORDER.__getitem__)
        if not events:
            continue
        if reads.all:
            findings.append(Finding(code="query.unknown", message=reads.why, severity="warning"))
        found.append(
            insight_wire.Touched(
                kind="query",
                name=row.name,
                how=how,
                owner=row.owner,
                app=row.app,
                events=events,
                findings=findings,
                id=row.id,
            )
        )
    return _sorted(found)


def _query_how(
    touch: Touch, reads: registry_wire.ReadSet, name: str, paths: object
) -> insight_wire.How:
    """Say what becomes of a query: over a view of its own the event's columns are the plan's."""
    if reads.all:
        return "touched"
    typed = name in (reads.views or ())
    if touch.gone or touch.whole:
        return "broken" if typed else "altered"
    read = list(paths) if isinstance(paths, list | tuple) else None
    met = _read(touch, read)
    if typed and read is not None and any(map(_is_lost, met)):
        return "broken"
    return "altered" if any(change.compatibility in _CHANGES for change in met) else "touched"


# --- registered clients


def _clients(
    connection: sa.Connection, app: str, touched: Mapping[str, Touch], after: Plan
) -> list[insight_wire.Touched]:
    found: list[insight_wire.Touched] = []
    for row, sends in clients_of(connection, app):
        events: list[str] = []
        findings: list[Finding] = []
        how: insight_wire.How = "touched"
        for name in sends.keys() & touched.keys():
            touch = touched[name]
            reasons, worst = _client_reasons(touch, sends[name], after)
            if reasons:
                events.append(name)
                findings += reasons
                how = min(how, worst, key=_ORDER.__getitem__)
        if events:
            found.append(
                insight_wire.Touched(
                    kind="client",
                    name=f"{row.name} {row.platform} {row.release}",
                    how=how,
                    owner=row.registered_by,
                    app=app,
                    events=sorted(events),
                    findings=findings,
                    id=row.id,
                )
            )
    return _sorted(found)


def _client_reasons(
    touch: Touch, sends: list[str] | None, after: Plan
) -> tuple[list[Finding], insight_wire.How]:
    """Return what a client that sends these paths has to change, and whether it must."""
    spec = after.events.get(touch.event)
    if touch.gone or spec is None or spec.removed:
        message = f"it sends {touch.event}, which is not planned any more"
        return [Finding(code="plan.removed", message=message)], "broken"
    reasons: list[Finding] = []
    how: insight_wire.How = "touched"
    for change in touch.changes:
        if not change.path:
            continue
        paths = {plain_path(path) for path in (change.path, change.was) if path}
        sent = sends is None or touches(sends, paths)
        wanted = change.compatibility in _CHANGES and (
            change.kind == "added" or change.field == "required"
        )
        if not sent and not wanted:
            continue
        reasons.append(_said(change))
        worse: insight_wire.How = "touched"
        if (wanted and not sent) or (sent and change.field == "type"):
            worse = "broken"
        elif wanted or _is_lost(change) or change.compatibility in _CHANGES:
            worse = "altered"
        how = min(how, worse, key=_ORDER.__getitem__)
    return reasons, how
