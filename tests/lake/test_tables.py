"""Rule outputs: typed rows of datasets and rule-stage dirty events, in one commit with positions."""

import json

import pytest

from trackplane.dirty import DirtyEvent
from trackplane.engine.engine import DatasetRows, Outputs
from trackplane.frame import Frame
from trackplane.lake.commit import RulesetBehindError
from trackplane.lake.compact import Compactor
from trackplane.lake.query import QueryRunner
from trackplane.lake.settings import CompactionSettings, QuerySettings
from trackplane.lake.tables import TableCommitter
from trackplane.rules.ir import Dataset

P2, OTHER = ("events.p2", 0), ("events.p2", 1)
NOW = 1_795_376_614_990
COLUMNS = {
    "id": "string",
    "cents": "int64",
    "rate": "float64",
    "ok": "bool",
    "when": "timestamp",
    "raw": "json",
}
PURCHASES = Dataset(name="shop.purchases", kind="table", columns=COLUMNS)
STREAM = Dataset(name="stream", kind="topic")
ALL = {"shop.purchases": PURCHASES, "stream": STREAM}


def outputs(*rows, app="shop", dirty=0, name="shop.purchases"):
    found = Outputs()
    some = found.rows.setdefault(name, DatasetRows())
    for row in rows:
        some.data.append(json.dumps(row).encode())
        for field, value in (
            ("rule", "r"),
            ("app", app),
            ("env", "prod"),
            ("id", "i"),
            ("event", "buy"),
            ("at", NOW),
            ("server", NOW),
            ("weight", 2.0),
        ):
            getattr(some, field).append(value)
    found.dirty += [
        DirtyEvent(
            app=app,
            env="prod",
            stage="rule",
            reason="overflow",
            received=NOW,
            event="buy",
            rule="r",
        )
        for _ in range(dirty)
    ]
    return found


@pytest.fixture
def committer(manifest):
    return TableCommitter(manifest)


def ask(manifest, sql, apps=("shop",)):
    runner = QueryRunner(manifest, QuerySettings(memory_mb=256))
    return runner.query(sql, apps=apps, datasets=ALL.values()).rows


def test_rows_are_typed_and_seen_by_app_before_and_after_compaction(committer, manifest, clock):
    committer.assign([P2], ruleset=3)
    row = {"id": "a", "cents": 12950, "rate": 1, "ok": True, "when": NOW, "raw": {"x": [1]}}
    committer.add(P2, 0, outputs(row, {"id": None, "when": 2**62}, dirty=2))
    committer.add(P2, 1, outputs({"id": "b"}, app="bank"))
    committer.add(P2, 2, outputs({"id": "s"}, name="stream"))
    result = committer.flush(ALL, 3)
    assert (result.positions, result.rows) == ({P2: 3}, 5)
    sql = 'SELECT id, cents, rate, ok, "when", raw, rule, event, when_at, _id FROM shop.purchases ORDER BY id'
    want = [
        [
            "a",
            12950,
            1.0,
            True,
            "2026-11-22T19:43:34.990Z",
            '{"x": [1]}',
            "r",
            "buy",
            "2026-11-22T19:43:34.990Z",
            "i",
        ],
        [None, None, None, None, None, None, "r", "buy", "2026-11-22T19:43:34.990Z", "i"],
    ]
    assert ask(manifest, sql) == want
    assert ask(manifest, sql, apps=("bank",))[0][0] == "b"
    assert ask(manifest, "SELECT stage, rule, count(*) FROM dirty GROUP BY ALL") == [
        ["rule", "r", 2]
    ]
    assert manifest.ledger() == []
    assert [(e.kind, e.reason, e.count) for e in manifest.rule_ledger()] == [("dirty", "r", 2)]
    Compactor(manifest, clock, CompactionSettings(min_files=1)).run()
    assert not any(file.fresh for file in manifest.files("shop.purchases"))
    assert ask(manifest, sql) == want


def test_a_dataset_may_get_columns(committer, manifest):
    committer.assign([P2], ruleset=1)
    older = Dataset(name="shop.purchases", kind="table", columns={"id": "string"})
    committer.add(P2, 0, outputs({"id": "a"}))
    committer.flush({"shop.purchases": older}, 1)
    committer.add(P2, 1, outputs({"id": "b", "cents": 2}))
    committer.flush(ALL, 1)
    assert ask(manifest, "SELECT id, cents FROM shop.purchases ORDER BY id") == [
        ["a", None],
        ["b", 2],
    ]


def test_events_are_processed_once_and_a_lower_ruleset_waits(committer, manifest, messages):
    committer.assign([P2, OTHER], ruleset=5)
    frame = Frame.decode(messages.frame(("1", "buy"), ("1", "buy"), ("2", "buy")))
    assert committer.admit(P2, frame).tolist() == [True, False, True]
    committer.add(P2, 0, outputs({"id": "a"}))
    committer.flush(ALL, 5)
    again = TableCommitter(manifest)
    assert again.assign([P2, OTHER], ruleset=4) == {OTHER: 0}
    assert again.assign([P2], ruleset=5) == {P2: 1}
    assert again.admit(P2, frame).tolist() == [False, False, False]
    again.add(P2, 1, outputs())
    with pytest.raises(RulesetBehindError):
        again.flush(ALL, 4)
    assert again.flush(ALL, 5).positions == {P2: 2}


def test_a_lost_partition_takes_its_outputs_along(committer, manifest):
    committer.assign([P2, OTHER], ruleset=1)
    committer.add(P2, 0, outputs({"id": "mine"}, dirty=1))
    committer.add(OTHER, 0, outputs({"id": "other"}))
    thief = TableCommitter(manifest)
    thief.assign([P2], ruleset=1)
    thief.add(P2, 0, outputs({"id": "theirs"}))
    thief.flush(ALL, 1)
    result = committer.flush(ALL, 1)
    assert (result.lost, result.positions) == ((P2,), {OTHER: 1})
    assert ask(manifest, "SELECT id FROM shop.purchases ORDER BY id") == [["other"], ["theirs"]]
    assert manifest.rule_ledger() == []
