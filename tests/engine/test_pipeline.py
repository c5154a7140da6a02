"""Actions in order, as the engine runs them: targets, weights, scripts, counts, canaries."""

from __future__ import annotations

import json
from typing import Any

from trackplane.engine.engine import Engine, Outputs
from trackplane.engine.generate import source_of
from trackplane.rules import ir


def path(text: str, kind: str) -> ir.Path:
    root, name = text.split(".")
    return ir.Path(root, (name,), ir.Type(kind))  # type: ignore[arg-type]


def item(name: str, kind: str, *parts: str) -> ir.Item:
    return ir.Item(name, parts, ir.Type(kind))  # type: ignore[arg-type]


def rule(name: str, *actions: ir.Action, where: ir.Expression | None = None) -> ir.Rule:
    return ir.Rule(name=name, target="out", events=("pay",), where=where, actions=actions)


def select(**columns: ir.Expression) -> ir.Select:
    return ir.Select(tuple(ir.Column(name, value) for name, value in columns.items()))


def loaded(outputs: Outputs, target: str = "out") -> list[Any]:
    return [json.loads(row) for row in outputs.rows[target].data] if outputs.rows else []


ABOVE_ONE = ir.Call("gt", (path("what.price", "float64"), ir.Literal(1.0, ir.FLOAT64)), ir.BOOL)
PRICE = select(price=path("what.price", "float64"))


def test_a_row_carries_its_events_weight_over_the_rates_it_was_sampled_by(
    make_frame, make_ruleset
) -> None:
    """Two samples, and one event of three that the collector had sampled."""
    key = path("who.user_id", "string")
    weight = ir.Path("meta", ("weight",), ir.FLOAT64, nullable=False)
    sampled = rule("sampled", ir.Sample(0.5, key), ir.Sample(0.5, key), select(w=weight))
    frame = make_frame([("pay", {"who": {"user_id": f"u{n}"}}) for n in range(300)])
    outputs = Engine(make_ruleset([sampled, rule("all", PRICE)])).process([(frame, None)])
    found = [
        (weight, json.loads(data).get("w"))
        for rule_, weight, data in zip(
            outputs.rows["out"].rule,
            outputs.rows["out"].weight,
            outputs.rows["out"].data,
            strict=True,
        )
        if rule_ == "sampled"
    ]
    # The same key twice: the second sample lets all pass that the first did.
    assert 100 < len(found) < 200
    assert set(found) == {(4.0, 4.0), (8.0, 8.0)}
    assert outputs.matched["sampled"] == 300
    assert outputs.output == {"sampled": len(found), "all": 300}


def test_an_item_that_fails_takes_only_its_own_output_away(make_frame, make_ruleset) -> None:
    """Each its own dirty entry; the items' order stays."""
    sku = item("i", "string", "sku")
    explode = rule("items", ir.Explode(path("what.items", "array"), "i"), select(sku=sku))
    events = [
        ("pay", {"what": {"items": [{"sku": "a"}, {"sku": 1}, {"sku": "b"}, 5, {}]}}),
        ("pay", {"what": {"items": []}}),
        ("pay", {}),
    ]
    outputs = Engine(make_ruleset([explode])).process([(make_frame(events), None)])
    assert loaded(outputs) == [{"sku": "a"}, {"sku": "b"}, {"sku": None}]
    assert [(dirty.id, dirty.reason) for dirty in outputs.dirty] == [("id-0", "rule_type")] * 2
    assert (outputs.matched["items"], outputs.output["items"], outputs.failed["items"]) == (3, 3, 2)


def test_a_route_chooses_among_its_targets_only(make_frame, make_ruleset) -> None:
    """What is none of them, and NULL, goes to the rule's own."""
    by = path("where.country", "string")
    routed = rule("routed", ir.Route(by, (("SG", "asia"), ("DE", "europe"))), ir.Keep())
    events = [("pay", {"where": {"country": country}}) for country in ("SG", "DE", "XX", None)]
    outputs = Engine(make_ruleset([routed])).process([(make_frame(events), None)])
    assert {name: rows.id for name, rows in outputs.rows.items()} == {
        "out": ["id-2", "id-3"],
        "asia": ["id-0"],
        "europe": ["id-1"],
    }


def test_later_actions_see_what_earlier_ones_set_and_unset(make_frame, make_ruleset) -> None:
    """Values of one set all see the event as it came to that set; keep puts the last state out."""
    a, b = path("what.a", "string"), path("what.b", "string")
    swapped = rule(
        "swap",
        ir.Set((ir.Assignment("what", "a", b), ir.Assignment("what", "b", a))),
        ir.Drop(ir.Call("eq", (a, ir.Literal("stop", ir.STRING)), ir.BOOL)),
        ir.Unset(("what.b", "who.user_id")),
        ir.Set((ir.Assignment("what", "c", b), ir.Assignment("what", "a", b, skip_null=True))),
        ir.Keep(),
    )
    events = [
        ("pay", {"what": {"a": "1", "b": "2"}, "who": {"user_id": "u", "device_id": "d"}}),
        ("pay", {"what": {"a": "1", "b": "stop"}}),
    ]
    outputs = Engine(make_ruleset([swapped])).process([(make_frame(events), None)])
    (row,) = loaded(outputs)
    assert row["what"] == {"a": "2", "c": None}
    assert row["who"] == {"device_id": "d"}


def test_rows_wait_for_their_script_and_are_counted_when_it_answers(
    make_frame, make_ruleset
) -> None:
    """One row becomes two, one nothing, one a failure; all of them know where they came from."""
    scripted = rule("scripted", ir.Route(path("what.to", "string"), (("b", "other"),)), PRICE)
    scripted = ir.Rule(
        name="scripted~canary",
        target="out",
        events=("pay",),
        actions=(*scripted.actions, ir.Script("s")),
    )
    events = [("pay", {"what": {"price": n, "to": "b" if n == 2 else "a"}}) for n in range(3)]
    engine = Engine(make_ruleset([scripted]))
    outputs = engine.process([(make_frame(events), None)])
    assert not outputs.rows
    waiting = outputs.scripts["s"]
    by_id = {event_id: row for row, event_id in enumerate(waiting.id)}
    assert [waiting.data[by_id[f"id-{n}"]] for n in range(3)] == [
        b'{"price":0.0}',
        b'{"price":1.0}',
        b'{"price":2.0}',
    ]
    assert engine.statistics().output == {}
    outputs.answered("s", by_id["id-0"], [])
    outputs.refused("s", by_id["id-1"], "rule_script", "it said no")
    outputs.answered("s", by_id["id-2"], [b"{}", b'{"price":7}'])
    assert {name: (rows.id, rows.rule, rows.data) for name, rows in outputs.rows.items()} == {
        "other": (["id-2"] * 2, ["scripted"] * 2, [b"{}", b'{"price":7}'])
    }
    (dirty,) = outputs.dirty
    assert (dirty.rule, dirty.reason, dirty.id) == ("scripted", "rule_script", "id-1")
    statistics = engine.statistics()
    assert statistics.matched == {"scripted~canary": 3}
    assert statistics.output == {"scripted~canary": 2}
    assert statistics.failed == {"scripted~canary": 1}
    assert statistics.written == {"scripted~canary": 13}


def test_statistics_say_what_each_rule_read_and_wrote(make_frame, make_ruleset) -> None:
    """Also once its ruleset is gone."""
    data = b'{"what":{"price":5}}'
    frame = make_frame([("pay", data), ("pay", b"{}"), ("view", data)])
    engine = Engine(make_ruleset([rule("all", PRICE), rule("some", PRICE, where=ABOVE_ONE)]))
    engine.process([(frame, None)])
    for _ in range(2):
        statistics = engine.statistics()
        assert statistics.read == dict.fromkeys(("all", "some"), len(data) + 2)
        assert statistics.matched == {"all": 2, "some": 1}
        assert statistics.written == {"all": 27, "some": 13}
        engine.ruleset = make_ruleset([], number=2)
        engine.process([(frame, None)])


def test_the_generated_code_can_be_read(make_ruleset) -> None:
    """Numbered variables, with the constants they stand for."""
    text = source_of(rule("big", PRICE, where=ABOVE_ONE))
    assert "# k" in text
    assert "= 1.0" in text
    assert "def run(" in text
    compile(text, "shown", "exec")
