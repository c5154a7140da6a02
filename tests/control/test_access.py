"""Who may do what: tokens, roles, scopes, and that nothing is open without a token."""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from trackplane.control.routes import OPERATIONS

pytestmark = pytest.mark.integration


def test_nothing_is_open_without_a_token(control: Any) -> None:
    """Every operation answers 401, with and without a wrong token; health and console are open."""
    with httpx.Client(base_url=control.addresses.http, trust_env=False) as client:
        for operation in OPERATIONS:
            path = "/api/v1" + operation.path.replace("{", "").replace("}", "")
            for headers in (
                {},
                {"Authorization": "Bearer tpt_guess"},
                {"Authorization": "Basic x"},
            ):
                answer = client.request(operation.method, path, headers=headers)
                assert answer.status_code == 401, (operation.method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/health/live").status_code == 200
        assert client.get("/").status_code == 200


def test_the_first_token_is_given_once_and_stored_only_hashed(
    start: Callable[..., Any],
) -> None:
    """A second start has none to give, and no file of the data folder holds the first one."""
    first = start()
    token = first.token
    assert token
    first.stop()
    second = start(folder=first.folder, token=token)
    assert second.plane.first_token is None
    assert second.client.get("/session").json()["role"] == "admin"
    second.stop()
    for path in first.folder.iterdir():
        assert token.encode() not in path.read_bytes()


def test_the_node_token_is_readable_by_its_owner_only(control: Any) -> None:
    """The file that collectors and workers read is 0600."""
    path = control.folder / "node.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() == control.plane.node_token


def test_a_token_reaches_only_its_apps(control: Any) -> None:
    """Another app does not exist for it; what names all apps is refused."""
    for app in ("shop", "bank"):
        assert control.client.post("/apps", json={"app": app}).status_code == 201
    shop = control.new_token(name="shop dev", role="developer", apps=["shop"])
    assert [app["app"] for app in shop.get("/apps").json()["items"]] == ["shop"]
    assert shop.get("/apps/bank").status_code == 404
    assert shop.get("/apps/bank/plan").status_code == 404
    assert shop.post("/apps/bank/keys", json={}).status_code == 404
    assert shop.get("/ledger?app=bank").status_code == 404
    assert shop.post("/query", json={"sql": "select 1", "app": "bank"}).status_code == 404
    assert shop.post("/apps/shop/keys", json={}).status_code == 201


def test_a_role_reaches_only_so_far(control: Any) -> None:
    """A viewer changes nothing, a developer makes no apps and no tokens."""
    control.client.post("/apps", json={"app": "shop"})
    viewer = control.new_token(name="viewer", role="viewer")
    developer = control.new_token(name="developer", role="developer")
    assert viewer.get("/apps/shop").status_code == 200
    answer = viewer.post("/apps/shop/keys", json={})
    assert answer.status_code == 403
    assert "developer" in answer.json()["detail"]
    assert developer.post("/apps", json={"app": "x"}).status_code == 403
    assert developer.post("/tokens", json={"name": "x"}).status_code == 403
    assert developer.get("/audit").status_code == 403


def test_an_admin_of_one_app_cannot_widen_its_reach(control: Any) -> None:
    """It makes neither tokens nor other apps."""
    control.client.post("/apps", json={"app": "shop"})
    admin = control.new_token(name="shop admin", role="admin", apps=["shop"])
    assert admin.post("/tokens", json={"name": "x", "role": "admin"}).status_code == 403
    assert admin.get("/tokens").status_code == 403
    assert admin.post("/apps", json={"app": "bank"}).status_code == 403
    headers = {"If-Match": '"1"'}
    answer = admin.patch("/apps/shop", json={"validation": "enforce"}, headers=headers)
    assert answer.status_code == 200


def test_a_revoked_token_is_unknown(control: Any) -> None:
    """The next request with it is answered 401."""
    made = control.client.post("/tokens", json={"name": "short"}).json()
    client = control.client_of(made["token"])
    assert client.get("/session").json()["name"] == "short"
    assert control.client.delete(f"/tokens/{made['id']}").status_code == 200
    assert client.get("/session").status_code == 401


def test_every_change_is_in_the_audit_log_with_its_actor(control: Any) -> None:
    """Newest first, in pages, with the number each was published under."""
    control.client.post("/apps", json={"app": "shop"})
    developer = control.new_token(name="dev", role="developer", apps=["shop"])
    key = developer.post("/apps/shop/keys", json={}).json()
    developer.delete(f"/apps/shop/keys/{key['id']}")
    page = control.client.get("/audit?limit=3").json()
    rows = [(row["actor"], row["action"]) for row in page["items"]]
    assert rows == [
        ("dev", "key.delete"),
        ("dev", "key.create"),
        ("first admin", "token.create"),
    ]
    assert page["items"][1]["number"] == key["number"]
    rest = control.client.get(f"/audit?limit=100&cursor={page['next']}").json()
    assert rest["items"][0]["action"] == "app.create"
    assert rest["next"] is None
    assert key["key"] not in str(page) + str(rest)
