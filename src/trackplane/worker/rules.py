"""The rules as a stage: frames through the engine into tables, exactly once by the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import structlog

from trackplane import replay
from trackplane.engine.engine import Engine
from trackplane.errors import CorruptionError
from trackplane.frame import Frame
from trackplane.lake.tables import TableCommitter
from trackplane.queue import Batch
from trackplane.rules.ir import Dataset
from trackplane.worker.consumer import Partition, Stage
from trackplane.worker.replays import Replays
from trackplane.worker.scripts import Scripts
from trackplane.worker.shadows import Shadows

_log = structlog.get_logger(__name__)


class RulesStage(Stage):
    """Deduplicates, runs the ruleset in force, and commits outputs with positions and its number.

    A partition that was processed under a higher number than the one here is not taken yet.
    ``datasets`` returns those of the ruleset in force; ``scripts``
    run what rules hand to them; ``shadows`` look on. ``replays`` takes
    the topic ``replay``, where it is among the partitions.
    """

    def __init__(
        self,
        engine: Engine,
        committer: TableCommitter,
        *,
        datasets: Callable[[], Mapping[str, Dataset]],
        scripts: Scripts,
        shadows: Shadows | None = None,
        replays: Replays | None = None,
    ) -> None:
        self.group = committer.group
        self._engine = engine
        self._committer = committer
        self._datasets = datasets
        self._scripts = scripts
        self._shadows = shadows
        self._replays = replays
        self._number = 0
        self._columns: Mapping[str, Dataset] = {}
        self._committed: dict[Partition, int] = {}
        self._lost: list[Partition] = []

    def assign(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Take over partitions whose last ruleset number is not above the one here.

        None while there is no configuration at all: events wait in the queue rather than pass
        under no rules.
        """
        number = self._engine.ruleset.number
        return self._committer.assign(partitions, number) if number else {}

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and what of theirs is not committed."""
        self._committer.drop(partitions)

    def process(self, partition: Partition, batch: Batch) -> int:
        """Run the ruleset over what was read."""
        datasets = self._datasets()
        if datasets is not self._columns:
            # What waits was made for the columns of before: it is committed with those, and before
            # anything of this batch is admitted, whose identities must not be committed yet.
            self._commit()
            self._columns = datasets
            if partition in self._lost:
                return 0
        if partition[0] == replay.TOPIC and self._replays is not None:
            return self._replay(self._replays, partition, batch)
        items = []
        for message in batch.messages:
            try:
                frame = Frame.decode(message.data)
            except CorruptionError as error:
                # The raw store keeps it aside and counts it; the rules have nothing to say to it.
                _log.error("frame_unreadable", partition=partition, error=str(error))
                continue
            items.append((frame, self._committer.admit(partition, frame)))
        outputs = self._engine.process(items)
        self._scripts.process(outputs, datasets)
        self._number = outputs.number
        self._committer.add(partition, batch.next - 1, outputs)
        if self._shadows is not None:
            self._shadows.process(items)
        return sum(len(frame) for frame, _ in items)

    def _replay(self, replays: Replays, partition: Partition, batch: Batch) -> int:
        events = 0
        for message in batch.messages:
            if self._number == 0:
                self._number = self._engine.ruleset.number
            try:
                given = replay.decode(message.data)
                frame = Frame.decode(given.frame) if given.frame else None
            except CorruptionError as error:
                _log.error("replay_unreadable", partition=partition, error=str(error))
                self._committer.skip(partition, message.offset + 1)
                continue
            if frame is None:
                # Rows that this or another replay put out must be there before they are looked for.
                self._commit()
                if partition in self._lost:
                    return events
                replays.erase(given)
                self._committer.skip(partition, message.offset + 1)
                continue
            outputs = replays.run(given, frame, self._committer.admit(partition, frame))
            self._number = outputs.number
            self._committer.add(partition, message.offset, outputs)
            events += len(frame)
        return events

    def flush(self) -> tuple[Mapping[Partition, int], Sequence[Partition]]:
        """Write tables and commit."""
        self._commit()
        committed, lost = self._committed, self._lost
        self._committed, self._lost = {}, []
        return committed, lost

    def _commit(self) -> None:
        result = self._committer.flush(self._columns, self._number)
        self._committed.update(result.positions)
        self._lost += result.lost

    def statistics(self) -> Mapping[str, object]:
        """Return the engine's figures."""
        found: Mapping[str, object] = msgspec.to_builtins(self._engine.statistics())
        return found
