"""The HTTP API's manners: preconditions, problems, paging, paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackplane.control.console import STATIC
from trackplane.control.openapi import COMMITTED, text
from trackplane.control.settings import ControlSettings
from trackplane.errors import ConfigurationError

pytestmark = pytest.mark.integration


def test_of_two_people_editing_the_second_is_told(control: Any) -> None:
    """Without If-Match 428, with a stale one 412 that names the current one."""
    made = control.client.post("/apps", json={"app": "shop"})
    etag = made.headers["etag"]
    change = {"validation": "enforce"}
    assert control.client.patch("/apps/shop", json=change).status_code == 428
    first = control.client.patch("/apps/shop", json=change, headers={"If-Match": etag})
    assert first.status_code == 200
    second = control.client.patch(
        "/apps/shop", json={"allow_list": "enforce"}, headers={"If-Match": etag}
    )
    assert second.status_code == 412
    assert first.headers["etag"] in second.json()["detail"]
    now = control.client.get("/apps/shop")
    assert now.headers["etag"] == first.headers["etag"]
    assert (now.json()["validation"], now.json()["allow_list"]) == ("enforce", "warn")


def test_a_wrong_body_is_answered_with_every_finding(control: Any) -> None:
    """Each field that is wrong, each that is unknown with the nearest name."""
    body = {"ap": "x", "validation": "maybe", "blocked": [1], "environments": []}
    answer = control.client.post("/apps", json=body)
    assert answer.status_code == 400
    findings = {(f["code"], f["pointer"]) for f in answer.json()["findings"]}
    assert findings == {
        ("unknown", "/ap"),
        ("required", "/app"),
        ("value", "/validation"),
        ("value", "/blocked/0"),
        ("value", "/environments"),
    }
    assert "did you mean 'app'?" in str(answer.json())


def test_a_text_of_another_form_is_told_what_is_expected(control: Any) -> None:
    """In words, not as a pattern; of an object's keys each that is wrong."""
    body = {"app": "my app", "title": "x", "deadline": "2027-1-1"}
    body["files"] = {"C:x.yaml": "", "ok.yaml": 5, "../up.yaml": ""}
    findings = control.client.post("/changes", json=body).json()["findings"]
    told = {(f["pointer"], f["message"].split(",")[0].split(" of ")[0]) for f in findings}
    assert told == {
        ("/app", "expected a name: ASCII letters"),
        ("/deadline", "expected a day such as 2027-01-31"),
        ("/files", "expected the relative path"),
        ("/files/ok.yaml", "Expected `str | null`"),
    }
    of_files = [f["message"].split(": ")[-1] for f in findings if f["pointer"] == "/files"]
    assert of_files == ["'C:x.yaml'", "'../up.yaml'"]


@pytest.mark.parametrize(
    ("role", "hint"), [("desinger", "did you mean 'designer'?"), ("x", "one of viewer, analyst,")]
)
def test_a_word_that_is_none_of_a_few_is_told_those(control: Any, role: str, hint: str) -> None:
    answer = control.client.post("/tokens", json={"name": "ann", "role": role})
    (finding,) = answer.json()["findings"]
    assert (finding["pointer"], hint in finding["hint"]) == ("/role", True)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff", b'"\xff"', b"null", b"[" * 100_000]
)
def test_what_is_not_json_is_refused(control: Any, content: bytes) -> None:
    """With 400 and a finding, never a fault."""
    answer = control.client.post(
        "/apps", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["findings"]


def test_another_media_type_is_refused(control: Any) -> None:
    """Text that looks like JSON is not taken for it."""
    answer = control.client.post(
        "/apps", content=b'{"app":"x"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


def test_unknown_paths_are_404_whatever_the_method_and_the_console_is_only_for_get(
    control: Any,
) -> None:
    """The console's fallback takes nothing of the API's."""
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert control.client.request(method, "/nothing").status_code == 404
        assert control.client.request(method, "/apps/x/nothing/y").status_code == 404
    base = control.addresses.http
    assert control.client.post(base + "/rules").status_code == 404
    page = control.client.get(base + "/rules")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert control.client.get(base + "/assets/none.js").status_code == 404
    assert control.client.get(base + "/..%2f..%2fsettings.py").status_code in {200, 404}
    if not (STATIC / "index.html").exists():
        assert "no console in this build" in page.text.lower()


def test_a_wrong_method_names_the_right_ones(control: Any) -> None:
    """405 with Allow; OPTIONS lists all."""
    answer = control.client.delete("/apps")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert "POST" in control.client.options("/apps").headers["allow"]


def test_lists_come_in_pages(control: Any) -> None:
    """The cursor leads through everything once."""
    for number in range(7):
        control.client.post("/apps", json={"app": f"app{number}"})
    seen, cursor = [], ""
    while True:
        page = control.client.get(f"/apps?limit=3&cursor={cursor}").json()
        seen += [app["app"] for app in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"app{number}" for number in range(7)]
    assert control.client.get("/audit?cursor=x").status_code == 422


def test_a_key_is_shown_once_and_travels_as_its_digest(control: Any) -> None:
    """The list shows its prefix; the published resource is named by the SHA-256."""
    control.client.post("/apps", json={"app": "shop", "environments": ["prod", "dev"]})
    made = control.client.post("/apps/shop/keys", json={"env": "dev"}).json()
    listed = control.client.get("/apps/shop/keys").json()["items"]
    assert [key["prefix"] for key in listed] == [made["key"][:8]]
    assert "key" not in listed[0]
    keys = list(control.plane.publisher.snapshot.of_kind("key"))
    assert len(keys) == 1
    assert msgspec.json.decode(keys[0].body) == {"app": "shop", "env": "dev"}
    assert made["key"] not in str(keys)
    control.client.delete(f"/apps/shop/keys/{made['id']}")
    assert not list(control.plane.publisher.snapshot.of_kind("key"))
    assert control.client.post("/apps/shop/keys", json={"env": "nope"}).status_code == 422


def test_the_committed_openapi_document_is_current(control: Any) -> None:
    """`python -m trackplane.control.openapi` writes it; the console's client is made from it."""
    assert COMMITTED.read_text() == text()
    assert control.client.get("/schema/openapi.json").json()["openapi"] == "3.1.0"


def test_a_port_in_use_is_a_configuration_error(start: Callable[..., Any], tmp_path: Path) -> None:
    """For HTTP and for discovery, naming the setting."""
    first = start()
    http, grpc = (int(a.rsplit(":", 1)[1]) for a in (first.addresses.http, first.addresses.grpc))
    with pytest.raises(ConfigurationError, match="listen") as caught:
        start(folder=tmp_path / "b", settings=ControlSettings(port=http, grpc_port=0))
    assert "control.port" in str(caught.value)
    with pytest.raises(ConfigurationError, match="listen") as caught:
        start(folder=tmp_path / "c", settings=ControlSettings(port=0, grpc_port=grpc))
    assert "control.grpc_port" in str(caught.value)
