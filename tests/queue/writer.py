"""A process that appends from several threads and prints what was acknowledged, until it is killed."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import zlib
from pathlib import Path

from trackplane.queue.disk import DiskQueue
from trackplane.queue.settings import DiskQueueSettings

PARTITIONS = 3


def work(queue: DiskQueue, life: str, thread: int) -> None:
    for turn in itertools.count():
        entries = {
            ("lane", (thread + n) % PARTITIONS): [
                f"{life} {thread} {turn} {n} {m} ".encode() + bytes(turn % 700) for m in range(2)
            ]
            for n in range(2)
        }
        offsets = queue.append(entries)
        lines = [
            f"{partition[1]} {offsets[partition] + m} {zlib.crc32(data)}\n"
            for partition, messages in entries.items()
            for m, data in enumerate(messages)
        ]
        os.write(1, "".join(lines).encode())  # one write: whole or not at all


queue = DiskQueue(
    Path(sys.argv[1]), clock=lambda: 1, settings=DiskQueueSettings(segment_bytes=50_000)
)
threads = [threading.Thread(target=work, args=(queue, sys.argv[2], n)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
