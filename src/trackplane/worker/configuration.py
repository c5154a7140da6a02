"""A worker's configuration: discovery's resources compiled into a ruleset, swapped by reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.source import Rejections, ResourceKey
from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.rules.ir import Dataset, decode_dataset


class _Target(msgspec.Struct, frozen=True, gc=False):
    target: str


_target: Final = msgspec.json.Decoder(_Target)


def is_table(dataset: Dataset) -> bool:
    """Say whether the lake keeps a dataset; others are delivered by consumers of their own."""
    return dataset.kind == "table"


class WorkerConfiguration:
    """Compiles each state off the hot path and hands the engine one new reference.

    ``takes`` says which datasets this engine writes to: it runs the rules of those alone. A rule's
    targets are all tables, or one dataset that is none.
    """

    def __init__(self, engine: Engine, *, takes: Callable[[Dataset], bool] = is_table) -> None:
        self._engine = engine
        self._takes = takes
        self._ruleset = Ruleset.empty()
        self._snapshot = Snapshot()
        self.datasets: dict[str, Dataset] = {}

    def rules(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the bodies of those of these rules that are in force."""
        found = ((name, self._snapshot.get("rule", name)) for name in names)
        return {name: resource.body for name, resource in found if resource is not None}

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
        changed, elsewhere = self._taken(changed, datasets)
        self._ruleset, refused = self._ruleset.apply(
            snapshot.number, changed=changed, removed=[*removed, *elsewhere], datasets=datasets
        )
        rejected |= {("rule", name): text for name, text in refused.items()}
        self.datasets = datasets
        self._engine.ruleset = self._ruleset
        self._snapshot = snapshot
        return rejected

    def _taken(
        self, changed: Mapping[str, bytes], datasets: Mapping[str, Dataset]
    ) -> tuple[dict[str, bytes], list[str]]:
        """Return the rules to run here, and the names of those that another engine runs."""
        mine: dict[str, bytes] = {}
        elsewhere: list[str] = []
        for name, body in changed.items():
            try:
                dataset = datasets.get(_target.decode(body).target)
            except msgspec.MsgspecError:
                dataset = None  # the ruleset says what is wrong with it
            if dataset is None or self._takes(dataset):
                mine[name] = body
            else:
                elsewhere.append(name)
        return mine, elsewhere

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
