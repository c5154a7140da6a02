"""The collector over real HTTP: routes, keys, readiness, failures, CORS, drain."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from trackplane.collector import CollectorSettings
from trackplane.discovery import Resource
from trackplane.errors import FullError
from trackplane.frame import Frame
from trackplane.plan.model import EventSpec
from trackplane.queue import QueueError
from trackplane.queue.memory import MemoryQueue
from trackplane.testing.collector import (
    RunningCollector,
    Stored,
    app_resource,
    event_resource,
    key_resource,
)

pytestmark = pytest.mark.integration
Start = Callable[..., RunningCollector]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


RECORD = (
    '{"header":{"who":{"user_id":"u"}},"events":[{"id":"1","event":"home","what":{"total":1.5}}]}'
)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer tpw_test"},
        {"Authorization": "bearer tpw_test"},
        {"Authorization": "Basic " + base64.b64encode(b"tpw_test:").decode()},
        {"X-Write-Key": "tpw_test"},
    ],
)
def test_the_key_comes_in_any_of_three_ways(start: Start, headers: dict[str, str]) -> None:
    """Bearer, Basic user, X-Write-Key."""
    answer = httpx.post(start().url + "/v1/records", content=RECORD, headers=headers)
    assert answer.status_code == 200


def test_the_answer_tells_each_events_disposition_and_violations(
    start: Start, client: httpx.Client
) -> None:
    """In the order of the upload, with ids made for those without."""
    events = [
        {"id": "a", "event": "home", "what": {"total": 1.5}},
        {"id": "b", "event": "home", "what": {"total": "a lot"}},
        {"id": "c", "event": "unknown"},
        {"id": "d", "event": "spam"},
        {"event": "home", "what": {"total": 1.5}},
    ]
    running = start(blocked=("spam",))
    answer = client.post(running.url + "/v1/records", json={"header": {}, "events": events}).json()
    assert [e["disposition"] for e in answer["events"]] == [
        "accepted",
        "warned",
        "warned",
        "dropped",
        "accepted",
    ]
    assert [e["id"] for e in answer["events"][:4]] == ["a", "b", "c", "d"]
    assert answer["events"][1]["violations"][0]["pointer"] == "/what/total"
    assert answer["events"][2]["violations"][0]["code"] == "unplanned_event"
    assert answer["counts"] == {"accepted": 2, "warned": 2, "dropped": 1}
    assert running.collector.statistics().dispositions == answer["counts"]


def test_nothing_is_open_without_a_configuration(
    start: Start, queue: MemoryQueue, client: httpx.Client
) -> None:
    """Not ready, with the reason; uploads shall come again."""
    running = start(configured=False)
    assert client.get(running.url + "/health/live").status_code == 200
    ready = client.get(running.url + "/health/ready")
    assert ready.status_code == 503
    assert "configuration" in ready.json()["reason"]
    answer = client.post(running.url + "/v1/records", content=RECORD)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) > 0
    assert not Stored(queue).events


def test_a_failing_queue_makes_everything_retry_and_is_counted_afterwards(
    start: Start, queue: MemoryQueue, client: httpx.Client
) -> None:
    """Never acknowledged; ready again by itself; the retry is in the ledger."""
    running = start()
    queue.fail_with = FullError("no space left on device")  # type: ignore[assignment]
    answer = client.post(running.url + "/v1/records", content=RECORD)
    assert answer.status_code == 503
    assert answer.json()["events"] == [{"id": "1", "disposition": "retry"}]
    assert answer.json()["counts"] == {"retry": 1}
    assert int(answer.headers["retry-after"]) == 10
    ready = client.get(running.url + "/health/ready")
    assert "no space left" in ready.json()["reason"]
    queue.fail_with = QueueError("i/o error")
    refused = client.post(running.url + "/v1/records", content="{")
    assert refused.status_code == 400
    queue.fail_with = None
    deadline = 200
    while client.get(running.url + "/health/ready").status_code != 200:
        deadline -= 1
        assert deadline
    assert client.post(running.url + "/v1/records", content=RECORD).status_code == 200
    running.stop()
    stored = Stored(queue)
    assert stored.ids == ["1"]
    assert stored.kinds() == {"retry": 1, "refused": 1}


def accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


class SlowQueue(MemoryQueue):
    """Holds every append until it is let go."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 0)
        self.gate = threading.Event()
        self.entered = threading.Event()

    def append(self, entries):  # type: ignore[no-untyped-def]
        self.entered.set()
        self.gate.wait(timeout=30)
        return super().append(entries)


class TestWithASlowQueue:
    """What happens while an append is under way."""

    @pytest.fixture
    def queue(self) -> SlowQueue:
        return SlowQueue()

    def test_uploads_that_wait_share_the_next_round_and_its_frame(
        self, start: Start, queue: SlowQueue, client: httpx.Client
    ) -> None:
        """And none is answered before the queue has it."""
        running = start()

        def post(number: int) -> int:
            body = RECORD.replace('"1"', f'"{number}"')
            return client.post(running.url + "/v1/records", content=body).status_code

        with ThreadPoolExecutor(21) as pool:
            answers = [pool.submit(post, 0)]
            queue.entered.wait(timeout=30)
            answers += [pool.submit(post, n) for n in range(1, 21)]
            want = 21 * len(RECORD)
            while running.collector.statistics().waiting_bytes < want:
                assert not any(answer.done() for answer in answers)
            queue.gate.set()
            assert [a.result() for a in answers] == [200] * 21
        stored = Stored(queue)
        assert stored.ids == sorted(str(n) for n in range(21))
        assert len(stored.frames) <= 3

    def test_beyond_the_bounded_buffer_uploads_shall_come_again(
        self, start: Start, queue: SlowQueue, client: httpx.Client
    ) -> None:
        """What waits already is not harmed."""
        running = start(CollectorSettings(port=0, max_waiting_bytes=150))
        url = running.url + "/v1/records"
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.post, url, content=RECORD)
            queue.entered.wait(timeout=30)
            answer = client.post(url, content=RECORD)
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert "retry-after" in answer.headers
            queue.gate.set()
            assert waiting.result().status_code == 200

    def test_stopping_finishes_the_uploads_that_wait(
        self, start: Start, queue: SlowQueue, client: httpx.Client
    ) -> None:
        """No new connection is taken meanwhile."""
        running = start()
        url = running.url + "/v1/records"
        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(client.post, url, content=RECORD)
            queue.entered.wait(timeout=30)
            stopping = pool.submit(running.stop)
            deadline = time.monotonic() + 20
            while accepts_connections(running.port):
                assert time.monotonic() < deadline
            queue.gate.set()
            assert waiting.result().status_code == 200
            stopping.result()
        assert Stored(queue).ids == ["1"]


def test_a_gzip_body_is_taken_with_or_without_its_label(
    start: Start, queue: MemoryQueue, client: httpx.Client
) -> None:
    """Some clients forget to say so; several gzip members are one body."""
    url = start().url + "/v1/records"
    half = len(RECORD) // 2
    packed = gzip.compress(RECORD.encode())
    members = gzip.compress(RECORD[:half].encode()) + gzip.compress(RECORD[half:].encode())
    for headers, body in (
        ({"Content-Encoding": "gzip"}, packed),
        ({"Content-Type": "application/x-www-form-urlencoded"}, packed),
        ({"Content-Encoding": "gzip"}, members),
    ):
        assert client.post(url, content=body, headers=headers).status_code == 200
    assert len(Stored(queue).events) == 3


def test_a_browser_may_send_from_its_exact_origin_with_credentials(
    start: Start, client: httpx.Client
) -> None:
    """Preflight and answer; plain-text bodies need no preflight."""
    url = start().url + "/v1/records"
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = client.options(url, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    for headers in ({"Content-Type": "text/plain"}, {"X-Write-Key": "no", "Authorization": "x"}):
        answer = client.post(
            url, content=RECORD, headers={"Origin": "https://shop.example", **headers}
        )
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["vary"] == "origin"


def test_an_origin_that_is_not_allowed_gets_no_leave(start: Start, client: httpx.Client) -> None:
    """Then the browser keeps the answer from the page."""
    url = start(CollectorSettings(port=0, allowed_origins=("https://a.example",))).url
    answer = client.get(url + "/health/live", headers={"Origin": "https://b.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_unknown_paths_and_methods_are_told_so_as_json(start: Start, client: httpx.Client) -> None:
    """404 and 405 with the methods that are taken."""
    url = start().url
    answer = client.get(url + "/v2/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = client.get(url + "/v1/records")
    assert (answer.status_code, answer.json()["code"]) == (405, "method")
    assert "POST" in answer.headers["allow"]


def test_an_empty_record_is_taken(start: Start, client: httpx.Client) -> None:
    """It says nothing, and nothing is stored."""
    answer = client.post(start().url + "/v1/records", content='{"header":{},"events":[]}')
    assert answer.json() == {"events": [], "counts": {}}


def test_metrics_tell_events_uploads_and_latency(start: Start, client: httpx.Client) -> None:
    """In Prometheus's text format."""
    url = start().url
    client.post(url + "/v1/records", content=RECORD)
    text = client.get(url + "/metrics").text
    assert 'trackplane_collector_events_total{disposition="accepted"} 1.0' in text
    assert 'trackplane_collector_uploads_total{route="records",status="200"} 1.0' in text
    assert "trackplane_collector_append_seconds_count 1.0" in text


def test_a_change_of_configuration_holds_from_the_next_upload_on(
    start: Start, queue: MemoryQueue, client: httpx.Client
) -> None:
    """Grade, revision, modes and keys; what cannot be compiled is rejected by name."""
    running = start()
    url = running.url + "/v1/records"
    client.post(url, content=RECORD)
    broken = Resource(kind="event", name="shop/broken", body=b'{"app":"shop"}')
    rejected = running.configure(
        [
            app_resource("shop", revision=4, allow_list="enforce"),
            key_resource("tpw_test", "shop", "dev"),
            event_resource(EventSpec(app="shop", event="home", grade="P3")),
            broken,
        ]
    )
    assert list(rejected) == [("event", "shop/broken")]
    client.post(url, content=RECORD)
    unplanned = client.post(url, content=RECORD.replace("home", "broken"))
    assert unplanned.json()["counts"] == {"dirty": 1}
    found = [(f.grade, f.uploads[0].revision, f.uploads[0].env) for f in Stored(queue).frames]
    assert sorted(found) == [("P1", 3, "prod"), ("P3", 4, "dev")]
    running.configure([])
    assert client.post(url, content=RECORD).status_code == 401


def test_what_was_answered_is_on_disk(
    tmp_path: Path, client: httpx.Client, resources: list[Resource]
) -> None:
    """A second process's view of the disk queue has every accepted event."""
    from trackplane.queue.disk import DiskQueue

    writing = DiskQueue(tmp_path / "queue", clock=now_ms)
    with RunningCollector(writing, clock=now_ms, resources=resources) as running:

        def post(number: int) -> int:
            body = RECORD.replace('"1"', f'"{number}"')
            return client.post(running.url + "/v1/records", content=body).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(post, range(200))) == {200}
        reading = DiskQueue(tmp_path / "queue", clock=now_ms)
        stored = Stored(reading)
        reading.close()
    writing.close()
    assert stored.ids == sorted(str(n) for n in range(200))
    assert all(isinstance(frame, Frame) for frame in stored.frames)
