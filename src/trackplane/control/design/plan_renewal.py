"""Events that are to live on: their expiry moved, as a revision like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables, wire
from trackplane.control.apps import find_app
from trackplane.control.design import plan_wire
from trackplane.control.design.plan_publishing import candidate, held_workspace, publish_plan
from trackplane.control.operations import Call, Operations
from trackplane.control.platform import Platform
from trackplane.control.problems import NotFoundError
from trackplane.control.publishing import Change
from trackplane.errors import Finding, InputError, did_you_mean
from trackplane.plan.edit import with_value
from trackplane.plan.report import is_date
from trackplane.plan.workspace import Workspace

operations: Final = Operations("plan")


def renewed_files(workspace: Workspace, until: Mapping[str, str]) -> dict[str, str]:
    """Return the files that change when events expire on other days (ISO dates by event)."""
    changed: dict[str, str] = {}
    for event, day in until.items():
        spec = workspace.plan.events[event]
        value = day
        if spec.renew_days is not None:
            value = f"{{on: {day}, renew_days: {spec.renew_days}}}"
        files = {**workspace.files, **changed}
        changed |= with_value(files, "events", event, "expires", value)
    return changed


def renew(
    platform: Platform, change: Change, app: str, until: Mapping[str, str], message: str
) -> wire.PlanChanged:
    """Let events of an app expire on other days, in a change under way.

    Raises:
        NotFoundError: an event is not planned.
    """
    connection = change.connection
    revision = _revision(connection, app)
    held = held_workspace(connection, platform, app, revision)
    events = held.plan.events if held is not None else {}
    for event in until:
        if event not in events:
            hint = did_you_mean(event, events)
            raise NotFoundError(f"the plan of {app!r} has no event {event!r}", hint=hint)
    assert held is not None
    changed = renewed_files(held, until)
    found = candidate(connection, platform, app, revision, changed)
    return publish_plan(platform, change, found, message)


@operations.add("POST", "/apps/{app}/plan/renew", action="plan.renew")
def renew_event(call: Call, app: wire.Word, body: plan_wire.Renewal) -> wire.PlanChanged:
    """Let an event expire later, as a new revision."""
    if not is_date(body.until):
        message = f"{body.until!r} is no day"
        raise InputError(message, findings=[Finding(code="date", message=message)])
    message = body.message or f"{body.event} renewed until {body.until}"
    with call.platform.publisher.change(call.actor, f"plan of {app}") as change:
        find_app(change.connection, call, app)
        changed = renew(call.platform, change, app, {body.event: body.until}, message)
        detail = {"event": body.event, "until": body.until}
        change.audit("plan.renew", f"{app}/{body.event}", app=app, detail=detail)
    return msgspec.structs.replace(changed, number=change.number)


def _revision(connection: sa.Connection, app: str) -> int:
    found: int = connection.execute(
        sa.select(tables.apps.c.revision).where(tables.apps.c.app == app)
    ).scalar_one()
    return found
