"""Proposals from a catalogue: near-duplicates, groups, properties, types, and who sees what."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackplane.assist import Catalogue, Proposals, propose, read_design
from trackplane.plan import load_plan
from trackplane.plan.model import EventSpec, Plan, Property

SHOP = load_plan(
    """
format: 1
app: shop
types:
  money: {type: object, properties: {value: {type: number, required: true}, currency: string}}
groups:
  product: {what: {sku: {type: string, required: true}, price: number, brand: string}}
  visit: {who: {cohort: string}, what: {channel: string}}
events:
  button_click: {title: {en: Button clicked, zh: 点击按钮}, groups: [visit]}
  支付成功: {groups: [visit], what: {total: {type: money, required: true}, method: string}}
  order_repay: {what: {total: money}}
  product_view: {groups: [product, visit], what: {position: integer}}
  product_share: {groups: [product, visit], what: {target: string}}
  product_compare: {groups: [product, visit], what: {position: integer}}
  coupon_use: {what: {coupon: string, amount: number}}
  coupon_claim: {what: {coupon: string, campaign: string, amount: number}}
  coupon_expire: {what: {coupon: string, campaign: string}}
"""
)
OTHER = load_plan(
    "format: 1\napp: other\nevents: {button_tap: {what: {coupon: string, inner_secret: string}}}\n"
)


def asked(name: str, text: str = "", *, apps: list[str] | None = None) -> Proposals:
    catalogue = Catalogue.of([SHOP, OTHER])
    return propose(catalogue, read_design(name, text), app="shop", apps=apps)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("btn_clicked", "button_click"),
        ("按钮点击", "button_click"),
        ("anniu_dianji", "button_click"),
        ("pay_success", "支付成功"),
        ("zhifu_chenggong", "支付成功"),
        ("zfcg", "支付成功"),
        ("buton_click", "button_click"),
        ("view_product", "product_view"),
    ],
)
def test_an_event_by_another_name_is_found(name: str, found: str) -> None:
    best = asked(name, apps=["shop"]).duplicates[0]
    assert best.event == found
    assert all(set(reason.text) == {"en", "zh"} for reason in best.reasons)


@pytest.mark.parametrize(
    "name", ["order_pay_cancel", "coupon_delete", "product_hide", "page_leave"]
)
def test_another_event_is_not_called_the_same(name: str) -> None:
    assert asked(name, apps=["shop"]).duplicates == ()


def test_an_event_that_is_edited_is_no_duplicate_of_itself() -> None:
    assert asked("button_click", apps=["shop"]).duplicates == ()


def test_a_title_counts_as_a_name() -> None:
    found = asked("evt_17", "title: {zh: 点击按钮}", apps=["shop"]).duplicates
    assert [one.event for one in found] == ["button_click"]
    assert found[0].reasons[0].code == "title_like"


def test_groups_of_like_events_are_proposed_until_they_are_taken() -> None:
    found = asked("product_zoom", apps=["shop"])
    assert [one.name for one in found.groups] == ["product", "visit"]
    taken = asked("product_zoom", "groups: [product, visit]", apps=["shop"])
    assert taken.groups == ()


def test_a_group_is_proposed_for_properties_that_are_already_here() -> None:
    found = asked("xyzzy", "what: {sku: string, brand: string}", apps=["shop"]).groups
    assert found[0].name == "product"
    assert "covers" in {reason.code for reason in found[0].reasons}


def test_properties_come_from_what_stands_beside_the_chosen_ones() -> None:
    found = asked("coupon_give", "what: {coupon: string}", apps=["shop"]).properties
    assert found[0].path in {"what.campaign", "what.amount"}
    assert {one.path for one in found} >= {"what.campaign", "what.amount"}
    assert found[0].definition.type in {("string",), ("number",)}
    assert "goes_with" in {reason.code for reason in found[0].reasons}


def test_what_a_proposed_group_brings_is_not_proposed_again() -> None:
    found = asked("product_zoom", apps=["shop"])
    assert not {"what.sku", "what.price", "what.brand", "who.cohort"} & {
        one.path for one in found.properties
    }


def test_a_type_is_proposed_where_it_is_written_out_or_called_so() -> None:
    text = "what: {paid: {type: object, properties: {value: {type: number, required: true}, currency: string}}}"
    found = asked("gift_pay", text, apps=["shop"]).types
    assert [(one.path, one.name) for one in found] == [("what.paid", "money")]
    assert found[0].reasons[0].code == "same_shape"
    used = asked("gift_pay", "what: {paid: money}", apps=["shop"]).types
    assert used == ()


def test_a_property_by_another_name_is_said() -> None:
    found = asked("gift_use", "what: {amt: number, 优惠券: string}", apps=["shop"]).same_properties
    assert {(one.path, one.like) for one in found} == {
        ("what.amt", "what.amount"),
        ("what.优惠券", "what.coupon"),
    }


def test_apps_that_the_asker_does_not_see_leave_no_trace() -> None:
    seen = asked("btn_click", "what: {coupon: string}")
    assert ("other", "button_tap") in {(one.app, one.event) for one in seen.duplicates}
    assert "what.inner_secret" in {one.path for one in seen.properties}
    unseen = asked("btn_click", "what: {coupon: string}", apps=["shop"])
    assert {one.app for one in unseen.duplicates} == {"shop"}
    assert "what.inner_secret" not in {one.path for one in unseen.properties}


def test_a_library_is_proposed_to_all() -> None:
    catalogue = Catalogue.of([SHOP])
    group: dict[str, Any] = {"what": {"latitude": Property(type=("number",))}}
    catalogue.share("geo@2", {"place": group}, {}, library=True)
    found = propose(
        catalogue, read_design("map_open", "what: {latitude: number}"), app="shop", apps=["shop"]
    )
    assert (found.groups[0].name, found.groups[0].home) == ("place", "geo@2")
    assert found.groups[0].reasons[-1].code == "library"


def test_an_empty_catalogue_proposes_nothing() -> None:
    assert propose(Catalogue(), read_design("x", "what: {y: string}"), app="shop") == Proposals()


def test_half_written_text_is_read_as_far_as_it_goes() -> None:
    found = read_design("x", "x:\n  what:\n    sku: string\n    price: {type: num")
    assert (set(found.properties), found.readable) == ({"what.sku"}, False)
    for text in ("", "\t", "- a", "null", "x: [", "what: 3", "groups: {a: 1}"):
        assert read_design("x", text).properties == {}


@given(st.text(max_size=20), st.text(max_size=80))
def test_any_name_and_text_can_be_asked_about(name: str, text: str) -> None:
    found = asked(name, text)
    assert all(0 <= one.score <= 1 for one in found.duplicates)


WORDS = ["order", "pay", "btn", "支付", "click", "zhifu", "cart", "add", "user"]


@st.composite
def plans(draw: st.DrawFn) -> dict[str, EventSpec]:
    names = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map("_".join).flatmap(
        lambda first: st.lists(
            st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map("_".join), max_size=5
        ).map(lambda more: {first, *more})
    ))  # fmt: skip
    shapes = (Property(type=("string",)), Property(type=("integer",)))
    return {
        name: EventSpec(
            app="a",
            event=name,
            properties={"what": {key: draw(st.sampled_from(shapes)) for key in draw(st.sets(st.sampled_from("xyz")))}},
        )
        for name in names
    }  # fmt: skip


@given(st.lists(plans(), min_size=1, max_size=4), st.sampled_from(WORDS))
def test_a_changed_catalogue_answers_as_one_made_anew(
    history: list[dict[str, EventSpec]], name: str
) -> None:
    changed = Catalogue()
    for events in history:
        changed.put(Plan(app="a", events=events))
    fresh = Catalogue.of([Plan(app="a", events=history[-1])])
    design = read_design(f"{name}_x", "what: {x: string}")
    assert len(changed) == len(fresh)
    ours, theirs = (propose(one, design, app="a") for one in (changed, fresh))
    assert (
        {one.event for one in ours.same_properties} == set() if not ours.same_properties else True
    )
    assert {p.path: p.used_by for p in ours.properties} == {
        p.path: p.used_by for p in theirs.properties
    }


def test_many_changes_leave_no_holes_behind() -> None:
    catalogue = Catalogue()
    random_ = random.Random(3)
    for number in range(3_000):
        name = f"{random_.choice(WORDS)}_{number % 7}"
        catalogue.change("a", {name: EventSpec(app="a", event=name, description=str(number))})
    assert len(catalogue.events) < 2_100
    assert len(catalogue) == len({one.event for one in catalogue.of_app("a")}) <= 7 * len(WORDS)


def test_a_duplicate_says_how_much_arrives_and_that_it_is_deprecated() -> None:
    plan = load_plan(
        "format: 1\napp: shop\nevents:\n  pay_ok: {deprecated: {replaced_by: order_pay}}\n  order_pay: {}\n"
    )
    catalogue = Catalogue.of([plan], {("shop", "pay_ok"): 1_200})
    (found,) = propose(catalogue, read_design("pay_success"), app="shop").duplicates
    assert [reason.code for reason in found.reasons] == ["name_like", "receives", "deprecated"]
    assert found.reasons[1].text["en"] == "1,200 events a day arrive under that name"
