"""A worker's configuration: discovery's resources compiled into a ruleset, swapped by reference."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from trackplane.discovery import Delta, Snapshot, packed_of
from trackplane.discovery.source import Rejections, ResourceKey
from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.packed import unpack
from trackplane.rules.ir import Dataset, LookupTable, decode_dataset
from trackplane.rules.library.environment import NOTHING, Environment

_AT_ONCE: Final = 500  # more changed rules than these are verified bit by bit, afterwards
_VERIFIED: Final = 20  # between two looks at the clock


class _Target(msgspec.Struct, frozen=True, gc=False):
    target: str


_target: Final = msgspec.json.Decoder(_Target)


def is_table(dataset: Dataset) -> bool:
    """Say whether the lake keeps a dataset; others are delivered by consumers of their own."""
    return dataset.kind == "table"


class WorkerConfiguration:
    """Compiles each state off the hot path and hands the engine one new reference.

    ``takes`` says which datasets this engine writes to: it runs the rules of those alone. A rule's
    targets are all tables, or one dataset that is none. ``environment`` has the node's keys and geo
    database; lookup tables come with the states.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        takes: Callable[[Dataset], bool] = is_table,
        environment: Environment = NOTHING,
    ) -> None:
        self._engine = engine
        self._takes = takes
        self._environment = environment
        self._ruleset = Ruleset.empty()
        self._snapshot = Snapshot()
        self._refused: dict[str, str] = {}  # rules that are absent; a new dataset may change that
        self._unverified: Iterator[str] = iter(())
        self._changing = threading.Lock()
        self.datasets: dict[str, Dataset] = {}

    @property
    def environment(self) -> Environment:
        """Return what functions need here, with the lookup tables of the state in force."""
        return self._environment

    def rules(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the bodies of those of these rules that are in force."""
        found = ((name, self._snapshot.get("rule", name)) for name in names)
        return {name: resource.body for name, resource in found if resource is not None}

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Take a new state over; what does not compile is rejected and absent.

        Of a state of more than 500 changed rules only the shape is checked here: a rule that turns
        out not to compile later is left out and told in the engine's statistics (``broken``).
        """
        return await asyncio.to_thread(self._apply, snapshot, delta)

    def tend(self, budget_s: float = 0.25) -> None:
        """Verify some rules that were taken unseen, and plan the index anew where it is worth it.

        Call now and then, off the hot path.
        """
        with self._changing:
            until = time.monotonic() + budget_s
            while time.monotonic() < until:
                names = list(islice(self._unverified, _VERIFIED))
                if not names:
                    break
                self._ruleset.verify(names)
            planned = self._ruleset.replanned()
            if planned is not None:
                self._engine.ruleset = self._ruleset = planned

    def _apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        with self._changing:
            return self._change(snapshot, delta)

    def _change(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        rejected: dict[ResourceKey, str] = {}
        datasets = self._datasets(snapshot, delta, rejected)
        if delta.start:
            changed: Mapping[str, bytes] = {
                n: b for k, n, b in packed_of(delta.changed) if k == "rule"
            }
        else:
            changed = snapshot.packed("rule")
            self._ruleset, self._refused = Ruleset.empty(), {}
        removed = [name for kind, name in delta.removed if kind == "rule"]
        if delta.start and datasets is not self.datasets:
            changed = {**dict(self._again(snapshot, datasets)), **changed}
        changed, elsewhere = self._taken(changed, datasets)
        ruleset, refused = self._ruleset.apply(
            snapshot.number,
            changed=changed,
            removed=[*removed, *elsewhere],
            datasets=datasets,
            environment=self._tables(snapshot, delta, rejected),
        )
        for name in (*removed, *elsewhere, *(changed if self._refused else ())):
            self._refused.pop(name, None)
        self._refused |= refused
        rejected |= {("rule", name): text for name, text in refused.items()}
        if len(changed) > _AT_ONCE:
            self._unverified = iter(list(changed))
        self.datasets = datasets
        # The one moment at which the new state is in force: an attribute, read once a batch.
        self._engine.ruleset = self._ruleset = ruleset
        self._snapshot = snapshot
        return rejected

    def _again(
        self, snapshot: Snapshot, datasets: Mapping[str, Dataset]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the rules to look at again because datasets came, changed or went."""
        rules = snapshot.packed("rule")
        yield from ((name, rules[name]) for name in self._refused if name in rules)
        other = {name for name, was in self.datasets.items() if datasets.get(name) != was}
        if other:
            for name, body in rules.items():
                try:
                    if _target.decode(unpack(body)).target in other:
                        yield name, body
                except msgspec.MsgspecError:
                    continue  # refused already

    def _taken(
        self, changed: Mapping[str, bytes], datasets: Mapping[str, Dataset]
    ) -> tuple[Mapping[str, bytes], list[str]]:
        """Return the rules to run here, and the names of those that another engine runs."""
        if all(map(self._takes, datasets.values())):
            return changed, []
        mine: dict[str, bytes] = {}
        elsewhere: list[str] = []
        for name, body in changed.items():
            try:
                dataset = datasets.get(_target.decode(unpack(body)).target)
            except msgspec.MsgspecError:
                dataset = None  # the ruleset says what is wrong with it
            if dataset is None or self._takes(dataset):
                mine[name] = body
            else:
                elsewhere.append(name)
        return mine, elsewhere

    def _tables(
        self, snapshot: Snapshot, delta: Delta, rejected: dict[ResourceKey, str]
    ) -> Environment:
        """Return the environment with the state's lookup tables; those that did not change are kept."""
        changed = {r.name for r in delta.changed if r.kind == "table"} if delta.start else set()
        gone = {name for kind, name in delta.removed if kind == "table"}
        held = self._environment.tables if delta.start else {}
        if delta.start and not changed and not gone:
            return self._environment
        tables = {name: table for name, table in held.items() if name not in changed | gone}
        for resource in snapshot.of_kind("table"):
            if resource.name not in tables:
                try:
                    tables[resource.name] = msgspec.json.decode(resource.body, type=LookupTable)
                except msgspec.MsgspecError as error:
                    rejected[resource.key] = str(error)
        self._environment = msgspec.structs.replace(self._environment, tables=tables)
        return self._environment

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
