"""The Python SDK against a real HTTP server that answers by script."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from trackplane_sdk import Client, ClientSettings
from trackplane_sdk.ids import uuid7
from trackplane_sdk.transport import interpret

FAST = ClientSettings(flush_interval_s=0.02, first_delay_s=0.01, longest_delay_s=0.05, timeout_s=5)


class Collector:
    """A server that takes records and answers with what the test scripts; then accepts all."""

    def __init__(self) -> None:
        self.records: list[dict] = []
        self.script: list = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                record = json.loads(body)
                outer.records.append(record)
                step = outer.script.pop(0) if outer.script else None
                if step == "cut":
                    self.close_connection = True
                    self.connection.close()
                    return
                status, dispositions, headers = step or (200, None, {})
                content = json.dumps(
                    {
                        "events": [
                            {
                                "id": event["id"],
                                "disposition": (dispositions or {}).get(n, "accepted"),
                            }
                            for n, event in enumerate(record["events"])
                        ]
                    }
                    if status == 200
                    else {"code": "no", "message": "not now"}
                ).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def ids(self) -> list[str]:
        return [event["id"] for record in self.records for event in record["events"]]


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.close()


def test_events_arrive_in_order_with_header_sequence_and_time(collector: Collector) -> None:
    """What the design asks of every event is there, and nothing is lost on close."""
    with Client("key", collector.url, header={"how": {"platform": "ios"}}, settings=FAST) as client:
        ids = [client.send("tap", {"what": {"n": n}}) for n in range(250)]
    assert collector.ids() == ids
    events = [event for record in collector.records for event in record["events"]]
    assert [event["how"]["seq"] for event in events] == list(range(1, 251))
    assert all(isinstance(event["when"]["client"], int) for event in events)
    header = collector.records[0]["header"]
    assert header["how"] == {"platform": "ios", "sdk": "python/0.1.0"}
    assert header["who"]["install_id"]
    assert isinstance(header["when"]["sent"], int)
    assert client.statistics().dispositions == {"accepted": 250}


def test_only_the_events_answered_retry_are_sent_again(collector: Collector) -> None:
    """Neighbours of an event that was not taken are not doubled."""
    collector.script = [(200, {1: "retry", 2: "refused"}, {})]
    with Client("key", collector.url, settings=FAST) as client:
        ids = [client.send("tap", {"what": {"n": n}}) for n in range(4)]
        assert client.flush(5)
    assert collector.ids() == [*ids, ids[1]]
    assert client.statistics().dispositions == {"accepted": 3, "refused": 1}


@pytest.mark.parametrize("step", ["cut", (503, None, {}), (429, None, {"Retry-After": "0.05"})])
def test_a_failed_upload_is_sent_again_with_the_same_ids(
    collector: Collector, step: object
) -> None:
    """Whatever went wrong in between, the ids stay, so that the platform can deduplicate."""
    collector.script = [step]
    with Client("key", collector.url, settings=FAST) as client:
        sent = client.send("tap", {"what": {}})
        assert client.flush(5)
    assert collector.ids() == [sent, sent]
    assert client.statistics().retries == 1


def test_a_wrong_key_is_final_and_counted(collector: Collector) -> None:
    """A 401 is not tried again: the events are refused, visibly."""
    collector.script = [(401, None, {})]
    with Client("key", collector.url, settings=FAST) as client:
        client.send("tap", {"what": {}})
        assert client.flush(5)
    assert client.statistics().dispositions == {"refused": 1}
    assert client.statistics().last_error == "HTTP 401: not now"


def test_an_upload_that_is_too_large_is_halved(collector: Collector) -> None:
    """A 413 for many events says nothing about each of them."""
    collector.script = [(413, None, {})]
    with Client("key", collector.url, settings=FAST) as client:
        ids = [client.send("tap", {"what": {"n": n}}) for n in range(8)]
        assert client.flush(5)
    assert collector.ids()[-8:] == ids
    assert client.statistics().dispositions == {"accepted": 8}


def test_a_full_queue_drops_and_counts() -> None:
    """Nobody listens: memory stays bounded and the loss is a number."""
    settings = ClientSettings(max_queue=3, first_delay_s=0.01, close_s=0.1, timeout_s=1)
    client = Client("key", "http://127.0.0.1:9", settings=settings)
    taken = [client.send("tap", {"what": {}}) for _ in range(200)]
    client.close()
    figures = client.statistics()
    assert None in taken
    assert figures.dropped["queue_full"] == taken.count(None)
    assert sum(figures.dropped.values()) == 200


def test_retry_after_is_honoured_by_the_answer() -> None:
    """The server's wait is a floor; an HTTP date falls back to our own back-off."""
    assert interpret(503, "2.5", b"", ["a"]).retry_after_s == 2.5
    assert interpret(503, "Mon, 23 Nov 2026 00:00:00 GMT", b"", ["a"]).retry_after_s is None


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    """A wrong address is the caller's to hear of, not the background thread's."""
    with pytest.raises(ValueError, match="not a collector's address"):
        Client("key", "localhost:8080")


def test_ids_sort_by_time_and_are_uuid_version_7() -> None:
    """RFC 9562: version and variant bits, and a time that rises."""
    first, second = uuid7(), uuid7()
    assert first[14] == "7"
    assert first[19] in "89ab"
    assert first[:13] <= second[:13]
    assert first != second
