"""YAML as it is written, and what looks personal."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
import yaml_rs
from hypothesis import given
from hypothesis import strategies as st

from trackplane.assist import to_yaml, written
from trackplane.assist.personal import personal_class, personal_value
from trackplane.plan.model import Property

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["no", "on", "1.10", "null", "~", "a: b", "a #b", "- x", "", " x ", "2026-01-02", "0x1", "是", "\x85\u2028"]
)  # fmt: skip
TREES = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


@given(TREES, st.integers(0, 3))
def test_what_is_written_is_read_back_the_same(tree: dict[str, Any], blocks: int) -> None:
    assert yaml_rs.loads(to_yaml(tree, blocks=blocks), parse_datetime=False) == tree


def test_it_reads_the_same_under_yaml_1_1_where_no_is_a_boolean() -> None:
    tree = {"enum": ["no", "on", "yes", "1.10", "null", "y"]}
    assert yaml.safe_load(to_yaml(tree)) == tree


def test_a_property_is_written_short_where_its_type_says_all() -> None:
    assert written(Property(type=("string",))) == "string"
    assert written(Property(type=("string", "integer"), required=True)) == {
        "type": ["string", "integer"],
        "required": True,
    }
    nested = Property(
        type=("array",),
        items=Property(type=("object",), properties={"a": Property(type=("number",))}),
    )
    assert written(nested) == {
        "type": "array",
        "items": {"type": "object", "properties": {"a": "number"}},
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("what.email", "email"),
        ("what.手机号", "phone"),
        ("what.user_name", "name"),
        ("who.idfa", "device_id"),
        ("what.shipping_address", "address"),
        ("what.id_card", "government_id"),
        ("what.dob", "birth_date"),
        ("what.product_name", None),
        ("what.phone_type", None),
        ("what.email_count", None),
        ("what.order_id", None),
    ],
)
def test_a_name_says_what_is_personal(path: str, expected: str | None) -> None:
    assert personal_class(path) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["ann@example.com", "bob@example.org"], "email"),
        (["13912345678", "15812345678"], "phone"),
        (["+65 9123 4567"], "phone"),
        (["10.0.0.1", "2001:db8::1"], "ip"),
        (["4111 1111 1111 1111"], "payment"),
        (["4111 1111 1111 1112"], None),
        (["110101199003074514"], "government_id"),
        (["ann@example.com", "x", "y"], None),
        ([], None),
    ],
)
def test_values_show_what_is_personal(values: list[str], expected: str | None) -> None:
    assert personal_value(values) == expected
