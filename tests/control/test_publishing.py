"""Plans and rules: published, refused, quarantined, and effective on real discovery nodes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from trackplane.discovery import Delta, Snapshot
from trackplane.discovery.client import DiscoverySettings, GrpcSource
from trackplane.discovery.source import ResourceKey

from .conftest import until

pytestmark = pytest.mark.integration
BOTH_DATABASES = True

PLAN = """
format: 1
app: shop
events:
  order_pay:
    title: Order paid
    owner: team:pay
    grade: P0
    what:
      total: {type: number, required: true}
  page_view:
    what:
      path: {type: string}
"""
DATASET = """
dataset: purchases
kind: table
columns: {id: string, total: float64}
"""
RULE = """
rule: big_spender
apps: [shop]
where: event == "order_pay" and what.total > 100.0
select: {id: id, total: what.total}
to: purchases
owner: team:pay
tests:
  - {given: {event: order_pay, id: "1", what: {total: 129.5}}, expect: {total: 129.5}}
  - {given: {event: order_pay, id: "1", what: {total: 1.5}}, expect: null}
"""


class Node:
    """A consumer that takes everything but the rules it is told to reject."""

    def __init__(self, rejects: str = "") -> None:
        self.rejects = rejects
        self.snapshot = Snapshot()

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Mapping[ResourceKey, str]:
        self.snapshot = snapshot
        return {r.key: "will not compile here" for r in delta.changed if r.name == self.rejects}


@contextmanager
def nodes(address: str, home: Path, folder: Path, **consumers: Node) -> Iterator[None]:
    """Run a worker node for each consumer, in a thread of its own; ``home`` has the node token."""
    started = threading.Event()
    state: dict[str, Any] = {}

    async def main() -> None:
        state["loop"], state["stop"] = asyncio.get_running_loop(), asyncio.Event()
        sources = [
            GrpcSource(
                DiscoverySettings(address=address, first_delay_ms=10),
                node=name,
                kind="worker",
                token_file=home / "node.token",
                cache=folder / name,
            )
            for name in consumers
        ]
        running = [
            asyncio.create_task(source.run(consumer))
            for source, consumer in zip(sources, consumers.values(), strict=True)
        ]
        started.set()
        await state["stop"].wait()
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        state["failures"] = [e for e in ended if not isinstance(e, asyncio.CancelledError)]

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(10)
    try:
        until(lambda: all(node.snapshot.number for node in consumers.values()), "the first state")
        yield
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join(20)
    assert not state["failures"]


def put_plan(client: Any, source: str, etag: str, app: str = "shop") -> Any:
    return client.put(
        f"/apps/{app}/plan",
        json={"files": {"plan.yaml": source}},
        headers={"If-Match": f'"{etag}"'},
    )


@pytest.fixture
def shop(control: Any) -> Any:
    """Return a control plane with a planned app and a dataset."""
    assert control.client.post("/apps", json={"app": "shop"}).status_code == 201
    answer = put_plan(control.client, PLAN, "0")
    assert answer.status_code == 200, answer.text
    assert control.client.post("/datasets", json={"source": DATASET}).status_code == 201
    return control


def test_a_plan_becomes_a_revision_and_only_what_changed_travels(shop: Any) -> None:
    """A change of one event is a delta of that event and the app's settings."""
    before = shop.plane.publisher.snapshot
    changed = PLAN.replace("{type: string}", "{type: string, required: true}")
    answer = put_plan(shop.client, changed, "1").json()
    assert (answer["revision"], answer["added"], answer["changed"]) == (2, [], ["page_view"])
    delta = shop.plane.publisher.snapshot.delta_from(before)
    assert {r.key for r in delta.changed} == {("event", "shop/page_view"), ("app", "shop")}
    assert delta.end == answer["number"] == before.number + 1
    plan = shop.client.get("/apps/shop/plan")
    assert plan.json()["files"] == {"plan.yaml": changed}
    assert plan.headers["etag"] == '"2"'
    revisions = shop.client.get("/apps/shop/plan/revisions").json()["items"]
    assert [row["revision"] for row in revisions] == [2, 1]
    assert shop.client.get("/apps/shop/plan/revisions/1").json()["files"] == {"plan.yaml": PLAN}
    same = put_plan(shop.client, changed, "2").json()
    assert (same["revision"], same["number"]) == (2, 0)


def test_of_two_plan_edits_the_second_is_refused(shop: Any) -> None:
    """It was made against a revision that is no longer in force."""
    assert put_plan(shop.client, PLAN + "  a: {}\n", "1").status_code == 200
    answer = put_plan(shop.client, PLAN + "  b: {}\n", "1")
    assert answer.status_code == 412


def test_a_wrong_plan_lists_every_finding_with_its_place(shop: Any) -> None:
    """422 with line and column; a check says the same and changes nothing."""
    wrong = PLAN.replace("type: number", "type: nmber").replace("grade: P0", "grade: P9")
    answer = put_plan(shop.client, wrong, "1")
    assert answer.status_code == 422
    findings = answer.json()["findings"]
    assert len(findings) >= 2
    assert all(f["line"] and f["column"] for f in findings)
    check = shop.client.post("/apps/shop/plan/check", json={"files": {"plan.yaml": wrong}}).json()
    assert not check["ok"]
    assert check["findings"] == findings
    other = put_plan(shop.client, PLAN.replace("app: shop", "app: bank"), "1")
    assert other.status_code == 422


def test_planned_events_are_found_by_word(shop: Any) -> None:
    """By name, title, owner, as search does; the detail is the expanded specification."""
    found = shop.client.get("/apps/shop/events?query=PAID%20team").json()["items"]
    assert [(e["event"], e["grade"], e["title"]) for e in found] == [
        ("order_pay", "P0", "Order paid")
    ]
    assert shop.client.get("/apps/shop/events?query=100%25").json()["items"] == []
    listed = shop.client.get("/apps/shop/events").json()["items"]
    assert [e["event"] for e in listed] == ["order_pay", "page_view"]
    detail = shop.client.get("/apps/shop/events/order_pay").json()
    assert detail["spec"]["properties"]["what"]["total"]["required"] is True


def test_a_rule_is_checked_tested_and_published(shop: Any) -> None:
    """Its IR travels; its versions are kept."""
    assert shop.client.post("/rules/check", json={"source": RULE}).json()["ok"]
    made = shop.client.post("/rules", json={"source": RULE})
    assert made.status_code == 201, made.text
    assert made.json()["status"] == "published"
    assert shop.plane.publisher.snapshot.get("rule", "big_spender") is not None
    changed = RULE.replace("100.0", "120.0")
    headers = {"If-Match": made.headers["etag"]}
    again = shop.client.put("/rules/big_spender", json={"source": changed}, headers=headers)
    assert again.status_code == 200, again.text
    stale = shop.client.put("/rules/big_spender", json={"source": RULE}, headers=headers)
    assert stale.status_code == 412
    headers = {"If-Match": again.headers["etag"]}
    gone = shop.client.delete("/rules/big_spender", headers=headers)
    assert gone.status_code == 200
    assert shop.plane.publisher.snapshot.get("rule", "big_spender") is None
    versions = shop.client.get("/rules/big_spender/versions").json()["items"]
    assert [v["action"] for v in versions] == ["deleted", "published", "published"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("what.total >", "what.totl >"),
        ("order_pay", "order_pya"),
        ("expect: null", "expect: {total: 1.5}"),
        ("to: purchases", "to: purchase"),
        ("rule: big_spender", "rul: big_spender"),
    ],
)
def test_a_wrong_rule_is_refused_with_findings(shop: Any, old: str, new: str) -> None:
    """Unknown names, wrong types, failed tests: 422, and nothing is published."""
    number = shop.plane.publisher.snapshot.number
    answer = shop.client.post("/rules", json={"source": RULE.replace(old, new)})
    assert answer.status_code == 422
    assert answer.json()["findings"]
    assert shop.plane.publisher.snapshot.number == number


def test_a_plan_change_that_breaks_rules_is_refused_and_names_them_all(shop: Any) -> None:
    """Nothing changes; the check says so beforehand."""
    for name in ("one", "two"):
        source = RULE.replace("big_spender", name)
        assert shop.client.post("/rules", json={"source": source}).status_code == 201
    broken = PLAN.replace("total:", "sum:")
    check = shop.client.post("/apps/shop/plan/check", json={"files": {"plan.yaml": broken}}).json()
    assert check["broken_rules"] == ["one", "two"]
    answer = put_plan(shop.client, broken, "1")
    assert answer.status_code == 422
    assert "one, two" in answer.json()["detail"]
    assert len(answer.json()["findings"]) >= 2
    assert shop.client.get("/apps/shop/plan").json()["revision"] == 1


def test_a_dataset_change_that_breaks_a_rule_is_refused(shop: Any) -> None:
    """A column that a rule fills cannot go."""
    shop.client.post("/rules", json={"source": RULE})
    source = DATASET.replace(", total: float64", "")
    headers = {"If-Match": '"1"'}
    answer = shop.client.put("/datasets/purchases", json={"source": source}, headers=headers)
    assert answer.status_code == 422
    assert "big_spender" in answer.json()["detail"]


def test_a_token_of_another_app_neither_sees_nor_changes_a_rule(shop: Any) -> None:
    """And its own rules cannot read the other app's events."""
    shop.client.post("/apps", json={"app": "bank"})
    etag = shop.client.post("/rules", json={"source": RULE}).headers["etag"]
    bank = shop.new_token(name="bank", role="developer", apps=["bank"])
    assert bank.get("/rules").json()["items"] == []
    assert bank.get("/rules/big_spender").status_code == 404
    headers = {"If-Match": etag}
    assert bank.delete("/rules/big_spender", headers=headers).status_code == 404
    answer = bank.post("/rules", json={"source": RULE.replace("big_spender", "spy")})
    assert answer.status_code in {403, 422}
    everywhere = RULE.replace("apps: [shop]", "").replace("big_spender", "spy")
    assert bank.post("/rules", json={"source": everywhere}).status_code in {403, 422}


def test_two_nodes_take_a_rule_and_the_effective_time_is_known(
    shop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Publish to acknowledged by both; printed, not judged."""
    times = []
    with nodes(shop.addresses.grpc, shop.folder, tmp_path, one=Node(), two=Node()):
        etag = shop.client.post("/rules", json={"source": RULE}).headers["etag"]
        for limit in range(20):
            answer = shop.client.put(
                "/rules/big_spender",
                json={"source": RULE.replace("100.0", f"{100 + limit / 10}")},
                headers={"If-Match": etag},
            )
            etag = answer.headers["etag"]
            path = f"/rulesets/{answer.json()['number'] or 1}"
            if answer.json()["number"]:
                found = until(
                    lambda path=path: (
                        (r := shop.client.get(path).json())["effective_ms"] is not None and r
                    ),
                    "the rule to be effective",
                )
                times.append(found["effective_ms"])
        current = shop.client.get("/rulesets/current").json()
        assert [n["node"] for n in current["nodes"]] == ["one", "two"]
        assert all(n["number"] == current["number"] for n in current["nodes"])
        status = shop.client.get("/status").json()
        assert status["effective_ms"]["p99"] is not None
    with capsys.disabled():
        times.sort()
        print(f"\neffective on 2 of 2 nodes: p50 {times[len(times) // 2]} ms, max {times[-1]} ms")


def test_a_rule_that_a_node_cannot_take_is_quarantined_and_the_others_go_on(
    shop: Any, tmp_path: Path
) -> None:
    """It is gone in the next number, marked with the node's message, and can be mended."""
    bad, good = Node(rejects="bad"), Node()
    with nodes(shop.addresses.grpc, shop.folder, tmp_path, one=bad, two=good):
        made = shop.client.post("/rules", json={"source": RULE.replace("big_spender", "bad")})
        number = made.json()["number"]
        rule = until(
            lambda: (r := shop.client.get("/rules/bad").json())["status"] == "quarantined" and r,
            "the quarantine",
        )
        assert rule["message"] == "will not compile here"
        until(lambda: good.snapshot.number > number and not list(good.snapshot.of_kind("rule")))
        shown = shop.client.get(f"/rulesets/{number}").json()["nodes"]
        nacks = {node["node"]: node["nacks"] for node in shown}
        assert nacks["one"] == [{"resource": "rule/bad", "message": "will not compile here"}]
        assert shop.client.post("/rules", json={"source": RULE}).status_code == 201
        until(lambda: [r.name for r in good.snapshot.of_kind("rule")] == ["big_spender"])
        bad.rejects = ""
        mended = shop.client.put(
            "/rules/bad",
            json={"source": RULE.replace("big_spender", "bad")},
            headers={"If-Match": f'"{rule["etag"]}"'},
        )
        assert mended.json()["status"] == "published"
        until(lambda: len(list(bad.snapshot.of_kind("rule"))) == 2)


SERVE = """
import asyncio, json, sys
from pathlib import Path
from trackplane.control.server import ControlPlane
from trackplane.control.settings import ControlSettings

plane = ControlPlane(ControlSettings(port=0, grpc_port=int(sys.argv[2])), Path(sys.argv[1]))

def started(at):
    print(json.dumps({"http": at.http, "grpc": at.grpc, "token": plane.first_token}), flush=True)

async def main():
    await plane.serve(stopping=asyncio.Event(), started=started)

asyncio.run(main())
"""


class Process:
    """A control plane in a process of its own, to be killed."""

    def __init__(self, folder: Path, grpc_port: int = 0, token: str = "") -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), str(grpc_port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = next(line for line in self._process.stdout if line.startswith("{"))
        found = json.loads(line)
        self.grpc = found["grpc"]
        self.token = token or found["token"]
        self.client = httpx.Client(
            base_url=found["http"] + "/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False,
            timeout=30,
        )

    def kill(self) -> None:
        self.client.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def connected(self) -> list[str]:
        current = self.client.get("/rulesets/current").json()
        return [node["node"] for node in current["nodes"] if node["connected"]]


def test_nodes_run_on_without_the_control_plane_and_follow_it_again_after_a_kill(
    tmp_path: Path,
) -> None:
    """Killed with -9 and started again it goes on with its numbers, and so do its nodes."""
    first = Process(tmp_path / "control")
    node = Node()
    try:
        with nodes(first.grpc, first.folder, tmp_path, one=node):
            until(lambda: first.connected() == ["one"])
            number = first.client.post("/apps", json={"app": "shop"}).json()["number"]
            until(lambda: node.snapshot.number == number)
            first.kill()
            assert node.snapshot.number == number
            port = int(first.grpc.rsplit(":", 1)[1])
            second = Process(first.folder, port, first.token)
            try:
                until(lambda: second.connected() == ["one"], "the node to come back")
                assert second.client.get("/rulesets/current").json()["number"] == number
                later = second.client.post("/apps", json={"app": "bank"}).json()["number"]
                assert later == number + 1
                until(lambda: node.snapshot.number == later)
            finally:
                second.kill()
    finally:
        first.kill()
