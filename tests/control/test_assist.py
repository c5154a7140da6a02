"""Proposals, drafts and templates over the API."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from tests.control.conftest import Running

from trackplane.assist import templates
from trackplane.control.data import DataAccess
from trackplane.lake.sample import EventSample, Sampled, Stratum

SHOP = Path("examples/shop/plan.yaml").read_text(encoding="utf-8")
OTHER = """format: 1
app: secret
events:
  shopping_basket_fill: {title: {en: Added to cart, zh: 加入购物车}, what: {hidden_thing: string}}
"""


def put(control: Running, app: str, text: str) -> None:
    assert control.client.post("/apps", json={"app": app}).status_code == 201
    answer = control.client.put(
        f"/apps/{app}/plan", json={"files": {"plan.yaml": text}}, headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text


def assist(client: Any, name: str, text: str = "", app: str = "shop") -> dict[str, Any]:
    answer = client.post(f"/apps/{app}/assist", json={"name": name, "text": text})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_event_by_another_name_is_found_and_said_why(control: Running) -> None:
    put(control, "shop", SHOP)
    found = assist(control.client, "加购")["duplicates"]
    assert found[0]["event"] == "add_to_cart"
    assert "加购" in found[0]["reasons"][0]["text"]["zh"]
    assert found[0]["reasons"][0]["text"]["en"]


def test_groups_and_properties_of_like_events_are_proposed(control: Running) -> None:
    put(control, "shop", SHOP)
    found = assist(
        control.client, "product_zoom", "product_zoom:\n  what: {sku: sku, price: number}\n"
    )
    assert {"visit", "product"} & {group["name"] for group in found["groups"]}
    assert all(one["reasons"] for kind in ("groups", "properties") for one in found[kind])
    grouped = assist(
        control.client, "product_zoom", "groups: [product, visit]\nwhat: {stars: integer}"
    )
    assert not {"what.sku", "what.price"} & {one["path"] for one in grouped["properties"]}


def test_the_catalogue_follows_a_publication_at_once(control: Running) -> None:
    put(control, "shop", "format: 1\napp: shop\nevents: {}\n")
    assert assist(control.client, "btn_clicked")["duplicates"] == []
    answer = control.client.put(
        "/apps/shop/plan",
        json={"files": {"plan.yaml": "format: 1\napp: shop\nevents: {button_click: {}}\n"}},
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 200
    assert [one["event"] for one in assist(control.client, "btn_clicked")["duplicates"]] == [
        "button_click"
    ]
    control.client.put(
        "/apps/shop/plan",
        json={"files": {"plan.yaml": "format: 1\napp: shop\nevents: {}\n"}},
        headers={"If-Match": "*"},
    )
    assert assist(control.client, "btn_clicked")["duplicates"] == []


def test_what_a_token_cannot_see_is_not_proposed(control: Running) -> None:
    put(control, "shop", SHOP)
    put(control, "secret", OTHER)
    seen = assist(control.client, "cart_add")
    assert "secret" in {one["app"] for one in seen["duplicates"]}
    client = control.new_token(name="ann", role="designer", apps=["shop"])
    mine = assist(client, "cart_add", "what: {sku: sku}")
    assert {one["app"] for one in mine["duplicates"]} == {"shop"}
    assert "what.hidden_thing" not in {one["path"] for one in mine["properties"]}
    assert client.post("/apps/secret/assist", json={"name": "x"}).status_code == 404


def test_a_library_is_proposed_to_every_app(control: Running) -> None:
    text = "format: 1\nlibrary: base\nversion: 1\ngroups:\n  geo_point: {what: {latitude: number, longitude: number}}\n"
    answer = control.client.put("/libraries/base/1", json={"source": text})
    assert answer.status_code in {200, 201}, answer.text
    put(control, "shop", SHOP)
    client = control.new_token(name="ann", role="designer", apps=["shop"])
    found = assist(client, "map_open", "what: {latitude: number}")["groups"]
    assert ("geo_point", "base@1") in {(one["name"], one["home"]) for one in found}


def test_half_written_text_is_read_as_far_as_it_goes(control: Running) -> None:
    put(control, "shop", SHOP)
    found = assist(control.client, "cart_add", "what:\n  sku: sku\n  price: {type: num")
    assert found["readable"] is False
    assert found["duplicates"][0]["event"] == "add_to_cart"


def test_completeness_says_what_is_missing_and_what_it_is_worth(control: Running) -> None:
    put(control, "shop", SHOP)
    bare = control.client.post("/apps/shop/completeness", json={"name": "x", "text": ""}).json()
    assert {"description", "owner"} <= {one["code"] for one in bare["missing"]}
    assert sum(one["points"] for one in bare["missing"]) == 100 - bare["score"]


def test_nothing_arrived_under_a_name_is_a_404(control: Running) -> None:
    put(control, "shop", SHOP)
    answer = control.client.get("/apps/shop/unplanned/ghost/draft")
    assert answer.status_code == 404
    assert "ghost" in answer.json()["detail"]


def test_drafts_show_data_so_a_viewer_may_not(control: Running) -> None:
    put(control, "shop", SHOP)
    viewer = control.new_token(name="vic", role="viewer", apps=["shop"])
    assert viewer.get("/apps/shop/unplanned/ghost/draft").status_code == 403


@pytest.mark.parametrize("name", ["commerce", "media", "saas", "games", "feeds"])
def test_a_template_can_be_laid_into_a_plan_under_a_prefix(control: Running, name: str) -> None:
    put(control, "shop", SHOP)
    made = control.client.get(
        f"/templates/{name}", params={"app": "shop", "prefix": "mall", "owner": "team:mall"}
    ).json()
    assert made["collisions"] == []
    assert all(event.startswith("mall_") for event in made["events"])
    answer = control.client.patch(
        "/apps/shop/plan",
        json={"files": {made["file"]: made["text"]}},
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 200, answer.text
    assert set(made["events"]) <= set(answer.json()["added"])


def test_a_template_without_prefix_names_what_would_collide(control: Running) -> None:
    put(control, "shop", "format: 1\napp: shop\nevents: {order_pay: {}}\n")
    made = control.client.get("/templates/commerce", params={"app": "shop"}).json()
    assert made["collisions"] == ["events order_pay"]
    assert control.client.get("/templates/comerce").json()["hint"] == "did you mean 'commerce'?"


def test_the_list_of_templates_is_bilingual(control: Running) -> None:
    items = control.client.get("/templates").json()["items"]
    assert len(items) == 5
    assert all(set(one["title"]) == {"en", "zh"} and len(one["events"]) >= 10 for one in items)


def test_starting_afresh_finds_the_same(start: Callable[..., Running]) -> None:
    first = start()
    put(first, "shop", SHOP)
    before = assist(first.client, "加购")
    first.stop()
    again = start(folder=first.folder, token=first.token)
    assert assist(again.client, "加购") == before


class Arrived(DataAccess):
    """A data plane whose lake holds some events that nobody planned."""

    def sample(self, *, app: str, events: Collection[str], most: int, **_: Any) -> EventSample:
        found = tuple(
            Sampled(
                stratum=Stratum(dirty=False, event="gift_open", platform="web", version="1.0"),
                id=f"{number}",
                env="prod",
                server=1_795_000_000_000,
                weight=1.0,
                merged={
                    "event": "gift_open",
                    "how": {"platform": "web"},
                    "what": {
                        "price": number * 1.5,
                        "mail": f"u{number}@example.com",
                        "kind": "ab"[number % 2],
                    },
                },
            )
            for number in range(min(most, 60))
        )
        chosen = found if (app, *events) == ("shop", "gift_open") else ()
        return EventSample(since=0, until=1, populations={}, events=chosen, cut=False)


def test_a_draft_is_made_of_what_is_stored_and_can_be_planned_as_it_is(
    start: Callable[..., Running],
) -> None:
    control = start(data=Arrived())
    put(control, "shop", SHOP)
    made = control.client.get("/apps/shop/unplanned/gift_open/draft").json()
    assert (made["samples"], made["planned"]) == (60, False)
    shapes = {one["path"]: one for one in made["properties"]}
    assert shapes["what.mail"]["pii"] == "email"
    assert shapes["what.kind"]["definition"]["enum"] == ["a", "b"]
    assert all(set(why) == {"en", "zh"} for one in made["properties"] for why in one["why"])
    assert made["completeness"]["score"] < 100
    body = "".join(f"  {line}\n" for line in made["text"].splitlines())
    answer = control.client.patch(
        "/apps/shop/plan",
        json={"files": {"gifts.yaml": f"format: 1\napp: shop\nevents:\n{body}"}},
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 200, answer.text
    assert control.client.get("/apps/shop/unplanned/gift_open/draft").json()["planned"] is True


def test_who_asks_while_the_catalogue_is_read_is_told_so(
    control: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trackplane.control.design.assist_index._PATIENCE_S", 0.01)
    put(control, "shop", SHOP)
    body = {"name": "product_zoom", "text": "product_zoom:\n  what: {sku: sku}\n"}
    with control.plane.platform.catalogue._lock:
        busy = control.client.post("/apps/shop/assist", json=body).json()
    assert (busy["preparing"], busy["groups"]) == (True, [])
    assert busy["completeness"]["missing"]
    ready = control.client.post("/apps/shop/assist", json=body).json()
    assert not ready["preparing"]
    assert ready["groups"]


def test_a_template_knows_the_names_of_the_plan_without_reading_its_files(control: Running) -> None:
    put(control, "shop", SHOP)
    files = control.client.get("/apps/shop/plan").json()["files"]
    for name, template in templates.templates().items():
        made = control.client.get(f"/templates/{name}", params={"app": "shop"}).json()
        plain = templates.apply(template, "shop", "", files)
        assert (made["text"], made["collisions"]) == (plain.text, list(plain.collisions))
