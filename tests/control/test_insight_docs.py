"""What docs/trust.md, docs/impact.md and docs/metrics.md say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from trackplane.control.insight import (
    impact,
    impact_replay,
    impact_volume,
    observations,
    pictures,
    trust,
)
from trackplane.control.insight.insight_values import MOST
from trackplane.control.insight.metrics import words
from trackplane.control.insight.trust import EventFacts, event_trust, metric_trust
from trackplane.lake import census, sample
from trackplane.plan.load import load_plan
from trackplane.plan.model import EventSpec, Metric

DOCS = Path(__file__).parents[2] / "docs"


def text(name: str) -> str:
    """Return a page's text."""
    return (DOCS / name).read_text(encoding="utf-8")


def table(page: str, heading: str) -> dict[str, int]:
    """Return the points that a page gives to criteria."""
    part = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {code: int(points) for code, points in re.findall(r"\| `(\w+)` \| (\d+) \|", part)}


def test_the_criteria_of_trust_are_those_documented() -> None:
    """Names and points, of events and of metrics; both add up to 100."""
    facts = EventFacts(
        now=0, last_at=None, first_at=None, valid_share=None, week=0, week_before=0,
        consumers=0, reviewed=None,
    )  # fmt: skip
    event = event_trust(EventSpec(app="a", event="e"), facts)
    metric = Metric(name="m", of="e", measure="count()")
    of = metric_trust(metric, event, findings=0, has_value=None, consumers=0)
    for heading, found in (("Events", event), ("Metrics", of)):
        points = {each.code: each.of for each in found.criteria}
        assert points == table(text("trust.md"), heading)
        assert sum(points.values()) == 100


@pytest.mark.parametrize(
    ("share", "days", "level"),
    [
        (1.0, 0, "high"),
        (0.985, 0, "medium"),
        (0.89, 0, "low"),
        (1.0, 8, "medium"),
        (None, 31, "low"),
    ],
)
def test_the_gravest_fact_caps_the_level(share: float | None, days: int, level: str) -> None:
    """Whatever else is well."""
    day = 86_400_000
    spec = EventSpec(
        app="a", event="e", owner="team:a", title="T", description="D", trigger="T",
    )  # fmt: skip
    facts = EventFacts(
        now=100 * day, last_at=(100 - days) * day, first_at=0, valid_share=share, week=10,
        week_before=10, consumers=1, reviewed=True,
    )  # fmt: skip
    assert event_trust(spec, facts).level == level


def test_the_bounds_are_those_documented() -> None:
    """A number that the code changes is changed in the page."""
    trusted, checked = text("trust.md"), text("impact.md")
    assert f"**high**: {trust.HIGH} or more" in trusted
    assert f"**medium**: {trust.MEDIUM} or more" in trusted
    assert (
        f"{100 * trust.VALID:.0f} % of what arrived in the last {trust.FRESH_DAYS} days" in trusted
    )
    assert f"with less than {100 * trust.BROKEN:.0f} % valid" in trusted
    assert f"not seen for {trust.SILENT_DAYS} days, low" in trusted
    assert f"up to {pictures.MAX_BYTES // 1024 // 1024} MB and" in trusted
    assert f"{pictures.MAX_PIXELS // 1_000_000} million pixels" in trusted
    assert f"up to {MOST:,} stored events" in trusted
    assert (
        f"{impact.BUDGET_S:.0f} s and the newest {sample._MOST_ROWS // 10**6} million rows"
        in checked
    )
    assert f"`--events` how much of it at most ({impact.EVENTS:,})" in checked
    assert f"gives up to {sample._LEAST} events first" in checked
    assert f"in {impact_volume.DAYS} days" in checked
    assert f"at least {impact_volume._LEAST}" in checked
    assert f"(the first {impact_volume.MOST_NEW} of a change)" in checked
    assert f"among the {impact_volume._MOST_OLD:,} busiest" in checked
    assert f"stays counted for {observations._KEPT_DAYS} days" in checked
    assert f"over {census._MOST_KEYS:,} combinations" in checked
    assert impact_replay.LIVE >= 1_000


def test_the_example_of_a_metric_is_a_metric() -> None:
    """It loads, and reads as a sentence."""
    (example,) = re.findall(r"```yaml\n(.+?)```", text("metrics.md"), re.DOTALL)
    plan = {
        "format": 1,
        "app": "shop",
        "events": {"order_pay": {"what": {"total": {"type": "number"}}}},
    }
    loaded = load_plan(yaml.safe_dump(plan) + example)
    assert words(loaded.metrics["revenue"], loaded.events["order_pay"]) == (
        "Sum(what.total) over order_pay events for which what.total > 0.0, in SGD."
    )
