"""The trust badge: how far an event, or a metric over it, can be relied on. Pure; docs/trust.md has the rule.

Each criterion is worth points. What is not known is left out of both sides of the score, so a new event is
not marked down for what nobody could know yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trackplane.control.insight.insight_wire import Criterion, Level, Trust
from trackplane.control.insight.observations import DAY_MS
from trackplane.plan.model import EventSpec, Metric, Text

FRESH_DAYS: Final = 7
VALID: Final = 0.99
HALF_VALID: Final = 0.95
STABLE: Final = 0.5  # of the week before
HIGH: Final = 80
MEDIUM: Final = 50
# The gravest fact caps the level, whatever the score.
BROKEN: Final = 0.9  # valid share under which it is low
SILENT_DAYS: Final = 30  # unseen for longer: low
DESCRIBED: Final = 0.8
# Without these no event is of high trust, whatever its score.
_NEEDED: Final = ("owner", "valid", "fresh")


class EventFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an event. ``week`` and ``week_before`` are what arrived in these 7 days, dirty too.

    ``valid_share`` None: nothing arrived in the last week. ``reviewed`` None: the app has no reviews.
    """

    now: int
    last_at: int | None
    first_at: int | None
    valid_share: float | None
    week: int
    week_before: int
    consumers: int
    reviewed: bool | None
    reviewed_why: str = ""


def event_trust(spec: EventSpec, facts: EventFacts) -> Trust:
    """Return the badge of a planned event."""
    criteria = [
        _owner(spec.owner),
        _described(spec),
        _properties(spec),
        _valid(facts),
        _fresh(facts),
        _stable(facts),
        _used(facts),
        _reviewed(facts),
    ]
    found = _badge(criteria, known=facts.last_at is not None)
    cap = _cap(facts)
    return msgspec.structs.replace(found, level=cap) if _RANK[found.level] > _RANK[cap] else found


def _cap(facts: EventFacts) -> Level:
    """Return the highest level that the gravest fact leaves."""
    silent = facts.last_at is not None and facts.now - facts.last_at > SILENT_DAYS * DAY_MS
    share = facts.valid_share
    if silent or (share is not None and share < BROKEN):
        return "low"
    return "medium" if share is not None and share < VALID else "high"


def metric_trust(
    metric: Metric, event: Trust, *, findings: int, has_value: bool | None, consumers: int
) -> Trust:
    """Return the badge of a metric: never above that of the event it measures."""
    words = bool(plain(metric.title)) and bool(plain(metric.description))
    criteria = [
        _owner(metric.owner, 15),
        _criterion(
            "description",
            15,
            "it has a title and a description" if words else "it has no title or no description",
            met=words,
        ),
        _criterion("unit", 10, _unit(metric.unit), met=metric.unit is not None),
        _criterion(
            "computable",
            20,
            f"{findings} finding(s): it cannot be computed" if findings else "it can be computed",
            met=not findings,
        ),
        _criterion("value", 10, _VALUED[has_value], met=has_value),
        _criterion(
            "consumers",
            10,
            f"{consumers} use it" if consumers else "nobody uses it",
            met=consumers > 0,
        ),
        Criterion(
            code="event",
            met=None if event.level == "unknown" else event.level == "high",
            points=round(event.score / 5),
            of=20,
            why=f"the event {metric.of} has {event.level} trust",
            facts={"level": event.level, "score": event.score},
        ),
    ]
    found = _badge(criteria, known=event.level != "unknown", needed=("owner", "computable"))
    if _RANK[found.level] > _RANK[event.level]:
        found = msgspec.structs.replace(found, level=event.level)
    return found


_RANK: Final[dict[Level, int]] = {"unknown": 0, "low": 1, "medium": 2, "high": 3}


def _badge(criteria: Sequence[Criterion], *, known: bool, needed: Sequence[str] = _NEEDED) -> Trust:
    counted = [each for each in criteria if each.met is not None]
    possible = sum(each.of for each in counted)
    score = round(100 * sum(each.points for each in counted) / possible) if possible else 0
    failed = {each.code for each in counted if not each.met}
    level: Level = "low"
    if not known:
        level = "unknown"
    elif score >= HIGH and not failed.intersection(needed):
        level = "high"
    elif score >= MEDIUM:
        level = "medium"
    return Trust(level=level, score=score, criteria=list(criteria))


def _criterion(
    code: str, of: int, why: str, *, met: bool | None, points: int | None = None, **facts: object
) -> Criterion:
    given = (of if met else 0) if points is None else points
    return Criterion(code=code, met=met, points=given, of=of, why=why, facts=facts)


def _owner(owner: str | None, of: int = 10) -> Criterion:
    return _criterion(
        "owner", of, f"owned by {owner}" if owner else "it has no owner", met=owner is not None
    )


def _described(spec: EventSpec) -> Criterion:
    missing = [
        name for name in ("title", "description", "trigger") if not plain(getattr(spec, name))
    ]
    of = 10
    points = of - 4 * len(missing) if len(missing) < 3 else 0
    why = (
        f"it has no {', no '.join(missing)}"
        if missing
        else "it says what it is and when it is sent"
    )
    return _criterion("description", of, why, met=not missing, points=points, missing=missing)


def _properties(spec: EventSpec) -> Criterion:
    every = [
        bool(plain(shape.title) or plain(shape.description))
        for properties in spec.properties.values()
        for shape in properties.values()
    ]
    share = sum(every) / len(every) if every else 1.0
    return _criterion(
        "properties",
        10,
        f"{sum(every)} of {len(every)} properties are described",
        met=share >= DESCRIBED,
        points=round(10 * share),
        share=share,
    )


def _valid(facts: EventFacts) -> Criterion:
    share = facts.valid_share
    if share is None:
        return _criterion("valid", 20, f"nothing arrived in {FRESH_DAYS} days", met=None)
    points = 20 if share >= VALID else 10 if share >= HALF_VALID else 0
    why = f"{share:.2%} of what arrived in {FRESH_DAYS} days is valid"
    return _criterion("valid", 20, why, met=share >= VALID, points=points, share=share)


def _fresh(facts: EventFacts) -> Criterion:
    if facts.last_at is None:
        return _criterion("fresh", 15, "it was never seen", met=None)
    days = max(0, facts.now - facts.last_at) / DAY_MS
    when = "less than a day ago" if days < 1 else f"{days:.0f} day(s) ago"
    return _criterion(
        "fresh", 15, f"it was last seen {when}", met=days <= FRESH_DAYS, last_at=facts.last_at
    )


def _stable(facts: EventFacts) -> Criterion:
    new = facts.first_at is None or facts.now - facts.first_at < 2 * FRESH_DAYS * DAY_MS
    if new or not facts.week_before:
        return _criterion("stable", 10, "there are not two weeks to compare yet", met=None)
    change = facts.week / facts.week_before - 1
    return _criterion(
        "stable",
        10,
        f"{change:+.0%} against the week before",
        met=abs(change) <= STABLE,
        change=change,
    )


def _used(facts: EventFacts) -> Criterion:
    count = facts.consumers
    why = (
        f"{count} rule(s), metrics, queries or subscriptions use it" if count else "nobody uses it"
    )
    return _criterion("consumers", 10, why, met=count > 0, count=count)


def _reviewed(facts: EventFacts) -> Criterion:
    why = facts.reviewed_why or "the app's plan is not reviewed"
    return _criterion("reviewed", 15, why, met=facts.reviewed)


def _unit(unit: str | None) -> str:
    return f"it is in {unit}" if unit else "it has no unit"


_VALUED: Final[dict[bool | None, str]] = {
    None: "it was not computed",
    True: "it had a value yesterday",
    False: "it had no value yesterday",
}


def plain(text: Text | None) -> str:
    """Return a text in one language, English first."""
    if isinstance(text, dict):
        return text.get("en") or next(iter(text.values()), "")
    return text or ""
