"""The life of a rule: drafts, checks, versions, rollbacks; functions, tables and scripts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackplane.control.local import LocalData
from trackplane.control.settings import BudgetSettings, ControlSettings
from trackplane.event import LANE_TOPICS
from trackplane.frame import FrameBuilder
from trackplane.lake.commit import Commit, Range
from trackplane.lake.manifest import Manifest
from trackplane.ledger import LedgerEntry
from trackplane.queue import TopicSpec
from trackplane.queue.memory import MemoryQueue

from .test_publishing import DATASET, PLAN, RULE, put_plan

pytestmark = pytest.mark.integration
BOTH_DATABASES = True
NOW = 1_795_400_000_000

FUNCTION = """
function: net
parameters: {gross: float64}
returns: float64
body: gross / 1.08
owner: team:pay
"""
TABLE = """
table: countries
key: string
columns: {region: string}
rows: {SG: [apac], DE: [emea]}
"""
SCRIPT = """
script: enrich
text: |
  def transform(event):
      return event
"""
GUARDED = RULE.replace("total: what.total}", 'total: "try_(net(what.total), 0.0)"}').replace(
    "expect: {total: 129.5}", "expect: {}"
)


@pytest.fixture
def shop(control: Any) -> Any:
    """Return a control plane with a planned app and a dataset."""
    assert control.client.post("/apps", json={"app": "shop"}).status_code == 201
    assert put_plan(control.client, PLAN, "0").status_code == 200
    assert control.client.post("/datasets", json={"source": DATASET}).status_code == 201
    return control


def put(client: Any, path: str, etag: str, **body: Any) -> Any:
    return client.put(path, json=body, headers={"If-Match": f'"{etag}"'})


def changed(rule: str, limit: int, name: str = "big_spender") -> str:
    return rule.replace("100.0", f"{limit}.0").replace("big_spender", name)


# --- drafts


def test_of_two_people_who_edit_a_draft_none_loses_anything(shop: Any) -> None:
    """412 holds both texts, what both began from, and their merge where the lines are apart."""
    ana = shop.new_token(name="ana", role="developer", apps=["shop"])
    bo = shop.new_token(name="bo", role="developer", apps=["shop"])
    path = "/rules/big_spender/draft"
    assert ana.get(path).status_code == 404
    first = put(ana, path, "0", source=RULE)
    assert first.status_code == 200, first.text
    assert (first.json()["author"], first.json()["etag"]) == ("ana", "1")
    theirs = RULE.replace("100.0", "120.0")
    assert put(ana, path, "1", source=theirs).json()["etag"] == "2"
    yours = RULE.replace("team:pay", "team:growth")
    answer = put(bo, path, "1", source=yours)
    assert answer.status_code == 412
    conflict = answer.json()["conflict"]
    assert conflict["theirs"] == theirs
    assert (conflict["yours"], conflict["base"], conflict["author"]) == (yours, RULE, "ana")
    assert conflict["merged"] == theirs.replace("team:pay", "team:growth")
    assert put(bo, path, conflict["etag"], source=conflict["merged"]).status_code == 200
    clash = put(bo, path, "2", source=theirs.replace("120.0", "140.0"))
    assert clash.status_code == 412
    assert put(bo, path, "1", source=RULE.replace("100.0", "90.0")).json()["conflict"] == {
        "theirs": conflict["merged"],
        "author": "bo",
        "yours": RULE.replace("100.0", "90.0"),
        "base": RULE,
        "merged": None,
        "etag": "3",
    }


def test_a_draft_may_be_wrong_and_goes_when_it_is_published(shop: Any) -> None:
    """Half a rule is kept; its ETags are never given twice; lists show whose it is."""
    client, path = shop.client, "/rules/big_spender/draft"
    assert put(client, path, "0", source="rule: big_sp").status_code == 200
    assert client.delete(path, headers={"If-Match": '"1"'}).json()["source"] == "rule: big_sp"
    assert put(client, path, "1", source=RULE).status_code == 412
    assert put(client, path, "0", source=RULE).json()["etag"] == "2"
    assert [draft["rule"] for draft in client.get("/drafts").json()["items"]] == ["big_spender"]
    made = client.post("/rules", json={"source": RULE, "reason": "first"})
    assert made.status_code == 201, made.text
    assert client.get(path).status_code == 404
    assert put(client, path, "0", source=changed(RULE, 120)).json()["base_version"] == 1
    assert client.get("/rules/big_spender").json()["draft"] == "3"
    put(client, "/rules/big_spender", "1", source=changed(RULE, 125))
    assert client.get(path).json()["behind"]
    assert put(client, "/rules/check/draft", "0", source=RULE).status_code == 422


def test_a_draft_of_another_app_is_not_seen(shop: Any) -> None:
    """Nor its text taken from a conflict."""
    shop.client.post("/apps", json={"app": "bank"})
    bank = shop.new_token(name="bank", role="developer", apps=["bank"])
    put(shop.client, "/rules/big_spender/draft", "0", source=RULE)
    assert bank.get("/rules/big_spender/draft").status_code == 404
    assert bank.get("/drafts").json()["items"] == []
    answer = put(bank, "/rules/big_spender/draft", "0", source="x")
    assert answer.status_code == 403
    assert "100.0" not in answer.text


# --- check, preview, explain


def test_a_check_tells_tests_reads_cost_and_budget(shop: Any) -> None:
    """Of a rule that is sound; of one whose test fails, which and why."""
    found = shop.client.post("/rules/check", json={"source": RULE}).json()
    assert found["ok"], found
    assert [test["passed"] for test in found["tests"]] == [True, True]
    assert found["reads"] == ["id", "what.total"] or "what.total" in found["reads"]
    assert (found["events"], found["to"]) == (["order_pay"], ["purchases"])
    assert found["cost"] > 0
    assert found["budget"]["verdict"] == "ok"
    wrong = RULE.replace("expect: null", "expect: {total: 1.5}")
    found = shop.client.post("/rules/check", json={"source": wrong}).json()
    assert not found["ok"]
    assert [test["passed"] for test in found["tests"]] == [True, False]
    assert found["findings"][0]["code"] == "rule_test"


def test_a_preview_says_of_each_event_what_becomes_of_it(shop: Any) -> None:
    """Its output, or why there is none, naming the part of the filter."""
    events: list[dict[str, Any]] = [
        {"event": "order_pay", "id": "a", "what": {"total": 200.0}},
        {"event": "order_pay", "id": "b", "what": {"total": 2.0}},
        {"event": "page_view", "id": "c"},
        {"event": "order_pay", "id": "d", "what": {"total": "x"}},
    ]
    body = {"source": RULE, "events": events}
    found = shop.client.post("/rules/preview", json=body).json()
    assert found["origin"] == "given"
    assert [item["outcome"] for item in found["items"]] == [
        "output",
        "not_matched",
        "not_matched",
        "failed",
    ]
    assert found["items"][0]["outputs"][0]["row"] == {"id": "a", "total": 200.0}
    assert found["items"][1]["reason"] == "what.total > 100.0 is FALSE"
    assert "page_view" in found["items"][2]["reason"]
    assert found["items"][3]["code"] == "rule_type"
    broken = shop.client.post("/rules/preview", json={"source": "rule: x"}).json()
    assert not broken["ok"]
    assert broken["findings"]


def test_explain_shows_what_the_engine_makes_of_a_rule(shop: Any) -> None:
    """Of a text, or of a rule in force by name."""
    shop.client.post("/rules", json={"source": RULE})
    for body in ({"source": RULE}, {"rule": "big_spender"}):
        found = shop.client.post("/rules/explain", json=body).json()
        assert found["rule"] == "big_spender"
        assert found["expressions"][0]["type"] == "bool"
        assert "what.total" in found["tree"]
        assert "def " in found["code"]
        assert found["placement"]["access"][0].startswith("event == ")
        assert not found["placement"]["everywhere"]
    assert shop.client.post("/rules/explain", json={}).status_code == 422


# --- versions and rollback


def test_every_version_is_kept_with_author_reason_and_diff(shop: Any) -> None:
    """In text and in meaning."""
    client = shop.client
    client.post("/rules", json={"source": RULE, "reason": "a start"})
    wider = changed(RULE, 50).replace("{id: id, total: what.total}", "{id: id}")
    wider = wider.replace("expect: {total: 129.5}", "expect: {id: '1'}")
    answer = put(client, "/rules/big_spender", "1", source=wider, reason="more of them")
    assert answer.status_code == 200, answer.text
    items = client.get("/rules/big_spender/versions").json()["items"]
    assert [(v["version"], v["reason"]) for v in items] == [(2, "more of them"), (1, "a start")]
    assert items[0]["number"] == items[1]["number"] + 1 == answer.json()["number"]
    assert client.get("/rules/big_spender/versions/1").json()["source"] == RULE
    assert client.get("/rules/big_spender/versions/9").status_code == 404
    diff = client.get("/rules/big_spender/diff?from=1&to=2").json()
    assert '+where: event == "order_pay" and what.total > 50.0' in diff["text"]
    kinds = {(change["kind"], change["name"]) for change in diff["changes"]}
    assert kinds == {("filter", ""), ("column_removed", "total")}
    assert client.get("/rules/big_spender/diff").json() == diff


def test_a_rollback_is_a_new_number_over_the_old_content(shop: Any) -> None:
    """Of a rule, of a deleted one too; refused where the old text no longer checks."""
    client = shop.client
    first = client.post("/rules", json={"source": RULE}).json()
    body = shop.plane.publisher.snapshot.get("rule", "big_spender").body
    put(client, "/rules/big_spender", "1", source=changed(RULE, 120))
    back = client.post("/rules/big_spender/rollback", json={"version": 1, "reason": "too few"})
    assert back.status_code == 200, back.text
    assert (back.json()["version"], back.json()["source"]) == (3, RULE)
    assert back.json()["number"] == first["number"] + 2
    assert shop.plane.publisher.snapshot.get("rule", "big_spender").body == body
    client.delete("/rules/big_spender", headers={"If-Match": '"3"'})
    assert client.get("/rules/big_spender").status_code == 404
    assert client.post("/rules/big_spender/rollback", json={"version": 2}).status_code == 200
    actions = [v["action"] for v in client.get("/rules/big_spender/versions").json()["items"]]
    assert actions == ["rolled_back", "deleted", "rolled_back", "published", "published"]
    client.delete("/rules/big_spender", headers={"If-Match": '"5"'})
    assert put_plan(client, PLAN.replace("total:", "sum:"), "1").status_code == 200
    refused = client.post("/rules/big_spender/rollback", json={"version": 1})
    assert refused.status_code == 422
    assert "what.total" in str(refused.json()["findings"])


def test_all_rules_go_back_to_a_number_together(shop: Any) -> None:
    """Rules and the functions they call: changed, made and deleted since."""
    client = shop.client
    client.post("/functions", json={"source": FUNCTION})
    client.post("/rules", json={"source": changed(GUARDED, 100, "one")})
    then = client.post("/rules", json={"source": changed(RULE, 100, "two")}).json()["number"]
    before = {name: shop.plane.publisher.snapshot.get("rule", name).body for name in ("one", "two")}
    put(client, "/functions/net", "1", source=FUNCTION.replace("1.08", "1.09"))
    put(client, "/rules/two", "1", source=changed(RULE, 120, "two"))
    client.post("/rules", json={"source": changed(RULE, 100, "three")})
    client.delete("/rules/one", headers={"If-Match": '"1"'})
    answer = client.post("/rulesets/rollback", json={"number": then, "reason": "a bad day"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["rules"], found["removed"], found["functions"]) == (
        ["one", "two"],
        ["three"],
        ["net"],
    )
    snapshot = shop.plane.publisher.snapshot
    assert found["number"] == snapshot.number
    assert snapshot.get("rule", "two").body == before["two"]
    assert b"1.08" in snapshot.get("rule", "one").body
    assert snapshot.get("rule", "three") is None
    again = client.post("/rulesets/rollback", json={"number": found["number"]}).json()
    assert again["number"] == 0
    assert client.post("/rulesets/rollback", json={"number": 99_999}).status_code == 404
    listed = client.get("/rulesets?limit=1").json()["items"][0]
    assert listed["number"] == found["number"]
    assert "a bad day" in listed["reason"]


# --- functions, tables, scripts


def test_a_function_change_recompiles_its_rules_in_the_same_number(shop: Any) -> None:
    """One that would break them is refused with all findings; one in use cannot be deleted."""
    client = shop.client
    made = client.post("/functions", json={"source": FUNCTION, "reason": "tax"})
    assert made.status_code == 201, made.text
    assert client.post("/rules", json={"source": GUARDED}).status_code == 201
    assert client.get("/functions/net").json()["used_by"] == ["big_spender"]
    held = shop.plane.publisher.snapshot
    answer = put(client, "/functions/net", "1", source=FUNCTION.replace("1.08", "1.09"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["recompiled"] == ["big_spender"]
    delta = shop.plane.publisher.snapshot.delta_from(held)
    assert {r.key for r in delta.changed} == {("function", "net"), ("rule", "big_spender")}
    assert client.get("/rules/big_spender").json()["uses"] == ["function:net@2"]
    other = FUNCTION.replace("returns: float64", "returns: string").replace(
        "gross / 1.08", "string(gross)"
    )
    refused = put(client, "/functions/net", "2", source=other)
    assert refused.status_code == 422
    assert "big_spender" in refused.json()["detail"]
    check = client.post("/functions/check", json={"source": other}).json()
    assert check["broken_rules"] == ["big_spender"]
    assert client.delete("/functions/net", headers={"If-Match": '"2"'}).status_code == 409
    stale = put(client, "/functions/net", "1", source=other)
    assert stale.json()["conflict"]["base"] == FUNCTION
    back = client.post("/functions/net/rollback", json={"version": 1}).json()
    assert (back["version"], back["source"]) == (3, FUNCTION)
    versions = client.get("/functions/net/versions").json()["items"]
    assert [v["action"] for v in versions] == ["rolled_back", "published", "published"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/functions", FUNCTION.replace("gross / 1.08", "gros / 1.08")),
        ("/functions", FUNCTION.replace("function: net", "function: lower")),
        ("/tables", TABLE.replace("[apac]", "[1]")),
        ("/tables", TABLE.replace("region: string", "region: strin")),
        ("/scripts", SCRIPT.replace("def transform(event):", "def transform(event)")),
        ("/scripts", SCRIPT.replace("transform", "transfrom")),
    ],
)
def test_a_wrong_definition_is_refused_with_findings(shop: Any, path: str, source: str) -> None:
    """And nothing is published; a check says the same."""
    number = shop.plane.publisher.snapshot.number
    answer = shop.client.post(path, json={"source": source})
    assert answer.status_code == 422
    assert answer.json()["findings"]
    check = shop.client.post(f"{path}/check", json={"source": source}).json()
    assert not check["ok"]
    assert check["findings"]
    assert shop.plane.publisher.snapshot.number == number


@pytest.mark.parametrize(
    ("path", "name", "source"), [("/tables", "countries", TABLE), ("/scripts", "enrich", SCRIPT)]
)
def test_tables_and_scripts_are_kept_by_version(
    shop: Any, path: str, name: str, source: str
) -> None:
    """Made, changed, deleted; each travels as a resource."""
    client = shop.client
    made = client.post(path, json={"source": source, "reason": "new"})
    assert made.status_code == 201, made.text
    assert made.headers["etag"] == '"1"'
    other = source + "description: another\n"
    assert put(client, f"{path}/{name}", "1", source=other).json()["version"] == 2
    listed = client.get(path).json()["items"]
    assert [(item["name"], item["version"]) for item in listed] == [(name, 2)]
    assert listed[0]["summary"]
    kind = path[1:-1]
    assert shop.plane.publisher.snapshot.get(kind, name) is not None
    assert client.delete(f"{path}/{name}", headers={"If-Match": '"2"'}).status_code == 200
    assert shop.plane.publisher.snapshot.get(kind, name) is None
    assert client.get(f"{path}/{name}").status_code == 404
    assert client.post(f"{path}/{name}/rollback", json={"version": 1}).json()["version"] == 4


def test_shared_definitions_are_changed_by_tokens_of_all_apps_only(shop: Any) -> None:
    """Anybody's rules may use them."""
    token = shop.new_token(name="dev", role="developer", apps=["shop"])
    assert token.post("/functions", json={"source": FUNCTION}).status_code == 403
    assert token.get("/functions").status_code == 200


# --- the rest


def test_the_language_is_served_for_completion(shop: Any) -> None:
    """Functions with signatures and examples, built-in properties, names in force."""
    shop.client.post("/functions", json={"source": FUNCTION})
    found = shop.client.get("/language").json()
    functions = {function["name"]: function for function in found["functions"]}
    assert functions["lower"]["signatures"]
    assert functions["net"]["signatures"] == ["(gross: float64) -> float64"]
    assert functions["net"]["origin"] == "user"
    paths = {entry["path"]: entry for entry in found["properties"]}
    assert paths["who.user_id"]["type"] == "string"
    assert not paths["when.server"]["nullable"]
    assert found["aliases"]["len"] == "length"
    assert "select" in found["actions"]
    assert found["datasets"] == ["purchases"]


def test_a_plan_change_is_classified(shop: Any) -> None:
    """Additive, narrowing, breaking: in the check and in the answer."""
    wider = PLAN + "      title: {type: string}\n"
    check = shop.client.post("/apps/shop/plan/check", json={"files": {"plan.yaml": wider}}).json()
    assert check["compatibility"] == "additive"
    assert put_plan(shop.client, wider, "1").json()["compatibility"] == "additive"
    narrower = wider.replace("title: {type: string}", "title: {type: string, required: true}")
    answer = put_plan(shop.client, narrower, "2").json()
    assert answer["compatibility"] == "narrowing"
    assert answer["difference"]["parts"][0]["name"] == "page_view"
    answer = put_plan(shop.client, PLAN, "3").json()
    assert answer["compatibility"] == "breaking"
    assert put_plan(shop.client, PLAN, "4").json()["compatibility"] == "same"


def test_a_draft_is_tried_on_the_latest_real_events(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """And its budget counts yesterday's events, with the match rate of the sample."""
    queue = MemoryQueue(clock=lambda: NOW)
    queue.ensure_topics([TopicSpec(name=name, partitions=2) for name in LANE_TOPICS])
    builder = FrameBuilder("P2")
    for number in range(10):
        builder.add(
            builder.add_upload("shop", "prod", 1, NOW, b"{}"),
            event="order_pay" if number else "page_view",
            id=f"id{number}",
            identity=bytes(16),
            at=NOW,
            data=json.dumps({"what": {"total": 50.0 * number}}).encode(),
            clean=True,
            violations=[],
        )
    queue.append({("events.p2", 0): [builder.build()]})
    manifest = Manifest(tmp_path / "lake" / "manifest.db", clock=lambda: NOW)
    yesterday = time.time_ns() // 1_000_000 // 86_400_000 - 1
    counted = LedgerEntry(yesterday, "shop", "prod", "order_pay", "stored", "", 9_000)
    there = Range(topic="dirty", partition=0, start=0, end=1)
    manifest.commit(Commit(consumer="raw", ranges=[there], ledger=[counted]))
    control = start(data=LocalData(queue, manifest))
    control.client.post("/apps", json={"app": "shop"})
    put_plan(control.client, PLAN, "0")
    control.client.post("/datasets", json={"source": DATASET})
    found = control.client.post("/rules/preview", json={"source": RULE, "limit": 5}).json()
    assert (found["origin"], len(found["items"])) == ("live", 5), found
    found = control.client.post("/rules/preview", json={"source": RULE, "app": "shop"}).json()
    assert found["matched"] == 7
    budget = control.client.post("/rules/check", json={"source": RULE}).json()["budget"]
    assert (budget["events_per_day"], budget["sampled"]) == (9_000, 9)
    assert budget["match_rate"] == pytest.approx(7 / 9)
    lines = {line["name"]: line for line in budget["lines"]}
    assert lines["rows_per_day"]["value"] == pytest.approx(7_000)


def test_a_rule_that_costs_too_much_is_published_by_an_admin_only(
    start: Callable[..., Any],
) -> None:
    """With accept_cost, which the audit log keeps."""
    limits = BudgetSettings(max_cost=1)
    control = start(settings=ControlSettings(port=0, grpc_port=0, budget=limits))
    control.client.post("/apps", json={"app": "shop"})
    put_plan(control.client, PLAN, "0")
    control.client.post("/datasets", json={"source": DATASET})
    assert control.client.post("/rules/check", json={"source": RULE}).json()["ok"]
    refused = control.client.post("/rules", json={"source": RULE})
    assert refused.status_code == 422
    assert refused.json()["code"] == "budget"
    assert "above the limit" in refused.json()["findings"][0]["message"]
    developer = control.new_token(name="dev", role="developer", apps=["*"])
    accepted = {"source": RULE, "accept_cost": True}
    assert developer.post("/rules", json=accepted).status_code == 403
    assert control.client.post("/rules", json=accepted).status_code == 201
    entry = control.client.get("/audit?limit=1").json()["items"][0]
    assert entry["detail"]["accepted_cost"]


def test_a_rule_is_printed_in_another_front_end(shop: Any) -> None:
    """And what was printed checks again, to a rule that does the same."""
    for front_end in ("python", "sql", "builder"):
        body = {"source": RULE, "front_end": front_end}
        printed = shop.client.post("/rules/format", json=body)
        assert printed.status_code == 200, printed.text
        check = shop.client.post("/rules/check", json={"source": printed.json()["text"]}).json()
        assert check["ok"], (front_end, printed.json()["text"], check)
        assert check["reads"] == ["event", "id", "what.total"]
