"""The compiled configuration: deltas, rejections, bounded validators."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from trackplane.admission.record import Limits
from trackplane.admission.round import Round
from trackplane.admission.wires.native import parse
from trackplane.collector import CollectorState
from trackplane.collector import state as state_module
from trackplane.discovery import Resource, Snapshot
from trackplane.plan.model import EventSpec, Property
from trackplane.testing.collector import app_resource, event_resource, key_resource


def spec(name: str, **rest: Any) -> EventSpec:
    return EventSpec(
        app="shop",
        event=name,
        properties={"what": {"total": Property(type=("number",), required=True)}},
        **rest,
    )


def dispositions(state: CollectorState, *names: str, key: str = "k") -> list[str]:
    admitter = state.admitter(key)
    assert admitter is not None
    body = msgspec.json.encode({"events": [{"id": "1", "event": name} for name in names]})
    return [o.disposition for o in admitter.admit(parse(body, Limits()), 0, Round())]


BASE = [app_resource("shop", validation="enforce", allow_list="enforce"), key_resource("k", "shop")]


@pytest.fixture
def state() -> CollectorState:
    return CollectorState(partitions=4, new_id=lambda: "made")


def put(
    state: CollectorState, resources: list[Resource], before: Snapshot | None = None
) -> tuple[Snapshot, Any]:
    after = Snapshot.of(before.number + 1 if before else 1, resources)
    return after, asyncio.run(state.apply(after, after.delta_from(before)))


def test_a_resource_that_does_not_compile_is_rejected_by_key_and_the_rest_holds(
    state: CollectorState,
) -> None:
    """Also one whose older version compiled: it counts as absent."""
    first, rejected = put(state, [*BASE, event_resource(spec("a")), event_resource(spec("b"))])
    assert rejected == {}
    broken = Resource(kind="event", name="shop/a", body=b'{"app":"shop","event":"a","grade":"P9"}')
    half = Resource(kind="app", name="other", body=b'{"app":')
    _, rejected = put(state, [*BASE, broken, half, event_resource(spec("b", grade="P0"))], first)
    assert rejected.keys() == {("event", "shop/a"), ("app", "other")}
    assert all(rejected.values())
    body = parse(b'{"events":[{"id":"1","event":"a"},{"id":"2","event":"b"}]}', Limits())
    admitter = state.admitter("k")
    assert admitter is not None
    found = [o.violations[0].code for o in admitter.admit(body, 0, Round())]
    assert found == ["unplanned_event", "missing"]


def test_an_event_that_was_removed_from_the_plan_is_unplanned(state: CollectorState) -> None:
    """By a delta, or by its own mark."""
    first, _ = put(state, [*BASE, event_resource(spec("a")), event_resource(spec("b"))])
    put(state, [*BASE, event_resource(spec("b", removed=True))], first)
    admitter = state.admitter("k")
    assert admitter is not None
    body = parse(b'{"events":[{"id":"1","event":"a"},{"id":"2","event":"b"}]}', Limits())
    found = [o.violations[0].code for o in admitter.admit(body, 0, Round())]
    assert found == ["unplanned_event", "unplanned_event"]


def test_an_upload_sees_one_state_from_first_to_last(state: CollectorState) -> None:
    """Who was given an admitter keeps its configuration."""
    first, _ = put(state, [*BASE, event_resource(spec("a"))])
    old = state.admitter("k")
    assert old is not None
    put(state, [app_resource("shop", revision=9), key_resource("k2", "shop")], first)
    assert old.policy.validation == "enforce"
    assert state.admitter("k") is None
    new = state.admitter("k2")
    assert new is not None
    assert new.policy.revision == 9


def test_a_key_without_its_app_opens_nothing(state: CollectorState) -> None:
    """Whatever came first."""
    put(state, [key_resource("k", "shop")])
    assert state.ready
    assert state.admitter("k") is None


def test_validators_are_compiled_on_use_and_bounded(
    state: CollectorState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of any size costs what its live events cost."""
    monkeypatch.setattr(state._compiled, "_limit", 3)
    monkeypatch.setattr(state_module, "_EAGER", 0)
    names = [f"e{n}" for n in range(10)]
    put(state, [*BASE, *[event_resource(spec(name)) for name in names]])
    assert len(state._compiled) == 0
    assert dispositions(state, *names, *names) == ["dirty"] * 20
    assert len(state._compiled) == 3
