"""Scripts between the engine and the commit: rows that wait for one become rows or dirty events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.source import ConfigurationConsumer, Rejections, ResourceKey
from trackplane.engine.outputs import Outputs
from trackplane.rules.ir import Dataset, ScriptText
from trackplane.scripts.pool import OUTPUT, REFUSED, Result, ScriptFailure, ScriptPool
from trackplane.scripts.rows import RowShape
from trackplane.scripts.telemetry import ScriptStatistics

_script: Final = msgspec.json.Decoder(ScriptText)


class Scripts(ConfigurationConsumer):
    """The scripts in force, and their processes. ``process`` may be called from several threads."""

    def __init__(self, pool: ScriptPool) -> None:
        self._pool = pool
        self._shapes: dict[str, tuple[Dataset, RowShape]] = {}

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Take scripts over; each is rejected where none may run."""
        return await asyncio.to_thread(self._apply, snapshot, delta)

    def _apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        touched = any(resource.kind == "script" for resource in delta.changed)
        touched = touched or any(kind == "script" for kind, _ in delta.removed)
        if delta.start and not touched:
            return {}
        rejected: dict[ResourceKey, str] = {}
        scripts: dict[str, ScriptText] = {}
        for resource in snapshot.of_kind("script"):
            try:
                scripts[resource.name] = _script.decode(resource.body)
            except msgspec.MsgspecError as error:
                rejected[resource.key] = str(error)
        self._pool.configure(scripts)
        refusal = self._pool.refusal() if scripts else None
        if refusal is not None:
            rejected |= {("script", name): refusal for name in scripts}
        return rejected

    def process(self, outputs: Outputs, datasets: Mapping[str, Dataset]) -> None:
        """Run every script that rows wait for; its answers become rows, its failures dirty events."""
        for script, waiting in outputs.scripts.items():
            results = self._pool.run(script, waiting.data)
            answers = self._checked(results, waiting.target, datasets)
            for row, answer in enumerate(answers):
                if isinstance(answer, ScriptFailure):
                    outputs.refused(script, row, answer.code, answer.message)
                elif answer:
                    outputs.answered(script, row, answer)

    def statistics(self) -> Mapping[str, ScriptStatistics]:
        """Return what each script did."""
        return self._pool.statistics()

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def _checked(
        self, results: Sequence[Result], targets: Sequence[str], datasets: Mapping[str, Dataset]
    ) -> list[list[bytes] | ScriptFailure]:
        """Hold each result's rows against its dataset, most of them at once."""
        rows_of = [() if isinstance(result, ScriptFailure) else result for result in results]
        if len(set(targets)) == 1 and targets[0] in datasets:
            together = self._shape(datasets[targets[0]]).all_rows(
                [row for rows in rows_of for row in rows]
            )
            if together is not None:
                ready = iter(together)
                return [
                    result
                    if isinstance(result, ScriptFailure)
                    else [next(ready) for _ in range(len(result))]
                    for result in results
                ]
        return [
            self._one(result, target, datasets)
            for result, target in zip(results, targets, strict=True)
        ]

    def _one(
        self, result: Result, target: str, datasets: Mapping[str, Dataset]
    ) -> list[bytes] | ScriptFailure:
        if isinstance(result, ScriptFailure):
            return result
        dataset = datasets.get(target)
        if dataset is None:
            return ScriptFailure(REFUSED, f"there is no dataset {target}")
        try:
            return self._shape(dataset).rows(result)
        except ValueError as error:
            return ScriptFailure(OUTPUT, str(error))

    def _shape(self, dataset: Dataset) -> RowShape:
        known = self._shapes.get(dataset.name)
        if known is None or known[0] != dataset:
            known = self._shapes[dataset.name] = (dataset, RowShape(dataset))
        return known[1]
