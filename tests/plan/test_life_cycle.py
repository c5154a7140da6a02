"""The life cycle is derived: one table of evidence and states."""

from __future__ import annotations

import pytest

from trackplane.plan.life_cycle import IDLE_MS, STATES, Evidence, State, derive, overall
from trackplane.plan.model import Deprecation, EventSpec

NOW = 1_795_376_614_990  # 2026-11-22
IOS = ("ios", "9.2.0")
PLAIN = EventSpec(app="shop", event="pay")
DEPRECATED = EventSpec(app="shop", event="pay", deprecated=Deprecation())
EXPIRED = EventSpec(app="shop", event="pay", expires="2026-11-21")
LAST_DAY = EventSpec(app="shop", event="pay", expires="2026-11-22")


@pytest.mark.parametrize(
    ("spec", "evidence", "state"),
    [
        (PLAIN, {"planned": False, "proposed": "draft"}, "draft"),
        (PLAIN, {"planned": False, "proposed": "in_review"}, "in_review"),
        (PLAIN, {"planned": False, "proposed": "approved"}, "approved"),
        (PLAIN, {"planned": False}, "offline"),
        (PLAIN, {"planned": False, "seen": {IOS: NOW}}, "offline"),
        (PLAIN, {}, "approved"),
        (PLAIN, {"implemented": {IOS: NOW - 5}}, "implemented"),
        (PLAIN, {"implemented": {IOS: NOW - 5}, "verified": {IOS: NOW - 4}}, "verified"),
        (PLAIN, {"verified": {IOS: NOW - 5}, "seen": {IOS: NOW - 1}}, "online"),
        (PLAIN, {"seen": {IOS: NOW - IDLE_MS}}, "offline"),
        (PLAIN, {"seen": {IOS: NOW - IDLE_MS + 1}}, "online"),
        (PLAIN, {"seen": {IOS: NOW - IDLE_MS}, "implemented": {IOS: NOW}}, "implemented"),
        (DEPRECATED, {"seen": {IOS: NOW}}, "deprecated"),
        (DEPRECATED, {"seen": {IOS: NOW - IDLE_MS}}, "offline"),
        (EXPIRED, {"seen": {IOS: NOW}}, "offline"),
        (LAST_DAY, {"seen": {IOS: NOW}}, "online"),
        (EventSpec(app="shop", event="pay", removed=True), {"seen": {IOS: NOW}}, "offline"),
    ],
)
def test_evidence_decides_the_state(spec: EventSpec, evidence: dict, state: State) -> None:
    """Of one release, or of none."""
    states = derive(spec, Evidence(now=NOW, **evidence))
    assert list(states.values()) == [state]


def test_each_platform_and_release_has_its_own_state() -> None:
    """Planned platforms that nobody sends from too; versions newest first, by number."""
    spec = EventSpec(app="shop", event="pay", platforms=("ios", "android", "web"))
    evidence = Evidence(
        now=NOW,
        implemented={("android", "3.0"): NOW},
        seen={("ios", "9.9"): NOW - IDLE_MS, ("ios", "9.10"): NOW, ("ios", "beta"): NOW},
    )
    assert list(derive(spec, evidence).items()) == [
        (("android", "3.0"), "implemented"),
        (("ios", "9.10"), "online"),
        (("ios", "9.9"), "offline"),
        (("ios", "beta"), "online"),
        (("web", ""), "approved"),
    ]


def test_the_most_alive_state_stands_for_all() -> None:
    """And nothing at all is a draft."""
    assert overall(["approved", "online", "offline"]) == "online"
    assert overall(STATES) == "online"
    assert overall([]) == "draft"
