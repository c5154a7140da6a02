"""Where events are in their life, from what is known here: plans, change requests, clients, traffic.

Nothing is verified yet: there are no verification sessions until that part exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.insight.insight_tables import clients
from trackplane.control.insight.observations import sums
from trackplane.control.platform import Platform
from trackplane.control.review import review_tables
from trackplane.plan.life_cycle import Evidence, Proposed, Release, State, derive, overall
from trackplane.plan.model import EventSpec

Key = tuple[str, str]  # app, event
_FURTHEST: Final[tuple[Proposed, ...]] = ("draft", "in_review", "approved")


def states_of(
    connection: sa.Connection, platform: Platform, keys: Iterable[Key]
) -> dict[Key, dict[Release, State]]:
    """Return the state of events for each platform and release."""
    by_app: dict[str, set[str]] = {}
    for app, event in keys:
        by_app.setdefault(app, set()).add(event)
    found: dict[Key, dict[Release, State]] = {}
    for app, events in by_app.items():
        proposed = _proposed(connection, app, events)
        implemented = _implemented(connection, app, events)
        seen = _seen(connection, app, events)
        for event in events:
            spec = spec_of(platform, app, event)
            evidence = Evidence(
                now=platform.clock(),
                planned=spec is not None,
                proposed=proposed.get(event),
                implemented=implemented.get(event, {}),
                seen=seen.get(event, {}),
            )
            found[app, event] = derive(spec or EventSpec(app=app, event=event), evidence)
    return found


def overall_states(
    connection: sa.Connection, platform: Platform, keys: Iterable[Key]
) -> dict[Key, State]:
    """Return the state that stands for all releases of each event."""
    found = states_of(connection, platform, keys)
    return {key: overall(states.values()) for key, states in found.items()}


def spec_of(platform: Platform, app: str, event: str) -> EventSpec | None:
    """Return an event of the plan in force."""
    resource = platform.publisher.snapshot.get("event", f"{app}/{event}")
    return msgspec.json.decode(resource.body, type=EventSpec) if resource is not None else None


def _proposed(
    connection: sa.Connection, app: str, events: Collection[str]
) -> Mapping[str, Proposed]:
    """Return the furthest state of the open change requests that have an event."""
    changes, items = review_tables.changes, review_tables.change_items
    select = (
        sa.select(items.c.name, changes.c.state)
        .join(changes, changes.c.id == items.c.change)
        .where(
            changes.c.app == app,
            changes.c.state.in_(_FURTHEST),
            items.c.section == "events",
            items.c.kind != "removed",
        )
    )
    found: dict[str, Proposed] = {}
    for row in connection.execute(select):
        held = found.get(row.name)
        if row.name in events and (
            held is None or _FURTHEST.index(row.state) > _FURTHEST.index(held)
        ):
            found[row.name] = row.state
    return found


def _implemented(
    connection: sa.Connection, app: str, events: Collection[str]
) -> dict[str, dict[Release, int]]:
    found: dict[str, dict[Release, int]] = {}
    for row in connection.execute(sa.select(clients).where(clients.c.app == app)):
        for event in msgspec.json.decode(row.events, type=dict[str, object]):
            if event in events:
                found.setdefault(event, {})[row.platform, row.release] = row.registered_at
    return found


def _seen(
    connection: sa.Connection, app: str, events: Collection[str]
) -> dict[str, dict[Release, int]]:
    """Return when events last arrived in production (in any environment of an app without one)."""
    environments = connection.execute(
        sa.select(tables.apps.c.environments).where(tables.apps.c.app == app)
    ).scalar()
    env = "prod" if "prod" in (environments or ()) else ""
    by = ("event", "platform", "version")
    found: dict[str, dict[Release, int]] = {}
    for (event, platform, version), usage in sums(
        connection, by, app=app, events=events, env=env
    ).items():
        if usage.seen:
            found.setdefault(event, {})[platform, version] = usage.last_at
    return found
