"""The manifest: what a commit is refused for, and that a refused one leaves nothing."""

import sqlite3

import pytest

from trackplane.errors import ConfigurationError
from trackplane.lake.commit import (
    Commit,
    CommitConflictError,
    Compaction,
    CompactionConflictError,
    DataFile,
    IdentityRun,
    LakeError,
    Range,
    RulesetBehindError,
)
from trackplane.lake.manifest import Manifest, ManifestReader
from trackplane.ledger import LedgerEntry


class Clock:
    def __init__(self):
        self.now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manifest(tmp_path, clock):
    manifest = Manifest(tmp_path / "manifest.db", clock)
    yield manifest
    manifest.close()


def data_file(manifest, path, table="events", rows=1, **more):
    (manifest.folder / path).write_bytes(b"x")
    return DataFile(table=table, path=path, rows=rows, bytes=1, **more)


def reach(start, end, *, partition=0, ruleset=0):
    return Range(topic="events.p2", partition=partition, start=start, end=end, ruleset=ruleset)


def count(kind, n, reason=""):
    return LedgerEntry(0, "shop", "prod", "buy", kind, reason, n)


def test_a_commit_shows_positions_files_runs_and_counts_together(manifest):
    run = IdentityRun(
        topic="events.p2", partition=0, path="run", offset=0, length=1, count=1, newest_ms=5
    )
    (manifest.folder / "run").write_bytes(b"x")
    number = manifest.commit(
        Commit(
            consumer="raw",
            ranges=[reach(0, 7)],
            files=[data_file(manifest, "a", apps=("shop",))],
            runs=[run],
            ledger=[count("stored", 3)],
        )
    )
    reader = ManifestReader(manifest.path)
    assert number == reader.snapshot() == 1
    assert reader.committed("raw") == {("events.p2", 0): 7}
    assert [(f.path, f.apps) for f in reader.files("events")] == [("a", ("shop",))]
    assert reader.runs("raw", "events.p2", 0) == [run]
    assert reader.ledger() == [count("stored", 3)]
    assert reader.committed("rules") == {}
    reader.close()


def test_a_commit_from_elsewhere_is_refused_whole_and_names_every_lost_partition(manifest):
    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 7), reach(0, 9, partition=1)]))
    with pytest.raises(CommitConflictError) as refused:
        manifest.commit(
            Commit(
                consumer="raw",
                ranges=[reach(0, 8), reach(8, 9, partition=1), reach(0, 1, partition=2)],
                files=[data_file(manifest, "b")],
                ledger=[count("stored", 1)],
            )
        )
    assert refused.value.lost == {("events.p2", 0): 7, ("events.p2", 1): 9}
    assert manifest.files("events") == []
    assert manifest.ledger() == []
    assert manifest.snapshot() == 1
    assert ("events.p2", 2) not in manifest.committed("raw")


def test_consumers_stand_apart(manifest):
    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 7)]))
    manifest.commit(Commit(consumer="rules", ranges=[reach(0, 3)], ledger=[count("dirty", 1)]))
    assert manifest.committed("rules") == {("events.p2", 0): 3}
    assert manifest.ledger() == []
    assert manifest.rule_ledger() == [count("dirty", 1)]


def test_a_partition_is_never_committed_under_a_lower_ruleset(manifest):
    manifest.commit(Commit(consumer="rules", ranges=[reach(0, 7, ruleset=5)]))
    with pytest.raises(RulesetBehindError) as refused:
        manifest.commit(Commit(consumer="rules", ranges=[reach(7, 8, ruleset=4)]))
    assert refused.value.behind == {("events.p2", 0): 5}
    manifest.commit(Commit(consumer="rules", ranges=[reach(7, 8, ruleset=5)]))
    assert manifest.rulesets("rules") == {("events.p2", 0): 5}


def test_a_commit_that_names_a_missing_file_is_refused(manifest):
    with pytest.raises(LakeError, match="not there"):
        manifest.commit(
            Commit(
                consumer="raw",
                ranges=[reach(0, 1)],
                files=[DataFile(table="events", path="gone", rows=1, bytes=1)],
            )
        )
    assert manifest.committed("raw") == {}


def test_a_snapshot_keeps_showing_the_files_it_had(manifest):
    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 1)], files=[data_file(manifest, "a")]))
    manifest.replace(Compaction(removed=["a"], added=[data_file(manifest, "b", fresh=False)]))
    assert [f.path for f in manifest.files("events", 0)] == []
    assert [f.path for f in manifest.files("events", 1)] == ["a"]
    assert [f.path for f in manifest.files("events", 2)] == ["b"]
    assert [f.path for f in manifest.files("events")] == ["b"]


def test_a_file_is_replaced_once(manifest):
    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 1)], files=[data_file(manifest, "a")]))
    manifest.replace(Compaction(removed=["a"], added=[]))
    with pytest.raises(CompactionConflictError):
        manifest.replace(Compaction(removed=["a"], added=[data_file(manifest, "b")]))
    assert manifest.files("events") == []


def test_ledger_counts_add_up_and_can_move(manifest):
    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 1)], ledger=[count("stored", 5)]))
    manifest.replace(
        Compaction(removed=[], added=[], ledger=[count("stored", -2), count("deduplicated", 2)])
    )
    assert {e.kind: e.count for e in manifest.ledger("shop", 0)} == {
        "stored": 3,
        "deduplicated": 2,
    }
    assert manifest.ledger("other") == []


def test_replaced_runs_give_way_to_the_new_one(manifest):
    def run(path, number):
        (manifest.folder / path).write_bytes(b"x")
        return IdentityRun(
            topic="events.p2",
            partition=0,
            path=path,
            offset=0,
            length=1,
            count=number,
            newest_ms=number,
        )

    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 1)], runs=[run("r1", 1)]))
    manifest.commit(Commit(consumer="raw", ranges=[reach(1, 2)], runs=[run("r2", 2)]))
    merged = run("r3", 3)
    manifest.commit(
        Commit(
            consumer="raw",
            ranges=[reach(2, 3)],
            runs=[merged],
            replaced=[("r1", 0), ("r2", 0)],
        )
    )
    assert manifest.runs("raw", "events.p2", 0) == [merged]


def test_a_lease_has_one_holder_until_it_expires(manifest, clock):
    assert manifest.acquire("compactor", "a", 100)
    assert not manifest.acquire("compactor", "b", 100)
    assert manifest.acquire("compactor", "a", 100)
    clock.now += 101
    assert manifest.acquire("compactor", "b", 100)
    manifest.release("compactor", "a")
    assert not manifest.acquire("compactor", "a", 100)
    manifest.release("compactor", "b")
    assert manifest.acquire("compactor", "a", 100)


def test_a_newer_format_is_refused(tmp_path, clock):
    path = tmp_path / "manifest.db"
    Manifest(path, clock).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'format'")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer release"):
        Manifest(path, clock)
    reader = ManifestReader(path)
    with pytest.raises(ConfigurationError, match="newer release"):
        reader.snapshot()


def test_a_reader_of_a_lake_without_commits_finds_it_empty(tmp_path):
    reader = ManifestReader(tmp_path / "nowhere" / "manifest.db")
    assert reader.snapshot() == 0
    assert reader.files("events") == []
    assert reader.committed("raw") == {}
    assert reader.ledger() == []


def test_a_reader_cannot_write(manifest):
    reader = ManifestReader(manifest.path)
    with pytest.raises(LakeError):
        reader._all("DELETE FROM meta")
    reader.close()


def test_freshness_is_measured_from_receiving_to_committing(manifest, clock):
    for index, age in enumerate((10, 20, 3000)):
        manifest.commit(
            Commit(consumer="raw", ranges=[reach(index, index + 1)], oldest_ms=clock.now - age)
        )
    found = manifest.freshness(0)
    assert (found.commits, found.p50_ms, found.p99_ms) == (3, 20, 3000)


def test_sweeping_spares_what_is_named_and_what_is_young(manifest, clock):
    manifest.commit(Commit(consumer="raw", ranges=[reach(0, 1)], files=[data_file(manifest, "a")]))
    manifest.replace(Compaction(removed=["a"], added=[data_file(manifest, "b")]))
    (manifest.folder / "orphan").write_bytes(b"x")
    assert manifest.sweep(["b"], clock.now + 10, grace_ms=100) == []
    assert sorted(manifest.sweep(["b", "orphan"], clock.now + 100, grace_ms=100)) == ["a", "orphan"]
    assert (manifest.folder / "b").exists()
    assert not (manifest.folder / "a").exists()
