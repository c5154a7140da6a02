"""What is known of an event beyond its plan: volume, senders, validity, life cycle, consumers, trust."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.apps import find_app
from trackplane.control.briefly import Briefly
from trackplane.control.database import Database
from trackplane.control.design.plan_publishing import held_workspace
from trackplane.control.insight import insight_wire, observations
from trackplane.control.insight.consumers import consumers
from trackplane.control.insight.event_states import spec_of, states_of
from trackplane.control.insight.insight_tables import screenshots
from trackplane.control.insight.observations import DAY_MS, Usage
from trackplane.control.insight.trust import FRESH_DAYS, EventFacts, event_trust
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.control.review.review_tables import change_items, changes
from trackplane.control.wire import Word
from trackplane.lake.event_figures import HOUR_MS, EventFigures
from trackplane.plan.example import example
from trackplane.plan.model import EventSpec, Plan

operations: Final = Operations("data")  # it reads the lake: in threads of its own
HOURS: Final = 48
_LAKE_S: Final = 3.0
_SEEN: Final = 500  # senders told
_caches: Final[WeakKeyDictionary[Database, Briefly]] = WeakKeyDictionary()


def cache_of(call: Call) -> Briefly:
    """Return the answers that this control plane keeps for a minute."""
    return _caches.setdefault(call.platform.database, Briefly())


@operations.add("GET", "/apps/{app}/events/{event}/insight", action="read")
def get_event_insight(
    call: Call, app: Word, event: Word, query: insight_wire.InsightQuery
) -> insight_wire.EventInsight:
    """Show how an event is sent, by whom, how well, who uses it and how far it can be trusted."""
    now = call.platform.clock()
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        spec = spec_of(call.platform, app, event)
        today = observations.day_of(now)
        days = {
            day: usage
            for (day,), usage in observations.sums(
                connection, ("day",), app=app, events=[event], env=query.env
            ).items()
        }
        if spec is None and not days:
            raise NotFoundError(f"the plan of {app!r} has no event {event!r}, and none arrived")
        senders = observations.last_seen(connection, app, event, env=query.env)
        state = observations.state(connection)
        held = held_workspace(connection, call.platform, app, row.revision)
        plan = held.plan if held is not None else Plan(app=app)
        used = consumers(call, connection, app, event, plan.metrics)
        reviewed, why = _review_of(connection, app, event, required=row.review == "required")
        cycle = _life_cycle(call, connection, app, event)
        pictures = _screenshots(connection, app, spec)
    figures = _figures(call, app, event, query.env, now)
    total = sum_of(days.values())
    facts = facts_from(days, now, _count(used), why, reviewed=reviewed)
    return insight_wire.EventInsight(
        app=app,
        event=event,
        planned=spec is not None and not spec.removed,
        trust=event_trust(spec or EventSpec(app=app, event=event), facts),
        seen=total.seen if total is not None else 0,
        volume=total.volume if total is not None else 0.0,
        dirty=total.dirty if total is not None else 0,
        first_at=facts.first_at,
        last_at=facts.last_at,
        daily=_daily(days, today, query.days),
        hourly=_hourly(figures, now),
        by_version=senders[:_SEEN],
        valid_share=facts.valid_share,
        violations=[
            insight_wire.ViolationCount(
                code=each.code,
                pointer=each.pointer,
                count=each.count,
                dirty=each.dirty,
                last_at=each.last_at,
            )
            for each in figures.violations
        ],
        life_cycle=cycle,
        consumers=used,
        snippets=_snippets(spec) if spec is not None else [],
        screenshots=pictures,
        state=state,
        notes=_notes(spec, figures, senders),
    )


def facts_of(call: Call, connection: sa.Connection, plan: Plan, event: str, now: int) -> EventFacts:
    """Return what the trust badge of an event of a plan in force goes by."""
    days = {
        day: usage
        for (day,), usage in observations.sums(
            connection, ("day",), app=plan.app, events=[event]
        ).items()
    }
    required: str = connection.execute(
        sa.select(tables.apps.c.review).where(tables.apps.c.app == plan.app)
    ).scalar_one()
    reviewed, why = _review_of(connection, plan.app, event, required=required == "required")
    used = consumers(call, connection, plan.app, event, plan.metrics)
    return facts_from(days, now, _count(used), why, reviewed=reviewed)


def _count(used: insight_wire.Consumers) -> int:
    return len(used.rules) + len(used.metrics) + len(used.queries) + len(used.subscriptions)


def facts_from(
    days: Mapping[int, Usage], now: int, count: int, why: str, *, reviewed: bool | None
) -> EventFacts:
    """Return the facts of a trust badge from what was seen each day and how many use the event."""
    today = observations.day_of(now)
    total = sum_of(days.values())
    return EventFacts(
        now=now,
        last_at=total.last_at if total is not None else None,
        first_at=total.first_at if total is not None else None,
        valid_share=_valid_share(days, today),
        week=_arrived(days, today - FRESH_DAYS, today - 1),
        week_before=_arrived(days, today - 2 * FRESH_DAYS, today - FRESH_DAYS - 1),
        consumers=count,
        reviewed=reviewed,
        reviewed_why=why,
    )


def sum_of(usages: Any) -> Usage | None:
    """Return the sum of usages; None of none."""
    found = list(usages)
    if not found:
        return None
    return Usage(
        seen=sum(each.seen for each in found),
        violations=sum(each.violations for each in found),
        dirty=sum(each.dirty for each in found),
        volume=sum(each.volume for each in found),
        payload=sum(each.payload for each in found),
        first_at=min(each.first_at for each in found),
        last_at=max(each.last_at for each in found),
    )


def _figures(call: Call, app: str, event: str, env: str, now: int) -> EventFigures:
    return cache_of(call).get(
        ("figures", app, event, env),
        now,
        lambda: call.platform.data.event_figures(
            app=app,
            event=event,
            env=env,
            hours_since=now - now % HOUR_MS - (HOURS - 1) * HOUR_MS,
            violations_since=(observations.day_of(now) - FRESH_DAYS + 1) * DAY_MS,
            timeout_s=_LAKE_S,
        ),
    )


def _daily(days: Mapping[int, Usage], today: int, count: int) -> list[insight_wire.Volume]:
    found = []
    for day in range(today - count + 1, today + 1):
        usage = days.get(day)
        found.append(
            insight_wire.Volume(
                at=day * DAY_MS,
                seen=usage.seen if usage else 0,
                violations=usage.violations if usage else 0,
                dirty=usage.dirty if usage else 0,
            )
        )
    return found


def _hourly(figures: EventFigures, now: int) -> list[insight_wire.Volume]:
    held = {hour.at: hour for hour in figures.hours}
    first = now - now % HOUR_MS - (HOURS - 1) * HOUR_MS
    found = []
    for at in range(first, now + 1, HOUR_MS):
        hour = held.get(at)
        found.append(
            insight_wire.Volume(
                at=at,
                seen=hour.seen if hour else 0,
                violations=hour.violations if hour else 0,
                dirty=hour.dirty if hour else 0,
            )
        )
    return found


def _valid_share(days: Mapping[int, Usage], today: int) -> float | None:
    recent = sum_of(usage for day, usage in days.items() if day > today - FRESH_DAYS)
    return recent.valid_share if recent is not None else None


def _arrived(days: Mapping[int, Usage], first: int, last: int) -> int:
    return sum(u.seen + u.dirty for day, u in days.items() if first <= day <= last)


def _review_of(
    connection: sa.Connection, app: str, event: str, *, required: bool
) -> tuple[bool | None, str]:
    """Say whether the event's last change was approved; None where the app has no reviews at all."""
    merged = connection.execute(
        sa.select(changes.c.id, changes.c.merged_at)
        .join(change_items, change_items.c.change == changes.c.id)
        .where(
            changes.c.app == app,
            changes.c.state == "merged",
            change_items.c.section == "events",
            change_items.c.name == event,
        )
        .order_by(changes.c.merged_at.desc())
        .limit(1)
    ).first()
    if merged is not None:
        return True, f"approved in change request {merged.id}"
    if required:
        return False, "no approved change request has it"
    any_merged = connection.execute(
        sa.select(changes.c.id).where(changes.c.app == app, changes.c.state == "merged").limit(1)
    ).first()
    if any_merged is None:
        return None, "the app's plan is not reviewed yet"
    return False, "no approved change request has it, others of the app have one"


def _life_cycle(
    call: Call, connection: sa.Connection, app: str, event: str
) -> list[insight_wire.LifeCycle]:
    """Return an event's states; of one that is neither planned nor proposed, none."""
    states = states_of(connection, call.platform, [(app, event)])[app, event]
    if spec_of(call.platform, app, event) is None and set(states.values()) <= {"offline"}:
        return []
    return [
        insight_wire.LifeCycle(platform=platform, release=release, state=state)
        for (platform, release), state in states.items()
    ]


def _snippets(spec: EventSpec) -> list[insight_wire.Snippet]:
    """Return how to send the event: by a generated tracker, and by hand over HTTP."""
    event = example(spec)
    arguments = ",\n".join(
        f"    {namespace}_{name}={value!r}"
        for namespace, properties in event.items()
        if namespace in spec.properties and isinstance(properties, dict)
        for name, value in properties.items()
        if name in spec.properties[namespace]
    )
    call = f"tracker.{spec.event}(\n{arguments},\n)" if arguments else f"tracker.{spec.event}()"
    body = json.dumps({"events": [event]}, ensure_ascii=False, indent=2)
    curl = (
        'curl -X POST "$COLLECTOR/v1/records" -H "Authorization: Bearer $WRITE_KEY"'
        " -H 'Content-Type: application/json' -d @- <<'JSON'\n" + body + "\nJSON"
    )
    return [
        insight_wire.Snippet(language="python", code=call),
        insight_wire.Snippet(language="curl", code=curl),
        insight_wire.Snippet(language="json", code=json.dumps(event, ensure_ascii=False, indent=2)),
    ]


def _screenshots(
    connection: sa.Connection, app: str, spec: EventSpec | None
) -> list[insight_wire.Screenshot]:
    found = []
    for name in spec.screenshots if spec is not None else ():
        if not name.startswith("sha256:"):
            found.append(insight_wire.Screenshot(name=name, url=name))
            continue
        row = connection.execute(
            sa.select(screenshots).where(
                screenshots.c.app == app, screenshots.c.hash == name.removeprefix("sha256:")
            )
        ).first()
        if row is not None:
            found.append(screenshot_of(row))
    return found


def screenshot_of(row: sa.Row[Any]) -> insight_wire.Screenshot:
    """Return an uploaded picture as it is told."""
    return insight_wire.Screenshot(
        name=f"sha256:{row.hash}",
        url=f"/api/v1/apps/{row.app}/screenshots/sha256:{row.hash}",
        width=row.width,
        height=row.height,
        media_type=row.media_type,
        bytes=row.bytes,
        label=row.label,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _notes(
    spec: EventSpec | None, figures: EventFigures, senders: Sequence[insight_wire.Seen]
) -> list[str]:
    notes = []
    if figures.cut:
        notes.append("hours and violations took too long to count: they are left out")
    if spec is not None and spec.platforms:
        seen = {each.platform for each in senders}
        missing = [platform for platform in spec.platforms if platform not in seen]
        if missing and senders:
            notes.append(f"planned for {', '.join(missing)}, but never seen from there")
        others = sorted(p for p in seen - set(spec.platforms) if p)
        if others:
            notes.append(f"seen from {', '.join(others)}, for which it is not planned")
    return notes
