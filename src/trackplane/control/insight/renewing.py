"""Expiry with renewal by use: an event that is still sent is prolonged before its last day, as system.

An event with ``expires: {on: …, renew_days: N}`` that was seen within N days gets a new last day, N days after
it was last seen, once half of its time is over. It goes the way of every other change of the plan.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
import structlog

from trackplane.control.access import SYSTEM
from trackplane.control.design.plan_renewal import renew
from trackplane.control.insight import observations
from trackplane.control.insight.observations import DAY_MS
from trackplane.control.platform import Platform
from trackplane.control.publishing import Publisher
from trackplane.errors import TrackplaneError

_log = structlog.get_logger(__name__)

EVERY_MS: Final = 10 * 60 * 1000
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_MARK: Final = b'"renew_days"'


class _Head(msgspec.Struct, frozen=True):
    app: str
    event: str
    expires: str | None = None
    renew_days: int | None = None
    removed: bool = False


class Expiring(NamedTuple):
    """An event that use prolongs: its last day and the day it was last seen, both since 1970."""

    app: str
    event: str
    last_day: int
    renew_days: int


_decode: Final = msgspec.json.Decoder(_Head).decode
_lock: Final = threading.Lock()
_looked: Final[WeakKeyDictionary[Publisher, int]] = WeakKeyDictionary()


def tend(platform: Platform) -> None:
    """Renew what is used, every ten minutes."""
    now = platform.clock()
    with _lock:
        if now - _looked.get(platform.publisher, -EVERY_MS) < EVERY_MS:
            return
        _looked[platform.publisher] = now
    renew_used(platform)


def renew_used(platform: Platform) -> dict[str, dict[str, str]]:
    """Prolong the events that are used; return their new last days by app and event."""
    due: dict[str, dict[str, str]] = {}
    for each, last_seen in _due(platform):
        day = dt.date.fromordinal(last_seen + each.renew_days + _EPOCH).isoformat()
        due.setdefault(each.app, {})[each.event] = day
    for app, until in due.items():
        names = ", ".join(sorted(until)[:5]) + (" …" if len(until) > 5 else "")
        try:
            with platform.publisher.change(SYSTEM, f"renewal of {app}") as change:
                renew(platform, change, app, until, f"renewed by use: {names}")
                change.audit("plan.renew", app, app=app, detail={"until": until, "by": "use"})
        except TrackplaneError as error:
            _log.warning("renewal_failed", app=app, events=len(until), reason=str(error))
    return due


def expiring(platform: Platform) -> list[Expiring]:
    """Return the planned events that use prolongs."""
    found = []
    for resource in platform.publisher.snapshot.of_kind("event"):
        if _MARK not in resource.body:
            continue
        head = _decode(resource.body)
        if head.expires is None or head.renew_days is None or head.removed:
            continue
        last_day = dt.date.fromisoformat(head.expires).toordinal() - _EPOCH
        found.append(Expiring(head.app, head.event, last_day, head.renew_days))
    return found


def _due(platform: Platform) -> list[tuple[Expiring, int]]:
    """Return the events to be renewed now, with the day each was last seen."""
    today = observations.day_of(platform.clock())
    near = [each for each in expiring(platform) if each.last_day - today <= each.renew_days / 2]
    if not near:
        return []
    found: list[tuple[Expiring, int]] = []
    with platform.database.read() as connection:
        for app in sorted({each.app for each in near}):
            own = [each for each in near if each.app == app]
            since = today - max(each.renew_days for each in own)
            seen = observations.sums(
                connection,
                ("event",),
                app=app,
                events=[each.event for each in own],
                since_day=since,
            )
            for each in own:
                usage = seen.get((each.event,))
                if usage is None:
                    continue
                last = usage.last_at // DAY_MS
                until = last + each.renew_days
                if until > each.last_day and until >= today:
                    found.append((each, last))
    return found
