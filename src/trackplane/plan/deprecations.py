"""Deprecated events and what replaces them: that it is there, and that the way ends somewhere."""

from __future__ import annotations

from collections.abc import Mapping

from trackplane.errors import did_you_mean
from trackplane.plan.model import EventSpec
from trackplane.plan.report import Report


def check_replacements(
    replaced: Mapping[str, str], events: Mapping[str, EventSpec], report: Report
) -> None:
    """Report replacements that lead in a circle; warn of those that are not planned or removed.

    ``replaced`` maps deprecated events to what replaces them.
    """
    for name, instead in replaced.items():
        path = ("events", name, "deprecated")
        target = events.get(instead)
        if target is None:
            report.add(
                "unknown_event", f"{name!r} is replaced by {instead!r}, which is not planned", path,
                hint=did_you_mean(instead, events), severity="warning",
            )  # fmt: skip
        elif target.removed:
            report.add(
                "unknown_event", f"{name!r} is replaced by {instead!r}, which is removed", path,
                severity="warning",
            )  # fmt: skip
        way = [name]
        while way[-1] in replaced and len(way) <= len(replaced):
            way.append(replaced[way[-1]])
            if way[-1] == name:
                report.add(
                    "replacement_cycle", f"it is replaced by itself: {' > '.join(way)}", path,
                    hint="say what to send in the end",
                )  # fmt: skip
                break
            if way[-1] in way[:-1]:
                break  # a circle further on: reported there
