"""A raw-store worker to be killed and paused: `python fault_worker.py <data> <member> <seed>`.

It leases partitions, stores what it reads, compacts now and then, and ends by itself when `stop`
stands in the data folder and nothing is left to read.
"""

import random
import sys
import time
from pathlib import Path

from trackplane.errors import ConflictError, TrackplaneError
from trackplane.lake.compact import Compactor
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import CompactionSettings, RawStoreSettings
from trackplane.lake.writer import RawStore
from trackplane.queue.disk import DiskQueue

LEASE_MS = 500
PARTITIONS = [
    ("events.p1", 0),
    ("events.p1", 1),
    ("events.p2", 0),
    ("events.p2", 1),
    ("dirty", 0),
    ("ledger", 0),
]


def clock():
    return time.time_ns() // 1_000_000


def main(data, member, seed):
    chance = random.Random(seed)
    queue = DiskQueue(data / "queue", clock=clock)
    manifest = Manifest(data / "lake" / "manifest.db", clock)
    settings = RawStoreSettings(row_group_rows=50, merge_runs=4)
    store = RawStore(manifest, data / "lake", clock, settings)
    compactor = Compactor(
        manifest,
        clock,
        CompactionSettings(min_files=3, merge_files=2, grace_ms=1500, memory_mb=128, lease_ms=2000),
    )
    positions = {}
    while True:
        leased = set(queue.lease("raw", member, PARTITIONS, clock(), LEASE_MS))
        lost = positions.keys() - leased
        store.drop(lost)
        for partition in lost:
            del positions[partition]
        positions.update(store.assign(leased - positions.keys()))
        idle = True
        try:
            for partition, offset in list(positions.items()):
                batch = queue.read(*partition, offset, max_bytes=chance.randrange(1, 20_000))
                for message in batch.messages:
                    store.add(*partition, message.offset, message.data)
                idle &= not batch.messages
                positions[partition] = batch.next
            if chance.random() < 0.5 or idle:
                for partition in store.flush().lost:
                    del positions[partition]
            if chance.random() < 0.1:
                compactor.run()
        except ConflictError:
            pass
        except TrackplaneError as error:
            print(error, file=sys.stderr)
            store.drop(list(positions))
            positions.clear()
        if idle:
            ends = {p: queue.info(*p).end for p in PARTITIONS}
            if (data / "stop").exists() and all(
                manifest.committed("raw").get(p, 0) == end for p, end in ends.items()
            ):
                return
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
