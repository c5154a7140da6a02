"""The raw store: rows once, counts exact, and nothing of a lost partition."""

import pyarrow.parquet as pq
import pytest

from trackplane.lake.commit import LakeError
from trackplane.lake.writer import RawStore

P2 = ("events.p2", 0)
OTHER = ("events.p2", 1)
DIRTY = ("dirty", 0)
LEDGER = ("ledger", 0)


def rows(manifest, table="events"):
    files = manifest.files(table)
    return [r for f in files for r in pq.read_table(manifest.folder / f.path).to_pylist()]


def counts(manifest):
    return {(e.event, e.kind, e.reason): e.count for e in manifest.ledger()}


def test_events_become_rows_counts_and_positions_in_one_commit(store, manifest, messages):
    assert store.assign([P2, DIRTY, LEDGER]) == {P2: 0, DIRTY: 0, LEDGER: 0}
    assert store.add(*P2, 0, messages.frame(("1", "buy"), ("2", "view"), flaws=[1])) == 2
    store.add(*DIRTY, 0, messages.dirty("3"))
    store.add(
        *LEDGER, 0, messages.entries(("buy", "refused", "hygiene", 4), ("", "id_made", "", 1))
    )
    result = store.flush()
    assert result.positions == {P2: 1, DIRTY: 1, LEDGER: 1}
    assert (result.lost, result.rows) == ((), 3)
    assert [(r["id"], r["event"], r["what"]) for r in rows(manifest)] == [
        ("1", "buy", '{"n":1}'),
        ("2", "view", '{"n":1}'),
    ]
    (row,) = rows(manifest, "dirty")
    assert (row["id"], row["reason"], row["data"]) == ("3", "type", b'{"what":{"n":"x"}}')
    assert row["violations"] == [{"code": "type", "pointer": "/what/n"}]
    assert counts(manifest) == {
        ("buy", "stored", ""): 1,
        ("view", "stored", ""): 1,
        ("view", "warned", "type"): 1,
        ("buy", "dirty", "type"): 1,
        ("buy", "refused", "hygiene"): 4,
        ("", "id_made", ""): 1,
    }
    (file,) = manifest.files("events")
    assert (file.rows, file.apps, file.min_server) == (2, ("shop",), messages.now)


def test_a_retry_is_a_duplicate_also_after_a_restart(store, manifest, folder, clock, messages):
    store.assign([P2, DIRTY])
    store.add(*P2, 0, messages.frame(("1", "buy"), ("1", "buy"), ("1", "view")))
    store.add(*DIRTY, 0, messages.dirty("9", "", ""))
    store.flush()
    again = RawStore(manifest, folder, clock)
    assert again.assign([P2, DIRTY]) == {P2: 1, DIRTY: 1}
    again.add(*P2, 1, messages.frame(("1", "buy"), ("2", "buy")))
    again.add(*DIRTY, 1, messages.dirty("9"))
    again.flush()
    assert [(r["id"], r["event"]) for r in rows(manifest)].count(("1", "buy")) == 1
    assert len(rows(manifest)) == 3
    found = counts(manifest)
    assert found["buy", "stored", ""] == 2
    assert found["view", "stored", ""] == 1
    assert found["view", "id_reused", ""] == 1
    assert found["buy", "deduplicated", ""] == 2
    assert found["buy", "dirty", "type"] == 3
    assert found["buy", "deduplicated", "dirty"] == 1


def test_a_lost_partition_takes_its_rows_along_and_the_others_stay(
    store, manifest, folder, clock, messages
):
    store.assign([P2, OTHER])
    store.add(*P2, 0, messages.frame(("1", "buy")))
    store.add(*OTHER, 0, messages.frame(("2", "buy")))
    thief = RawStore(manifest, folder, clock)
    thief.assign([P2])
    thief.add(*P2, 0, messages.frame(("1", "buy")))
    thief.flush()
    result = store.flush()
    assert result.lost == (P2,)
    assert result.positions == {OTHER: 1}
    assert sorted(r["id"] for r in rows(manifest)) == ["1", "2"]
    assert counts(manifest) == {("buy", "stored", ""): 2}
    assert len(list((folder / "events" / "fresh").iterdir())) == 2


def test_losing_everything_leaves_nothing_behind(store, manifest, folder, clock, messages):
    store.assign([P2])
    store.add(*P2, 0, messages.frame(("1", "buy")))
    thief = RawStore(manifest, folder, clock)
    thief.assign([P2])
    thief.add(*P2, 0, messages.frame(("1", "buy")))
    thief.flush()
    result = store.flush()
    assert (result.lost, result.positions) == ((P2,), {})
    assert len(rows(manifest)) == 1
    assert len(list((folder / "events" / "fresh").iterdir())) == 1


def test_a_damaged_message_is_kept_aside_and_passed(store, manifest, folder, messages):
    store.assign([P2, DIRTY])
    damaged = bytearray(messages.frame(("1", "buy")))
    damaged[-1] ^= 1
    store.add(*P2, 0, bytes(damaged))
    store.add(*P2, 1, messages.frame(("2", "buy")))
    store.add(*DIRTY, 0, b"nonsense")
    assert store.flush().positions == {P2: 2, DIRTY: 1}
    assert [r["id"] for r in rows(manifest)] == ["2"]
    assert counts(manifest)["", "corrupt", "events.p2"] == 1
    assert counts(manifest)["", "corrupt", "dirty"] == 1
    assert (folder / "corrupt" / "events.p2-0-0.bin").read_bytes() == bytes(damaged)


def test_messages_that_retention_took_are_counted(store, manifest, messages):
    store.assign([P2, OTHER])
    store.add(*P2, 5, messages.frame(("1", "buy")))
    store.skip(*OTHER, 9)
    assert store.flush().positions == {P2: 6, OTHER: 9}
    assert counts(manifest)["", "trimmed", "events.p2"] == 14


def test_an_offset_twice_is_refused(store, messages):
    store.assign([P2])
    store.add(*P2, 0, messages.frame(("1", "buy")))
    with pytest.raises(LakeError, match="comes after"):
        store.add(*P2, 0, messages.frame(("1", "buy")))


def test_dropped_partitions_leave_no_rows(store, manifest, messages):
    store.assign([P2, OTHER])
    store.add(*P2, 0, messages.frame(("1", "buy")))
    store.add(*OTHER, 0, messages.frame(("2", "buy")))
    store.drop([P2])
    assert store.flush().positions == {OTHER: 1}
    assert [r["id"] for r in rows(manifest)] == ["2"]
    assert store.flush().positions == {}


def test_a_flush_is_cut_into_row_groups(manifest, folder, clock, messages):
    from trackplane.lake.settings import RawStoreSettings

    store = RawStore(manifest, folder, clock, RawStoreSettings(row_group_rows=2))
    store.assign([P2])
    for n in range(3):
        store.add(*P2, n, messages.frame((f"{n}a", f"e{n}"), (f"{n}b", "buy")))
    store.flush()
    (file,) = manifest.files("events")
    assert pq.ParquetFile(folder / file.path).num_row_groups == 3
    assert [r["event"] for r in rows(manifest)] == ["e0", "buy", "e1", "buy", "e2", "buy"]


def test_many_runs_are_merged_and_still_know_every_identity(manifest, folder, clock, messages):
    from trackplane.lake.settings import RawStoreSettings

    settings = RawStoreSettings(merge_runs=4)
    store = RawStore(manifest, folder, clock, settings)
    store.assign([P2, OTHER])
    for n in range(20):
        store.add(*P2, n, messages.frame((f"{n}", "buy")))
        store.add(*OTHER, n, messages.frame((f"o{n}", "buy")))
        store.flush()
        assert len(manifest.runs("raw", *P2)) <= 5
    again = RawStore(manifest, folder, clock, settings)
    again.assign([P2, OTHER])
    again.add(*P2, 20, messages.frame(*[(f"{n}", "buy") for n in range(21)]))
    again.flush()
    assert counts(manifest)["buy", "deduplicated", ""] == 20
    assert len(rows(manifest)) == 41


def test_runs_the_window_has_passed_are_let_go(manifest, folder, clock, messages):
    store = RawStore(manifest, folder, clock)
    store.assign([P2])
    day = 24 * 3600 * 1000
    store.add(*P2, 0, messages.frame(("1", "buy")))
    store.flush()
    store.add(*P2, 1, messages.frame(("2", "buy"), received=messages.now + day + 1))
    store.flush()
    assert len(manifest.runs("raw", *P2)) == 1
