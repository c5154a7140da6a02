"""Words of names and texts: split, folded, translated, compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackplane.wording import (
    analyse,
    fold,
    glossary,
    initials,
    likeness,
    normal,
    pinyin,
    similarity,
    tokens,
    translate,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order_pay", ["order", "pay"]),
        ("PayBtnClick", ["pay", "btn", "click"]),
        ("HTTPServerError", ["http", "server", "error"]),
        ("kebab-case.and dots", ["kebab", "case", "and", "dots"]),
        ("iOSAppVersion", ["ios", "app", "version"]),
        ("h5PageView", ["h5", "page", "view"]),
        ("step1Done", ["step", "1", "done"]),
        ("ＰａｙＢｔｎ", ["pay", "btn"]),
        ("支付成功", ["支付", "成功"]),
        ("商品详情页_pv", ["商品", "详情页", "pv"]),
        ("", []),
        ("__--..", []),
    ],
)
def test_a_name_is_cut_into_folded_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_an_index_gets_the_words_inside_long_chinese_ones_too() -> None:
    assert {"北京", "大学", "北京大学"} <= set(tokens("北京大学", overlapping=True))
    assert tokens("北京大学") == ["北京大学"]


@given(st.text())
def test_any_text_can_be_cut_and_no_token_is_empty_or_unfolded(text: str) -> None:
    for overlapping in (False, True):
        for token in tokens(text, overlapping=overlapping):
            assert token
            assert token == fold(token)


@pytest.mark.parametrize(
    ("forms", "base"),
    [
        ("click clicks clicked clicking", "click"),
        ("share shares shared sharing", "share"),
        ("stop stops stopped stopping", "stop"),
        ("category categories", "category"),
        ("pay pays paid paying", "pay"),
        ("purchase purchases purchased purchasing", "purchase"),
        ("search searches searched", "search"),
        ("movie movies", "movie"),
        ("cancel cancels", "cancel"),
        ("install installed", "install"),
        ("add added adding", "add"),
        ("status", "status"),
        ("feed feeds", "feed"),
        ("address addresses", "address"),
    ],
)
def test_forms_of_an_english_word_meet(forms: str, base: str) -> None:
    assert {normal(form, glossary().words - {form} | {base}) for form in forms.split()} == {base}


def test_chinese_has_pinyin_and_initials() -> None:
    assert (pinyin("支付成功"), initials("支付成功")) == ("zhifuchenggong", "zfcg")
    assert (pinyin("pay"), initials("pay")) == ("", "")


def test_a_word_is_translated_both_ways_and_knows_its_abbreviations() -> None:
    assert {"按钮", "btn"} <= translate("button")
    assert {"button", "btn"} <= translate("按钮")
    assert "button" in translate("BTN")
    assert "购物车" in translate("shopping cart")
    assert translate("xyzzy") == set()


@pytest.mark.parametrize(
    "pair",
    [
        ("btn_clicked", "button_click"),
        ("buttonclick", "ButtonClick"),
        ("支付成功", "pay_success"),
        ("支付成功", "zhifu_chenggong"),
        ("zhifu_chenggong", "pay_success"),
        ("商品详情页曝光", "product_detail_page_show"),
        ("pv", "page_view"),
        ("加购", "cart_add"),
        ("order_pay", "订单支付"),
    ],
)
def test_one_thing_by_two_names_is_recognised(pair: tuple[str, str]) -> None:
    assert similarity(*pair) >= 0.9


@pytest.mark.parametrize(
    "pair",
    [
        ("order_pay", "order_repay"),
        ("login", "logout"),
        ("step1_done", "step2_done"),
        ("order_create", "order_cancel"),
        ("video_play", "video_pause"),
        ("点赞", "取消点赞"),
        ("coupon_use", "gift_send"),
    ],
)
def test_two_things_by_like_names_are_kept_apart(pair: tuple[str, str]) -> None:
    assert similarity(*pair) <= 0.5


def test_likeness_says_why_in_both_languages() -> None:
    reasons = likeness("btn_clicked", "按钮点击").reasons
    assert [reason.text() for reason in reasons] == ["btn means 按钮", "clicked means 点击"]
    assert [reason.text("zh") for reason in reasons] == ["btn 即 按钮", "clicked 即 点击"]


NAMES = st.text(max_size=30) | st.lists(
    st.sampled_from(
        [
            "order",
            "pay",
            "btn",
            "button",
            "click",
            "支付",
            "成功",
            "zhifu",
            "repay",
            "login",
            "logout",
            "1",
            "2",
            "x",
        ]
    ),
    max_size=5,
).map("_".join)


@given(NAMES, NAMES)
def test_similarity_is_symmetric_and_within_bounds(a: str, b: str) -> None:
    assert similarity(a, b) == similarity(b, a)
    assert 0 <= similarity(a, b) <= 1
    assert similarity(a, a) == 1


@given(st.text())
def test_any_text_can_be_taken_apart_and_folding_twice_changes_nothing(text: str) -> None:
    assert analyse(text).written == text
    assert fold(fold(text)) == fold(text)


def test_no_word_of_the_glossary_stands_for_two_concepts() -> None:
    homes: dict[str, str] = {}
    for concept, kinds in glossary().concepts.items():
        for words in kinds.values():
            for word in words:
                assert homes.setdefault(word, concept) == concept


def test_what_the_glossary_relates_are_concepts_of_it() -> None:
    held = glossary()
    related = {concept for pair in (*held._opposite, *held._near) for concept in pair}
    assert related <= held.concepts.keys()
    assert len(held.concepts) > 500


def test_what_says_several_things_is_the_same_in_any_order() -> None:
    assert set(analyse("basket_add").keys) == set(analyse("加购").keys) == {"add", "cart"}
    expansions = glossary().expansions
    assert {part for parts in expansions.values() for part in parts} <= glossary().concepts.keys()
    assert expansions.keys() <= glossary().concepts.keys()
