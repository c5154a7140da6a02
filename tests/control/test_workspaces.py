"""Workspaces are kept by how much they hold, not by how many they are."""

from __future__ import annotations

from trackplane.control.design.workspaces import Workspaces
from trackplane.plan import Workspace


def plan(app: str, events: int) -> Workspace:
    lines = "".join(f"  e{number}: {{title: E}}\n" for number in range(events))
    return Workspace.load({"plan.yaml": f"format: 1\napp: {app}\nevents:\n{lines}"})


def test_many_small_plans_do_not_push_out_a_large_one() -> None:
    held = Workspaces(events=200)
    held.keep("large", "a", plan("large", 100))
    for number in range(30):
        held.keep(f"small{number}", "a", plan(f"small{number}", 2))
    assert held._get(("large", "a")) is not None
    for number in range(40):
        held.keep(f"other{number}", "a", plan(f"other{number}", 4))
    assert held._get(("other39", "a")) is not None
    assert held._get(("small0", "a")) is None
    assert held._events == sum(len(each.plan.events) + 1 for each in held._held.values()) <= 200


def test_a_few_are_kept_whatever_they_hold() -> None:
    held = Workspaces(events=1)
    for revision in range(9):
        held.keep("large", str(revision), plan("large", 10))
    assert len(held._held) == 6
    held.keep("large", "8", plan("large", 12))  # again, under the same name
    assert held._events == sum(len(each.plan.events) + 1 for each in held._held.values())
