"""Canaries, guards and figures in the control plane, told by nodes that are told what to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackplane.control.guard import compare, describe
from trackplane.control.live_wire import CanaryLimits, Figures
from trackplane.control.statistics import ALL, COUNTS, StatisticsBook
from trackplane.rules import ir

from .conftest import until
from .test_publishing import DATASET, PLAN, RULE, Node, nodes, put_plan

BETTER = RULE.replace("total: what.total}", "total: what.total + 1.0}").split("tests:")[0]


@pytest.fixture
def shop(control: Any) -> Any:
    """Return a control plane with an app, its plan, a dataset and a rule."""
    control.client.post("/apps", json={"app": "shop"})
    put_plan(control.client, PLAN, "0")
    control.client.post("/datasets", json={"source": DATASET})
    assert control.client.post("/rules", json={"source": RULE}).status_code == 201
    return control


class Reporter:
    """A node's reports of deltas."""

    def __init__(self, book: StatisticsBook, node: str = "w1") -> None:
        self.book, self.node, self.sequence = book, node, 0

    def __call__(self, since: int, *, again: bool = False, **rules: list[int]) -> None:
        self.sequence += not again
        deltas = {name.replace("__", "~"): counts for name, counts in rules.items()}
        raw = {
            "session": "s",
            "sequence": self.sequence,
            "counts": list(COUNTS),
            "segments": [{"since": since, "deltas": deltas}],
        }
        self.book.reported(self.node, raw)


def figures(matched: int, output: int = 0, failed: int = 0) -> Figures:
    return Figures(matched=matched, output=output, failed=failed)


@pytest.mark.parametrize(
    ("old", "new", "share", "cost", "passed"),
    [
        (figures(1_000, 1_000), figures(1_000, 1_000), 1.0, None, ""),
        (figures(1_000, 980, 20), figures(1_000, 975, 25), 1.0, None, ""),
        (figures(1_000, 980, 20), figures(1_000, 969, 31), 1.0, None, "error_rate"),
        (figures(1_000, 1_000), figures(199, 0, 199), 0.0, None, ""),
        (figures(0), figures(200, 0, 200), 0.0, None, "error_rate"),
        (figures(0), figures(0, 0, 200), 0.0, None, "error_rate"),
        (figures(1_000, 1_000), figures(250, 130), 0.25, None, ""),
        (figures(1_000, 1_000), figures(250, 120), 0.25, None, "drop_rate"),
        (figures(1_000, 1_000), figures(0, 0), 0.25, None, "drop_rate"),
        (figures(1_000, 1_000), figures(0, 0), 0.01, None, ""),
        (figures(1_000, 1_000), figures(1_000, 1_000), 1.0, 9.9, ""),
        (figures(1_000, 1_000), figures(1_000, 1_000), 1.0, 10.1, "cost_ratio"),
    ],
)
def test_a_version_is_held_against_the_one_before_it(
    old: Figures, new: Figures, share: float, cost: float | None, passed: str
) -> None:
    """Failures above the old ones, output below its share, cost; nothing before enough events."""
    limits = CanaryLimits()
    found = compare(old, new, limits, share=share, cost_ratio=cost)
    assert found.passed == passed
    assert describe(found, limits)


def test_figures_are_summed_over_nodes_and_steps_and_a_report_counts_once() -> None:
    """Steps of 10 s and 60 s; a report that comes again is known; tallies begin at their number."""
    now = [1_000_000_000]
    book = StatisticsBook(clock=lambda: now[0])
    one, other = Reporter(book, "w1"), Reporter(book, "w2")
    tally = book.tally(5, ["r", ALL])
    one(4, r=[10, 10, 0, 100, 1, 1])
    one(5, r=[20, 19, 1, 200, 2, 2])
    one(5, again=True, r=[20, 19, 1, 200, 2, 2])
    now[0] += 15_000
    other(5, r=[5, 5, 0, 50, 0, 0], s=[1, 1, 0, 0, 0, 0])
    step, points = book.window("r", 60)
    assert step == 10
    assert [point.matched for point in points if point.matched] == [30, 5]
    sums, whole = book.totals(60)
    assert (sums["r"].matched, sums["r"].failed, whole.matched) == (35, 1, 36)
    assert tally.figures("r").matched == 25
    assert book.window("r", 7_200)[0] == 60
    now[0] += 3 * 3_600_000
    assert book.totals(3_600)[0] == {}
    assert book.totals(86_400)[0]["r"].matched == 35


@pytest.mark.integration
def test_a_canary_narrows_both_versions_and_ends_with_its_rule(shop: Any) -> None:
    """Two rules travel; a plan change keeps the shares; another version ends the canary."""
    client = shop.client
    body = {"source": BETTER, "percent": 25, "reason": "try"}
    made = client.post("/rules/big_spender/canary", json=body)
    assert made.status_code == 201, made.text
    assert client.post("/rules/big_spender/canary", json=body).status_code == 409

    def rules() -> dict[str, ir.Rule]:
        found = shop.plane.publisher.snapshot.of_kind("rule")
        return {r.name: ir.decode_rule(r.body) for r in found}

    def share(name: str) -> Any:
        where = rules()[name].where
        assert isinstance(where, ir.Call)
        assert isinstance(where.args[-1], ir.Call)
        return where.args[-1].function, msgspec.to_builtins(where.args[-1].args[1])["value"]

    assert (share("big_spender"), share("big_spender~canary")) == (("ge", 2_500), ("lt", 2_500))
    stale = client.patch(
        "/rules/big_spender/canary", json={"percent": 50}, headers={"If-Match": '"9"'}
    )
    assert stale.status_code == 412
    changed = client.patch(
        "/rules/big_spender/canary", json={"percent": 50}, headers={"If-Match": '"1"'}
    )
    assert (changed.json()["percent"], share("big_spender")) == (50, ("ge", 5_000))
    etag = client.get("/rules/big_spender").headers["ETag"]
    other = RULE.replace("100.0", "90.0").replace("1.5", "1.25")
    client.put("/rules/big_spender", json={"source": other}, headers={"If-Match": etag})
    ended = client.get("/rules/big_spender/canary").json()
    assert (ended["status"], ended["message"]) == ("aborted", "another version was published")
    assert set(rules()) == {"big_spender"}
    viewer = shop.new_token(name="bank", role="analyst", apps=["bank"])
    assert viewer.get("/rules/big_spender/canary").status_code == 404
    assert client.get("/rules/no_such/canary").status_code == 404


@pytest.mark.integration
def test_a_canary_with_a_key_of_its_own_is_checked(shop: Any) -> None:
    """The key is a string expression over the rule's events."""
    body = {"source": BETTER, "percent": 5, "key": "what.total"}
    wrong = shop.client.post("/rules/big_spender/canary", json=body)
    assert wrong.status_code == 422
    assert "string" in wrong.json()["findings"][0]["message"]
    body["key"] = "who.session_id"
    assert shop.client.post("/rules/big_spender/canary", json=body).status_code == 201
    assert shop.client.delete("/rules/big_spender/canary").json()["status"] == "aborted"


@pytest.mark.integration
def test_a_canary_that_a_node_cannot_run_is_taken_back(shop: Any, tmp_path: Path) -> None:
    """The rule itself goes on for all events."""
    with nodes(shop.addresses.grpc, shop.folder, tmp_path, w1=Node("big_spender~canary")):
        until(shop.plane.nodes.states)
        shop.client.post("/rules/big_spender/canary", json={"source": BETTER})
        path = "/rules/big_spender/canary"
        ended = until(
            lambda: (found := shop.client.get(path).json())["status"] != "running" and found
        )
        assert ended["status"] == "rolled_back"
        assert "cannot run it" in ended["message"]
        assert shop.client.get("/rules/big_spender").json()["status"] == "published"


@pytest.mark.integration
def test_a_canary_that_drops_is_taken_back_on_its_nodes_figures(shop: Any) -> None:
    """Within the watcher's next look; figures and reason are in the audit log."""
    made = shop.client.post("/rules/big_spender/canary", json={"source": BETTER, "percent": 50})
    number = made.json()["number"]
    report = Reporter(shop.plane.platform.statistics)
    report(number, big_spender=[900, 900, 0, 0, 0, 0], big_spender__canary=[900, 100, 0, 0, 0, 0])
    path = "/rules/big_spender/canary"
    ended = until(lambda: (found := shop.client.get(path).json())["status"] != "running" and found)
    assert (ended["status"], ended["comparison"]["passed"]) == ("rolled_back", "drop_rate")
    [entry] = [
        row
        for row in shop.client.get("/audit").json()["items"]
        if row["action"] == "rule.canary_rollback"
    ]
    assert entry["number"] > number
    assert entry["detail"]["figures"]["new"]["output"] == 100


@pytest.mark.integration
def test_a_shadow_is_one_at_a_time_and_ends_with_its_rules_next_version(shop: Any) -> None:
    """What its nodes counted is merged; samples of other apps are not shown."""
    client, path = shop.client, "/rules/big_spender/shadow"
    made = client.post(path, json={"source": BETTER, "minutes": 1, "rate": 0.5}).json()
    assert client.post(path, json={"source": BETTER}).status_code == 409
    wrong = client.post("/rules/other/shadow", json={"source": BETTER})
    assert wrong.status_code == 422
    book = shop.plane.platform.statistics
    sample = {
        "order": 1,
        "kind": "changed",
        "app": "shop",
        "env": "prod",
        "event": "order_pay",
        "id": "1",
        "number": 0,
        "fields": ["total"],
        "old": '{"total":1.0}',
        "new": '{"total":2.0}',
    }
    for node in ("w1", "w2"):
        counts = {"events": 10, "equal": 6, "changed": 4, "fields": {"total": 4}}
        shadow = {"rule": "big_spender", "until": made["until"], "counts": counts}
        if node == "w1":
            shadow["counts"] = counts | {"samples": [sample]}
        raw = {"session": "s", "sequence": 1, "counts": [], "segments": [], "shadows": [shadow]}
        book.reported(node, raw)
    found = client.get(path).json()
    assert (found["events"], found["equal"], found["changed"], found["nodes"]) == (20, 12, 8, 2)
    assert found["fields"] == [{"field": "total", "rows": 8}]
    assert (found["samples"][0]["old"], found["samples"][0]["new"]) == ({"total": 1}, {"total": 2})
    assert client.delete(path).json()["status"] == "ended"
    assert client.get(path).json()["changed"] == 8
    assert shop.plane.publisher.snapshot.get("shadow", "big_spender") is None
