"""Sessions into events as a client would send them.

The recorded sessions say who did what, when and on which platform. Everything else in an event's
``what`` is invented here from the plan: required properties always, optional ones at times, values
that keep every constraint. The acquisition columns of the recording are used where they are planned.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final

import msgspec

from trackplane.demo.example import example_text
from trackplane.demo.sessions import Session
from trackplane.plan import load_plan
from trackplane.plan.model import EventSpec, Plan, Property

_WORDS: Final = (
    "linen shirt",
    "running shoes",
    "tea set",
    "desk lamp",
    "雨伞",
    "café press",
    "kids' bike",
)
_PATTERNED: Final = {
    "coupon": "WELCOME10",
    "sku": "SKU-1042",
    "skus": "SKU-1042",
    "order_id": "ORD-20419",
}


class Planned(msgspec.Struct, frozen=True):
    """One event to send: ``at_ms`` is when it happened on the client's clock."""

    id: str
    name: str
    user: str
    session: str
    platform: str
    page: str
    at_ms: int
    what: dict[str, Any]


@cache
def shop_plan() -> Plan:
    """Return the example's plan."""
    return load_plan(example_text("plan.yaml"), file="plan.yaml")


def replay(sessions: Sequence[Session], *, round_: int, today: date) -> Iterator[Planned]:
    """Yield one round of the sessions' events, with fresh users, moved to today.

    Each keeps its time of day; those still ahead of now would be the server's to doubt, so all are
    moved to yesterday. Sessions are interleaved in the order their time of day gives.
    """
    midnight = datetime.combine(today - timedelta(days=1), datetime.min.time(), UTC)
    base = int(midnight.timestamp() * 1000)
    specs = shop_plan().events
    ordered = sorted(sessions, key=lambda session: session.events[0][1])
    for session in ordered:
        random_ = random.Random(f"{session.name}/{round_}")
        for number, (name, second) in enumerate(session.events):
            spec = specs.get(name)
            yield Planned(
                id=f"{session.name}-{round_}-{number}",
                name=name,
                user=f"{session.user}-r{round_}",
                session=f"{session.name}-r{round_}",
                platform=session.platform,
                page=f"/{name.replace('_', '/')}",
                at_ms=base + second * 1000 + number,
                what=payload(spec, session, random_) if spec is not None else {},
            )


def payload(spec: EventSpec, session: Session, random_: random.Random) -> dict[str, Any]:
    """Return an invented ``what`` that fits the event's plan."""
    known = {
        "acquisition_channel": session.channel,
        "user_cohort": session.cohort,
        "user_lifecycle": session.lifecycle,
    }
    what: dict[str, Any] = {}
    for name, shape in spec.properties.get("what", {}).items():
        if name in known:
            what[name] = known[name]
        elif shape.required or (shape.deprecated is None and random_.random() < 0.4):
            value = _value(name, shape, random_)
            if value is not _SKIP:
                what[name] = value
    return what


_SKIP: Final = object()


def _value(name: str, shape: Property, random_: random.Random) -> Any:
    if shape.enum is not None:
        return random_.choice([value for value in shape.enum if value is not None])
    match shape.type[0]:
        case "string":
            return _string(name, shape, random_)
        case "integer":
            return random_.randint(int(shape.min or 0), int(_upper(shape, 9)))
        case "number":
            return round(random_.uniform(float(shape.min or 0), float(_upper(shape, 400))), 2)
        case "boolean":
            return random_.random() < 0.5
        case "timestamp":
            return 1_790_000_000_000 + random_.randrange(10**9)
        case "array":
            if shape.items is None:
                return []
            count = random_.randint(shape.min_length or 0, max(shape.min_length or 0, 3))
            made = [_value(name, shape.items, random_) for _ in range(count)]
            return [value for value in made if value is not _SKIP]
        case "object":
            return _object(shape.properties or {}, random_)
        case "map":
            inner = shape.values
            return {} if inner is None else {"note": _value("note", inner, random_)}
        case _:
            return {"made": True}


def _upper(shape: Property, usual: float) -> float:
    low = float(shape.min or 0)
    return min(float(shape.max), low + usual) if shape.max is not None else low + usual


def _string(name: str, shape: Property, random_: random.Random) -> Any:
    if shape.pattern is not None:
        return _PATTERNED.get(name, _SKIP)
    text = random_.choice(_WORDS)
    if shape.max_length is not None:
        text = text[: shape.max_length]
    return text.ljust(shape.min_length or 0, "x")


def _object(properties: Mapping[str, Property], random_: random.Random) -> dict[str, Any]:
    made = {
        name: _value(name, shape, random_)
        for name, shape in properties.items()
        if shape.required or random_.random() < 0.5
    }
    return {name: value for name, value in made.items() if value is not _SKIP}
