"""Metrics as written; what their texts mean is for ``rules.metrics``, above this layer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from trackplane.errors import did_you_mean
from trackplane.plan.model import Metric
from trackplane.plan.names import fault_of
from trackplane.plan.report import Path, Report
from trackplane.plan.vocabularies import owner_fault

METRIC_KEYS: Final = (
    "title", "description", "unit", "owner", "tags", "of", "measure", "where",
)  # fmt: skip


def read_metric(name: str, raw: Any, report: Report) -> Metric | None:
    """Return a metric, reporting what is wrong with it."""
    path: Path = ("metrics", name)
    fault = fault_of(name, dotted=False)
    if fault is not None:
        report.add("name", fault[0], path, hint=fault[1])
    if not isinstance(raw, dict):
        report.add("shape", "a metric is a mapping", path)
        return None
    report.keys(raw, METRIC_KEYS, path)
    of, measure = report.text(raw, "of", path), report.text(raw, "measure", path)
    if not of or not measure:
        if not raw.get("of") or not raw.get("measure"):
            report.add(
                "metric", "a metric needs `of` (an event) and `measure`", path,
                hint="{of: order_pay, measure: count()}",
            )  # fmt: skip
        return None
    owner = report.text(raw, "owner", path)
    wrong = owner_fault(owner) if owner is not None else None
    if wrong is not None:
        report.add("owner", wrong[0], (*path, "owner"), hint=wrong[1])
    return Metric(
        name=name,
        of=of,
        measure=measure,
        where=report.text(raw, "where", path),
        unit=report.text(raw, "unit", path),
        title=report.words(raw, "title", path),
        description=report.words(raw, "description", path),
        owner=owner,
        tags=report.texts(raw, "tags", path),
    )


def check_event(metric: Metric, events: Collection[str], report: Report) -> None:
    """Report a metric of an event that is not planned."""
    if metric.of not in events:
        report.add(
            "unknown_event", f"there is no event {metric.of!r}", ("metrics", metric.name, "of"),
            hint=did_you_mean(metric.of, events),
        )  # fmt: skip
