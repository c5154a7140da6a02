"""Examples of planned events: made from the plan alone, taken by its validator."""

from __future__ import annotations

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.plan import compile_validator, load_plan
from trackplane.plan.example import example, value_of
from trackplane.plan.model import Property

PLAN = """
format: 1
app: shop
types:
  money: {type: object, properties: {value: {type: number, min: 0, required: true}, currency: {type: string, enum: [SGD, USD], required: true}}}
events:
  order_pay:
    owner: team:pay
    platforms: [ios]
    what:
      order_id: {type: string, required: true, pattern: "ORD-[0-9]{5,12}"}
      total: {type: money, required: true}
      items: {type: array, min_length: 2, items: {type: object, properties: {sku: {type: string, pattern: "[A-Z]{3}-[0-9]{4}", required: true}, quantity: {type: integer, min: 1, max: 99}}}}
      attributes: {type: map, values: string}
      cohort: {type: string, pattern: "20[0-9]{2}-(0[1-9]|1[0-2])"}
      sent: timestamp
      gift: boolean
      note: {type: string, min_length: 30, max_length: 40}
      amount: {type: number, deprecated: {replaced_by: what.total.value}}
"""


def test_an_example_is_taken_by_the_event_s_own_validator() -> None:
    """Every kind of property that a plan may have."""
    spec = load_plan(PLAN).events["order_pay"]
    event = example(spec)
    assert [v for v in compile_validator(spec)(event) if v.severity == "error"] == []
    assert event["what"]["total"] == {"value": 0, "currency": "SGD"}
    assert len(event["what"]["items"]) == 2
    assert event["how"] == {"platform": "ios"}
    assert "amount" not in event["what"]


def test_the_same_plan_gives_the_same_example() -> None:
    """It can be compared from one keystroke to the next."""
    spec = load_plan(PLAN).events["order_pay"]
    assert example(spec) == example(spec)


@given(
    st.from_regex(
        r"(\[[a-f0-3]{1,4}\]|x|y|(ab|c)|\\d|\.|-)([+?]|\{[1-3],?[4-6]?\})?", fullmatch=True
    )
)
@settings(max_examples=150)
def test_a_text_of_a_pattern_matches_it(pattern: str) -> None:
    """Classes, branches, escapes and repetitions."""
    text = value_of(Property(type=("string",), pattern=pattern))
    assert re2.compile(pattern).fullmatch(text)
