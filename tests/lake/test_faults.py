"""Workers killed at random, and one paused until it lost its partitions: every event exactly once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trackplane.event import partition_of
from trackplane.lake.compact import Compactor
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import CompactionSettings
from trackplane.queue import TopicSpec
from trackplane.queue.disk import DiskQueue

SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
WORKER = Path(__file__).with_name("fault_worker.py")


def now():
    return time.time_ns() // 1_000_000


class Platform:
    """A queue being filled, and workers; keeps its own account of what it sent."""

    def __init__(self, data, messages, seed):
        self.data = data
        self.messages = messages
        self.chance = random.Random(seed)
        self.queue = DiskQueue(data / "queue", clock=now)
        specs = [TopicSpec(name=f"events.p{n}", partitions=2) for n in (1, 2)]
        self.queue.ensure_topics([*specs, TopicSpec(name="dirty"), TopicSpec(name="ledger")])
        self.sent = Counter()
        self.dirty = Counter()
        self.refused = 0
        self.serial = 0
        self.workers = []

    def send(self, frames):
        """Append frames; some events are retries, some of them through another lane."""
        for _ in range(frames):
            grade = self.chance.choice(["P1", "P2"])
            events = []
            for _ in range(self.chance.randrange(1, 12)):
                if self.chance.random() < 0.85:
                    self.serial += 1
                    id_ = f"{self.serial}"
                else:
                    id_ = f"{self.chance.randrange(self.serial + 1)}"
                events.append((id_, "buy"))
                self.sent[id_] += 1
            partition = partition_of(events[0][0], 2)
            frame = self.messages.frame(*events, grade=grade, received=now())
            self.queue.append({(f"events.{grade.lower()}", partition): [frame]})
        ids = [f"d{self.chance.randrange(1000)}" for _ in range(3)]
        self.dirty.update(ids)
        self.refused += 7
        self.queue.append(
            {
                ("dirty", 0): [self.messages.dirty(*ids, received=now())],
                ("ledger", 0): [self.messages.entries(("", "refused", "hygiene", 7))],
            }
        )

    def start(self):
        member = f"w{len(self.workers)}"
        process = subprocess.Popen(
            [sys.executable, str(WORKER), str(self.data), member, str(self.chance.random())[2:8]],
            stderr=subprocess.PIPE,
        )
        self.workers.append(process)
        return process

    def stop(self):
        for process in self.workers:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stderr.close()
        self.queue.close()

    def drain(self):
        (self.data / "stop").touch()
        last = self.start()
        _, errors = last.communicate(timeout=90)
        assert last.returncode == 0, errors.decode()

    def check(self):
        """Compare what was sent with rows and ledger, before and after a last compaction."""
        manifest = Manifest(self.data / "lake" / "manifest.db", now)
        ids = [row["id"] for row in self.rows(manifest, "events")]
        assert set(ids) == set(self.sent)
        places = [
            (r["topic"], r["partition"], r["offset"], r["index"])
            for r in self.rows(manifest, "events")
        ]
        assert len(set(places)) == len(places)
        ledger = Counter()
        for entry in manifest.ledger():
            ledger[entry.kind] += entry.count
        transmitted = self.sent.total() + self.dirty.total() + self.refused
        outcomes = ("stored", "dirty", "deduplicated", "refused")
        assert ledger["stored"] == len(ids)
        assert ledger["refused"] == self.refused
        assert sum(ledger[kind] for kind in outcomes) == transmitted
        assert Counter(r["id"] for r in self.rows(manifest, "dirty")) == Counter(set(self.dirty))
        Compactor(
            manifest, now, CompactionSettings(min_files=1, merge_files=2, memory_mb=128)
        ).run()
        assert sum(e.count for e in manifest.ledger() if e.kind == "stored") == len(
            self.rows(manifest, "events")
        )
        manifest.close()

    def rows(self, manifest, table):
        return [
            row
            for file in manifest.files(table)
            for row in pq.ParquetFile(manifest.folder / file.path).read().to_pylist()
        ]


@pytest.fixture
def platform(tmp_path, messages):
    platform = Platform(tmp_path, messages, seed=random.randrange(10**6))
    yield platform
    platform.stop()


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.timeout(180 * SCALE)
def test_killed_workers_lose_and_double_nothing(platform):
    platform.send(60)
    running = [platform.start(), platform.start()]
    for _ in range(10 * SCALE):
        deadline = time.monotonic() + platform.chance.uniform(0.1, 1.0)
        while time.monotonic() < deadline:
            platform.send(5)
            time.sleep(0.01)
        victim = platform.chance.randrange(2)
        running[victim].kill()
        running[victim] = platform.start()
    for process in running:
        process.kill()
    platform.drain()
    platform.check()


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.timeout(180 * SCALE)
def test_a_paused_worker_that_lost_its_partitions_harms_nobody(platform):
    platform.send(60)
    first, second = platform.start(), platform.start()
    time.sleep(1.0)
    for _ in range(3 * SCALE):
        first.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            platform.send(5)
            time.sleep(0.02)
        first.send_signal(signal.SIGCONT)
        platform.send(20)
        first, second = second, first
    platform.drain()
    for process in (first, second):
        assert process.wait(timeout=60) == 0
    platform.check()
