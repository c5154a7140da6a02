"""Identity runs: a partition's deduplication state, committed with the positions it belongs to.

A flush writes one file with a run for each partition that saw something new. Runs are merged when
a partition has many, and let go when the window has passed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trackplane.engine.dedup import Deduplicator, DedupSettings, Identities, Mask, Run
from trackplane.lake.commit import IdentityRun, LakeError, Partition
from trackplane.lake.parquet import FreshFiles

Place = tuple[str, int]  # path and offset of a run


class PartitionIdentities:
    """What a partition has seen, and which committed runs hold it."""

    def __init__(
        self,
        folder: Path,
        runs: Sequence[IdentityRun],
        settings: DedupSettings,
        merge_at: int,
    ) -> None:
        """Load the state that committed runs hold.

        Raises:
            LakeError: a run cannot be read.
        """
        self._folder = folder
        self._runs = list(runs)
        self._settings = settings
        self._merge_at = merge_at
        self._next = self._runs
        self._deduplicator = Deduplicator.load(
            [Run(_read(folder, run), run.newest_ms) for run in self._runs], settings
        )

    def admit(self, identities: Identities, newest_ms: int) -> tuple[Mask, Mask]:
        """Return which to keep, and which of those reuse a known id."""
        return self._deduplicator.admit(identities, newest_ms)

    def committed(self) -> None:
        """Note that what was written last is committed."""
        self._deduplicator.committed()
        self._runs = self._next

    def pending(self) -> tuple[Run | None, list[IdentityRun]]:
        """Return the run to be committed, and the runs it stands for or that the window passed."""
        run = self._deduplicator.pending()
        if run is None:
            return None, []
        oldest = run.newest_ms - self._settings.window_ms
        gone = [old for old in self._runs if old.newest_ms < oldest]
        kept = [old for old in self._runs if old.newest_ms >= oldest]
        if len(kept) < self._merge_at:
            return run, gone
        merged, total = kept[-self._merge_at // 2 :], run.count
        total += sum(old.count for old in merged)
        rest = kept[: -len(merged)]
        while rest and rest[-1].count <= total:
            merged.insert(0, rest.pop())
            total += merged[0].count
        data = b"".join(_read(self._folder, old) for old in merged) + run.data
        return Run(data, run.newest_ms), gone + merged

    def written(self, run: IdentityRun | None, replaced: Sequence[IdentityRun]) -> None:
        """Note which runs will hold the state once they are committed."""
        self._next = [old for old in self._runs if old not in replaced]
        if run is not None:
            self._next.append(run)


def write_runs(
    files: FreshFiles, partitions: Mapping[Partition, PartitionIdentities]
) -> tuple[list[IdentityRun], list[Place]]:
    """Write what partitions saw since their last commit; return the runs, and those they replace."""
    blobs: list[bytes] = []
    found: list[tuple[PartitionIdentities, Partition, Run | None, int, list[IdentityRun]]] = []
    offset = 0
    for partition, state in partitions.items():
        run, replaced = state.pending()
        found.append((state, partition, run, offset, replaced))
        if run is not None:
            blobs.append(run.data)
            offset += len(run.data)
    path = files.blob("identities", b"".join(blobs)) if blobs else ""
    runs: list[IdentityRun] = []
    places: list[Place] = []
    for state, (topic, number), run, start, replaced in found:
        places += [(old.path, old.offset) for old in replaced]
        entry = None
        if run is not None:
            entry = IdentityRun(
                topic=topic,
                partition=number,
                path=path,
                offset=start,
                length=len(run.data),
                count=run.count,
                newest_ms=run.newest_ms,
            )
            runs.append(entry)
        state.written(entry, replaced)
    return runs, places


def _read(folder: Path, run: IdentityRun) -> bytes:
    path = folder / run.path
    try:
        with path.open("rb") as file:
            file.seek(run.offset)
            data = file.read(run.length)
    except OSError as error:
        raise LakeError(f"{path}: {error}") from error
    if len(data) != run.length:
        raise LakeError(f"{path}: identity run at {run.offset} is cut short")
    return data
