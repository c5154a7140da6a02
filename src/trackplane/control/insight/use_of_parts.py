"""Tells search how events and metrics are used and trusted: volume, last seen, trust, state.

App by app, and only where something was counted, published or reviewed since, or a day has passed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.design.plan_publishing import held_workspace
from trackplane.control.insight import observations
from trackplane.control.insight.consumers import RuleIndex, rule_index
from trackplane.control.insight.event_page import facts_from
from trackplane.control.insight.event_states import overall_states
from trackplane.control.insight.insight_tables import observation_state, saved_queries
from trackplane.control.insight.observations import Usage
from trackplane.control.insight.trust import event_trust, metric_trust
from trackplane.control.platform import Platform
from trackplane.control.publishing import Publisher
from trackplane.control.registry_wire import ReadSet
from trackplane.control.review.review_tables import change_items, changes
from trackplane.control.search.index import Use, set_use
from trackplane.errors import TrackplaneError
from trackplane.plan.model import Plan

EVERY_MS: Final = 30_000
SEEN_DAYS: Final = 30
DAILY: Final = 14
_DUTY: Final = 20  # an app that took a second is left alone for twenty
_PAUSE_EVERY: Final = 50  # events, so that answers to people do not wait
_PAUSE_S: Final = 0.002
_lock: Final = threading.Lock()


class _Told:
    """What this process told last: when it looked, and each app's state then."""

    def __init__(self) -> None:
        self.looked: int | None = None
        self.apps: dict[str, tuple[Any, ...]] = {}
        self.rest_until: dict[str, int] = {}


_told: Final[WeakKeyDictionary[Publisher, _Told]] = WeakKeyDictionary()


def tend(platform: Platform) -> None:
    """Tell search what is new, every half minute."""
    now = platform.clock()
    with _lock:
        told = _told.setdefault(platform.publisher, _Told())
        if told.looked is not None and 0 <= now - told.looked < EVERY_MS:
            return
        told.looked = now
    with platform.database.read() as connection:
        apps = connection.execute(sa.select(tables.apps.c.app, tables.apps.c.revision)).all()
        common = _common_state(connection)
    for row in apps:
        state = (row.revision, observations.day_of(now), *common)
        if told.apps.get(row.app) == state or told.rest_until.get(row.app, 0) > now:
            continue
        began = platform.clock()
        tell(platform, row.app, row.revision)
        told.apps[row.app] = state
        took = platform.clock() - began
        told.rest_until[row.app] = now + _DUTY * took
        if platform.stopping.is_set():
            return


def _common_state(connection: sa.Connection) -> tuple[Any, ...]:
    """Return what changes when something was counted, merged, saved or registered."""
    counted = connection.execute(sa.select(observation_state.c.snapshot)).scalar()
    merged = connection.execute(
        sa.select(sa.func.max(changes.c.merged_at), sa.func.max(changes.c.updated_at))
    ).one()
    saved = connection.execute(sa.select(sa.func.max(saved_queries.c.updated_at))).scalar()
    return counted, *merged, saved


def tell(platform: Platform, app: str, revision: int) -> int:
    """Tell search how an app's events and metrics are used; return how many differed."""
    try:
        with platform.database.read() as connection:
            held = held_workspace(connection, platform, app, revision)
            plan = held.plan if held is not None else Plan(app=app)
            uses = uses_of(platform, connection, plan)
    except TrackplaneError:
        return 0  # the plan no longer reads under this release: its page says so
    if not uses:
        return 0
    with platform.database.write() as connection:
        return set_use(connection, uses)


def uses_of(
    platform: Platform, connection: sa.Connection, plan: Plan
) -> dict[tuple[str, str, str], Use]:
    """Return how each event and metric of a plan in force is used and trusted."""
    app, now = plan.app, platform.clock()
    today = observations.day_of(now)
    days: dict[str, dict[int, Usage]] = {}
    for (event, day), usage in observations.sums(connection, ("event", "day"), app=app).items():
        days.setdefault(event, {})[day] = usage
    counts = _counts(connection, rule_index(platform.publisher), plan)
    merged = _merged(connection, app)
    states = overall_states(connection, platform, ((app, event) for event in plan.events))
    found: dict[tuple[str, str, str], Use] = {}
    trusts = {}
    for number, (event, spec) in enumerate(plan.events.items()):
        if number % _PAUSE_EVERY == _PAUSE_EVERY - 1 and platform.stopping.wait(_PAUSE_S):
            return {}
        own = days.get(event, {})
        reviewed = event in merged if merged else None
        facts = facts_from(own, now, counts[event], "", reviewed=reviewed)
        trust = trusts[event] = event_trust(spec, facts)
        found[app, "event", event] = Use(
            seen=sum(u.seen for day, u in own.items() if day > today - SEEN_DAYS),
            last_seen=facts.last_at,
            daily=_daily(own, today),
            trust=trust.level,
            state=states[app, event],
        )
    for name, metric in plan.metrics.items():
        of = trusts.get(metric.of)
        use = found.get((app, "event", metric.of))
        if of is not None and use is not None:
            level = metric_trust(metric, of, findings=0, has_value=None, consumers=0).level
            found[app, "metric", name] = Use(
                seen=use.seen, last_seen=use.last_seen, daily=use.daily, trust=level
            )
    return found


def _daily(days: Mapping[int, Usage], today: int) -> tuple[int, ...]:
    return tuple(
        days[day].seen if day in days else 0 for day in range(today - DAILY + 1, today + 1)
    )


def _counts(connection: sa.Connection, index: RuleIndex, plan: Plan) -> Counter[str]:
    """Return how many rules, metrics and saved queries use each event of a plan."""
    counts: Counter[str] = Counter(metric.of for metric in plan.metrics.values())
    everywhere = sum(not head.apps or plan.app in head.apps for head in index.everywhere)
    for event in plan.events:
        own = index.by_event.get(event, ())
        counts[event] += everywhere + sum(not h.apps or plan.app in h.apps for h in own)
    table = saved_queries
    rows = connection.execute(sa.select(table.c.reads).where(table.c.app.in_((plan.app, ""))))
    for row in rows:
        reads = msgspec.json.decode(row.reads, type=ReadSet)
        named = plan.events if reads.all or reads.events is None else reads.events
        counts.update(event for event in named if event in plan.events)
    return counts


def _merged(connection: sa.Connection, app: str) -> set[str]:
    """Return the events that an approved change request put into the plan."""
    return set(
        connection.execute(
            sa.select(change_items.c.name)
            .join(changes, changes.c.id == change_items.c.change)
            .where(
                changes.c.app == app,
                changes.c.state == "merged",
                change_items.c.section == "events",
            )
        ).scalars()
    )
