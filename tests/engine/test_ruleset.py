"""Rulesets change cheaply, share what did not change, and old ones are let go."""

from __future__ import annotations

import gc
import os
import sys
import weakref

import pytest

from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.packed import pack
from trackplane.rules import ir

SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
DATASETS = {"out": ir.Dataset(name="out", kind="table")}


def rule(number: int, version: int = 0, *, events: tuple[str, ...] | None = None) -> ir.Rule:
    user = ir.Path("who", ("user_id",), ir.STRING)
    where = ir.Call("eq", (user, ir.Literal(f"u{number}", ir.STRING)), ir.BOOL)
    columns = (ir.Column("version", ir.Literal(version, ir.INT64)),)
    return ir.Rule(
        name=f"r{number}", target="out", actions=(ir.Select(columns),), events=events, where=where
    )


@pytest.mark.faults
def test_old_rulesets_and_what_they_compiled_are_let_go(make_frame) -> None:
    """A thousand updates, used after each (ten thousand at scale): memory stays where it was."""
    changed = {f"r{n}": ir.encode(rule(n, events=("pay",) if n % 2 else None)) for n in range(300)}
    ruleset, rejected = Ruleset.empty(most_compiled=500).apply(
        1, changed=changed, datasets=DATASETS
    )
    assert rejected == {}
    engine = Engine(ruleset)
    frame = make_frame([("pay", {"who": {"user_id": f"u{n}"}}) for n in range(0, 300, 30)])
    old: weakref.WeakSet[Ruleset] = weakref.WeakSet()
    updates = 10_000 if SCALE > 1 else 1_000
    early = late = 0
    for number in range(2, 2 + updates):
        old.add(ruleset)
        changing = number * 7 % 300
        body = ir.encode(rule(changing, number, events=("pay",) if changing % 2 else None))
        ruleset, _ = ruleset.apply(number, changed={f"r{changing}": body})
        engine.ruleset = ruleset
        if number % 20 == 0:
            assert sum(engine.process([(frame, None)]).output.values()) == 10
        if number == updates // 2:
            gc.collect()
            early = sys.getallocatedblocks()
    gc.collect()
    late = sys.getallocatedblocks()
    assert len(old) <= 1
    assert late < early * 1.05 + 2_000


def test_packed_and_plain_bodies_make_the_same_ruleset(make_frame) -> None:
    """A snapshot hands its packed bodies on as they are."""
    plain = {f"r{n}": ir.encode(rule(n)) for n in range(20)}
    packed = {name: pack(body) for name, body in plain.items()}
    frame = make_frame([("any", {"who": {"user_id": "u7"}})])
    for changed in (plain, packed):
        ruleset, rejected = Ruleset.empty().apply(1, changed=changed, datasets=DATASETS)
        assert rejected == {}
        assert ruleset.rule("r7") == rule(7)
        assert Engine(ruleset).process([(frame, None)]).output == {"r7": 1}


def test_a_dataset_that_changes_takes_its_rules_with_it() -> None:
    """Rules whose rows it no longer takes are rejected by name, though they did not change."""
    changed = {f"r{n}": ir.encode(rule(n)) for n in range(3)}
    ruleset, _ = Ruleset.empty().apply(1, changed=changed, datasets=DATASETS)
    other = {"out": ir.Dataset(name="out", kind="table", columns={"else": "string"})}
    after, rejected = ruleset.apply(2, datasets=other)
    assert set(rejected) == {"r0", "r1", "r2"}
    assert len(after) == 0
    assert len(ruleset) == 3


def test_what_was_taken_unseen_is_verified_later() -> None:
    """Of a great state only the shape is checked at once; verifying finds what does not compile."""
    changed = {f"r{n}": ir.encode(rule(n)) for n in range(600)}
    changed["r5"] = changed["r5"].replace(b'"eq"', b'"unknown"')
    ruleset, rejected = Ruleset.empty().apply(1, changed=changed, datasets=DATASETS)
    assert rejected == {}
    assert ruleset.broken == {}
    assert set(ruleset.verify([f"r{n}" for n in range(10)])) == {"r5"}
    assert set(ruleset.broken) == {"r5"}
    fixed, _ = ruleset.apply(2, changed={"r5": ir.encode(rule(5))})
    assert fixed.broken == {}
