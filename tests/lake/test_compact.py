"""Compaction: the same rows in fewer files, less what crossed partitions, and never in the way."""

import os

import pyarrow.parquet as pq
import pytest

from trackplane.lake.commit import Compaction, CompactionConflictError
from trackplane.lake.compact import Compactor
from trackplane.lake.settings import CompactionSettings

P2, OTHER, DIRTY = ("events.p2", 0), ("events.p2", 1), ("dirty", 0)
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def compactor(manifest, clock):
    return Compactor(manifest, clock, CompactionSettings(min_files=3, merge_files=3, memory_mb=256))


def rows(manifest, table="events"):
    return [
        row
        for file in manifest.files(table)
        for row in pq.ParquetFile(manifest.folder / file.path).read().to_pylist()
    ]


def fill(store, messages, count=3):
    store.assign([P2, OTHER, DIRTY])
    for n in range(count):
        store.add(*P2, n, messages.frame((f"{n}", "buy"), (f"v{n}", "view")))
        store.add(*OTHER, n, messages.frame((f"o{n}", "buy"), received=messages.now + DAY_MS))
        store.add(*DIRTY, n, messages.dirty(f"d{n}"))
        store.flush()


def test_fresh_files_become_sorted_partitions_with_the_same_rows(
    store, manifest, messages, compactor
):
    fill(store, messages)
    before, dirty = rows(manifest), rows(manifest, "dirty")
    report = compactor.run()
    assert (report.compacted, report.written, report.duplicates) == (6, 3, 0)
    files = manifest.files("events")
    assert [(f.date, f.grade, f.rows, f.fresh, f.apps) for f in files] == [
        ("2026-11-22", "P2", 6, False, ("shop",)),
        ("2026-11-23", "P2", 3, False, ("shop",)),
    ]
    assert all(f.path.startswith(f"events/date={f.date}/grade=P2/") for f in files)
    after = rows(manifest)
    key = lambda row: (row["topic"], row["partition"], row["offset"], row["index"])  # noqa: E731
    assert sorted(after, key=key) == sorted(before, key=key)
    assert [r["event"] for r in after] == ["buy"] * 3 + ["view"] * 3 + ["buy"] * 3
    assert sorted(rows(manifest, "dirty"), key=key) == sorted(dirty, key=key)
    assert manifest.committed("raw") == {P2: 3, OTHER: 3, DIRTY: 3}


def test_few_young_files_wait_and_old_ones_do_not(store, manifest, messages, compactor, clock):
    fill(store, messages, 2)
    assert compactor.run().compacted == 0
    clock.now += 3600 * 1000
    assert compactor.run().compacted == 4


def test_duplicates_that_crossed_partitions_go_and_the_ledger_moves(
    store, manifest, messages, compactor
):
    store.assign([P2, OTHER])
    store.add(*P2, 0, messages.frame(("1", "buy"), ("2", "buy")))
    store.flush()
    store.add(*OTHER, 0, messages.frame(("1", "buy"), ("1", "view"), received=messages.now + 1))
    store.flush()
    store.add(*OTHER, 1, messages.frame(("n", "buy"), client=None))
    store.add(*P2, 1, messages.frame(("n", "buy"), client=None))
    store.flush()
    assert compactor.run().duplicates == 2
    found = {(e.event, e.kind, e.reason): e.count for e in manifest.ledger()}
    assert found["buy", "stored", ""] == 3
    assert found["buy", "deduplicated", "compaction"] == 2
    assert sorted((r["id"], r["event"], r["offset"]) for r in rows(manifest))[:2] == [
        ("1", "buy", 0),
        ("1", "view", 0),
    ]
    assert {r["partition"] for r in rows(manifest) if (r["id"], r["event"]) == ("1", "buy")} == {0}
    # The same again, against what is compacted already.
    for n in range(3):
        store.add(*OTHER, 2 + n, messages.frame(("2", "buy") if n == 1 else (f"x{n}", "buy")))
        store.flush()
    assert compactor.run().duplicates == 1
    stored = sum(e.count for e in manifest.ledger() if e.kind == "stored")
    assert stored == len(rows(manifest)) == 6


def test_small_partition_files_are_merged(store, manifest, messages, compactor):
    store.assign([P2])
    for n in range(9):
        store.add(*P2, n, messages.frame((f"{n}", "buy")))
        store.flush()
        if n % 3 == 2:
            compactor.run()
    assert len(manifest.files("events")) == 3
    compactor.run()
    (file,) = manifest.files("events")
    assert file.rows == 9


def test_a_commit_between_reading_and_replacing_is_untouched(store, manifest, messages, compactor):
    fill(store, messages)
    files = manifest.files("events")
    store.add(*P2, 3, messages.frame(("late", "buy")))
    store.flush()
    compactor._rewrite("events", files, fresh=True)
    assert "late" in {r["id"] for r in rows(manifest)}
    assert len(rows(manifest)) == 10


def test_a_slower_compactor_is_refused_and_leaves_rows_single(store, manifest, messages, compactor):
    fill(store, messages)
    files = manifest.files("events")
    compactor.run()
    with pytest.raises(CompactionConflictError):
        manifest.replace(Compaction(removed=[files[0].path], added=[]))
    assert len(rows(manifest)) == 9


def test_one_compactor_works_at_a_time(store, manifest, messages, compactor, clock):
    fill(store, messages)
    assert manifest.acquire("compactor", "somebody", 1000)
    assert compactor.run() is None
    clock.now += 1001
    assert compactor.run() is not None


def test_partitions_expire_by_grade_and_replaced_files_stay_for_the_grace_time(
    store, manifest, messages, compactor, clock, folder
):
    fill(store, messages)
    fresh = [folder / f.path for f in manifest.files("events")]
    snapshot = manifest.snapshot()
    compactor.run()
    assert all(path.exists() for path in fresh)
    assert [folder / f.path for f in manifest.files("events", snapshot)] == fresh
    clock.now += 15 * 60 * 1000
    compactor.run()
    assert not any(path.exists() for path in fresh)
    assert len(rows(manifest)) == 9
    clock.now += 32 * DAY_MS
    assert compactor.run().expired == 1
    assert (len(rows(manifest)), rows(manifest, "dirty")) == (9, [])
    clock.now += 334 * DAY_MS
    assert compactor.run().expired == 1
    assert len(rows(manifest)) == 3


def test_orphans_are_swept_after_the_grace_time_and_their_commit_is_refused(
    store, manifest, messages, compactor, clock, folder
):
    store.assign([P2])
    store.add(*P2, 0, messages.frame(("1", "buy")))
    store.flush()
    orphan = folder / "events" / "fresh" / "orphan.parquet"
    orphan.write_bytes(b"x")
    for path in folder.rglob("*"):
        os.utime(path, (clock.now / 1000, clock.now / 1000))
    assert compactor.sweep(clock.now + 899_999) == []
    assert compactor.sweep(clock.now + 900_000) == ["events/fresh/orphan.parquet"]
    assert len(rows(manifest)) == 1
    assert manifest.runs("raw", *P2)
    assert (folder / manifest.runs("raw", *P2)[0].path).exists()
