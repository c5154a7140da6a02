"""Segment's wire: golden cases, its own unmodified client, its browser's ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import segment.analytics as segment_analytics

from trackplane.admission.record import Limits
from trackplane.admission.wires import segment
from trackplane.queue.memory import MemoryQueue
from trackplane.testing.collector import RunningCollector, Stored

Start = Callable[..., RunningCollector]
CASES = Path(__file__).parents[2] / "spec" / "cases" / "wires" / "segment.json"


@pytest.mark.parametrize("case", json.loads(CASES.read_text()), ids=lambda case: case["name"])
def test_a_golden_case_becomes_its_record(case: dict[str, Any]) -> None:
    """Header, events, problems and the key in the body."""
    body = case["raw"].encode() if "raw" in case else json.dumps(case["body"]).encode()
    record, key = segment.parse(body, case["call"], Limits())
    assert record.header == case.get("header", {})
    assert key == case.get("key")
    got = [v if isinstance(v, dict) else {"problem": v.code} for v in record.values]
    assert got == case["events"]


@pytest.mark.integration
@pytest.mark.parametrize("gzip", [False, True])
def test_segments_own_client_works_unmodified(
    start: Start,
    queue: MemoryQueue,
    gzip: bool,  # noqa: FBT001 - drawn
) -> None:
    """Every kind of call arrives, none fails."""
    failures: list[Any] = []
    client = segment_analytics.Client(
        "tpw_test",
        host=start().url,
        gzip=gzip,
        on_error=lambda *failure: failures.append(failure),
    )
    client.track("u", "home", {"total": 1.5, "naïve": "“é”"})
    client.identify("u", {"email": "a@example.com"})
    client.page("u", "docs", "start", {"path": "/start"})
    client.screen("u", name="cart")
    client.group("u", "g", {"size": 5})
    client.alias("old", "u")
    client.flush()
    client.shutdown()
    assert not failures
    stored = Stored(queue)
    by_name = {event["event"]: event for event in stored.events}
    assert sorted(by_name) == ["$alias", "$group", "$identify", "$page", "$screen", "home"]
    assert by_name["home"]["what"] == {"total": 1.5, "naïve": "“é”"}
    assert by_name["home"]["how"]["sdk"].startswith("analytics-python/")
    assert by_name["home"]["when"]["sent"] >= by_name["home"]["when"]["client"]
    assert by_name["$alias"]["what"] == {"previous_id": "old"}
    assert all(event["who"] == {"user_id": "u"} for event in stored.events)


@pytest.mark.integration
def test_a_browser_sends_plain_text_with_its_key_in_the_body(
    start: Start, queue: MemoryQueue
) -> None:
    """After it was given the settings document it asks for."""
    url = start().url
    document = httpx.get(f"{url}/v1/projects/tpw_test/settings").json()
    settings = document["integrations"]["Segment.io"]
    assert settings["apiKey"] == "tpw_test"
    host = f"{settings['protocol']}://{settings['apiHost']}"
    for path, call in (("t", "track"), ("i", "identify"), ("p", "page")):
        message = {"messageId": path, "event": "home", "userId": "u", "writeKey": "tpw_test"}
        answer = httpx.post(
            f"{host}/{path}",
            content=json.dumps({**message, "type": call}),
            headers={"Content-Type": "text/plain", "Origin": "https://shop.example"},
        )
        assert answer.json() == {"success": True}
    assert sorted(e["event"] for e in Stored(queue).events) == ["$identify", "$page", "home"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("status", "path", "body"),
    [
        (200, "/v1/import/", {"batch": [], "writeKey": "tpw_test"}),
        (401, "/v1/import", {"batch": [], "writeKey": "other"}),
        (401, "/v1/batch", {"batch": []}),
        (400, "/v1/batch", {"writeKey": "tpw_test"}),
        (401, "/v1/projects/other/settings", None),
    ],
)
def test_a_key_in_the_body_opens_and_nothing_else_does(
    start: Start, status: int, path: str, body: Any
) -> None:
    """Import sends it nowhere else; errors have code and message, as Segment's clients read them."""
    url = start().url + path
    answer = httpx.get(url) if body is None else httpx.post(url, json=body)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["code"]
        assert answer.json()["message"]


@pytest.mark.integration
def test_a_broken_message_goes_dirty_alone_with_its_own_bytes(
    start: Start, queue: MemoryQueue
) -> None:
    """The batch is answered with success: nothing is to be sent again."""
    good = '{"type":"track","event":"home","messageId":"a","userId":"u"}'
    broken = '{"type":"track","event":"home","messageId":"b","properties":{"x":1e400}}'
    odd = '{"type":"video","messageId":"c"}'
    body = f'{{"writeKey":"tpw_test","batch":[{good},{broken},{odd}]}}'
    answer = httpx.post(start().url + "/v1/batch", content=body)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    stored = Stored(queue)
    assert stored.ids == ["a"]
    assert [(d.id, d.reason, d.data.decode(), d.wire) for d in stored.dirty] == [
        ("b", "number_out_of_range", broken, "segment"),
        ("c", "wire_type", odd, "segment"),
    ]
