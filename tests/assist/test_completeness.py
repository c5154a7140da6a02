"""How complete an event is."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trackplane.assist import PARTS, completeness, read_design

WHOLE = """
title: {en: Order paid, zh: 订单支付}
description: The payment of an order succeeded at the provider
trigger: When the provider confirmed
owner: team:pay
grade: P0
platforms: [web]
screenshots: ["https://example.com/a.png"]
what:
  order_id: {type: string, description: Number of the order}
  total: money
  email: {type: string, description: Of the buyer, pii: email, purpose: [service]}
"""


def test_an_event_that_has_all_is_complete() -> None:
    found = completeness(read_design("order_pay", WHOLE))
    assert (found.score, found.missing) == (100, ())


def test_what_is_missing_is_named_with_its_worth_and_place() -> None:
    text = WHOLE.replace("owner: team:pay\n", "").replace(", pii: email, purpose: [service]", "")
    found = completeness(read_design("order_pay", text))
    assert found.score == 100 - 15 - 10 - 10  # an address that is not declared is an open text, too
    assert {(one.code, one.path) for one in found.missing} >= {
        ("owner", ""),
        ("personal_data", "what.email"),
    }


def test_a_class_without_a_purpose_is_not_enough() -> None:
    text = WHOLE.replace(", purpose: [service]", "")
    assert [one.code for one in completeness(read_design("x", text)).missing] == ["personal_data"]


def test_free_texts_and_ids_need_no_bounds_and_others_do() -> None:
    text = (
        "what: {order_id: string, comment: string, color: string, stars: {type: integer, max: 5}}"
    )
    found = completeness(read_design("x", text)).missing
    assert [one.path for one in found if one.code == "properties_bounded"] == ["what.color"]


def test_the_parts_add_up_to_a_hundred_and_the_page_lists_them() -> None:
    assert sum(part.points for part in PARTS) == 100
    page = Path("docs/assist.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \|$", page, re.MULTILINE)
    assert told == [(part.code, str(part.points), part.meaning) for part in PARTS]


@given(st.sets(st.sampled_from(WHOLE.strip().splitlines()[:7])))
def test_more_is_never_less_complete(lines: set[str]) -> None:
    some = completeness(read_design("x", "\n".join(sorted(lines))))
    more = completeness(read_design("x", WHOLE.split("what:", maxsplit=1)[0]))
    assert 0 <= some.score <= more.score == 100
