"""How deliveries stand: what the workers tell of each sink, added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from trackplane.control.wire import NodeStatus, SinkState, SinkStatus
from trackplane.discovery import Snapshot
from trackplane.rules import ir

_WORST: Final[tuple[SinkState, ...]] = ("ok", "retrying", "paused")
_COUNTS: Final = ("delivered", "refused", "waiting", "failures")


def sinks_of(snapshot: Snapshot) -> dict[str, ir.Dataset]:
    """Return the datasets that are delivered, by name."""
    datasets = (ir.decode_dataset(resource.body) for resource in snapshot.of_kind("dataset"))
    return {dataset.name: dataset for dataset in datasets if dataset.kind != "table"}


def sink_states(snapshot: Snapshot, nodes: Iterable[NodeStatus]) -> list[SinkStatus]:
    """Return each sink's state over all workers; counts are since each worker started."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for node in nodes:
        if node.connected:
            for one in node.stats.get("sinks") or ():
                told.setdefault(str(one["dataset"]), []).append(one)
    found = []
    for name, dataset in sorted(sinks_of(snapshot).items()):
        some = told.get(name, [])
        worst = max(some, key=lambda one: _WORST.index(one["state"]), default=None)
        found.append(
            SinkStatus(
                dataset=name,
                connector=dataset.connector or "topic",
                state=worst["state"] if worst else "absent",
                error=str(worst.get("error") or "") if worst else "",
                since=worst.get("since") if worst else None,
                **{count: sum(int(one[count]) for one in some) for count in _COUNTS},
            )
        )
    return found
