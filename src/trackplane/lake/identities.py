"""Identity runs: a partition's deduplication state, kept beside the positions it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trackplane.lake.commit import IdentityRun, Partition
from trackplane.lake.parquet import FreshFiles

Mask = npt.NDArray[np.bool_]


class PartitionIdentities:
    """What a partition has seen, and which committed runs hold it."""

    def __init__(self) -> None:
        self._seen: dict[int, set[int]] = {}
        self._pending: list[npt.NDArray[np.uint64]] = []
        self._newest = 0

    @classmethod
    def load(
        cls, folder: Path, runs: Sequence[IdentityRun], *, max_ids: int, window_ms: int
    ) -> PartitionIdentities:
        """Return the state that runs hold."""
        del max_ids, window_ms
        self = cls()
        for run in runs:
            with (folder / run.path).open("rb") as file:
                file.seek(run.offset)
                data = np.frombuffer(file.read(run.length), "<u8").reshape(-1, 2)
            self.admit(data, 0, run.newest_ms)
        self._pending.clear()
        return self

    def admit(
        self, identities: npt.NDArray[np.uint64], offset: int, received: int
    ) -> tuple[Mask, Mask]:
        """Return which to keep, and which of them reuse a known id."""
        del offset
        keep = np.ones(len(identities), bool)
        reused = np.zeros(len(identities), bool)
        for n, (a, b) in enumerate(identities.tolist()):
            known = self._seen.setdefault(a, set())
            if b in known:
                keep[n] = False
            elif known:
                reused[n] = True
            known.add(b)
        self._pending.append(identities[keep])
        self._newest = max(self._newest, received)
        return keep, reused

    def committed(self) -> None:
        """Note that what was written is committed."""
        self._pending.clear()


def write_runs(
    files: FreshFiles, partitions: Mapping[Partition, PartitionIdentities], *, merge_at: int
) -> tuple[list[IdentityRun], list[tuple[str, int]]]:
    """Write what partitions saw since their last commit; return the runs, and those they replace."""
    del merge_at
    blobs: list[bytes] = []
    runs: list[tuple[str, int, int, int, int, int]] = []
    at = 0
    for (topic, partition), state in partitions.items():
        parts = [p for p in state._pending if len(p)]
        if not parts:
            continue
        data = np.concatenate(parts).astype("<u8").tobytes()
        runs.append((topic, partition, at, len(data), len(data) // 16, state._newest))
        at += len(data)
        blobs.append(data)
    if not runs:
        return [], []
    path = files.blob("identities", b"".join(blobs))
    return [
        IdentityRun(topic=t, partition=p, path=path, offset=o, length=n, count=c, newest_ms=m)
        for t, p, o, n, c, m in runs
    ], []
