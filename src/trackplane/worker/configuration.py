"""A worker's configuration: discovery's resources compiled into a ruleset, swapped by reference."""

from __future__ import annotations

import asyncio

import msgspec

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.source import Rejections, ResourceKey
from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.rules.ir import Dataset, decode_dataset


class WorkerConfiguration:
    """Compiles each state off the hot path and hands the engine one new reference."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ruleset = Ruleset.empty()
        self.datasets: dict[str, Dataset] = {}

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Take a new state over; what does not compile is rejected and absent."""
        return await asyncio.to_thread(self._apply, snapshot, delta)

    def _apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        rejected: dict[ResourceKey, str] = {}
        datasets = self._datasets(snapshot, delta, rejected)
        changed = {r.name: r.body for r in delta.changed if r.kind == "rule"}
        removed = [name for kind, name in delta.removed if kind == "rule"]
        if not delta.start:
            self._ruleset = Ruleset.empty()
        if datasets is not self.datasets:
            # A rule whose dataset came or went is looked at again, changed or not.
            changed = {r.name: r.body for r in snapshot.of_kind("rule")}
        self._ruleset, refused = self._ruleset.apply(
            snapshot.number, changed=changed, removed=removed, datasets=datasets
        )
        rejected |= {("rule", name): text for name, text in refused.items()}
        self.datasets = datasets
        self._engine.ruleset = self._ruleset
        return rejected

    def _datasets(
        self, snapshot: Snapshot, delta: Delta, rejected: dict[ResourceKey, str]
    ) -> dict[str, Dataset]:
        touched = any(r.kind == "dataset" for r in delta.changed)
        touched = touched or any(kind == "dataset" for kind, _ in delta.removed)
        if delta.start and not touched:
            return self.datasets
        found: dict[str, Dataset] = {}
        for resource in snapshot.of_kind("dataset"):
            try:
                found[resource.name] = decode_dataset(resource.body)
            except msgspec.MsgspecError as error:
                rejected[resource.key] = str(error)
        return found
