"""The rules as a stage: frames through the engine into tables, exactly once by the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from trackplane.engine.dedup import Deduplicator, DedupSettings, Run
from trackplane.engine.engine import Engine
from trackplane.errors import CorruptionError
from trackplane.frame import Frame
from trackplane.lake.commit import RULES
from trackplane.lake.tables import TableWriter
from trackplane.queue import Batch
from trackplane.worker.consumer import Partition, Stage

_log = structlog.get_logger(__name__)


class RulesStage(Stage):
    """Deduplicates, runs the ruleset in force, and commits outputs with positions and its number.

    A partition that was processed under a higher number than the one here is not taken yet.
    """

    def __init__(
        self, engine: Engine, writer: TableWriter, *, settings: DedupSettings | None = None
    ) -> None:
        self.group = RULES
        self._engine = engine
        self._writer = writer
        self._settings = settings
        self._seen: dict[Partition, Deduplicator] = {}

    def assign(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Take over partitions whose last ruleset number is not above the one here."""
        number = self._engine.ruleset.number
        starts: dict[Partition, int] = {}
        for partition, state in self._writer.assign(partitions, ruleset=number).items():
            runs = [Run(run.data, run.newest_ms) for run in state.runs]
            self._seen[partition] = Deduplicator.load(runs, self._settings)
            starts[partition] = state.start
        return starts

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and what of theirs is not committed."""
        gone = list(partitions)
        self._writer.drop(gone)
        for partition in gone:
            self._seen.pop(partition, None)

    def process(self, partition: Partition, batch: Batch) -> int:
        """Run the ruleset over what was read."""
        seen = self._seen[partition]
        items = []
        for message in batch.messages:
            try:
                frame = Frame.decode(message.data)
            except CorruptionError as error:
                # The raw store keeps it aside and counts it; the rules have nothing to say to it.
                _log.error("frame_unreadable", partition=partition, error=str(error))
                continue
            newest = max((upload.received for upload in frame.uploads), default=0)
            keep, _ = seen.admit(frame.identities, newest)
            items.append((frame, keep))
        number = self._engine.ruleset.number
        outputs = self._engine.process(items)
        self._writer.add(partition, batch.next, outputs, ruleset=number)
        return sum(len(frame) for frame, _ in items)

    def flush(self) -> tuple[Mapping[Partition, int], Sequence[Partition]]:
        """Write tables and commit."""
        runs = {p: run for p, seen in self._seen.items() if (run := seen.pending()) is not None}
        result = self._writer.flush({p: (run.data, run.newest_ms) for p, run in runs.items()})
        for partition in result.lost:
            self._seen.pop(partition, None)
        for partition in result.positions:
            self._seen[partition].committed()
        return result.positions, result.lost

    def statistics(self) -> Mapping[str, object]:
        """Return the engine's figures."""
        found: Mapping[str, object] = msgspec.to_builtins(self._engine.statistics())
        return found
