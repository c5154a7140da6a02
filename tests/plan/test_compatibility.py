"""The class of a change, and that a change of class additive takes nothing from senders."""

from __future__ import annotations

import pytest

from trackplane.plan import load_plan
from trackplane.plan.compatibility import diff

BASE = "{type: integer, min: 1, max: 5, nullable: true}"


def plan(text: str):
    return load_plan(f"format: 1\napp: shop\nevents: {text}")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("{a: {}}", "{a: {}, b: {}}", [("b", "added", "additive")]),
        ("{a: {}, b: {}}", "{a: {}}", [("b", "removed", "breaking")]),
        ("{a: {}}", "{a: {title: A}}", [("a", "changed", "additive")]),
        ("{a: {}}", "{a: {removed: true}}", [("a", "changed", "breaking")]),
        ("{a: {}}", "{a: {variants: [{applies: {}, what: {x: string}}]}}", [("a", "changed", "narrowing")]),
        ("{a: {}}", "{a: {what: {x: string}}}", [("a", "changed", "additive")]),
        ("{a: {}}", "{a: {what: {x: {type: string, required: true}}}}", [("a", "changed", "narrowing")]),
        ("{a: {what: {x: string}}}", "{a: {}}", [("a", "changed", "breaking")]),
        ("{a: {}}", "{a: {}}", []),
    ],
)  # fmt: skip
def test_events_added_changed_and_removed_are_classified(before, after, expected):
    """At the level of events and whole properties."""
    assert [(c.event, c.kind, c.compatibility) for c in diff(plan(before), plan(after))] == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (BASE, "{type: integer, min: 0, max: 6, nullable: true}", "additive"),
        (BASE, "{type: integer, nullable: true}", "additive"),
        (BASE, "{type: integer, min: 2, max: 5, nullable: true}", "narrowing"),
        (BASE, "{type: integer, min: 1, max: 4, nullable: true}", "narrowing"),
        (BASE, "{type: integer, min: 1, max: 5}", "narrowing"),
        (BASE, "{type: integer, min: 1, max: 5, nullable: true, required: true}", "narrowing"),
        (BASE, "{type: number, min: 1, max: 5, nullable: true}", "breaking"),
        ("{type: [string, integer]}", "{type: string}", "narrowing"),
        ("{type: string}", "{type: [string, integer]}", "breaking"),
        ("{type: string, enum: [a]}", "{type: string, enum: [a, b]}", "additive"),
        ("{type: string, enum: [a, b]}", "{type: string, enum: [a]}", "narrowing"),
        ("{type: string, enum: [a]}", "{type: string}", "additive"),
        ("{type: string, pattern: a}", "{type: string, pattern: b}", "narrowing"),
        ("{type: string, max_length: 5}", "{type: string, max_length: 4}", "narrowing"),
        ("{type: object}", "{type: object, additional: false}", "narrowing"),
        ("{type: array, items: string}", "{type: array, items: integer}", "breaking"),
        ("{type: array}", "{type: array, items: string}", "narrowing"),
        ("{type: map, values: string}", "{type: map}", "breaking"),
        ("{type: object, properties: {y: string}}", "{type: object, properties: {}}", "breaking"),
        ("{type: object, properties: {y: string}}", "{type: object, properties: {y: {type: string, max_length: 1}}}", "narrowing"),
    ],
)  # fmt: skip
def test_changes_of_a_property_are_classified(old, new, expected):
    """Each constraint tighter, looser, other."""
    (change,) = diff(plan(f"{{a: {{what: {{x: {old}}}}}}}"), plan(f"{{a: {{what: {{x: {new}}}}}}}"))
    assert change.compatibility == expected
    assert bool(change.reasons) == (expected != "additive")
