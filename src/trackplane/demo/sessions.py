"""Shop sessions: recorded ones from a CSV file, or generated ones of the same shape.

The recorded file is ``retentioneering/datasets/ecom.csv.gz`` of the PyPI package retentioneering
5.2.4 (Apache-2.0): 31,106 events in 3,605 sessions, columns user_id, session_id, event, timestamp,
platform, acquisition_channel, user_cohort, user_lifecycle.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

# What follows what in generated sessions, roughly as in the recorded ones.
_NEXT: Final[dict[str, tuple[str, ...]]] = {
    "home": ("catalog", "search", "search", "promo_page", "login"),
    "promo_page": ("product_view", "catalog"),
    "login": ("catalog", "search"),
    "search": ("product_view", "product_view", "search", "catalog"),
    "catalog": ("product_view", "product_view", "search", ""),
    "product_view": ("add_to_cart", "catalog", "search", "product_view", ""),
    "add_to_cart": ("cart", "cart", "product_view"),
    "cart": ("checkout", "catalog", ""),
    "checkout": ("purchase", "purchase", "payment_error", "cart"),
    "payment_error": ("checkout", ""),
    "purchase": ("",),
}


class Session(msgspec.Struct, frozen=True):
    """One visit: ``events`` are (name, seconds since midnight UTC)."""

    user: str
    name: str
    platform: str
    channel: str
    cohort: str
    lifecycle: str
    events: tuple[tuple[str, int], ...]


def recorded(path: Path) -> list[Session]:
    """Return the sessions of the recorded file, in its order."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Session(
            user=group[0]["user_id"],
            name=name,
            platform=group[0]["platform"],
            channel=group[0]["acquisition_channel"],
            cohort=group[0]["user_cohort"],
            lifecycle=group[0]["user_lifecycle"],
            events=tuple((row["event"], _second_of_day(row["timestamp"])) for row in group),
        )
        for name, rows_of in itertools.groupby(rows, key=lambda row: row["session_id"])
        for group in [list(rows_of)]
    ]


def _second_of_day(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def generated(count: int, *, seed: int = 7) -> list[Session]:
    """Return ``count`` sessions made by a random walk; the same for the same seed."""
    return list(_walks(count, random.Random(seed)))


def _walks(count: int, random_: random.Random) -> Iterator[Session]:
    for number in range(count):
        second = random_.randrange(80_000)
        name = "home"
        events: list[tuple[str, int]] = []
        while name and len(events) < 40:
            events.append((name, second))
            second += random_.randrange(2, 90)
            name = random_.choice(_NEXT[name])
        yield Session(
            user=f"user_{number % 997:04}",
            name=f"made_{number:06}",
            platform=random_.choice(("desktop", "mobile", "tablet")),
            channel=random_.choice(("email", "organic", "paid")),
            cohort="2024-01",
            lifecycle=random_.choice(("new", "returning")),
            events=tuple(events),
        )
