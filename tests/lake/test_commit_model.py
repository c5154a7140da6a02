"""Commits, crashes between their steps, thefts and sweeps against a model of what must be there."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trackplane.errors import TrackplaneError
from trackplane.lake.commit import LakeError
from trackplane.lake.compact import Compactor
from trackplane.lake.manifest import Manifest
from trackplane.lake.parquet import FreshFiles
from trackplane.lake.settings import CompactionSettings, RawStoreSettings
from trackplane.lake.writer import RawStore

PARTITIONS = [("events.p2", 0), ("events.p2", 1)]
STEPS = ("table", "blob", "sync", "before_commit", "after_commit")
workers = st.integers(0, 1)
partitions = st.sampled_from(PARTITIONS)


class Crash(BaseException):
    """The process died here."""


class Lake(RuleBasedStateMachine):
    """Two workers over one queue; the model is: each message once, in order, per partition."""

    messages = None  # set by the test

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.now = self.messages.now
        self.manifest = Manifest(self.path / "manifest.db", lambda: self.now)
        self.queue = {partition: [] for partition in PARTITIONS}
        self.sent = {partition: [] for partition in PARTITIONS}
        self.workers = [None, None]
        self.read = [{}, {}]

    @rule(partition=partitions, ids=st.lists(st.integers(0, 12), min_size=1, max_size=4))
    def append(self, partition, ids):
        # A partition's events are its own here, so that nothing crosses.
        names = [f"{partition[1]}-{id_}" for id_ in ids]
        self.queue[partition].append(self.messages.frame(*[(name, "buy") for name in names]))
        self.sent[partition].append(names)

    @rule(worker=workers, partition=partitions)
    def assign(self, worker, partition):
        if self.workers[worker] is None:
            self.workers[worker] = RawStore(
                self.manifest,
                self.path,
                lambda: self.now,
                RawStoreSettings(row_group_rows=3, merge_runs=2),
            )
        if partition not in self.read[worker]:
            self.read[worker].update(self.workers[worker].assign([partition]))

    @rule(worker=workers, partition=partitions, count=st.integers(1, 3))
    def process(self, worker, partition, count):
        offset = self.read[worker].get(partition)
        if offset is None:
            return
        for message in self.queue[partition][offset : offset + count]:
            self.workers[worker].add(*partition, offset, message)
            offset += 1
        self.read[worker][partition] = offset

    @rule(worker=workers)
    def flush(self, worker):
        if self.workers[worker] is not None:
            for partition in self.workers[worker].flush().lost:
                del self.read[worker][partition]

    @rule(worker=workers, step=st.sampled_from(STEPS))
    def crash_in_flush(self, worker, step):
        if self.workers[worker] is None:
            return
        owner, name = (Manifest, "commit") if "commit" in step else (FreshFiles, step)
        real = getattr(owner, name)

        def dying(*args, **kwargs):
            if step == "before_commit":
                raise Crash
            real(*args, **kwargs)
            raise Crash

        kept = FreshFiles.discard
        setattr(owner, name, dying)
        FreshFiles.discard = lambda _: None  # the dead do not tidy up
        try:
            self.workers[worker].flush()
        except (Crash, TrackplaneError):
            pass
        finally:
            setattr(owner, name, real)
            FreshFiles.discard = kept
        self.workers[worker], self.read[worker] = None, {}

    @rule()
    def compact(self):
        Compactor(
            self.manifest,
            lambda: self.now,
            CompactionSettings(min_files=2, merge_files=2, memory_mb=64),
        ).run()

    @rule(worker=workers)
    def pause_past_the_sweep(self, worker):
        """A worker wrote its files, slept while they were swept, and commits: it is refused."""
        store = self.workers[worker]
        if store is None or not any(own.next > own.start for own in store._owned.values()):
            return
        real = Manifest.commit

        def late(manifest, commit):
            paths = [file.path for file in commit.files] + [run.path for run in commit.runs]
            assert sorted(manifest.sweep(paths, self.now, 10**12)) == sorted(set(paths))
            return real(manifest, commit)

        Manifest.commit = late
        try:
            lost = store.flush().lost
            for partition in lost:
                del self.read[worker][partition]
        except LakeError:
            self.workers[worker], self.read[worker] = None, {}
        finally:
            Manifest.commit = real

    @invariant()
    def rows_and_ledger_are_what_was_committed(self):
        committed = self.manifest.committed("raw")
        want, transmitted = Counter(), 0
        for partition, frames in self.sent.items():
            done = [name for names in frames[: committed.get(partition, 0)] for name in names]
            want.update(set(done))
            transmitted += len(done)
        rows = Counter(
            id_
            for file in self.manifest.files("events")
            for id_ in pq.ParquetFile(self.path / file.path).read(["id"])["id"].to_pylist()
        )
        assert rows == want
        ledger = {entry.kind: entry.count for entry in self.manifest.ledger()}
        assert ledger.get("stored", 0) == rows.total()
        assert ledger.get("stored", 0) + ledger.get("deduplicated", 0) == transmitted

    def teardown(self):
        if hasattr(self, "manifest"):
            self.manifest.close()
            self.folder.cleanup()


def test_commits_hold_whatever_step_a_crash_meets(messages):
    Lake.messages = messages
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Lake, settings=settings(max_examples=25, stateful_step_count=25))
