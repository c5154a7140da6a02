"""A running collector over a queue in memory, with an app, a key and a plan of one event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from trackplane.collector import CollectorSettings
from trackplane.discovery import Resource
from trackplane.plan.model import EventSpec, Property
from trackplane.queue.memory import MemoryQueue
from trackplane.testing.collector import (
    RunningCollector,
    app_resource,
    event_resource,
    key_resource,
)

KEY = "tpw_test"
SPEC = EventSpec(
    app="shop",
    event="home",
    grade="P1",
    properties={"what": {"total": Property(type=("number",), required=True)}},
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def make_resources(**settings: Any) -> list[Resource]:
    return [
        app_resource("shop", revision=3, **settings),
        key_resource(KEY, "shop"),
        event_resource(SPEC),
    ]


@pytest.fixture
def resources() -> list[Resource]:
    return make_resources()


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(clock=now_ms)


Start = Callable[..., RunningCollector]


@pytest.fixture
def start(queue: MemoryQueue) -> Iterator[Start]:
    """Start collectors that are stopped after the test."""
    with ExitStack() as stack:

        def start_one(
            settings: CollectorSettings | None = None, *, configured: bool = True, **modes: Any
        ) -> RunningCollector:
            return stack.enter_context(
                RunningCollector(
                    queue,
                    clock=now_ms,
                    settings=settings or CollectorSettings(port=0),
                    resources=make_resources(**modes) if configured else None,
                )
            )

        yield start_one


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(
        trust_env=False, timeout=30, headers={"Authorization": f"Bearer {KEY}"}
    ) as one:
        yield one
