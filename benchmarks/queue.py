"""Appends of the disk queue beside bare write + fdatasync of the same bytes in the same rounds.

The bound does what a round costs at the least: one write a batch, one fdatasync a touched file, files
synced by as many threads. A shared disk's speed drifts several-fold within seconds, so the two take
turns call by call. Prints one JSON row a case; afterwards the queue is read and must hold every
message. About 12 s. Run it as a module (`python -m benchmarks.queue`): as a script it would hide the
standard library's `queue`.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from trackplane.queue import TopicSpec
from trackplane.queue.disk import DiskQueue
from trackplane.queue.settings import DiskQueueSettings

SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "3.5"))
PARTITIONS = 16
EVENTS = 64  # of about 1 KB each in a batch of 64 KB
BATCH = os.urandom(64 * 1024)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Bare:
    """What a round costs at the least."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._pool = ThreadPoolExecutor(DiskQueueSettings().sync_threads)
        self._files = [
            os.open(folder / str(n), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for n in range(PARTITIONS)
        ]

    def append(self, partitions: int, batches: int) -> None:
        files = self._files[:partitions]
        for number in range(batches):
            os.write(files[number % partitions], BATCH)
        if partitions == 1:
            os.fdatasync(files[0])
        else:
            list(self._pool.map(os.fdatasync, files))


class Total:
    """What one side of a case has taken so far."""

    def __init__(self) -> None:
        self.batches, self.cpu, self.wall = 0, 0.0, 0.0

    def add(self, work: Callable[[], None], batches: int) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall
        self.batches += batches


def row(case: str, subject: str, total: Total, bound: Total | None) -> None:
    ratio = None
    if bound is not None:
        ratio = round(total.batches / total.wall / (bound.batches / bound.wall), 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "benchmark": "queue",
                "case": case,
                "subject": subject,
                "events": total.batches * EVENTS,
                "cpu_s": round(total.cpu, 3),
                "wall_s": round(total.wall, 3),
                "peak_mb": round(peak, 1),
                "ratio": ratio,
                "ratio_to": None if bound is None else "bare write + fdatasync",
            }
        ),
        flush=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        queue = DiskQueue(Path(folder) / "queue", clock=now_ms)
        queue.ensure_topics([TopicSpec(name="lane", partitions=PARTITIONS, retention_ms=None)])
        bare = Bare(Path(folder) / "bare")
        pool = ThreadPoolExecutor(16)
        appended = 0

        def append_all(partitions: int) -> None:
            queue.append({("lane", n): [BATCH] for n in range(partitions)})

        def append_by_threads(_: int) -> None:
            list(pool.map(lambda _: queue.append({("lane", 0): [BATCH]}), range(16)))

        cases = [
            ("append 64 KB, 1 partition", 1, 1, append_all),
            ("append 64 KB to each of 16 partitions", 16, 16, append_all),
            ("16 threads, 64 KB each, 1 partition", 1, 16, append_by_threads),
        ]
        for case, partitions, batches, work in cases:
            bound, ours = Total(), Total()
            queue.append({("lane", n): [] for n in range(partitions)})
            while bound.wall + ours.wall < SECONDS:
                bound.add(partial(bare.append, partitions, batches), batches)
                ours.add(partial(work, partitions), batches)
            appended += ours.batches
            row(case, "bare write + fdatasync", bound, None)
            row(case, "trackplane disk queue", ours, bound)

        def read() -> None:
            for partition in range(PARTITIONS):
                offset = 0
                while (batch := queue.read("lane", partition, offset)).messages:
                    assert all(message.data == BATCH for message in batch.messages)
                    offset = batch.next
            ends = queue.ends([("lane", n) for n in range(PARTITIONS)])
            assert sum(ends.values()) == appended

        reading = Total()
        reading.add(read, appended)
        row("read all, compared", "trackplane disk queue", reading, None)
        queue.close()


if __name__ == "__main__":
    main()
