"""What rules put out: the reference evaluator's actions, a rule's own tests, the shop's rules."""

from importlib import resources

import msgspec
import pytest

from trackplane.plan.load import load_plan
from trackplane.rules.apply import apply as apply_all
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.load import load_datasets, load_rule, load_rules
from trackplane.rules.reference import RuleFailure
from trackplane.rules.tests import run_tests, stamped

EVENT = {
    "id": "1",
    "event": "order_pay",
    "who": {"user_id": "u"},
    "when": {"client": 5, "server": 9, "at": 8},
    "what": {"n": 2, "s": "x", "extra": [1]},
    "meta": {"app": "shop", "env": "prod", "grade": "P0", "revision": 3, "weight": 1.0},
}


@pytest.fixture
def rule(plans, datasets):
    def make(end, where='event == "order_pay"', to="copies"):
        text = f"rule: r\napps: [shop]\nwhere: {where}\n{end}\nto: {to}\n"
        return check_rule(load_rule(text), Definitions(plans=plans, datasets=datasets))

    return make


def event(**changes):
    return {**EVENT, **changes}


def apply(rule, given):
    """Return the one output, the one failure, or None."""
    found = apply_all(rule, given)
    assert len(found.outputs) + len(found.failures) <= 1
    values = [*found.failures, *(output.value for output in found.outputs)]
    return values[0] if values else None


def without_meta(given):
    return {name: value for name, value in given.items() if name != "meta"}


def test_keep_puts_out_the_event_without_meta(rule):
    """As merged; what it lacks is absent."""
    assert apply(rule("keep: true"), EVENT) == without_meta(EVENT)


def test_set_replaces_and_adds_from_the_event_as_it_came(rule):
    """Assignments do not see each other; a missing namespace is made; NULL is null."""
    kept = rule(
        "set: {what.n: 'what.n + 1', what.m: what.n, where.page: who.user_id, who.user_id: None}"
    )
    expected = without_meta(EVENT) | {
        "what": {"n": 3, "m": 2, "s": "x", "extra": [1]},
        "where": {"page": "u"},
        "who": {"user_id": None},
    }
    given = msgspec.json.decode(msgspec.json.encode(EVENT))
    assert apply(kept, given) == expected
    assert given == EVENT


def test_select_keeps_the_columns_order(rule):
    """NULL columns are there as null."""
    chosen = rule(
        "select: {user: who.user_id, id: id, share: what.total.value, raw: what.items}",
        to="recsys.user_action",
    )
    assert list(apply(chosen, EVENT).items()) == [
        ("user", "u"),
        ("id", "1"),
        ("share", None),
        ("raw", None),
    ]


@pytest.mark.parametrize(
    ("n", "expected"), [(1, False), (2, True), (None, True), ("x", RuleFailure("rule_type"))]
)
def test_drop_takes_only_what_is_true(rule, n, expected):
    """NULL goes on; an ERROR fails."""
    found = apply(rule("keep: true\ndrop: what.n == 1"), event(what={"n": n}))
    assert (
        found == expected if isinstance(expected, RuleFailure) else (found is not None) == expected
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "cart"},
        {"meta": {**EVENT["meta"], "app": "news"}},
        {"meta": {**EVENT["meta"], "env": "dev"}},
        {"what": {"n": None}},
        {"what": {"n": 3}},
        {},
    ],
)
def test_only_true_over_the_rules_own_events_selects(rule, changes):
    """Another name, app or environment; NULL; FALSE."""
    kept = rule("keep: true", where='event == "order_pay" and what.n == 2')
    assert (apply(kept, event(**changes)) is not None) == (not changes)


def test_a_wrong_typed_property_fails_the_event_unless_caught(rule):
    """Code rule_type: the event is dirty for this rule only."""
    wrong = event(what={"n": "2"})
    assert apply(
        rule("keep: true", where='event == "order_pay" and what.n == 2'), wrong
    ) == RuleFailure("rule_type")
    assert apply(rule("keep: true", where='event == "order_pay" and try_(what.n, 2) == 2'), wrong)
    assert apply(rule("keep: true", where='event == "cart" and what.n == 2.0'), wrong) is None


def test_a_rules_tests_say_what_differs(rule):
    """Numbers, subset, expected nothing, got nothing, failure."""
    text = """
rule: r
apps: [shop]
where: event == "order_pay" and what.n > 0
select: {id: id, cents: what.n, raw: what.total}
to: recsys.user_action
tests:
  - {given: {what: {n: 5}}, expect: {cents: 5}}
  - {given: {what: {n: 5, total: {value: 1}}}, expect: {cents: 6, raw: {value: 2}, nope: 1}}
  - {given: {what: {n: 5}}, expect: null}
  - {given: {what: {n: 0}}, expect: {cents: 0}}
  - {given: {what: {n: x}}, expect: null}
"""
    made = rule(
        "select: {id: id, cents: what.n, raw: what.total}",
        'event == "order_pay" and what.n > 0',
        "recsys.user_action",
    )
    source = load_rule(text)
    results = run_tests(made, source.tests)
    assert [result.passed for result in results] == [True, False, False, False, False]
    assert (
        results[1].message
        == "cents is 5, expected 6; raw.value is 1, expected 2; nope is not in the output"
    )
    assert results[2].message.startswith("no output was expected")
    assert results[3].message == 'there was no output, expected {"cents":0}'
    assert "rule_type" in results[4].message
    assert [result.line for result in results] == [8, 9, 10, 11, 12]


def test_the_shops_rules_compile_and_pass_their_tests():
    """Those of the example that ships: every rule has tests."""
    shop = resources.files("trackplane.demo") / "shop"
    plan = load_plan((shop / "plan.yaml").read_text())
    plans = {(plan.app, name): spec for name, spec in plan.events.items()}
    datasets = {d.name: d for d in load_datasets((shop / "datasets.yaml").read_text())}
    sources = load_rules((shop / "rules.yaml").read_text())
    assert len({source.name for source in sources}) == len(sources) >= 8
    for source in sources:
        made = check_rule(source, Definitions(plans=plans, datasets=datasets))
        assert source.tests
        assert [r.message for r in run_tests(made, source.tests) if not r.passed] == []


def test_what_the_platform_stamps_is_filled_in_for_tests(rule):
    """Unless the test says it."""
    made = rule("keep: true")
    assert stamped(made, {})["meta"]["app"] == "shop"
    assert stamped(made, {"when": {"client": 7}})["when"] == {"at": 7, "server": 7, "client": 7}
    assert stamped(made, {"meta": {"env": "dev"}})["meta"]["env"] == "dev"
