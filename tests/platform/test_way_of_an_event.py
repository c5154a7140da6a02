"""From an upload to rows, over one running platform that the tests share."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import pytest

from trackplane.control.routes import OPERATIONS, PREFIX
from trackplane.demo.changes import PLAN_CHANGE
from trackplane.demo.example import example_text
from trackplane.testing.platform import Shop, event, until

pytestmark = pytest.mark.integration
_run = itertools.count(1)


@pytest.fixture
def tag() -> str:
    """Return a prefix of ids that no other test uses."""
    return f"t{next(_run)}-{time.monotonic_ns()}"


def purchase(event_id: str, **what: Any) -> dict[str, Any]:
    return {
        "id": event_id,
        "event": "purchase",
        "who": {"user_id": "u1", "session_id": "s1"},
        "when": {"client": int(time.time() * 1000)},
        "how": {"platform": "mobile", "app_version": "9.2.0"},
        "what": {"order_id": "ORD-20419", "total": {"value": 129.5, "currency": "SGD"}} | what,
    }


def test_an_event_becomes_typed_rows_with_its_values(shop: Shop, tag: str) -> None:
    """In the view of its event, in the rule's dataset, in events: within five seconds."""
    answer = shop.send([purchase(tag, item_count=3, items=[{"sku": "ABC-0001", "quantity": 3}])])
    assert answer.json()["counts"] == {"accepted": 1}
    where = f"WHERE id = '{tag}'"
    typed = f"SELECT what_total_value, what_total_currency, what_item_count, who_user_id FROM purchase {where}"
    until(lambda: shop.query(typed, app="shop"), "the typed row", seconds=5)
    assert shop.query(typed, app="shop") == [[129.5, "SGD", 3, "u1"]]
    dataset = f'SELECT cents, currency, "user", items, rule, event FROM shop.purchases {where}'
    until(lambda: shop.query(dataset), "the rule's row", seconds=5)
    [row] = shop.query(dataset)
    assert row[:3] + row[4:] == [12950, "SGD", "u1", "purchases", "purchase"]
    assert json.loads(row[3]) == [{"sku": "ABC-0001", "quantity": 3}]
    raw = f"SELECT app, env, grade, event, revision > 0, how_platform FROM events {where}"
    assert shop.query(raw) == [["shop", "prod", "P0", "purchase", True, "mobile"]]


def test_the_ledger_adds_up_by_kind(shop: Shop, tag: str) -> None:
    """Sent = stored + dirty, and a second sending is deduplicated."""
    until(lambda: shop.platform.lag() == 0, "the other tests' commits")
    before = shop.counts()
    good, bad = purchase(tag), purchase(f"{tag}-bad", order_id=7)
    assert shop.deliver([good, bad]) == ["accepted", "dirty"]
    assert shop.deliver([good, bad]) == ["accepted", "dirty"]

    def added() -> dict[str, int]:
        after = shop.counts()
        return {k: n - before.get(k, 0) for k, n in after.items() if n != before.get(k, 0)}

    until(lambda: sum(added().values()) >= 4, "four events in the ledger")
    assert added() == {"stored": 1, "dirty": 1, "deduplicated": 2}


def test_an_app_sees_nothing_of_another(shop: Shop, tag: str) -> None:
    """Neither rows, views, dirty events nor the live stream; nor may its token ask for them."""
    call = shop.platform.call
    name = f"other{tag.replace('-', '')}"
    call("POST", "/apps", json={"app": name})
    made = call("POST", "/tokens", json={"name": tag, "role": "developer", "apps": [name]})
    token = made["token"]
    key = call("POST", f"/apps/{name}/keys", json={"env": "prod"})["key"]
    seen: list[str] = []
    stop, listening = threading.Event(), threading.Event()

    def follow() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{shop.platform.url}/api/v1/live"
        with httpx.stream("GET", url, headers=headers, timeout=30, trust_env=False) as stream:
            for line in stream.iter_lines():
                listening.set()
                seen.append(line)
                if stop.is_set() or f"{tag}-mine" in line:
                    return

    viewer = threading.Thread(target=follow)
    viewer.start()
    assert listening.wait(20)
    shop.deliver([purchase(f"{tag}-theirs"), purchase(f"{tag}-bad", order_id=7)])
    until(lambda: shop.send([event(1)], key=key).status_code == 200, "the other app's key")
    shop.deliver([event(2) | {"id": f"{tag}-mine"}], key=key)
    viewer.join(30)
    stop.set()
    assert not viewer.is_alive()
    text = "\n".join(seen)
    assert f"{tag}-mine" in text
    assert "theirs" not in text
    assert "-bad" not in text

    until(lambda: shop.query(f"SELECT 1 FROM events WHERE id = '{tag}-mine'"), "my row")
    until(lambda: shop.query(f"SELECT 1 FROM events WHERE id = '{tag}-theirs'"), "their row")
    assert shop.query("SELECT DISTINCT app FROM events", token=token) == [[name]]
    assert shop.query("SELECT count(*) FROM dirty", token=token) == [[0]]
    until(lambda: shop.query(f"SELECT 1 FROM shop.purchases WHERE id = '{tag}-theirs'"), "a row")
    assert shop.query("SELECT count(*) FROM shop.purchases", token=token) == [[0]]
    headers = {"Authorization": f"Bearer {token}"}
    post = f"{shop.platform.url}/api/v1/query"
    for body in (
        {"sql": "SELECT * FROM events", "app": "shop"},
        {"sql": "SELECT * FROM shop.purchase"},
        {"sql": "SELECT * FROM read_parquet('/**/*.parquet')"},
    ):
        assert shop.http.post(post, headers=headers, json=body).status_code in {400, 403, 404, 422}
    for path in ("/live?app=shop", "/dirty?app=shop", "/apps/shop", "/apps/shop/plan"):
        url = f"{shop.platform.url}/api/v1{path}"
        assert shop.http.get(url, headers=headers).status_code in {403, 404}, path
    page = shop.http.get(f"{shop.platform.url}/api/v1/status", headers=headers).json()
    assert {row["app"] for row in page["ledger"]} <= {name}


def test_a_viewer_reads_and_cannot_publish(shop: Shop, tag: str) -> None:
    """403 for what changes something, 200 for what shows it."""
    made = shop.platform.call(
        "POST", "/tokens", json={"name": tag, "role": "viewer", "apps": ["shop"]}
    )
    headers = {"Authorization": f"Bearer {made['token']}", "If-Match": "*"}
    base = f"{shop.platform.url}/api/v1"
    assert shop.http.get(f"{base}/apps/shop/plan", headers=headers).status_code == 200
    plan = {"files": {"plan.yaml": example_text("plan.yaml")}, "message": "no"}
    for method, path, body in (
        ("PUT", "/apps/shop/plan", plan),
        ("POST", "/rules", {"source": "rule: x"}),
        ("DELETE", "/rules/views", None),
        ("PATCH", "/apps/shop", {"validation": "off"}),
        ("POST", "/apps/shop/keys", {"env": "prod"}),
        ("POST", "/dirty/replays", {"selection": {"app": "shop"}}),
        ("POST", "/dirty/fixes", {"selection": {"app": "shop"}}),
        ("POST", "/tokens", {"name": "x", "role": "admin", "apps": []}),
    ):
        answer = shop.http.request(method, base + path, headers=headers, json=body)
        assert answer.status_code == 403, f"{method} {path}: {answer.text}"


@pytest.mark.parametrize("authorization", ["", "Bearer tpt_wrong", "Basic YTpi"])
def test_without_a_token_everything_is_closed(shop: Shop, authorization: str) -> None:
    """Every operation there is answers 401 before it looks at anything else."""
    headers = {"Authorization": authorization} if authorization else {}
    for operation in OPERATIONS:
        path = operation.path.replace("{", "").replace("}", "")
        url = f"{shop.platform.url}{PREFIX}{path}"
        answer = shop.http.request(operation.method, url, headers=headers, json={})
        assert answer.status_code == 401, f"{operation.method} {path}: {answer.status_code}"


def test_a_plan_change_is_in_force_for_the_next_event(shop: Shop, tag: str) -> None:
    """The collector stops warning, the typed view is there, and the time it took is told."""
    gift = {"id": tag, "event": "gift_card", "what": {"total": {"value": 25, "currency": "SGD"}}}
    number = shop.put_plan(example_text("plan.yaml"))
    shop.await_number(number)
    assert shop.deliver([gift | {"id": f"{tag}-early"}]) == ["warned"]
    changed = example_text("plan.yaml").replace("\nmetrics:\n", f"\n{PLAN_CHANGE}\nmetrics:\n")
    assert 0 <= shop.await_number(shop.put_plan(changed)) < 5_000
    assert shop.deliver([gift]) == ["accepted"]
    sql = f"SELECT what_total_value, grade FROM gift_card WHERE id = '{tag}'"
    until(lambda: shop.query(sql, app="shop"), "the new view's row", seconds=5)
    assert shop.query(sql, app="shop") == [[25.0, "P1"]]


def cli(shop: Shop, *arguments: str) -> Any:
    """Return the JSON that a verb printed."""
    done = subprocess.run(
        [sys.executable, "-m", "trackplane.cli", *arguments, "--json"],
        env={k: v for k, v in os.environ.items() if not k.startswith("TRACKPLANE_")}
        | {"TRACKPLANE_URL": shop.platform.url, "TRACKPLANE_TOKEN": shop.platform.token},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_dirty_event_is_replayed_once_the_plan_allows_it(
    shop: Shop, tag: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Listed, mended, sent again, stored; then it is in the list no more."""
    shop.await_number(shop.put_plan(example_text("plan.yaml")))
    login = {"id": tag, "event": "login", "what": {"method": "passkey"}}
    assert shop.deliver([login]) == ["dirty"]

    def listed() -> list[Any]:
        rows = cli(shop, "dirty", "list", "--app", "shop", "--limit", "1000")
        return [row for row in rows if row["id"] == tag]

    until(listed, "the dirty event in the list")
    assert listed()[0]["stage"] == "plan"
    plan = tmp_path_factory.mktemp("plan") / "plan.yaml"
    methods = "enum: [password, code, sso"
    plan.write_text(example_text("plan.yaml").replace(methods, methods + ", passkey"))
    applied = cli(shop, "plan", "apply", str(plan), "--message", "passkeys")
    shop.await_number(applied["number"])
    for dispositions in ({"accepted": 1}, {}):
        answer = cli(shop, "dirty", "replay", "--app", "shop", "--id", tag)
        assert answer["dispositions"] == dispositions
    assert not listed()
    sql = f"SELECT what_method FROM login WHERE id = '{tag}'"
    until(lambda: shop.query(sql, app="shop"), "the replayed row")
    until(lambda: shop.platform.lag() == 0, "the replay's commit")
    assert shop.query(sql, app="shop") == [["passkey"]]
    shop.await_number(shop.put_plan(example_text("plan.yaml")))
