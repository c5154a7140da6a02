"""A shadow's counts are what comparing the two rules' rows by hand gives."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trackplane.discovery import Resource, Snapshot
from trackplane.discovery.compile import compile_plan, compile_rule, definitions_of
from trackplane.engine.shadow import SAMPLES, Shadow, ShadowCounts, differences
from trackplane.rules import ir

from .conftest import MakeFrame

PLAN = """
format: 1
app: shop
events:
  pay:
    what:
      amount: {type: integer}
      kind: {type: string}
"""
DATASETS = {
    "sales": ir.Dataset(
        name="sales",
        kind="table",
        columns={"id": "string", "cents": "int64", "kind": "string"},
    )
}
RULE = """
rule: sales
from: events
apps: [shop]
where: {where}
select: {{id: id, cents: '{cents}', kind: {kind}}}
to: sales
"""


def rule(where: str = 'event == "pay"', cents: str = "1", kind: str = "what.kind") -> ir.Rule:
    """Return a checked rule."""
    compiled = compile_plan(None, {"plan": PLAN})
    snapshot = Snapshot.of(
        1,
        [
            Resource(kind="app", name="shop", body=b"{}"),
            *(
                Resource(kind="event", name=f"shop/{event}", body=body)
                for event, body in compiled.bodies.items()
            ),
        ],
    )
    source = RULE.format(where=where, cents=cents, kind=kind)
    found = compile_rule(
        source, file="rule", definitions=definitions_of(snapshot, datasets=DATASETS)
    )
    return ir.decode_rule(found.body)


class Timer:
    """A clock that advances at each look."""

    def __init__(self, step: int = 1) -> None:
        self.now, self.step = 0, step

    def __call__(self) -> int:
        self.now += self.step
        return self.now


def shadow(base: ir.Rule | None, candidate: ir.Rule, rate: float = 1.0, step: int = 1) -> Shadow:
    """Return a shadow of two rules."""
    trial = ir.Shadow(rule="sales", candidate=candidate, base=base, rate=rate, until=1)
    return Shadow(trial, DATASETS, clock=Timer(step))


def events(count: int) -> list[tuple[str, Any]]:
    """Return payments of rising totals, every tenth with a kind that is no string."""
    return [
        ("pay", {"event": "pay", "what": {"amount": n, "kind": n if n % 10 == 9 else f"k{n % 3}"}})
        for n in range(count)
    ]


def test_the_counts_are_those_of_a_recount_by_hand(make_frame: MakeFrame) -> None:
    """Equal, changed by field, only old, only new, failures of either side."""
    frame = make_frame(events(400))
    old = rule(where='event == "pay" and what.amount < 300')
    new = rule(
        where='event == "pay" and what.amount >= 100',
        cents="if_(what.amount < 200, 1, 2)",
    )
    counts = shadow(old, new).process([(frame, None)], budget_ns=10**12)
    good = [n for n in range(400) if n % 10 != 9]
    assert counts.events == 400
    assert counts.skipped == 0
    assert counts.only_old == sum(n < 100 for n in good)
    assert counts.only_new == sum(n >= 300 for n in good)
    assert counts.equal == sum(100 <= n < 200 for n in good)
    assert counts.changed == sum(200 <= n < 300 for n in good)
    assert counts.fields == {"cents": counts.changed}
    assert counts.failed_old == sum(n % 10 == 9 for n in range(300))
    assert counts.failed_new == sum(n % 10 == 9 for n in range(100, 400))
    assert len(counts.samples) == SAMPLES
    changed = next(s for s in counts.samples if s.kind == "changed")
    assert changed.fields == ("cents",)
    assert msgspec.json.decode(changed.old)["cents"] == 1
    assert msgspec.json.decode(changed.new)["cents"] == 2
    failed = [s for s in counts.samples if s.kind.startswith("failed")]
    assert failed
    assert all(s.error for s in failed)


def test_two_nodes_samples_merge_into_what_one_node_would_have_kept(
    make_frame: MakeFrame,
) -> None:
    """Samples are those of the smallest hashes, wherever they were seen."""
    old, new = rule(), rule(cents="2")
    frame = make_frame(events(300))
    whole = shadow(old, new).process([(frame, None)], budget_ns=10**12)
    merged = ShadowCounts(fields={}, samples=[])
    for remainder in (0, 1):
        mask = (frame.at % 2) == remainder
        merged.add(shadow(old, new).process([(frame, mask)], budget_ns=10**12))
    assert merged.samples == whole.samples
    assert merged.changed == whole.changed == 270


def test_the_rate_chooses_the_same_events_everywhere(make_frame: MakeFrame) -> None:
    """By the hash of the id: about the share asked for, and always the same ones."""
    frame = make_frame(events(1_000))
    found = [
        shadow(rule(), rule(), rate=0.2).process([(frame, None)], budget_ns=10**12)
        for _ in range(2)
    ]
    assert found[0].events == found[1].events
    assert 140 < found[0].events < 260


def test_a_shadow_out_of_time_skips_and_counts_what_it_skipped(make_frame: MakeFrame) -> None:
    """The rest of the batch is not run; every chosen event is in one of the two counts."""
    frame = make_frame(events(1_000))
    counts = shadow(rule(), rule(), step=10).process([(frame, None)], budget_ns=60)
    assert counts.events + counts.skipped == 1_000
    assert 0 < counts.events < 1_000


def test_a_rule_that_is_not_there_yet_has_only_new_rows(make_frame: MakeFrame) -> None:
    """Without a base everything the candidate puts out is new."""
    counts = shadow(None, rule()).process([(make_frame(events(20)), None)], budget_ns=10**12)
    assert (counts.only_new, counts.equal, counts.ns_old) == (18, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}', ()),
        (b'{"a":1}', b'{"a":1.0}', ("a",)),
        (b'{"a":1}', b'{"a":true}', ("a",)),
        (b'{"a":[1,{"b":0}]}', b'{"a":[1,{"b":false}]}', ("a",)),
        (b'{"a":null}', b"{}", ("a",)),
    ],
)
def test_rows_are_compared_field_by_field_with_their_types(
    old: bytes, new: bytes, fields: tuple[str, ...]
) -> None:
    """Order and white space are nothing; 1, 1.0 and true are three things; null is not absent."""
    assert differences(("t", old), ("t", new)) == fields
    assert differences(("t", old), ("u", new)) == ("$to", *fields)
