"""The index finds every rule that matters for an event, once, and leaves out most that do not."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.engine.access import covers
from trackplane.engine.engine import Engine
from trackplane.engine.explain import placement, source_of
from trackplane.engine.index import Node
from trackplane.engine.ruleset import Ruleset
from trackplane.frame import Frame
from trackplane.rules import ir
from trackplane.rules.apply import selects
from trackplane.rules.ir import BOOL, FLOAT64, INT64, STRING, TIMESTAMP
from trackplane.rules.reference import RuleFailure

PATHS: dict[str, tuple[ir.Type, list[Any]]] = {
    "who.user_id": (STRING, ["", "u1", "u2", "u22", "v"]),
    "how.platform": (STRING, ["ios", "android", "web"]),
    "where.country": (STRING, ["c1", "x"]),
    "what.n": (INT64, [-1, 0, 1, 2, 5]),
    "what.price": (FLOAT64, [-0.0, 0.5, 1.0, 2.5]),
    "what.flag": (BOOL, [True, False]),
    "what.since": (TIMESTAMP, [0, 1_795_376_614_990]),
    "what.o.deep": (STRING, ["a", "b"]),
    "what.list.1": (INT64, [1, 2]),
    "event": (STRING, ["pay", "view"]),
    "meta.app": (STRING, ["shop", "bank"]),
    "meta.weight": (FLOAT64, [1.0, 2.0]),
}
KINDS = {name: kind.kind for name, (kind, _) in PATHS.items()}


def path(text: str) -> ir.Path:
    root, _, rest = text.rpartition(".") if text.count(".") < 2 else text.partition(".")
    parts = [int(part) if part.isdigit() else part for part in rest.split(".")]
    nullable = root not in ("", "meta")
    return ir.Path(root, tuple(parts), PATHS[text][0], nullable)  # type: ignore[arg-type]


def call(function: str, *args: ir.Expression) -> ir.Call:
    return ir.Call(function, args, BOOL)


def literal(name: str, value: Any) -> ir.Literal:
    return ir.Literal(value, PATHS[name][0])


@st.composite
def atoms(draw: st.DrawFn) -> ir.Expression:
    name = draw(st.sampled_from(list(PATHS)))
    kind, values = PATHS[name]
    some = st.sampled_from(values)
    shape = draw(st.sampled_from(["compare", "compare", "in", "null", "prefix", "fails", "odd"]))
    if shape == "in":
        members = draw(st.lists(some, min_size=1, max_size=3, unique_by=repr))
        return call("in", path(name), *(literal(name, value) for value in members))
    if shape == "null":
        return call("is_null", path(name))
    if shape == "prefix" and kind is STRING:
        return call("starts_with", path(name), literal(name, draw(some)))
    if shape == "fails":
        near = ir.Literal((1 << 63) - 1, INT64)
        total = ir.Call("add", (path("what.n"), near), INT64)
        return call("gt", total, ir.Literal(0, INT64))
    if shape == "odd" and kind is STRING:
        return call("contains", path(name), ir.Literal("u", STRING))
    if kind is BOOL:
        return path(name)
    function = draw(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]))
    args = [path(name), literal(name, draw(some))]
    return call(function, *(args if draw(st.booleans()) else reversed(args)))


WHERES = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.builds(lambda a: call("not", a), inner),
        st.builds(
            lambda f, some: call(f, *some),
            st.sampled_from(["and", "and", "or"]),
            st.lists(inner, min_size=2, max_size=3),
        ),
    ),
    max_leaves=5,
)
EVENTS = st.sampled_from([None, ("pay",), ("pay", "view")])


def rule(number: int, where: ir.Expression | None, events: Sequence[str] | None) -> ir.Rule:
    return ir.Rule(
        name=f"r{number}",
        target="out",
        actions=(ir.Select((ir.Column("n", ir.Literal(number, INT64)),)),),
        apps=("shop",) if number % 5 == 4 else (),
        events=None if events is None else tuple(events),
        where=where,
    )


RULES = st.lists(st.tuples(WHERES, EVENTS), min_size=1, max_size=14).map(
    lambda some: [rule(number, *each) for number, each in enumerate(some)]
)
WRONG = st.sampled_from([None, "x", 1.5, 7, True, [1, "2"], {"deep": 3}, 1 << 70])


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, (_, values) in PATHS.items():
        root, _, rest = name.partition(".")
        if root in ("event", "meta") or draw(st.integers(0, 4)) == 0:
            continue
        value = draw(WRONG if draw(st.integers(0, 9)) == 0 else st.sampled_from(values))
        if rest == "o.deep":
            rest, value = "o", {"deep": value}
        elif rest == "list.1":
            rest, value = "list", [0, value]
        event.setdefault(root, {})[rest] = value
    return event


FRAMES = st.lists(
    st.tuples(st.sampled_from(["shop", "bank"]), bodies(), st.lists(bodies(), max_size=5)),
    min_size=1,
    max_size=3,
)


def frame_of(make_frame: Any, uploads: Any) -> Frame:
    names = ["pay", "view", "pay", "other", "pay"]
    return make_frame(  # type: ignore[no-any-return]
        uploads=[
            (app, "prod", header, list(zip(names, events, strict=False)))
            for app, header, events in uploads
        ]
    )


def ruleset_of(rules: Sequence[ir.Rule], split: int) -> Ruleset:
    datasets = {"out": ir.Dataset(name="out", kind="table")}
    changed = {each.name: ir.encode(each) for each in rules}
    ruleset, rejected = Ruleset.empty(split=split).apply(1, changed=changed, datasets=datasets)
    assert rejected == {}
    return ruleset


Found = tuple[Counter[tuple[str, str]], Counter[tuple[str, str, str]]]


def expected(rules: Sequence[ir.Rule], frame: Frame) -> Found:
    put: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str, str]] = Counter()
    for index in range(len(frame)):
        event = frame.merged(index)
        for each in rules:
            found = selects(each, event)
            if isinstance(found, RuleFailure):
                failed[each.name, frame.ids[index], found.code] += 1
            elif found:
                put[each.name, frame.ids[index]] += 1
    return put, failed


def actual(ruleset: Ruleset, frame: Frame) -> Found:
    outputs = Engine(ruleset).process([(frame, None)])
    put: Counter[tuple[str, str]] = Counter()
    for rows in outputs.rows.values():
        put.update(zip(rows.rule, rows.id, strict=True))
    return put, Counter((d.rule, d.id, d.reason) for d in outputs.dirty)


@settings(max_examples=120)
@given(rules=RULES, uploads=FRAMES)
@pytest.mark.parametrize("split", [0, 3, 1000])
def test_the_index_changes_neither_outputs_nor_failures(make_frame, split, rules, uploads) -> None:
    """However small the nodes are: what the reference selects, and what it fails on, each once."""
    frame = frame_of(make_frame, uploads)
    assert actual(ruleset_of(rules, split), frame) == expected(rules, frame)


@settings(max_examples=60)
@given(
    rules=RULES,
    steps=st.lists(
        st.lists(st.tuples(st.integers(0, 13), st.none() | st.tuples(WHERES, EVENTS))), max_size=4
    ),
    uploads=FRAMES,
)
def test_changes_lead_to_the_same_index_as_building_it(make_frame, rules, steps, uploads) -> None:
    """After any changes, each ruleset still runs exactly its own rules."""
    frame = frame_of(make_frame, uploads)
    held = {each.name: each for each in rules}
    ruleset = ruleset_of(rules, 2)
    history = [(ruleset, dict(held))]
    for number, step in enumerate(steps, 2):
        new = {f"r{n}": rule(n, *each) for n, each in step if each is not None}
        gone = [f"r{n}" for n, each in step if each is None]
        changed = {name: ir.encode(each) for name, each in new.items()}
        ruleset, rejected = ruleset.apply(number, changed=changed, removed=gone)
        assert rejected == {}
        for name in gone:
            held.pop(name, None)
        held |= new
        history.append((ruleset, dict(held)))
    for some, known in history:
        assert set(some) == set(known)
        assert actual(some, frame) == expected(list(known.values()), frame)
    planned = ruleset.replanned() or ruleset
    assert actual(planned, frame) == expected(list(held.values()), frame)


NAMED = [f"event_{n}" for n in range(500)]
INDEXED = {
    "a user": call("eq", path("who.user_id"), literal("who.user_id", "u1")),
    "a list": call("in", path("how.platform"), literal("how.platform", "ios")),
    "a prefix": call("starts_with", path("who.user_id"), literal("who.user_id", "u2")),
    "a range": call("gt", path("what.price"), literal("what.price", 2.5)),
    "another event": call("ne", path("event"), literal("event", "view")),
    "not a list": call("not", call("in", path("event"), literal("event", "view"))),
    "or of fields": call(
        "or",
        call("eq", path("what.n"), literal("what.n", 5)),
        call("eq", path("who.user_id"), literal("who.user_id", "u22")),
    ),
    "part of an and": call(
        "and",
        call("contains", path("who.user_id"), literal("who.user_id", "u")),
        call("ge", path("what.n"), literal("what.n", 5)),
    ),
}


def test_what_can_be_looked_up_is_not_tried_everywhere(make_frame) -> None:
    """Lists of names, negations, OR of fields, prefixes and ranges; the rest is shown."""
    rules = [rule(n, where, None) for n, where in enumerate(INDEXED.values())]
    many = rule(20, None, NAMED)
    text = call("contains", path("who.user_id"), literal("who.user_id", "u"))
    ruleset = ruleset_of([*rules, many, rule(21, text, None), rule(22, None, None)], 150)
    assert ruleset.everywhere == ("r21", "r22")
    place = ruleset.place("view", "shop", "prod")
    assert place is not None
    assert {each.name for each in place.bucket.rules} == {"r21", "r22"}
    place = ruleset.place("event_77", "shop", "prod")
    assert place is not None
    assert {each.name for each in place.bucket.rules} == {"r4", "r5", "r20", "r21", "r22"}


def test_a_hundred_rules_by_user_try_one(make_frame) -> None:
    """An event meets the rules of its own value; others are not even compiled."""
    rules = [
        rule(n, call("eq", path("who.user_id"), ir.Literal(f"u{n}", STRING)), None)
        for n in range(1_000)
    ]
    ruleset = ruleset_of(rules, 150)
    frame = make_frame([("any", {"who": {"user_id": f"u{n}"}}) for n in (3, 3, 5, 5000)])
    before = ruleset.compiled
    put, _ = actual(ruleset, frame)
    assert put == {("r3", "id-0"): 1, ("r3", "id-1"): 1, ("r5", "id-2"): 1}
    assert ruleset.compiled - before <= 3


def test_what_events_had_makes_a_better_plan(make_frame) -> None:
    """Half of the rules want the platform that all events have: they go by country, which few have."""
    where = "where.country"
    rng = random.Random(5)

    def both(n: int) -> ir.Expression:
        platform = "p7" if n % 2 else rng.choice([f"p{m}" for m in range(300)])
        return call(
            "and",
            call("eq", path("how.platform"), ir.Literal(platform, STRING)),
            call("in", path(where), ir.Literal(f"c{n % 20}", STRING), ir.Literal("x", STRING)),
        )

    ruleset = ruleset_of([rule(n, both(n), ("pay",)) for n in range(400)], 50)
    node = ruleset.node("pay", None)
    assert isinstance(node, Node)
    assert [str(each) for each in node.branches] == ["how.platform"]
    events = [
        ("pay", {"how": {"platform": "p7"}, "where": {"country": f"c{n}"}}) for n in range(500)
    ]
    engine = Engine(ruleset)
    for _ in range(200):
        engine.process([(make_frame(events), None)])
    planned = ruleset.replanned()
    assert planned is not None
    node = planned.node("pay", None)
    assert isinstance(node, Node)
    assert {str(each) for each in node.branches} == {"how.platform", where}
    assert [str(each) for each in node.members["r7"].looked_up] == [where]
    assert [str(each) for each in node.members["r8"].looked_up] == ["how.platform"]
    assert planned.replanned() is None
    assert json.dumps(actual(planned, make_frame(events))[1].most_common()) == "[]"


def test_covers_of_a_range_meet() -> None:
    """Two bounds of one property are one range."""
    where = call(
        "and",
        call("gt", path("what.n"), literal("what.n", 1)),
        call("lt", path("what.n"), literal("what.n", 5)),
        call("ne", path("event"), literal("event", "pay")),
    )
    assert [[str(p) for p in cover] for cover in covers(where)] == [
        ["1 <= what.n < 5"],
        ["event not in ('pay')"],
    ]


def test_placement_says_what_a_rule_is_found_by() -> None:
    """Its access predicates and why; what stands with it; whether it is tried everywhere."""
    rules = [rule(n, where, None) for n, where in enumerate(INDEXED.values())]
    text = call("contains", path("who.user_id"), literal("who.user_id", "u"))
    rules += [rule(20, text, None), rule(21, text, ("pay", "view")), rule(22, None, ("pay",))]
    ruleset = ruleset_of(rules, 150)
    found = {each.name: placement(ruleset, each) for each in rules}
    assert found["r0"].access == ("who.user_id == 'u1'",)
    assert not found["r0"].everywhere
    assert "what.n == 5 or who.user_id == 'u22'" in found["r6"].access
    assert found["r4"].access[-1] == "event not in ('view')"
    assert found["r20"].everywhere
    assert found["r20"].access == ()
    assert found["r21"].access == ("event in ('pay', 'view')",)
    assert (found["r21"].shared_with, found["r21"].buckets) == (1, 1)
    assert all(each.why and 0 <= each.selectivity <= 1 for each in found.values())
    new = placement(ruleset, rule(30, INDEXED["a user"], None))
    assert new.access == ("who.user_id == 'u1'",)
    assert new.shared_with == 1
    assert len(ruleset) == len(rules)
    assert "def " in source_of(rules[0])


@pytest.mark.parametrize("split", [0, 3, 1000])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("gt", 5.0), ("lt", 1.0)),
        (("eq", 5.0), ("eq", 1.0)),
        (("lt", 5.0), ("ge", 5.0)),
    ],
)
def test_conditions_that_exclude_each_other_still_fail_on_a_wrong_type(
    make_frame, split, first, second
) -> None:
    """Never TRUE, and an ERROR where the property is one: the rule must be tried there."""
    price = ir.Path("what", ("price",), ir.FLOAT64)
    parts = tuple(
        ir.Call(how, (price, ir.Literal(value, ir.FLOAT64)), ir.BOOL)
        for how, value in (first, second)
    )
    rules = [
        ir.Rule(
            name=f"r{n}",
            target="out",
            where=ir.Call("and", parts, ir.BOOL),
            actions=(ir.Select((ir.Column("n", ir.Literal(n, ir.INT64)),)),),
        )
        for n in range(5)
    ]
    frame = frame_of(make_frame, [("shop", {}, [{"what": {"price": "x"}}, {"what": {"price": 2}}])])
    rows, failures = actual(ruleset_of(rules, split), frame)
    assert (rows, failures) == expected(rules, frame)
    assert sum(failures.values()) == 5
