"""The whole validation of an event: its plan's and its checks'."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackplane.engine.validation import compile_validation
from trackplane.plan.model import Check, EventSpec, Property
from trackplane.plan.validate import compile_validator
from trackplane.rules.checks import check_findings, type_check
from trackplane.rules.library import Failure
from trackplane.rules.reference import evaluate
from trackplane.rules.source import RuleError

MONEY = msgspec.convert({"type": ["number"]}, Property)
LINE = {"type": ["object"], "properties": {"qty": {"type": ["integer"]}}}
WHAT = {
    "total": MONEY,
    "discount": MONEY,
    "email": Property(type=("string",), pii="email"),
    "items": msgspec.convert({"type": ["array"], "items": LINE}, Property),
}
CHECKS = (
    Check(name="discount", that="what.discount <= what.total", message={"en": "too generous"}),
    Check(name="rate", that="what.total / what.discount > 1.0", severity="warning"),
    Check(name="reachable", that="is_null(what.email) or length(what.email) > 3"),
    Check(name="lines", that="all(x.qty > 0 for x in what.items)"),
    Check(name="platform", that='how.platform in ("ios", "web")'),
)
SPEC = EventSpec(app="shop", event="pay", properties={"what": WHAT}, checks=CHECKS)


def found(what: Any, **rest: Any) -> list[tuple[str, str]]:
    violations = compile_validation(SPEC)({"event": "pay", "what": what, **rest})
    return [(v.code, v.rule.partition(":")[0]) for v in violations if v.rule]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({}, []),
        ({"total": 3, "discount": 1}, []),
        ({"total": 1, "discount": 2.5}, [("check", "discount"), ("check_warning", "rate")]),
        ({"total": 1, "discount": 0}, [("check_warning", "rate")]),  # a division by zero
        ({"total": None, "discount": 2}, [("null", "nullable")]),  # NULL keeps a check
        ({"total": "1", "discount": 2}, [("type", "type")]),  # told once, by the validator
        ({"email": "a@"}, [("check", "reachable")]),
        ({"items": [{"qty": 1}, {"qty": 0}]}, [("check", "lines")]),
    ],
)
def test_false_and_failures_break_a_check_true_and_null_keep_it(
    what: Any, expected: list[tuple[str, str]]
) -> None:
    """Beside what the validator says of each property."""
    assert found(what) == expected


def test_a_violation_tells_the_message_the_text_and_what_was_read_but_nothing_personal() -> None:
    """Of a personal property the value is masked."""
    event = {"event": "pay", "what": {"total": 1, "discount": 2.5, "email": "a@"}}
    first, _, last = compile_validation(SPEC)(event)
    assert first.message == "too generous"
    assert first.rule == "discount: what.discount <= what.total"
    assert first.input == "what.discount: 2.5, what.total: 1"
    assert (last.input, last.message) == ("what.email: …", "the check reachable does not hold")


def test_what_holds_something_personal_is_masked_too() -> None:
    """An array of objects with an e-mail address."""
    person = msgspec.convert(
        {"type": ["array"], "items": {"type": ["object"], "properties": {"m": {"type": ["string"], "pii": "email"}}}},
        Property,
    )  # fmt: skip
    check = Check(name="few", that="length(what.people) < 1")
    spec = EventSpec(app="a", event="e", properties={"what": {"people": person}}, checks=(check,))
    (violation,) = compile_validation(spec)({"what": {"people": [{"m": "ann@example.com"}]}})
    assert violation.input == "what.people: …"


@pytest.mark.parametrize(
    ("that", "message"),
    [
        ("what.totl > 1.0", "not planned for pay"),
        ("what.total", "this is float64, not bool"),
        ("meta.weight > 1.0", "meta.weight is stamped after the check"),
        ("when.at == when.client", "when.at is stamped"),
        ("hmac(what.email, 'k') == 'x'", "cannot be used in a check"),
        ("what.total >", "cannot be read"),
    ],
)
def test_a_wrong_check_is_told_with_its_place(that: str, message: str) -> None:
    """All findings of a plan's checks, by the check's number."""
    spec = msgspec.structs.replace(SPEC, checks=(CHECKS[0], Check(name="x", that=that)))
    ((number, finding),) = check_findings(spec)
    assert number == 1
    assert message in finding.message or finding.code == "rule_syntax"
    with pytest.raises(RuleError):
        compile_validation(spec)


VALUES = st.one_of(
    st.none(), st.integers(-3, 3), st.floats(-2, 2), st.text(max_size=5), st.booleans()
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "total": VALUES,
            "discount": VALUES,
            "email": VALUES,
            "items": st.lists(st.one_of(VALUES, st.fixed_dictionaries({"qty": VALUES})), max_size=3),
        },
    ),
    st.one_of(st.none(), st.fixed_dictionaries({"platform": VALUES})),
)  # fmt: skip
def test_generated_checks_mean_what_the_reference_evaluator_says(what: Any, how: Any) -> None:
    """Whatever is sent, also of wrong types."""
    event = {"event": "pay", "what": what} | ({"how": how} if how is not None else {})
    told = {
        v.rule.partition(":")[0]
        for v in compile_validation(SPEC)(event)[len(compile_validator(SPEC)(event)) :]
    }
    for check in CHECKS:
        outcome = evaluate(type_check(check, SPEC).that, event)
        broken = outcome is False or (isinstance(outcome, Failure) and outcome.code != "rule_type")
        assert (check.name in told) == broken, (check, outcome)
