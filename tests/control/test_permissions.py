"""Every cell of docs/permissions.md: each role, each operation, on one's own app and on another's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from trackplane.control.access import ACTIONS, PERMISSIONS, ROLES, Role
from trackplane.control.operations import Operation
from trackplane.control.roles import MEANING
from trackplane.control.routes import OF_ALL_APPS, OF_AN_APP, OPERATIONS

from . import permission_probes as probes
from .conftest import DATABASES, Running, settings_on

pytestmark = pytest.mark.integration

# Who names another app in a body is refused as it is found out: by 403, 404 or as a finding.
NAMED = {
    "create_app", "create_token", "create_rule", "update_rule", "put_draft", "start_shadow",
    "start_canary", "approve_changes", "format_rule",
}  # fmt: skip


class Sides:
    """Two apps with one thing of every kind each, and a token of each role for one of them."""

    def __init__(self, control: Running) -> None:
        self.control = control
        admin = control.client
        for path, source in (
            ("/datasets", probes.DATASET),
            ("/functions", probes.FUNCTION),
            ("/tables", probes.TABLE),
            ("/scripts", probes.SCRIPT),
        ):
            made = admin.post(path, json={"source": source})
            assert made.status_code == 201, made.text
        library = {"source": probes.LIBRARY}
        assert admin.put("/libraries/shared/1", json=library).is_success
        admin.put("/teams/pay", json={"members": ["me"]}, headers={"If-Match": "*"})
        admin.put("/people/somebody", json={}, headers={"If-Match": "*"})
        self.ids = {app: self._app(admin, app) for app in ("mine", "foreign")}
        self.tokens: dict[Role, httpx.Client] = {
            role: control.new_token(name=role, person="me", role=role, apps=["mine"])
            for role in ROLES
        }
        self.everywhere: dict[Role, httpx.Client] = {
            role: control.new_token(name=f"{role} of all", person="me", role=role) for role in ROLES
        }
        self._number = 0

    def _app(self, admin: httpx.Client, app: str) -> dict[str, str]:
        def made(path: str, body: dict[str, Any]) -> Any:
            answer = author.post(path, json=body)
            assert answer.status_code == 201, (path, answer.text)
            return answer.json()

        assert admin.post("/apps", json={"app": app}).status_code == 201
        author = self.control.new_token(name=f"author of {app}", person="me", role="admin")
        plan = {"files": {"plan.yaml": probes.PLAN.replace("{app}", app)}}
        put = author.put(f"/apps/{app}/plan", json=plan, headers={"If-Match": "*"})
        assert put.status_code == 200, put.text
        rule = {"source": probes.RULE.replace("{app}", app)}
        made("/rules", rule)
        changed = plan["files"]["plan.yaml"].replace("Paid", "It was paid")
        change = made(
            "/changes", {"app": app, "title": f"of {app}", "files": {"plan.yaml": changed}}
        )["id"]
        made(f"/changes/{change}/comments", {"text": f"about {app}"})
        author.post(f"/changes/{change}/submit", json={})
        client = probes._filled(probes.BODIES["register_client"], {"app": app})
        registered = author.post("/clients", json=client)
        assert registered.is_success, registered.text
        return {
            "change": str(change),
            "requirement": str(made("/requirements", {"title": app, "apps": [app]})["id"]),
            "query": made("/saved-queries", {"name": "kept", "sql": "select 1 as a", "app": app})[
                "id"
            ],
            "client": registered.json()["id"],
        }

    def _victim(self, operation: Operation, app: str) -> dict[str, str]:
        """Return something to delete, made for it."""
        self._number += 1
        if operation.name == "delete_saved_query":
            body = {"name": f"victim{self._number}", "sql": "select 1 as a", "app": app}
            return {"query": self.control.client.post("/saved-queries", json=body).json()["id"]}
        if operation.name == "delete_client":
            body = probes._filled(probes.BODIES["register_client"], {"app": app})
            body["release"] = str(self._number)
            return {"client": self.control.client.post("/clients", json=body).json()["id"]}
        for trial in ("canary", "shadow"):  # that one runs, so that it can be seen and stopped
            if f"/{trial}" in operation.path and operation.name != f"start_{trial}":
                body: dict[str, Any] = {"source": probes.RULE.replace("{app}", app)}
                if trial == "canary":
                    body |= {"percent": 10}
                started = self.control.client.post(f"/rules/{app}_rule/{trial}", json=body)
                assert started.status_code in {201, 409}, started.text
        if "/draft" in operation.path:
            body = {"source": probes.RULE.replace("{app}", app)}
            kept = self.control.client.put(
                f"/rules/{app}_rule/draft", json=body, headers={"If-Match": "*"}
            )
            assert kept.is_success, kept.text
        if operation.name == "delete_key":
            return {"key": self.control.client.post(f"/apps/{app}/keys", json={}).json()["id"]}
        return {}

    def ask(
        self, role: Role, operation: Operation, app: str, *, everywhere: bool = False
    ) -> tuple[int, str]:
        """Return how an operation on an app is answered to a role."""
        request = probes.of(operation, app, self.ids[app] | self._victim(operation, app))
        client = (self.everywhere if everywhere else self.tokens)[role]
        if operation.stream:
            with client.stream(**request) as answer:
                if answer.is_success:
                    return answer.status_code, ""
                answer.read()
                return answer.status_code, answer.text
        answer = client.request(**request)
        return answer.status_code, answer.text


@pytest.fixture(scope="module", params=DATABASES)
def sides(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sides]:
    """Return the two apps at one control plane, for all cells."""
    folder = tmp_path_factory.mktemp("permissions") / "control"
    control = Running(folder, settings=settings_on(request))
    try:
        yield Sides(control)
    finally:
        control.stop()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_role_may_do_what_the_table_says_in_its_own_app_and_nothing_in_anothers(
    sides: Sides, operation: Operation
) -> None:
    """200 (or a finding beyond the permission), 403 by the role, 404 for what is elsewhere."""
    for role in ROLES:
        cell = (operation.name, role)
        own, text = sides.ask(role, operation, "mine")
        other, elsewhere = sides.ask(role, operation, "foreign")
        if role not in PERMISSIONS[operation.action]:
            assert (own, other) == (403, 403), (*cell, text, elsewhere)
            assert "this needs the role" in text, cell
            continue
        if operation.name in OF_ALL_APPS:
            assert (own, other) == (403, 403), (*cell, text)
            assert "this needs the role" not in text, cell
            status, text = sides.ask(role, operation, "mine", everywhere=True)
            assert status not in {400, 401, 403, 405, 500}, (*cell, status, text)
            continue
        assert own not in {400, 401, 403, 405, 500}, (*cell, own, text)
        if operation.name in NAMED:
            assert other in {403, 404, 412, 422} or "foreign" not in elsewhere, (*cell, elsewhere)
        elif "{app}" in operation.path or operation.name in OF_AN_APP:
            assert other == 404, (*cell, other, elsewhere)
            # 404 for one's own is of what is not there yet, and says so: not that the app is hidden.
            assert own != 404 or _plain(text) != _plain(elsewhere), (*cell, text)
        else:
            assert other == own, cell
        assert own == 404 or "foreign" not in text, (*cell, "sees the other app", text)


def _plain(text: str) -> str:
    return re.sub(r"mine|foreign|\d+|'[^']*'", "", text)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_token_is_told_of_its_permissions_is_so(sides: Sides, role: Role) -> None:
    """The session's list and the matrix say the same as the table."""
    client = sides.tokens[role]
    session = client.get("/session").json()
    assert session["may"] == [action for action in ACTIONS if role in PERMISSIONS[action]]
    matrix = client.get("/permissions").json()
    allowed = {item["action"]: item["allowed"] for item in matrix["items"]}
    assert allowed == {action: role in PERMISSIONS[action] for action in ACTIONS}
    assert all(item["why_not"] for item in matrix["items"] if not item["allowed"])


def test_each_role_may_all_that_the_one_before_it_may() -> None:
    """And every action has a meaning in words and at least one operation or use."""
    for action in ACTIONS:
        roles = PERMISSIONS[action]
        assert roles == set(ROLES[ROLES.index(min(roles, key=ROLES.index)) :]), action
        assert MEANING[action], action
    used = {operation.action for operation in OPERATIONS}
    assert set(ACTIONS) - used == {"change.approve", "budget.exceed", "review.bypass"}


def test_a_token_makes_none_of_a_higher_role_a_wider_reach_or_another_person(
    sides: Sides,
) -> None:
    """An admin of one app makes tokens of it for itself; only one of all apps for others."""
    admin = sides.tokens["admin"]

    def make(**body: Any) -> int:
        return admin.post("/tokens", json={"name": "x", **body}).status_code

    assert make(apps=["mine"], person="me", role="admin") == 201
    assert make(apps=["mine"], person="me", role="viewer") == 201
    assert make(apps=["mine"], person="somebody") == 403
    assert make(apps=["mine", "foreign"], person="me") == 403
    assert make(apps=["*"], person="me") == 403
    assert make(person="me") == 403, "all apps is the default"
    for role in ROLES[:-1]:
        body = {"name": "x", "apps": ["mine"], "person": "me"}
        assert sides.tokens[role].post("/tokens", json=body).status_code == 403


def test_lists_hold_nothing_of_another_app(sides: Sides) -> None:
    """Of every list that a token may read, by name."""
    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path and not operation.stream:
            answer = sides.tokens["admin"].get(operation.path)
            assert "foreign" not in answer.text, operation.path
