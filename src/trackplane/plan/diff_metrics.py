"""What differs between two metrics, and metrics that measure something else because their event does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from trackplane.plan.changes import Change, PartChange, gravest, in_order
from trackplane.plan.diff_shapes import neutral
from trackplane.plan.model import Metric

_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_PATH: Final = re.compile(r"(?<![\w.])(?:who|when|where|how|what)(?:\.\w+)+")
_MEANING: Final = (
    ("of", "event"), ("measure", "measure"), ("where", "filter"), ("unit", "unit"),
)  # fmt: skip
_WORDS: Final = ("title", "description", "owner", "tags")


def metric_changed(before: Metric, after: Metric) -> Iterator[Change]:
    """Give what differs between two metrics: another meaning is breaking."""
    for field, word in _MEANING:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield Change(
                kind="changed",
                field=field,
                compatibility="breaking",
                message=f"it has another {word}, so its figures are not what they were",
                before=old,
                after=new,
            )
    for field in _WORDS:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield neutral(
                "", field, f"it has {'other' if field == 'tags' else 'another'} {field}", old, new
            )


def paths_read(metric: Metric) -> set[str]:
    """Return the property paths that a metric's texts name."""
    text = _TEXT.sub(" ", f"{metric.measure} {metric.where or ''}")
    return set(_PATH.findall(text))


def metrics_affected(
    metrics: Iterable[Metric], events: Mapping[str, PartChange]
) -> Iterator[PartChange]:
    """Give the metrics whose figures change with their event, ``events`` being those that differ.

    A metric is affected by what changes of a property it reads, and by all that makes fewer events
    count: a removed or renamed event, a constraint, a check.
    """
    for metric in metrics:
        event = events.get(metric.of)
        if event is not None:
            changes = in_order(_affecting(metric, event))
            if changes:
                yield PartChange(
                    section="metrics",
                    name=metric.name,
                    kind="affected",
                    compatibility=gravest(change.compatibility for change in changes),
                    changes=changes,
                )


def _affecting(metric: Metric, event: PartChange) -> Iterator[Change]:
    if event.kind in ("removed", "renamed"):
        yield Change(
            kind="affected",
            compatibility="breaking",
            message=f"its event {metric.of} is {'gone' if event.kind == 'removed' else 'renamed'}",
        )
        return
    read = paths_read(metric)
    for change in event.changes:
        path, was = change.path, change.was or change.path
        touched = change.kind != "moved" and any(
            _touches(each, name) for each in read for name in (path, was) if name
        )
        if touched and change.compatibility != "neutral":
            message = f"it reads what changes in {metric.of}: {change.message}"
        elif change.compatibility == "narrowing" and change.field not in ("grade", "deprecated"):
            message = f"fewer events of {metric.of} may count: {change.message}"
        elif change.field == "removed" and change.compatibility == "breaking":
            message = f"its event {metric.of} is removed"
        else:
            continue
        yield msgspec.structs.replace(change, kind="affected", message=message)


def _touches(read: str, changed: str) -> bool:
    """Say whether two paths are the same, or one is inside the other."""
    one, other = read.split("."), re.sub(r"\[\]|\{\}", "", changed).split(".")
    short = min(len(one), len(other))
    return one[:short] == other[:short]
