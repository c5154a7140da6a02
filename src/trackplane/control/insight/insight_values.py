"""Real values of an event's properties, from a sample of what is stored; masked where personal."""

from __future__ import annotations

from collections import Counter
from typing import Final

from trackplane.control.apps import find_app
from trackplane.control.insight import insight_wire
from trackplane.control.insight.event_page import cache_of
from trackplane.control.insight.event_states import spec_of
from trackplane.control.insight.value_figures import Weighted, figures, property_paths
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.control.wire import Word
from trackplane.errors import did_you_mean
from trackplane.lake.sample import EventSample

operations: Final = Operations("data")  # it reads the lake: in threads of its own
MOST: Final = 4_000
_LAKE_S: Final = 5.0
_HOUR_MS: Final = 3_600_000


@operations.add("GET", "/apps/{app}/events/{event}/values", action="data.read")
def get_event_values(
    call: Call, app: Word, event: Word, query: insight_wire.ValuesQuery
) -> insight_wire.EventValues:
    """Show real values of an event's properties: frequent ones, distribution, examples."""
    now = call.platform.clock()
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
    spec = spec_of(call.platform, app, event)
    sample = cache_of(call).get(
        ("values", app, event, query.hours),
        now,
        lambda: call.platform.data.sample(
            app=app,
            events=[event],
            since_ms=now - query.hours * _HOUR_MS,
            until_ms=now + 1,
            most=MOST,
            timeout_s=_LAKE_S,
            dirty=False,
        ),
    )
    events = _weighted(sample, query.env)
    paths = property_paths(spec, events)
    if query.property:
        if query.property not in paths:
            raise NotFoundError(
                f"{event!r} has no property {query.property!r}",
                hint=did_you_mean(query.property, paths),
            )
        paths = [query.property]
    elif spec is None and not events:
        raise NotFoundError(f"the plan of {app!r} has no event {event!r}, and none arrived")
    return cache_of(call).get(
        ("figures", app, event, query.hours, query.env, query.property, row.revision, sample.until),
        now,
        lambda: insight_wire.EventValues(
            app=app,
            event=event,
            since=sample.since,
            until=sample.until,
            sampled=len(events),
            of=sum(sample.populations.values()),
            cut=sample.cut,
            properties=[figures(spec, path, events) for path in paths],
        ),
    )


def _weighted(sample: EventSample, env: str) -> list[Weighted]:
    """Return the events with how many each stands for; the newest first."""
    taken = Counter(event.stratum for event in sample.events)
    return [
        Weighted(
            event.merged, event.weight * sample.populations[event.stratum] / taken[event.stratum]
        )
        for event in sorted(sample.events, key=lambda each: (-each.server, each.id))
        if not env or event.env == env
    ]
