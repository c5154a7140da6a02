"""Change requests at size: one event in a large plan, and a change of thousands of events."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Running, until
from .review import Review, Station
from .test_publishing import Node, nodes

pytestmark = pytest.mark.integration

EVENT = """\
  event_{n}:
    title: Event {n}
    owner: team:web
    grade: P2
    what: {{sku: {{type: string, required: true}}, total: {{type: number, min: 0}}}}
"""


# As many as the issue asks for under `make` at full scale; a tenth of it in every run.
EVENTS = 1_000 * int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))


def plan(events: int) -> str:
    """Return a plan of so many events."""
    return "format: 1\napp: shop\nevents:\n" + "".join(EVENT.format(n=n) for n in range(events))


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """Return a control plane with people."""
    control = Running(tmp_path_factory.mktemp("size") / "control")
    try:
        yield Station(control)
    finally:
        control.stop()


def test_a_merge_of_one_event_among_two_thousand_stores_that_event(station: Station) -> None:
    """The event, its page, the root; the file, the list of files."""
    review = Review(station, "large", plan(2_000))
    edit = ("Event 1000\n", "The thousandth\n")
    made = review.propose(edit, author="ann")
    review.act("dan", made["id"], "approve")
    review.assess(made["id"])
    before = review.control.objects()
    merged = review.act("fay", made["id"], "merge")
    assert merged["changed"] == ["event_1000"]
    assert review.control.objects() - before <= 5


def test_merges_are_effective_on_all_nodes_and_each_tells_after_how_long(
    station: Station, tmp_path: Path
) -> None:
    """One event among two thousand, merged ten times; two nodes follow."""
    review = Review(station, "followed", plan(2_000))
    control = review.control
    with nodes(control.addresses.grpc, control.folder, tmp_path, one=Node(), two=Node()):
        for n in range(10):
            made = review.propose((f"title: Event {n}\n", f"title: The event {n}\n"))
            review.act("dan", made["id"], "approve")
            merged = review.merge(made["id"])

            def effective(id: int = made["id"]) -> Any:
                found = review.get(id)
                return found if found["effective_ms"] is not None else None

            found = until(effective, "the merge to be effective")
            assert found["number"] == merged["number"]
            assert found["effective_ms"] >= 0
        states = review.admin.get(f"/rulesets/{merged['number']}").json()["nodes"]
        assert [state["node"] for state in states] == ["one", "two"]


def test_a_change_of_every_event_is_saved_paged_approved_and_merged(
    station: Station,
) -> None:
    """Every step answers, lists come in pages, and one call approves all that a person may."""
    review = Review(station, "huge", plan(EVENTS))
    text = review.plan().replace("title: Event", "title: The event")
    body = {"app": "huge", "title": "All of them", "files": {"plan.yaml": text}}
    made: dict[str, Any] = review.ann.post("/changes", json=body, timeout=120).json()
    assert made["counts"]["changed"] == EVENTS
    review.act("ann", made["id"], "submit")
    page = review.get(made["id"], below="/approvals", limit=100, waiting=True)
    assert (len(page["items"]), page["items"][0]["name"]) == (100, "event_0")
    rest = review.get(made["id"], below="/approvals", limit=100, cursor=page["next"])
    assert not {row["name"] for row in rest["items"]} & {row["name"] for row in page["items"]}
    diff = review.get(made["id"], below="/diff", limit=50, text="event_77")
    assert [part["name"] for part in diff["items"]][:2] == ["event_77", "event_770"]
    found = review.act("dan", made["id"], "approve")
    assert (len(found["approved"]), found["state"]) == (EVENTS, "approved")
    review.assess(made["id"])
    merged = review.act("fay", made["id"], "merge")
    assert len(merged["changed"]) == EVENTS
    assert f"The event {EVENTS - 1}" in review.plan()
