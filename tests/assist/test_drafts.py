"""Drafts of events from what arrives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trackplane.assist import Draft, Inferred, draft, gather, infer
from trackplane.plan import Plan, compile_validator, load_plan
from trackplane.plan.model import Property

PLAIN_NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["2026-01-02T03:04:05Z", "2026-13-02T03:04:05Z", "ann@example.com", "SGD", "1", "1.5", "{}"]
    )
    | st.integers(1_700_000_000_000, 1_800_000_000_000)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_NAMES, inner, max_size=3),
    max_leaves=6,
)
SAMPLES = st.lists(
    st.dictionaries(
        PLAIN_NAMES | st.sampled_from(["type", "amount", "at", "id"]), VALUES, max_size=4
    ),
    min_size=1,
    max_size=6,
).flatmap(
    # Repeated, so that requirements, enums and patterns come into play.
    lambda few: st.sampled_from([1, 8, 30]).map(lambda times: few * times)
)


def plan_of(made: Draft) -> Plan:
    body = "".join(f"  {line}\n" for line in made.text.splitlines())
    return load_plan(f"format: 1\napp: shop\nevents:\n{body}")


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(SAMPLES)
def test_every_sample_is_valid_under_the_draft_made_from_it(whats: list[dict[str, Any]]) -> None:
    samples = [{"event": "thing", "what": what, "how": {"platform": "web"}} for what in whats]
    made = draft("thing", samples)
    validate = compile_validator(plan_of(made).events["thing"])
    for sample in samples:
        assert [v for v in validate(sample) if v.code != "unplanned_property"] == []


def shape_of(values: list[Any], path: str = "what.x", *, allowed: float = 0.0) -> Inferred:
    _, name = path.split(".")
    return infer(path, gather({name: value} for value in values).members[name], allowed=allowed)


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        ("what.ok", [True, False] * 20, Property(type=("boolean",), required=True)),
        ("what.count", list(range(40)), Property(type=("integer",), min=0, required=True)),
        ("what.price", [1, 2.5] * 20, Property(type=("number",), min=0, required=True)),
        ("what.delta", [-3, 2.5] * 20, Property(type=("number",), required=True)),
        (
            "what.paid_at",
            [1_790_000_000_000 + 977 * n for n in range(40)],
            Property(type=("timestamp",), required=True),
        ),
        (
            "what.paid_at",
            ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123+08:00"] * 20,
            Property(type=("timestamp",), required=True),
        ),
        (
            "what.method",
            ["card", "wallet", "points"] * 20,
            Property(type=("string",), enum=("card", "points", "wallet"), required=True),
        ),
        (
            "what.mail",
            [f"u{n}@example.com" for n in range(40)],
            Property(type=("string",), pii="email", required=True),
        ),
        (
            "what.currency",
            [f"A{chr(65 + n)}D" for n in range(26)],
            Property(type=("string",), pattern="[A-Z]{3}", required=True),
        ),
        (
            "what.tags",
            [["a", "b"], []] * 20,
            Property(
                type=("array",), items=Property(type=("string",), enum=("a", "b")), required=True
            ),
        ),
        ("what.ref", [None, "x1"] * 20, Property(type=("string",), nullable=True, required=True)),
        ("what.x", ["a", 1] * 20, Property(type=("integer", "string"), required=True)),
        ("what.x", ["a", 1, True] * 20, Property(type=("json",), required=True)),
        ("what.big", [2**80] * 20, Property(type=("number",), min=0, required=True)),
    ],
)
def test_a_property_is_what_its_values_show(
    path: str, values: list[Any], expected: Property
) -> None:
    assert shape_of(values, path).shape == expected


def test_a_number_range_is_not_the_range_that_was_seen() -> None:
    shape = shape_of([random.Random(1).randint(3, 900) for _ in range(400)], "what.score").shape
    assert shape.max is None
    assert shape.min in {None, 0}


def test_few_samples_make_neither_requirement_nor_enum() -> None:
    shape = shape_of(["a", "b", "a"], "what.kind").shape
    assert shape == Property(type=("string",))


def test_values_that_may_go_on_are_no_enum() -> None:
    values = ["a", "b"] * 40 + [f"c{n}" for n in range(8)]
    assert shape_of(values, "what.kind").shape.enum is None


def test_dirt_is_left_out_and_listed_only_where_it_is_allowed() -> None:
    values: list[Any] = [n * 7 for n in range(197)] + ["N/A"] * 3
    told = shape_of(values, "what.amount", allowed=0.02)
    assert told.shape.type == ("integer",)
    assert told.dirt == ('"N/A"',)
    assert shape_of(values, "what.amount").shape.type == ("integer", "string")


def test_keys_that_come_and_go_are_a_map() -> None:
    values = [{f"sku{n}": n, f"sku{n + 1}": 2} for n in range(60)]
    assert shape_of(values, "what.quantities").shape.type == ("map",)


def test_what_cannot_be_planned_is_left_out_and_said() -> None:
    made = draft("thing", [{"what": {"a.b": 1, "ok": {"c.d": 1, "e": 2}}}] * 3)
    assert [one.path for one in made.properties] == ["what.ok"]
    assert sum("left out" in note["en"] for note in made.notes) == 2
    assert plan_of(made).events["thing"].properties["what"]["ok"].properties is not None


def test_built_in_properties_are_not_planned_again_and_platforms_are_those_seen() -> None:
    made = draft("thing", [{"who": {"user_id": "u", "vip": True}, "how": {"platform": "ios"}}] * 30)
    spec = plan_of(made).events["thing"]
    assert list(spec.properties["who"]) == ["vip"]
    assert spec.platforms == ("ios",)
