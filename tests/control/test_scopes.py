"""What a token of one app cannot see or change of another's rules, and what it cannot make of names."""

from __future__ import annotations

from typing import Any

import pytest

from trackplane.control.trials import ShadowDelta
from trackplane.engine.shadow import ShadowCounts

from .conftest import until
from .test_publishing import DATASET, PLAN, RULE

pytestmark = pytest.mark.integration
BOTH_DATABASES = True

BETTER = RULE.replace("total: what.total}", "total: what.total + 1.0}").split("tests:")[0]
EVERYWHERE = RULE.replace("apps: [shop]\n", "")
THEIRS = RULE.replace("apps: [shop]", "apps: [blog]").replace("owner: team:pay", "owner: team:blog")
SINK = """
dataset: partner
kind: sink
connector: http
options: {url: "http://127.0.0.1:9/"}
columns: {id: string, total: float64}
"""


@pytest.fixture
def both(control: Any) -> Any:
    """Return a control plane with the apps shop and blog, each planned, and a dataset."""
    for app in ("shop", "blog"):
        assert control.client.post("/apps", json={"app": app}).status_code == 201
        plan = PLAN.replace("app: shop", f"app: {app}")
        path = f"/apps/{app}/plan"
        body = {"files": {"plan.yaml": plan}}
        answer = control.client.put(path, json=body, headers={"If-Match": '"0"'})
        assert answer.status_code == 200, answer.text
    assert control.client.post("/datasets", json={"source": DATASET}).status_code == 201
    control.shop = control.new_token(name="shop", role="developer", apps=["shop"])
    control.blog = control.new_token(name="blog", role="developer", apps=["blog"])
    return control


def taken_over(both: Any) -> None:
    """Let a name be one app's rule, then the other's."""
    assert both.blog.post("/rules", json={"source": THEIRS}).status_code == 201
    gone = both.blog.delete("/rules/big_spender", headers={"If-Match": '"1"'})
    assert gone.status_code == 200, gone.text
    made = both.shop.post("/rules", json={"source": RULE})
    assert made.status_code == 201, made.text
    assert made.json()["version"] == 3


def test_a_name_that_changed_hands_does_not_show_the_other_apps_versions(both: Any) -> None:
    """Neither in the list, nor as the base of a conflict, nor by a rollback to one."""
    taken_over(both)
    listed = both.shop.get("/rules/big_spender/versions").json()["items"]
    assert [item["version"] for item in listed] == [3]
    stale = both.shop.put(
        "/rules/big_spender", json={"source": BETTER}, headers={"If-Match": '"1"'}
    )
    assert (stale.status_code, stale.json()["conflict"]["base"]) == (412, None)
    back = both.shop.post("/rules/big_spender/rollback", json={"version": 1})
    assert back.status_code == 404
    assert len(both.client.get("/rules/big_spender/versions").json()["items"]) == 3


def test_a_draft_that_was_thrown_away_is_not_the_base_of_anothers(both: Any) -> None:
    """An If-Match of a draft that is gone gives none of its text."""
    path = "/rules/big_spender/draft"
    assert both.blog.put(path, json={"source": THEIRS}, headers={"If-Match": '"0"'}).is_success
    assert both.blog.delete(path, headers={"If-Match": '"1"'}).is_success
    for _ in range(2):
        stale = both.shop.put(path, json={"source": RULE}, headers={"If-Match": '"1"'})
        assert (stale.status_code, stale.json()["conflict"]["base"]) == (412, None)
        both.shop.put(path, json={"source": RULE}, headers={"If-Match": '"0"'})


def test_a_canary_of_a_rule_of_all_apps_is_not_for_the_token_of_one(both: Any) -> None:
    """Its new version may be of one app: promoting it would change the rule for all."""
    assert both.client.post("/rules", json={"source": EVERYWHERE}).status_code == 201
    began = both.client.post("/rules/big_spender/canary", json={"source": BETTER, "percent": 10})
    assert began.status_code == 201, began.text
    assert both.shop.get("/rules/big_spender/canary").status_code == 404
    assert both.shop.post("/rules/big_spender/canary/promote", json={}).status_code == 404
    assert both.shop.delete("/rules/big_spender/canary").status_code == 404


def test_a_shadow_of_a_rule_of_all_apps_is_not_for_the_token_of_one(both: Any) -> None:
    """Its figures are of every app's events."""
    assert both.client.post("/rules", json={"source": EVERYWHERE}).status_code == 201
    assert both.client.post("/rules/big_spender/shadow", json={"source": BETTER}).status_code == 201
    assert both.shop.get("/rules/big_spender/shadow").status_code == 404
    assert both.shop.delete("/rules/big_spender/shadow").status_code == 404


def test_a_guard_never_goes_back_past_a_deletion(both: Any) -> None:
    """A rule that was made anew has no version before it, whosever the name was."""
    taken_over(both)
    guard = both.shop.post("/rules/big_spender/guard", json={})
    assert guard.status_code == 201, guard.text
    assert (guard.json()["status"], guard.json()["previous"]) == ("ended", 0)


def test_a_dataset_that_anothers_rule_writes_to_is_changed_by_who_reaches_both(both: Any) -> None:
    """Else one app could send another's rows where it likes."""
    assert both.blog.post("/rules", json={"source": THEIRS}).status_code == 201
    wider = DATASET.replace("total: float64", "total: float64, note: string")
    answer = both.shop.put(
        "/datasets/purchases", json={"source": wider}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 403, answer.text
    answer = both.blog.put(
        "/datasets/purchases", json={"source": wider}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text


def test_sinks_are_declared_by_tokens_of_all_apps(both: Any) -> None:
    """A sink speaks from the workers' network, with a token of the operator's."""
    assert both.shop.post("/datasets", json={"source": SINK}).status_code == 403
    assert both.client.post("/datasets", json={"source": SINK}).status_code == 201
    moved = SINK.replace(":9/", ":10/")
    answer = both.shop.put("/datasets/partner", json={"source": moved}, headers={"If-Match": '"1"'})
    assert answer.status_code == 403


def test_what_was_counted_for_a_canary_that_is_over_is_forgotten(both: Any) -> None:
    """The measuring shadow of a canary has no report that it would be kept in."""
    assert both.client.post("/rules", json={"source": RULE}).status_code == 201
    book = both.plane.platform.shadows
    counts = ShadowCounts(fields={}, samples=[])
    book.reported("w1", [ShadowDelta(rule="big_spender~canary", until=5, counts=counts)])
    until(lambda: not book.held(), "forgetting")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [(("connector: http", "connector: htpp"), "'htpp'"), (("url:", "ulr:"), "'ulr'")],
)
def test_a_sink_that_no_node_could_open_is_not_declared(
    both: Any, wrong: tuple[str, str], named: str
) -> None:
    """It would be rejected by every node, and by every publication after it."""
    answer = both.client.post("/datasets", json={"source": SINK.replace(*wrong)})
    assert 400 <= answer.status_code < 500
    assert named in answer.text
    assert both.client.get("/datasets/partner").status_code == 404
