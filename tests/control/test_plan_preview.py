"""A part of a plan while it is written: findings, meaning, example, schema, code; and what plans offer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.control.conftest import Running

from trackplane.plan import compile_validator, load_plan

PLAN = """\
format: 1
app: shop
groups:
  page_common: {where: {page: {type: string, required: true}}}
types:
  money: {type: object, properties: {value: {type: number, min: 0, required: true}}}
events:
  home:
    owner: team:web
    groups: [page_common]
  order_pay:
    title: Order paid
    owner: team:pay
    grade: P0
    what:
      total: {type: money, required: true}
metrics:
  gmv: {title: Gross value, of: order_pay, measure: sum(what.total.value)}
"""


@pytest.fixture
def shop(control: Running) -> Running:
    """Return a control plane with an app and its plan."""
    assert control.client.post("/apps", json={"app": "shop"}).status_code == 201
    answer = control.client.put(
        "/apps/shop/plan", json={"files": {"plan.yaml": PLAN}}, headers={"If-Match": "*"}
    )
    assert answer.is_success, answer.text
    return control


def _preview(shop: Running, **body: Any) -> dict[str, Any]:
    answer = shop.client.post("/apps/shop/plan/preview", json={"section": "events"} | body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_part_is_read_inside_the_plan_and_shown_in_every_form(shop: Running) -> None:
    """Types and groups are the plan's; the example is one that the validator takes."""
    text = "order_refund:\n  owner: team:pay\n  groups: [page_common]\n  what:\n    total: {type: money, required: true}\n"
    found = _preview(shop, name="order_refund", text=text)
    assert found["ok"], found
    assert found["base"] is None
    assert [(c["name"], c["kind"]) for c in found["changes"]] == [("order_refund", "added")]
    assert set(found["event"]["properties"]) == {"where", "what"}
    assert "def order_refund" in found["code"][0]["code"]
    assert found["json_schema"]["$schema"].endswith("2020-12/schema")
    merged = PLAN.replace("metrics:", "  " + text.replace("\n", "\n  ").rstrip() + "\nmetrics:")
    validate = compile_validator(load_plan(merged).events["order_refund"])
    assert [v for v in validate(json.loads(found["example"])) if v.severity == "error"] == []


def test_findings_stand_in_the_part_s_own_lines(shop: Running) -> None:
    """Not in those of the file: the editor shows the part alone."""
    text = "order_pay:\n  owner: team:pay\n  what:\n    total: {type: monney, required: true}\n"
    found = _preview(shop, name="order_pay", text=text)
    assert not found["ok"]
    (finding,) = [f for f in found["findings"] if "monney" in f["message"]]
    assert finding["line"] == 4
    assert text.splitlines()[3][finding["column"] - 1 :].startswith(("total", "monney", "type"))
    assert found["base"].startswith("order_pay:")


def test_text_that_is_not_yaml_is_a_finding(shop: Running) -> None:
    """While one types it often is not."""
    found = _preview(shop, name="order_pay", text="order_pay: {owner: team:pay")
    assert not found["ok"]
    assert found["findings"]
    assert found["event"] is None


def test_a_metric_that_a_change_alters_is_named(shop: Running) -> None:
    """A change that would alter a metric says so."""
    text = "order_pay:\n  owner: team:pay\n  what:\n    total: {type: object, properties: {value: {type: integer, required: true}}}\n"
    found = _preview(shop, name="order_pay", text=text)
    assert ("metrics", "gmv", "affected") in [
        (c["section"], c["name"], c["kind"]) for c in found["changes"]
    ]


def test_a_part_is_previewed_on_the_branch_of_its_change_request(shop: Running) -> None:
    """What the branch has already is there; the plan in force stays as it is."""
    made = shop.client.post("/changes", json={"app": "shop", "title": "Refunds"}).json()
    event = "order_refund:\n  owner: team:pay\n  what: {total: money}\n"
    saved = shop.client.put(
        f"/changes/{made['id']}/parts",
        json={"parts": [{"section": "events", "name": "order_refund", "text": event}]},
        headers={"If-Match": f'"{made["etag"]}"'},
    )
    assert saved.is_success, saved.text
    metric = "refunds:\n  of: order_refund\n  measure: count()\n"
    on_branch = _preview(shop, section="metrics", name="refunds", text=metric, change=made["id"])
    assert on_branch["ok"], on_branch
    in_force = _preview(shop, section="metrics", name="refunds", text=metric)
    assert not in_force["ok"] or in_force["elsewhere"]


def test_the_shapes_of_a_plan_say_who_uses_them(shop: Running) -> None:
    """Groups with their events, types expanded."""
    found = shop.client.get("/apps/shop/plan/shapes").json()
    assert [(g["name"], g["events"], g["library"]) for g in found["groups"]] == [
        ("page_common", ["home"], None)
    ]
    assert found["types"][0]["definition"]["properties"]["value"]["min"] == 0
