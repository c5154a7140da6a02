"""Actions as written: what the check takes and refuses, with places; reads, writes, uses."""

import msgspec
import pytest

from trackplane.rules import ir
from trackplane.rules.apply import apply
from trackplane.rules.check import check_rule
from trackplane.rules.explain import explain
from trackplane.rules.load import load_rule
from trackplane.rules.source import RuleError
from trackplane.rules.tests import run_tests, stamped
from trackplane.testing.rule_cases import definitions_of

ITEM = {
    "type": ["object"],
    "properties": {"sku": {"type": ["string"]}, "qty": {"type": ["integer"]}},
}
TYPES = {
    "what.s": "string",
    "what.n": "integer",
    "what.x": "number",
    "what.b": "boolean",
    "what.items": {"type": ["array"], "items": ITEM},
    "what.o": {"type": ["object"], "properties": {"v": {"type": ["integer"]}}},
}
HEAD = 'rule: r\napps: [a]\nwhere: event == "e"\n'


def check(text, **changes):
    definitions = msgspec.structs.replace(definitions_of(TYPES), **changes)
    return check_rule(load_rule(HEAD + text, file="r.yaml"), definitions)


def findings(text, **changes):
    with pytest.raises(RuleError) as caught:
        check(text, **changes)
    return [(f.code, f.line, f.column) for f in caught.value.findings]


def finding(text, **changes):
    with pytest.raises(RuleError) as caught:
        check(text, **changes)
    (found,) = caught.value.findings
    return found


def test_actions_become_ir_in_the_order_written():
    """Sugar becomes Set and Unset; a rule that only changes keeps."""
    rule = check(
        "do:\n- drop: what.b\n- sample: {rate: 0.5, key: who.user_id}\n"
        "- rename: {what.s: what.t}\n- explode: {over: what.items, as: it}\n"
        "- set: {what.sku: it.sku}\n- route: {by: what.t, to: {a: out2}}\nto: out\n"
    )
    kinds = [type(action).__name__ for action in rule.actions]
    assert kinds == ["Drop", "Sample", "Set", "Unset", "Explode", "Set", "Route", "Keep"]
    assert ir.targets(rule) == ("out", "out2")
    assert rule.writes == ("what.t", "what.s", "what.sku")
    assert {"what.b", "what.s", "what.items", "who.user_id"} <= set(rule.reads)
    assert ir.decode_rule(ir.encode(rule)) == rule


def test_keys_of_a_rule_run_in_the_order_of_the_manual():
    """Whatever their order in the file."""
    rule = check(
        "select: {s: it.sku}\nexplode: {over: what.items, as: it}\ndrop: what.b\nto: rows\n"
    )
    assert [type(action).__name__ for action in rule.actions] == ["Drop", "Explode", "Select"]


def test_what_a_rule_needs_is_in_uses():
    """Functions with those they call, tables, keys, scripts, by version."""
    rule = check(
        "do:\n- pseudonymise: {who.user_id: default}\n"
        '- select: {x: twice(what.x), s: \'lookup("countries", where.country, "region")\'}\n'
        "- script: enrich\nto: rows\n"
    )
    assert rule.uses == (
        "function:net@3",
        "function:twice@1",
        "key:default",
        "script:enrich@1",
        "table:countries@1",
    )
    assert isinstance(rule.actions[-1], ir.Script)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("do: [{drop: what.nn == 1}, {keep: true}]\nto: out\n", "rule_name", 4, 13),
        ("do:\n- drop: what.n\n- keep: true\nto: out\n", "rule_type", 5, 9),
        ("route: {by: id, to: {a: ''}}\nkeep: true\nto: out\n", "rule_dataset", 4, 25),
        ("do:\n- keep: true\n- drop: what.b\nto: out\n", "rule_action", 6, 3),
        ("do:\n- keep: true\n- select: {s: id}\nto: out\n", "rule_action", 6, 3),
        ("do:\n- select: {s: id}\n- script: nope\nto: rows\n", "rule_script", 6, 11),
        (
            "do:\n- select: {s: id}\n- route: {by: id, to: {a: rows2}}\nto: rows\n",
            "rule_action",
            6,
            3,
        ),
        ("do:\n- route: {by: id, to: {a: nope}}\n- keep: true\nto: out\n", "rule_dataset", 5, 27),
        ("do:\n- route: {by: id, to: {a: rows}}\n- keep: true\nto: out\n", "rule_dataset", 5, 27),
        ("do:\n- route: {by: what.n, to: {a: out2}}\n- keep: true\nto: out\n", "rule_type", 5, 15),
        ("do:\n- explode: {over: what.s, as: it}\n- keep: true\nto: out\n", "rule_type", 5, 19),
        (
            "do:\n- explode: {over: what.items, as: what}\n- keep: true\nto: out\n",
            "rule_name",
            5,
            35,
        ),
        (
            "do:\n- explode: {over: what.items, of: x}\n- keep: true\nto: out\n",
            "unknown_key",
            5,
            31,
        ),
        ("do:\n- set: {what.s: it.sku}\nto: out\n", "rule_name", 5, 17),
        ("do:\n- set: {when.at: 1}\nto: out\n", "rule_set", 5, 9),
        ("do:\n- set: {what.n: what.s}\nto: out\n", "rule_type", 5, 17),
        ("do:\n- unset: [what.nope]\nto: out\n", "rule_name", 5, 11),
        ("do:\n- unset: [what.n]\n- drop: what.n == 1\n- keep: true\nto: out\n", "rule_name", 6, 9),
        ("do:\n- set: {what.o: what.j}\nto: out\n", "rule_name", 5, 17),
        ("do:\n- sample: 0\n- keep: true\nto: out\n", "rule_rate", 5, 11),
        ("do:\n- sample: {rate: 0.5, key: what.n}\n- keep: true\nto: out\n", "rule_type", 5, 28),
        ("mask: {what.s: blur}\nto: out\n", "rule_argument", 4, 16),
        ("mask: {what.n: redact}\nto: out\n", "rule_type", 4, 8),
        ("pseudonymise: {what.s: other}\nto: out\n", "rule_key", 4, 24),
        ("rename: {what.s: what.n}\nto: out\n", "rule_type", 4, 18),
        ("rename: {what.s: what.x, what.x: what.s}\nto: out\n", "rule_set", 4, 18),
        ("tag: {a: what.n}\nto: out\n", "rule_type", 4, 10),
        ("do: [{keap: true}]\nto: out\n", "rule_action", 4, 7),
        ("do: [{window: {}}]\nto: out\n", "rule_action", 4, 7),
        ("do: [{drop: what.b, keep: true}]\nto: out\n", "shape", 4, 6),
        ("set: {what.n: 1}\nunset: [what.s]\nto: out\n", "rule_action", 5, 8),
        ("select: {x: 'ratio(what.n, what.n)'}\nto: rows\n", "rule_unguarded", 4, 14),
        ("select: {x: 'net(what.n, 1.0)'}\nto: rows\n", "rule_type", 4, 14),
        ("select: {x: net(what.x)}\nto: rows\n", "rule_type", 4, 13),
        ("select: {x: 'nett(what.x, 1.0)'}\nto: rows\n", "rule_function", 4, 14),
    ],
)
def test_what_is_wrong_is_found_at_its_place(text, code, line, column):
    """Code, line and column of the first finding; the source line with a caret."""
    found = findings(text)
    assert (code, line, column) in found
    with pytest.raises(RuleError) as caught:
        check(text)
    assert all("^" in (f.input or "") and f.file == "r.yaml" for f in caught.value.findings)


def test_parts_of_what_was_computed_cannot_be_read():
    """Of what was copied they can."""
    text = "do:\n- set: {what.k: what.o}\n- select: {n: what.k.v}\nto: rows\n"
    assert check(text).actions[1].columns[0].value.type == ir.INT64
    wrong = text.replace("what.k: what.o", "what.k: 'coalesce(what.o, what.o)'")
    assert finding(wrong).code == "rule_set"


def test_a_property_set_before_has_the_type_of_its_new_value():
    """Unplanned ones too, which could not be read otherwise."""
    rule = check("do:\n- set: {what.new: what.x * 2.0}\n- select: {x: what.new}\nto: rows\n")
    assert rule.actions[1].columns[0].value == ir.Path("what", ("new",), ir.FLOAT64)
    assert "what.new" not in rule.reads
    assert finding("select: {x: what.new}\nto: rows\n").code == "rule_name"


def test_on_error_dirty_lets_failures_stand():
    """The rule says so in its IR."""
    text = "set: {what.x: what.n / what.n}\nto: out\n"
    assert ("rule_unguarded", 4, 15) in findings(text)
    assert check("on_error: dirty\n" + text).on_error == "dirty"
    assert ("rule_on_error", 4, 11) in findings("on_error: maybe\n" + text)


def test_a_rule_has_at_most_fifty_actions():
    """More are refused, not run."""
    many = "do:\n" + "- set: {what.n: 1}\n" * 51 + "to: out\n"
    assert finding(many).code == "rule_limit"
    assert len(check(many.replace("- set: {what.n: 1}\n", "", 1)).actions) == 51  # and keep


def test_tests_may_expect_several_outputs_and_a_target():
    """A list for explode, null for none, the dataset by name."""
    text = (
        "do:\n- explode: {over: what.items, as: it}\n- route: {by: it.sku, to: {b: rows2}}\n"
        "- select: {s: it.sku}\nto: rows\ntests:\n"
        "- {given: {what: {items: [{sku: a}, {sku: c}]}}, expect: [{s: a}, {s: c}], target: rows}\n"
        "- {given: {what: {items: [{sku: b}]}}, expect: {s: b}, target: rows}\n"
        "- {given: {what: {items: [{sku: b}]}}, expect: [{s: b}, {s: b}]}\n"
        "- {given: {what: {items: []}}, expect: null}\n"
    )
    source = load_rule(HEAD + text)
    results = run_tests(check(text), source.tests)
    assert [result.message for result in results] == [
        "",
        "it goes to rows2, expected rows",
        '1 outputs, expected 2: {"s":"b"}',
        "",
    ]


def test_scripts_are_run_by_who_can():
    """Without one the outputs wait, as the script is to be handed them."""
    rule = check("do:\n- select: {s: what.s}\n- script: enrich\nto: rows\n")
    event = stamped(rule, {"what": {"s": "x"}})
    waiting = apply(rule, event)
    assert (waiting.script, [o.value for o in waiting.outputs]) == ("enrich", [{"s": "x"}])
    run = apply(rule, event, run_script=lambda _, row: [row, {**row, "n": 1}])
    assert (run.script, [o.value for o in run.outputs]) == ("", [{"s": "x"}, {"s": "x", "n": 1}])


@pytest.mark.parametrize(
    ("where", "events"),
    [
        ("event in ({names})", 500),
        ('event in ({names}) and not (event == "e1")', 500),
        ('event == "e1" or event in ({names})', 500),
        ('event == "e1" or what.n == 1', None),
        ('not (event == "e1")', None),
        ('event in ({names}) and (event == "e1" or event == "e2")', 2),
    ],
)
def test_the_events_a_filter_implies(where, events):
    """Names through and, or, in; a negation implies none, and takes none away."""
    names = ", ".join(f'"e{number}"' for number in range(500))
    plans = {
        ("a", f"e{n}"): spec for n in range(500) for spec in definitions_of(TYPES).plans.values()
    }
    text = f"rule: r\napps: [a]\nwhere: |\n  {where.format(names=names)}\nkeep: true\nto: out\n"
    definitions = msgspec.structs.replace(definitions_of({}), plans=plans)
    if "what.n" in where:
        text = text.replace("what.n == 1", "how.seq == 1")
    rule = check_rule(load_rule(text), definitions)
    assert (None if rule.events is None else len(rule.events)) == events


@pytest.mark.parametrize(
    "text",
    [
        f"select: {{b: '{' and '.join(['what.b'] * 10_000)}'}}\nto: rows\n",
        f"select: {{n: '{'(' * 3000}1{')' * 3000}'}}\nto: rows\n",
        f"select: {{n: {'9' * 5000}}}\nto: rows\n",
        f"select: {{s: '\"{'x' * 5000}\"'}}\nto: rows\n",
        "do: &a [*a]\nto: out\n",
        "do:\n- &a [x, x, x, x, x, x, x, x]\n" + "- [*a, *a, *a, *a, *a, *a, *a, *a]\n" * 9_000,
        "set: " + "{what.a: " * 100 + "}" * 100 + "\nto: out\n",
        "select: {" + ", ".join(f"c{n}: id" for n in range(5_000)) + "}\nto: rows\n",
        "tag: {" + ", ".join(f"t{n}: what.b" for n in range(5_000)) + "}\nto: out\n",
        "select: {s: 'matches(what.s, \"" + "(a+)+" * 190 + "(\")'}\nto: rows\n",
        "select: {s: wh\u0430t.s}\nto: rows\n",
    ],
)
def test_hostile_rules_are_refused_with_a_reason(text):
    """Quickly: the whole suite has no time to wait."""
    with pytest.raises(RuleError) as caught:
        check(text)
    assert caught.value.findings
    assert all(len(f.message) < 1_500 for f in caught.value.findings)


def test_functions_that_double_one_another_are_refused():
    """Thirty of them would make a billion parts."""
    functions = {
        f"f{n}": ir.UserFunction(
            name=f"f{n}",
            parameters={"x": "float64"},
            result="float64",
            body=f"f{n - 1}(x) + f{n - 1}(x)" if n else "x + x",
        )
        for n in range(30)
    }
    found = findings("select: {x: f29(what.x)}\nto: rows\n", functions=functions)
    assert {code for code, _, _ in found} == {"rule_limit", "rule_function"}


def test_many_calls_of_a_large_function_are_refused():
    """Each alone would do."""
    body = f"concat({', '.join(['x'] * 400)})"
    large = ir.UserFunction(name="large", parameters={"x": "string"}, result="string", body=body)
    calls = ", ".join(["large(what.s)"] * 100)
    found = findings(f"select: {{s: 'concat({calls})'}}\nto: rows\n", functions={"large": large})
    assert found == [("rule_limit", 1, 7)]


def test_functions_that_call_themselves_are_refused():
    """The finding names the round."""
    functions = {
        name: ir.UserFunction(
            name=name, parameters={"x": "float64"}, result="float64", body=f"{other}(x)"
        )
        for name, other in (("f", "g"), ("g", "f"))
    }
    with pytest.raises(RuleError) as caught:
        check("select: {x: f(what.x)}\nto: rows\n", functions=functions)
    assert "f -> g -> f" in str(caught.value)


def test_an_argument_that_a_body_reads_twice_is_one_node():
    """So that the engine computes it once."""
    square = ir.UserFunction(
        name="square", parameters={"x": "float64"}, result="float64", body="x * x"
    )
    rule = check("select: {x: square(what.x + 1.0)}\nto: rows\n", functions={"square": square})
    call = rule.actions[0].columns[0].value
    assert call.args[0] is call.args[1]


def test_an_argument_keeps_its_item_within_a_functions_own():
    """A name inside the body does not capture one outside."""
    inner = ir.UserFunction(
        name="has",
        parameters={"all_": "array<string>", "one": "string"},
        result="bool",
        body="any(x == one for x in all_)",
    )
    rule = check(
        "select: {b: 'any(has([y.sku for y in what.items], x.sku) for x in what.items)'}\nto: rows\n",
        functions={"has": inner},
    )
    event = stamped(rule, {"what": {"items": [{"sku": "a"}]}})
    (output,) = apply(rule, event).outputs
    assert output.value == {"b": True}


def test_a_rule_is_explained():
    """IR, types, reads, writes, uses, what can fail, cost with reasons."""
    rule = check(
        "do:\n- drop: what.n > 5\n- explode: {over: what.items, as: it}\n"
        "- select: {s: upper(it.sku), x: 'try_(ratio(it.qty, what.n), 0.0)'}\nto: rows\n"
    )
    found = explain(rule)
    assert found.cost == rule.cost == sum(term.units for term in found.terms)
    assert found.uses == ("function:ratio@1",)
    (division,) = [f for f in found.failures if "rule_zero_divisor" in f.codes]
    assert division.caught
    text = found.text()
    for part in (
        "rule r: e -> rows",
        "explode as it",
        "path what.n: int64?",
        "reads: event, what.items",
    ):
        assert part in text
