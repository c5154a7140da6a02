"""The dirty workbench: groups, fixes on trial, replays as jobs, each event once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackplane.control.settings import ControlSettings
from trackplane.event import identity
from trackplane.frame import Frame

from .conftest import until
from .test_data import NOW, Plane, collector, dirty_event
from .test_publishing import DATASET, PLAN, RULE, put_plan

pytestmark = pytest.mark.integration


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    """Return a data plane with nothing in it."""
    return Plane(tmp_path)


@pytest.fixture
def shop(start: Callable[..., Any], plane: Plane, free_port: int) -> Any:
    """Return a control plane over it, with an app, its plan, a dataset and a rule."""
    settings = ControlSettings(
        port=0, grpc_port=0, collector_url=f"http://127.0.0.1:{free_port}", replay_wait_ms=2_000
    )
    control = start(data=plane.data, settings=settings)
    control.client.post("/apps", json={"app": "shop", "validation": "enforce"})
    put_plan(control.client, PLAN, "0")
    control.client.post("/datasets", json={"source": DATASET})
    assert control.client.post("/rules", json={"source": RULE}).status_code == 201
    return control


def failing(id: str, total: object = 1.5, version: str = "", **fields: Any) -> Any:
    """Return a dirty event with an identity of its own."""
    what = {} if total is None else {"total": total}
    how = {"app_version": version} if version else {}
    data = {"id": id, "event": "order_pay", "how": how, "what": what}
    return dirty_event(
        id,
        identity=identity("shop", id, "order_pay", None),
        data=fields.pop("data", json.dumps(data).encode()),
        **fields,
    )


def ended(client: Any, replay: dict[str, Any]) -> dict[str, Any]:
    """Wait for a replay to end."""
    path = f"/dirty/replays/{replay['id']}"
    return until(  # type: ignore[no-any-return]
        lambda: (found := client.get(path).json())["status"] != "running" and found, "the end"
    )


def test_groups_are_by_any_fields_and_one_event_counts_once(shop: Any, plane: Plane) -> None:
    """However often it failed: how often is its attempts; the app's version is read from it."""
    plane.store_dirty(failing("a", version="1.0"), failing("b", version="2.0"))
    plane.store_dirty(failing("a", version="1.0", received=NOW + 5, reason="type"))
    plane.store_dirty(failing("c", header=b'{"how":{"app_version":"2.0"}}', data=b'{"id":"c"}'))
    listed = shop.client.get("/dirty").json()["items"]
    assert [(row["id"], row["attempts"], row["app_version"]) for row in listed] == [
        ("a", 2, "1.0"),
        ("b", 1, "2.0"),
        ("c", 1, "2.0"),
    ]
    groups = shop.client.get("/dirty/groups?by=app_version,reason").json()
    assert {(g["app_version"], g["reason"], g["count"]) for g in groups["items"]} == {
        ("1.0", "type", 1),
        ("2.0", "required", 2),
    }
    assert (groups["unresolved"], groups["resolved"]) == (3, 0)
    first = next(g for g in groups["items"] if g["reason"] == "type")
    assert (first["first_at"], first["last_at"]) == (NOW, NOW + 5)
    found = shop.client.get("/dirty?app_version=1.0").json()["items"]
    assert [row["key"] for row in found] == [first["sample"]]
    wrong = shop.client.get("/dirty/groups?by=resaon")
    assert wrong.status_code == 422
    assert "reason" in wrong.json()["findings"][0]["hint"]


def test_a_fix_on_trial_says_by_admissions_own_code_what_would_become_of_each_event(
    shop: Any, plane: Plane
) -> None:
    """Before and after, still wrong with the reason; nothing is written."""
    plane.store_dirty(
        failing("text", "12.5"), failing("none", None), failing("word", "much"), failing("good", 2)
    )

    def fix(*edits: dict[str, Any]) -> dict[str, Any]:
        body = {"selection": {"app": "shop"}, "edits": edits}
        answer = shop.client.post("/dirty/fixes", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    plain = fix()
    assert (plain["good"], plain["still_dirty"]) == (1, 3)
    cast = {
        row["id"]: row
        for row in fix({"op": "cast", "path": "what.total", "to": "float64"})["items"]
    }
    assert {id: row["good"] for id, row in cast.items()} == {
        "text": True,
        "none": False,
        "word": False,
        "good": True,
    }
    assert json.loads(cast["text"]["before"])["what"] == {"total": "12.5"}
    assert json.loads(cast["text"]["after"])["what"] == {"total": 12.5}
    assert cast["none"]["violations"][0]["code"] == "missing"
    assert "cannot become" in cast["word"]["violations"][0]["message"]
    assert fix({"op": "set", "path": "what.total", "value": 1})["good"] == 4
    assert fix({"op": "text", "path": '"much"', "to": "7"})["good"] == 2
    moved = fix({"op": "rename", "path": "what.total", "to": "what.sum"})
    assert moved["good"] == 0
    for edit in ({"op": "set", "path": "total"}, {"op": "cast", "path": "what.total", "to": "int"}):
        body = {"selection": {"app": "shop"}, "edits": [edit]}
        assert shop.client.post("/dirty/fixes", json=body).status_code == 422
    assert shop.client.get("/dirty/replays").json()["items"] == []


def test_a_rules_failing_is_tried_by_the_engine(shop: Any, plane: Plane) -> None:
    """What the rule would put out is shown; a rule that is gone refuses."""
    plane.store_dirty(
        failing("ruled", "200", stage="rule", reason="rule_type", rule="big_spender"),
        failing("gone", stage="rule", reason="rule_type", rule="no_such"),
    )
    edit = {"op": "cast", "path": "what.total", "to": "float64"}
    body = {"selection": {"app": "shop"}, "edits": [edit]}
    items = {row["id"]: row for row in shop.client.post("/dirty/fixes", json=body).json()["items"]}
    assert items["ruled"]["good"]
    assert [json.loads(row) for row in items["ruled"]["outputs"]] == [
        {"id": "ruled", "total": 200.0}
    ]
    assert not items["gone"]["good"]
    plain = shop.client.post("/dirty/fixes", json={"selection": {"app": "shop", "stage": "rule"}})
    again = {row["id"]: row for row in plain.json()["items"]}["ruled"]
    assert (again["good"], again["violations"][0]["code"]) == (False, "rule_type")


def test_a_replay_through_the_collector_resolves_what_is_taken_and_counts_the_rest(
    shop: Any, plane: Plane, tmp_path: Path, free_port: int
) -> None:
    """Books add up, a second replay finds nothing to do, undo brings the events back."""
    plane.store_dirty(failing("text", "12.5"), failing("none", None))
    client = shop.client
    body = {
        "selection": {"app": "shop"},
        "edits": [{"op": "cast", "path": "what.total", "to": "float64"}],
        "reason": "the SDK sent text",
    }
    alone = ended(client, client.post("/dirty/replays", json=body).json())
    assert alone["status"] == "failed"
    assert "collector" in alone["message"]
    with collector(shop, plane, tmp_path, free_port):
        until(shop.plane.nodes.states)
        made = client.post("/dirty/replays", json=body)
        assert made.status_code == 201, made.text
        done = ended(client, made.json())
        assert done["dispositions"] == {"accepted": 1, "dirty": 1}
        assert (done["selected"], done["resolved"], done["failed"]) == (2, 1, 1)
        assert [row["id"] for row in client.get("/dirty").json()["items"]] == ["none"]
        assert [row["id"] for row in client.get("/dirty?resolved=true").json()["items"]] == ["text"]
        groups = client.get("/dirty/groups").json()
        assert (groups["unresolved"], groups["resolved"]) == (1, 1)
        again = ended(client, client.post("/dirty/replays", json=body).json())
        assert again["selected"] == 1
        undone = client.post(f"/dirty/replays/{done['id']}/undo").json()
        assert undone["status"] == "undone"
        assert len(client.get("/dirty").json()["items"]) == 2
        assert client.post(f"/dirty/replays/{done['id']}/undo").status_code == 409
        assert client.post(f"/dirty/replays/{done['id']}/cancel").status_code == 409
    sent = [
        id
        for partition in range(2)
        for message in plane.queue.read("events.p0", partition, 0).messages
        for id in Frame.decode(message.data).ids
    ]
    assert sent == ["text"]
    assert client.get("/apps/shop/keys").json()["items"] == []
    listed = client.get("/dirty/replays?limit=2").json()
    rest = client.get(f"/dirty/replays?cursor={listed['next']}").json()
    assert len(listed["items"]) + len(rest["items"]) == 3
    other = shop.new_token(name="bank", role="analyst", apps=["bank"])
    assert other.get(f"/dirty/replays/{done['id']}").status_code == 404
    actions = [row["action"] for row in client.get("/audit").json()["items"]]
    assert (actions.count("dirty.replay"), actions.count("dirty.undo")) == (3, 1)
