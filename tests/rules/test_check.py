"""Rules as written, against a plan: what passes, and every finding of what does not."""

import pytest

from trackplane.rules import ir
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.load import load_rule
from trackplane.rules.source import RuleError
from trackplane.rules.tests import run_tests

BIG_SPENDER = """\
rule: big_spender
from: events
apps: [shop]
where: event in ("order_pay", "order_refund") and what.total.value > 100.0 and how.platform == "ios"
select: {id: id, user: who.user_id, cents: "try_(int(round(what.total.value * 100.0)), 0)", action: '"purchase"'}
to: recsys.user_action
owner: team:recsys
tests:
  - {given: {event: order_pay, what: {total: {value: 129.5}}, how: {platform: ios}}, expect: {cents: 12950}}
  - {given: {event: order_pay, what: {total: {value: 10}}, how: {platform: ios}}, expect: null}
"""


@pytest.fixture
def check(plans, datasets):
    definitions = Definitions(plans=plans, datasets=datasets)
    return lambda text: check_rule(load_rule(text, file="r.yaml"), definitions)


def rule_with(where='event == "order_pay"', end="select: {id: id}", to="recsys.user_action"):
    return f"rule: r\napps: [shop]\nwhere: {where}\n{end}\nto: {to}\n"


def test_the_designs_example_compiles_and_passes_its_tests(check):
    """big_spender of design.md section 7."""
    source = load_rule(BIG_SPENDER)
    rule = check(BIG_SPENDER)
    assert rule.events == ("order_pay", "order_refund")
    assert rule.reads == ("event", "how.platform", "id", "what.total.value", "who.user_id")
    assert rule.writes == tuple(
        f"recsys.user_action.{c}" for c in ("id", "user", "cents", "action")
    )
    assert rule.functions == ("and", "eq", "gt", "in", "int", "mul", "round", "try_")
    assert rule.envs == ("prod",)
    assert rule.text == BIG_SPENDER
    assert ir.decode_rule(ir.encode(rule)) == rule
    assert [result.passed for result in run_tests(rule, source.tests)] == [True, True]


@pytest.mark.parametrize(
    ("where", "code", "column", "hint"),
    [
        ('event == "order_pay" and what.totl > 1', "rule_name", 33, "did you mean 'what.total'?"),
        (
            'event == "order_pay" and what.total.valu > 1.0',
            "rule_name",
            33,
            "did you mean 'value'?",
        ),
        ('event == "order_pay" and what.total.value > 1', "rule_type", 33, "write 1.0"),
        ('event == "order_pay" and what.n > 1.5', "rule_type", 33, "write float(what.n)"),
        ('event == "order_pay" and what.n == None', "rule_type", 33, "write what.n is None"),
        ('event == "order_pay" and what.either == "x"', "rule_type", 33, "read it as a type first"),
        ('event == "order_pay" and int(what.s) == 1', "rule_unguarded", 33, "try_(int(what.s), …)"),
        ('event == "order_pay" and 1 / what.n > 1.0', "rule_unguarded", 33, "try_("),
        ('event == "order_pay" and what.n', "rule_type", 8, "compare first"),
        ('event == "order_pay" and lenght(what.s) > 1', "rule_function", 33, "'length'"),
        ('event == "order_pai"', "rule_event", 17, "did you mean 'order_pay'?"),
        ('event in ("order_pay", "cart") and what.n is None', "rule_type", 43, "name fewer events"),
        ("what.n > 1", "rule_name", 8, "name the events"),
        ('event == "order_pay" and event == "cart"', "rule_events", 8, None),
        ('event == "order_pay" and matches(what.s, "(?=a)")', "rule_pattern", 49, None),
        ('event == "order_pay" and matches(what.s, what.s)', "rule_type", 33, None),
        ('event == "order_pay" and what.items.x == "a"', "rule_type", 33, "write [0]"),
        ('event == "order_pay" and what.n == 9223372036854775808', "rule_overflow", 43, None),
        ('event == "order_pay" and when.at > 5', "rule_type", 33, "timestamp("),
        ('event == "order_pay" and who > 5', "rule_name", 33, "who.<property>"),
        ('event == "order_pay" and int("x") == 1', "rule_cast", 33, None),
        ('event == "order_pay" and what.n in (1, None)', "rule_type", 33, None),
        ('event == "order_pay" and what.n in (1, what.n)', "rule_syntax", 47, "x == a or x == b"),
        ("event", "rule_type", 8, None),
    ],
)
def test_a_wrong_filter_is_refused_with_its_place(check, where, code, column, hint):
    """Line, column, code, the source line with a caret, and what to do."""
    with pytest.raises(RuleError) as caught:
        check(rule_with(where))
    finding = caught.value.findings[0]
    assert (finding.code, finding.file, finding.line, finding.column) == (code, "r.yaml", 3, column)
    line, carets = finding.input.split("\n")
    assert line == f"where: {where}"
    assert carets.index("^") == column - 1
    assert hint is None or (finding.hint is not None and hint in finding.hint)


@pytest.mark.parametrize(
    ("end", "to", "code"),
    [
        ("select: {idd: id}", "recsys.user_action", "rule_column"),
        ("select: {cents: who.user_id}", "recsys.user_action", "rule_type"),
        ("select: {cents: what.total.value}", "recsys.user_action", "rule_type"),
        ("select: {id: what.items}", "recsys.user_action", "rule_type"),
        ("select: {id: id}", "recsys.user_actions", "rule_dataset"),
        ("select: {id: id}", "copies", "rule_dataset"),
        ("select: {}", "recsys.user_action", "rule_limit"),
        ("keep: true", "recsys.user_action", "rule_dataset"),
        ("owner: me", "copies", "rule_action"),
        ("select: {id: id}\nkeep: true", "recsys.user_action", "rule_action"),
        ("set: {what.n: what.s}", "copies", "rule_type"),
        ("set: {what.total.value: '1.0'}", "copies", "rule_set"),
        ("set: {when.at: when.client}", "copies", "rule_set"),
        ("set: {meta.app: '\"x\"'}", "copies", "rule_set"),
        ("set: {event: '\"x\"'}", "copies", "rule_set"),
        ("keep: true\ndrop: what.n", "copies", "rule_type"),
        ("keep: true\nfrom: clicks", "copies", "rule_dataset"),
    ],
)
def test_a_wrong_action_is_refused(check, end, to, code):
    """Targets, columns and actions that do not fit."""
    with pytest.raises(RuleError) as caught:
        check(rule_with(end=end, to=to))
    assert [finding.code for finding in caught.value.findings] == [code]


def test_all_findings_are_reported_in_the_order_of_the_text(check):
    """Not the first only, over all parts of the rule."""
    text = rule_with(
        'event == "order_pay" and what.x > 1 and what.n == "a"',
        "select: {id: foo, cents: what.s, nope: id}",
        "nowhere",
    )
    with pytest.raises(RuleError) as caught:
        check(text)
    codes = [finding.code for finding in caught.value.findings]
    assert codes == ["rule_name", "rule_type", "rule_name", "rule_dataset"]


def test_an_unknown_app_names_the_nearest(check):
    """The finding points at the app."""
    with pytest.raises(RuleError) as caught:
        check(rule_with('event == "order_pay"').replace("[shop]", "[shopp]"))
    (finding,) = caught.value.findings
    assert (finding.code, finding.line, finding.column) == ("rule_app", 2, 8)
    assert finding.hint == "did you mean 'shop'?"


def test_rules_write_to_topics_too(check):
    """Whole events, as a dataset without columns takes them."""
    rule = check('rule: r\nwhere: event == "order_pay"\nkeep: true\nto: stream\n')
    assert rule.actions == (ir.Keep(),)


def test_a_property_planned_for_some_of_the_events_is_taken(check):
    """Its type must agree only where it is planned; elsewhere it is mostly NULL."""
    rule = check(rule_with('event in ("order_pay", "order_refund") and what.s == "x"'))
    assert "what.s" in rule.reads


@pytest.mark.parametrize(
    ("where", "events"),
    [
        ('event == "order_pay"', ("order_pay",)),
        ("'\"order_pay\" == event'", ("order_pay",)),
        ('event in ("cart", "order_pay") and event != "cart"', ("cart", "order_pay")),
        ('event == "cart" or (event == "order_pay" and id == "x")', ("cart", "order_pay")),
        ('event == "$page"', ("$page",)),
        ('event == "cart" or id == "x"', None),
        ('not (event == "cart")', None),
        ("how.seq > 5", None),
    ],
)
def test_the_names_a_filter_implies(check, where, events):
    """For all others it is FALSE."""
    assert check(rule_with(where)).events == events


def test_nullability_is_tracked(check):
    """Stamped properties are never NULL; a coalesce with a constant neither."""
    end = "select: {id: id, user: who.user_id, cents: 'coalesce(what.n, 0)', at: when.at}"
    (select,) = check(rule_with(end=end)).actions
    assert [column.value.nullable for column in select.columns] == [False, True, False, False]
