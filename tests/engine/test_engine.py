"""The engine's promises that the reference knows nothing of: bytes, isolation, swapping, counts."""

from __future__ import annotations

import json
import sys
import threading

import msgspec
import numpy as np
import pytest

from trackplane.engine.engine import INTERNAL, UNREADABLE, Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.rules import ir
from trackplane.rules.library import registry
from trackplane.rules.library.table import plain

FLOAT = ir.Type("float64")


def path(text: str, kind: str) -> ir.Path:
    root, *parts = text.split(".")
    return ir.Path(root, tuple(parts), ir.Type(kind))  # type: ignore[arg-type]


def above(least: float) -> ir.Call:
    return ir.Call("gt", (path("what.price", "float64"), ir.Literal(least, FLOAT)), ir.BOOL)


def select(**columns: ir.Expression) -> tuple[ir.Action, ...]:
    return (ir.Select(tuple(ir.Column(name, value) for name, value in columns.items())),)


def rule(name: str, where: ir.Expression | None = None, **rest: object) -> ir.Rule:
    found = {"target": "out", "actions": (ir.Keep(),), "events": ("pay",), **rest}
    return ir.Rule(name=name, where=where, **found)  # type: ignore[arg-type]


def test_copied_parts_keep_their_bytes(make_frame, make_ruleset) -> None:
    """Numbers beyond any type, spelling and order pass as they came; line breaks become spaces."""
    raw = b'{"b":1E2,  "a":123456789012345678901234567890,"c":[1.0,\n"\\u00e4\\n"]}'
    frame = make_frame([("pay", b'{"what":{"o":' + raw + b',"price":9}}')], b'{"who":{"u": 1.50}}')
    rules = [rule("all"), rule("part", actions=select(o=path("what.o", "object")))]
    rows = Engine(make_ruleset(rules)).process([(frame, None)]).rows["out"]
    by_rule = dict(zip(rows.rule, rows.data, strict=True))
    flat = raw.replace(b"\n", b" ")
    assert by_rule["part"] == b'{"o":' + flat + b"}"
    assert b'"o":' + flat in by_rule["all"]
    assert b'"u":1.50' in by_rule["all"]
    assert (rows.app, rows.id, rows.event) == (["shop"] * 2, ["id-0"] * 2, ["pay"] * 2)
    assert rows.at == rows.server


def test_one_property_of_a_wrong_type_is_one_dirty_event_of_that_rule(
    make_frame, make_ruleset
) -> None:
    """Neighbours in the batch and other rules on the same event go on; the bytes are kept."""
    bad = b'{"what":{"price":"ten"}}'
    events = [("pay", b'{"what":{"price":5}}'), ("pay", bad), ("pay", b'{"what":{"price":7.5}}')]
    rules = [rule("above", above(1.0)), rule("higher", above(6.0)), rule("every")]
    outputs = Engine(make_ruleset(rules)).process([(make_frame(events, b'{"who":{}}'), None)])
    assert outputs.output == {"above": 2, "higher": 1, "every": 3}
    assert {(d.rule, d.reason, d.id, d.data) for d in outputs.dirty} == {
        ("above", "rule_type", "id-1", bad),
        ("higher", "rule_type", "id-1", bad),
    }
    assert {(d.stage, d.app, d.header) for d in outputs.dirty} == {("rule", "shop", b'{"who":{}}')}
    assert outputs.failed == {"above": 1, "higher": 1}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"what":{"other":"\\ud800"}}',
        b'{"what":{"price":' + b"1" * 5000 + b"}}",
        b'{"what":5}',
        b'{"what":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"what":{"price":1e400}}',
        b'{"what":{"price":NaN}}',
    ],
    ids=["lone surrogate", "5000 digits", "namespace", "deep", "1e400", "NaN"],
)
def test_an_event_that_cannot_be_read_hurts_no_neighbour(make_frame, make_ruleset, bad) -> None:
    """What admission would have refused, from a producer that is not ours."""
    good = b'{"what":{"price":5}}'
    frame = make_frame([("pay", good), ("pay", bad), ("pay", good)])
    outputs = Engine(make_ruleset([rule("above", above(1.0))])).process([(frame, None)])
    assert outputs.rows["out"].id == ["id-0", "id-2"]
    assert [(d.id, d.rule) for d in outputs.dirty] == [("id-1", "above")]
    assert outputs.dirty[0].reason in (UNREADABLE, "rule_type")


def test_a_header_that_cannot_be_read_fails_its_own_events_only(make_frame, make_ruleset) -> None:
    """Uploads share a frame, not a fate."""
    pay = [("pay", b'{"what":{"price":5}}')]
    frame = make_frame(
        uploads=[("shop", "prod", b'{"what":"\\ud800"}', pay), ("shop", "prod", {}, pay)]
    )
    outputs = Engine(make_ruleset([rule("above", above(1.0))])).process([(frame, None)])
    assert outputs.rows["out"].id == ["id-1"]
    assert [(d.id, d.reason) for d in outputs.dirty] == [("id-0", UNREADABLE)]


def test_a_rule_that_cannot_be_compiled_is_rejected_and_the_others_run(make_frame) -> None:
    """The rejection names the rule; the ruleset is whole without it."""
    datasets = {
        "out": ir.Dataset(name="out", kind="table"),
        "typed": ir.Dataset(name="typed", kind="table", columns={"n": "int64"}),
    }
    number = ir.Literal(1.5, FLOAT)
    bad = {
        "function": rule("function", ir.Call("launch", (number,), ir.BOOL)),
        "action": rule("action", actions=(ir.Unset(("what.a",)),)),
        "nothing": rule("nothing", actions=()),
        "dataset": rule("dataset", target="nowhere"),
        "column": rule("column", target="typed", actions=select(n=number)),
        "missing": rule("missing", target="typed", actions=select(m=number)),
        "whole": rule("whole", target="typed"),
        "pattern": rule(
            "pattern",
            ir.Call(
                "matches",
                (path("who.user_id", "string"), ir.Literal("(", ir.STRING)),
                ir.BOOL,
            ),
        ),
        "name": rule("name", ir.Call("is_null", (ir.Path("what", ('a"b',), ir.JSON),), ir.BOOL)),
    }
    changed = {name: ir.encode(each) for name, each in bad.items()} | {"bytes": b'{"name":'}
    changed["good"] = ir.encode(rule("good"))
    ruleset, rejected = Ruleset.empty().apply(4, changed=changed, datasets=datasets)
    assert set(rejected) == {*bad, "bytes"}
    assert all(rejected.values())
    outputs = Engine(ruleset).process([(make_frame([("pay", b"{}")]), None)])
    assert outputs.output == {"good": 1}
    assert outputs.number == 4


def test_a_defect_in_one_rule_is_that_rules_failure_alone(
    make_frame, make_ruleset, monkeypatch, capsys
) -> None:
    """Whatever generated code raises: the others' rows are whole, once, and the pair is kept."""

    def broken(value: str) -> str:
        if value == "u1":
            raise ZeroDivisionError
        return value

    lower = msgspec.structs.replace(registry.FUNCTIONS["lower"], make=plain(broken))
    monkeypatch.setitem(registry._functions, "lower", lower)
    user = path("who.user_id", "string")
    rules = [
        rule("good", above(1.0)),
        rule("broken", actions=select(user=ir.Call("lower", (user,), ir.STRING))),
    ]
    events = [
        ("pay", b'{"what":{"price":5},"who":{"user_id":"u%d"}}' % number) for number in range(3)
    ]
    engine = Engine(make_ruleset(rules))
    outputs = engine.process([(make_frame(events), None)])
    assert outputs.output == {"good": 3, "broken": 2}
    assert [(d.rule, d.reason, d.id) for d in outputs.dirty] == [("broken", INTERNAL, "id-1")]
    assert engine.statistics().decoded == 3


def test_events_without_a_candidate_rule_are_not_looked_at(make_frame, make_ruleset) -> None:
    """Not JSON at all, and nobody minds; the statistics say how many were decoded."""
    frame = make_frame([("view", b"not JSON"), ("pay", b"{}"), ("view", b"[")])
    engine = Engine(make_ruleset([rule("all")]))
    outputs = engine.process([(frame, None)])
    assert outputs.output == {"all": 1}
    assert not outputs.dirty
    assert (engine.statistics().events, engine.statistics().decoded) == (3, 1)


def test_masked_events_app_and_environment_are_left_out(make_frame, make_ruleset) -> None:
    """A duplicate, another app, another environment."""
    pay = [("pay", {"what": {"price": 1}})] * 2
    frame = make_frame(
        uploads=[("shop", "prod", {}, pay), ("shop", "dev", {}, pay), ("other", "prod", {}, pay)]
    )
    ruleset = make_ruleset([rule("all", apps=("shop",))])
    keep = np.array([True, False, True, True, True, True])
    assert Engine(ruleset).process([(frame, keep)]).rows["out"].id == ["id-0"]
    assert not Engine(ruleset).process([(frame, np.zeros(6, np.bool_))]).rows


def test_a_change_recompiles_only_what_it_touches(make_frame, make_ruleset) -> None:
    """Buckets of other events are the same objects in the next ruleset; the old one is as it was."""
    rules = [rule(f"on {name}", events=(name,)) for name in ("pay", "view")]
    before = make_ruleset(rules)
    pay, view = (before.bucket(name, "shop", "prod") for name in ("pay", "view"))
    changed = {"on pay": ir.encode(rule("on pay", above(3.0)))}
    after, rejected = before.apply(2, changed=changed)
    assert not rejected
    assert after.bucket("view", "shop", "prod") is view
    assert after.bucket("pay", "shop", "prod") is not pay
    assert before.bucket("pay", "shop", "prod") is pay
    gone, _ = after.apply(3, removed=["on pay", "on view", "never was"])
    assert gone.bucket("pay", "shop", "prod") is None
    assert len(gone) == 0
    everywhere, _ = gone.apply(4, changed={"any": ir.encode(rule("any", events=None))})
    assert everywhere.everywhere == ("any",)
    assert everywhere.bucket("never seen", "shop", "prod") is not None


def test_no_batch_sees_two_rulesets(make_frame, make_ruleset) -> None:
    """Swapped from another thread as fast as it goes: each batch's rows agree with its number."""
    rulesets = []
    for number in range(1, 9):
        column = ir.Literal(number, ir.INT64)
        rules = [
            rule(f"r{n}", events=(name,), actions=select(n=column))
            for n, name in enumerate(("pay", "view"))
        ]
        rulesets.append(make_ruleset(rules, number))
    engine = Engine(rulesets[0])
    frame = make_frame([("pay", b"{}"), ("view", b"{}")] * 50)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for ruleset in rulesets:
                engine.ruleset = ruleset

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for _ in range(150):
            outputs = engine.process([(frame, None), (frame, None)])
            found = {json.loads(row)["n"] for row in outputs.rows["out"].data}
            assert found == {outputs.number}
            assert outputs.output.total() == 200
            seen.add(outputs.number)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert len(seen) > 1


def test_more_rules_than_a_bucket_holds_all_run(make_frame, make_ruleset) -> None:
    """Hundreds of rules on one event, half of them sharing a condition."""
    platforms = ("ios", "web")
    rules = [
        rule(
            f"r{n:03}",
            ir.Call(
                "and",
                (
                    ir.Call(
                        "eq",
                        (path("how.platform", "string"), ir.Literal(platforms[n % 2], ir.STRING)),
                        ir.BOOL,
                    ),
                    above(float(n)),
                ),
                ir.BOOL,
            ),
        )
        for n in range(250)
    ]
    event = {"how": {"platform": "ios"}, "what": {"price": 100.5}}
    outputs = Engine(make_ruleset(rules)).process([(make_frame([("pay", event)]), None)])
    assert set(outputs.output) == {f"r{n:03}" for n in range(0, 101, 2)}


def test_text_of_users_never_becomes_code(make_frame, make_ruleset) -> None:
    """Names, columns and literals that look like Python come out as they went in."""
    nasty = '\'); import os; os.abort() #\n"""{0}'
    value = ir.Literal(nasty, ir.STRING)
    rules = [
        rule(nasty, target=nasty, actions=(ir.Select((ir.Column(nasty, value),)),)),
        rule("set", actions=(ir.Set((ir.Assignment("what", nasty, value),)), ir.Keep())),
    ]
    outputs = Engine(make_ruleset(rules)).process([(make_frame([("pay", b"{}")]), None)])
    assert msgspec.json.decode(outputs.rows[nasty].data[0]) == {nasty: nasty}
    assert msgspec.json.decode(outputs.rows["out"].data[0])["what"] == {nasty: nasty}


def test_a_clock_gives_each_rule_its_share_of_the_time(make_frame, make_ruleset) -> None:
    """One frame in sixteen is timed."""
    ticks = iter(range(0, 1_000_000, 1000))
    engine = Engine(make_ruleset([rule("a"), rule("b")]), clock=lambda: next(ticks))
    for _ in range(17):
        engine.process([(make_frame([("pay", b"{}")]), None)])
    assert engine.statistics().spent_ns == {"a": 16_000, "b": 16_000}


def test_a_rule_of_a_great_state_that_cannot_be_compiled_is_skipped_in_use(
    make_frame, capsys
) -> None:
    """More rules than are tried at once: the broken one is found when first met, and left out."""
    rules = [rule(f"r{n}", events=("pay",) if n < 3 else (f"other {n}",)) for n in range(600)]
    rules[1] = rule("r1", actions=(ir.Unset(("what.a",)),))
    changed = {each.name: ir.encode(each) for each in rules}
    changed["r2"] = changed["r2"].replace(b'"keep"', b'"leap"')
    datasets = {"out": ir.Dataset(name="out", kind="table")}
    ruleset, rejected = Ruleset.empty().apply(1, changed=changed, datasets=datasets)
    assert set(rejected) == {"r2"}
    outputs = Engine(ruleset).process([(make_frame([("pay", b"{}")]), None)])
    assert outputs.output == {"r0": 1}
    assert set(ruleset.broken) == {"r1"}


def test_what_is_in_use_is_compiled_with_the_change(make_frame, make_ruleset) -> None:
    """The engine's thread does not wait for a compiler after a swap."""
    before = make_ruleset([rule("one"), rule("two", events=("view",))])
    Engine(before).process([(make_frame([("pay", b"{}")]), None)])
    after, _ = before.apply(2, changed={"one": ir.encode(rule("one", above(1.0)))})
    assert after.in_use == {("pay", "shop", "prod")}


@pytest.mark.parametrize(
    "odd", [b'{},{},{"what":3}', b'{"what":{"n":9}},{"what":{"n":"x"}}', b"{},{},{},{},5"]
)
def test_bytes_of_several_values_are_unreadable_and_hurt_no_neighbour(
    make_frame, make_ruleset, odd
):
    """What stands in one event's place but is more than one decodes to nothing, and ends."""
    n = ir.Path("what", ("n",), ir.INT64)
    rule = ir.Rule(
        name="r", target="t", actions=(ir.Select((ir.Column("n", n),)),), reads=("what.n",)
    )
    good = b'{"what":{"n":2}}'
    for events in ([odd], [good, odd, good], [odd, odd, good]):
        frame = make_frame([("pay", data) for data in events])
        outputs = Engine(make_ruleset([rule])).process([(frame, None)])
        kept = [data for data in events if data == good]
        assert outputs.rows["t"].data == [b'{"n":2}'] * len(kept) if kept else not outputs.rows
        assert [dirty.reason for dirty in outputs.dirty] == ["rule_unreadable"] * events.count(odd)
