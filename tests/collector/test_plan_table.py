"""What becomes of an event by its state in the plan: the table of ``docs/collector.md``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackplane import dirty
from trackplane.admission.admit import DAY_MS, end_of
from trackplane.admission.record import Limits
from trackplane.admission.round import Round
from trackplane.admission.wires.native import parse
from trackplane.collector import CollectorState
from trackplane.discovery import Resource, Snapshot
from trackplane.frame import Frame
from trackplane.plan.model import Check, Deprecation, EventSpec, Property
from trackplane.testing.collector import app_resource, event_resource, key_resource

DOCS = Path(__file__).parents[2] / "docs" / "collector.md"
MODES = ("off", "warn", "enforce")
NOW = end_of("2026-11-22")  # the first ms of the 23rd
TOTAL = {"what": {"total": Property(type=("number",))}}
NEEDED = {"what": {"needed": Property(type=("string",), required=True)}}
CHECK = Check(name="positive", that="what.total > 0.0")

# Of each row: the event's specification (None: it is not planned) by what the row begins with.
STATES: dict[str, dict[str, Any] | None] = {
    "unplanned": None,
    "a draft": None,
    "removed": {"removed": True},
    "expired": {"expires": "2026-11-22"},
    "deprecated": {"deprecated": Deprecation(replaced_by="other")},
    "planned, ungraded": {"grade": "P2"},
    "planned, as planned": {},
    "planned, with": {"properties": NEEDED},
    "planned, breaking a check |": {"checks": (CHECK,)},
    "planned, breaking a check that": {
        "checks": (msgspec.structs.replace(CHECK, severity="warning"),)
    },
    "blocked": {},
}


def rows() -> list[tuple[str, ...]]:
    """Return the table's rows as texts."""
    found = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in DOCS.read_text().splitlines()
        if line.count("|") == 8 and not line.startswith(("| the event is", "|---"))
    ]
    assert len(found) == len(STATES)
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
@pytest.mark.parametrize("mode", MODES)
def test_the_documented_disposition_is_the_one_given(row: tuple[str, ...], mode: str) -> None:
    """Each state under each mode: disposition, code and lane; the other mode is off."""
    label, governed, *dispositions, code, lane = row
    (key,) = (key for key in STATES if f"{label} |".startswith(key))
    state = STATES[key]
    modes = {name: mode if name in governed else "off" for name in ("validation", "allow_list")}
    settings = app_resource("shop", **modes, blocked=["e"] if key == "blocked" else [])
    resources: list[Resource] = [settings, key_resource("k", "shop")]
    if state is not None:
        given = {"grade": "P0", "properties": TOTAL} | state
        resources.append(event_resource(EventSpec(app="shop", event="e", **given)))
    collector = CollectorState(partitions=4, new_id=lambda: "made")
    after = Snapshot.of(1, resources)
    assert collector.take(after, after.delta_from(None)) == {}
    admitter = collector.admitter("k")
    assert admitter is not None
    body = b'{"events": [{"id": "1", "event": "e", "what": {"total": -1.5}}]}'
    round_ = Round()
    (outcome,) = admitter.admit(parse(body, Limits()), NOW, round_)
    assert outcome.disposition == dispositions[MODES.index(mode)].strip("`")
    codes = re.findall(r"`(\w+)`", code)
    if outcome.violations:
        assert codes[0] in {violation.code for violation in outcome.violations}
    else:
        assert mode == "off" or not codes
    if outcome.disposition != "dropped":
        ((topic, _), (message,)) = next(iter(round_.messages().items()))
        if topic == dirty.TOPIC:
            (grade,) = (event.grade for event in dirty.decode(message))
        else:
            grade = Frame.decode(message).grade
        assert grade == ("P2" if lane == "P2" else "P0")


def test_an_event_is_planned_to_the_end_of_its_last_day() -> None:
    """UTC."""
    assert end_of("1970-01-01") == DAY_MS
    assert end_of(None) > 1 << 60
