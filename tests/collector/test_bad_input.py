"""Every bad input of a client gets a clear answer and leaves its neighbours unharmed."""

from __future__ import annotations

import contextlib
import gzip
import json
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from trackplane.collector import CollectorSettings
from trackplane.queue.memory import MemoryQueue
from trackplane.testing.collector import RunningCollector, Stored

pytestmark = pytest.mark.integration
Start = Callable[..., RunningCollector]

GOOD = b'{"id":"good","event":"home","what":{"total":1.5}}'
RECORD = b'{"header":{},"events":[' + GOOD + b"]}"


@pytest.mark.parametrize(
    ("status", "code", "headers", "body"),
    [
        (400, "body_empty", {}, b""),
        (400, "record_malformed", {}, b"purchase=1&total=2"),
        (400, "record_malformed", {}, RECORD[:-9]),
        (400, "record_malformed", {}, RECORD + RECORD),
        (400, "gzip_truncated", {"Content-Encoding": "gzip"}, gzip.compress(RECORD * 50)[:-9]),
        (400, "gzip_broken", {"Content-Encoding": "gzip"}, RECORD),
        (400, "gzip_broken", {"Content-Encoding": "gzip"}, gzip.compress(RECORD) + b"no gzip" * 9),
        (400, "gzip_truncated", {"Content-Encoding": "gzip"}, b""),
        (415, "encoding_unknown", {"Content-Encoding": "br"}, RECORD),
        (413, "body_too_large", {}, b" " * 5_000_000),
        (413, "body_too_large", {"Content-Encoding": "gzip"}, gzip.compress(b" " * 9_000_000)),
        (413, "too_many_events", {}, b'{"events":[' + b"{}," * 1000 + b"{}]}"),
        (401, "wrong_key", {"Authorization": "Bearer tpw_nobody"}, RECORD),
        (401, "wrong_key", {"Authorization": "Basic !!"}, RECORD),
        (401, "wrong_key", {"Authorization": "Digest x"}, RECORD),
        (431, "too_many_headers", {f"x-{n}": "1" for n in range(80)}, RECORD),
    ],
)
def test_a_bad_upload_is_refused_with_a_reason(
    start: Start,
    queue: MemoryQueue,
    client: httpx.Client,
    status: int,
    code: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    """The ledger counts it once, if its key was good; the next upload passes."""
    running = start()
    url = running.url + "/v1/records"
    answer = client.post(url, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert client.post(url, content=RECORD).json()["counts"] == {"accepted": 1}
    running.stop()
    counted = {} if status in (401, 431) else {"refused": 1}
    assert Stored(queue).kinds() == counted


@pytest.mark.parametrize(
    ("code", "event"),
    [
        (
            "too_deep",
            b'{"id":"x","event":"home","what":{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
        ),
        (
            "too_deep",
            b'{"id":"x","event":"home","what":' + b'{"a":' * 150_000 + b"1" + b"}" * 150_001,
        ),
        ("not_json", b'{"id":"x","event":"home","what":{"a":"\x00"}}'),
        ("lone_surrogate", b'{"id":"x","event":"home","what":{"a":"\\udfff"}}'),
        ("invalid_utf8", b'{"id":"x","event":"home","what":{"a":"\xff"}}'),
        ("number_out_of_range", b'{"id":"x","event":"home","what":{"a":1e400}}'),
        ("event_missing", b'{"id":"x","what":{}}'),
    ],
    ids=lambda v: str(v)[:30],
)
def test_a_bad_event_goes_dirty_alone(
    start: Start, queue: MemoryQueue, client: httpx.Client, code: str, event: bytes
) -> None:
    """With its bytes; the events beside it are accepted."""
    other = GOOD.replace(b'"good"', b'"other"')
    body = b'{"header":{},"events":[' + GOOD + b"," + event + b"," + other + b"]}"
    answer = client.post(start().url + "/v1/records", content=body)
    assert answer.status_code == 200
    assert [e["disposition"] for e in answer.json()["events"]] == ["accepted", "dirty", "accepted"]
    assert answer.json()["events"][1]["violations"][0]["code"] == code
    stored = Stored(queue)
    assert stored.ids == ["good", "other"]
    assert [(d.reason, d.data) for d in stored.dirty] == [(code, event)]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"event": "home", "what": {"total": 1.5}}, "id_made"),
        ({"id": "x" * 201, "event": "home", "what": {"total": 1.5}}, "id_hashed"),
        (
            {
                "id": "x",
                "event": "home",
                "what": {"total": 1.5},
                "when": {"client": 1, "sent": 2**45},
            },
            "time_replaced",
        ),
    ],
)
def test_what_can_be_mended_is_mended_and_counted(
    start: Start, queue: MemoryQueue, client: httpx.Client, event: Any, kind: str
) -> None:
    """No id, a long id, a clock years off: the event is stored all the same."""
    body = json.dumps({"header": {}, "events": [event]})
    answer = client.post(start().url + "/v1/records", content=body)
    assert answer.json()["counts"] == {"accepted": 1}
    assert Stored(queue).kinds() == {kind: 1}


def test_integers_beyond_int64_are_kept_and_a_constant_id_is_no_error(
    start: Start, queue: MemoryQueue, client: httpx.Client
) -> None:
    """Bounds hold for planned values; the raw store counts reused ids."""
    events = [{"id": "same", "event": name, "what": {"n": 10**30}} for name in ("a", "b", "c")]
    answer = client.post(start().url + "/v1/records", json={"header": {}, "events": events})
    assert [e["id"] for e in answer.json()["events"]] == ["same"] * 3
    assert [e["what"]["n"] for e in Stored(queue).events] == [10**30] * 3


def test_a_port_in_use_is_a_clear_error(start: Start, queue: MemoryQueue) -> None:
    """It names the address and what to do."""
    from trackplane.errors import ConfigurationError

    port = start().port
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*\n.*collector.port"):
        start(CollectorSettings(port=port))


def test_a_body_that_never_ends_is_refused_in_time(start: Start, client: httpx.Client) -> None:
    """A slow client holds nothing up but itself."""
    running = start(CollectorSettings(port=0, body_timeout_ms=50))
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as slow:
        slow.sendall(
            b"POST /v1/records HTTP/1.1\r\nHost: x\r\nX-Write-Key: tpw_test\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        assert client.post(running.url + "/v1/records", content=RECORD).status_code == 200
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_headers_that_never_end_are_cut_off(start: Start, client: httpx.Client) -> None:
    """At 64 KiB; nothing is kept of them."""
    running = start()
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as endless:
        endless.sendall(b"POST /v1/records HTTP/1.1\r\nX: " + b"x" * 60_000)
        assert client.post(running.url + "/v1/records", content=RECORD).status_code == 200
        endless.sendall(b"x" * 10_000)
        assert endless.recv(100).startswith(b"HTTP/1.1 400")


def test_a_body_of_unsaid_length_is_bounded_as_well(start: Start, client: httpx.Client) -> None:
    """Chunked uploads are taken up to the limit."""
    url = start().url + "/v1/records"
    assert client.post(url, content=iter([RECORD[:20], RECORD[20:]])).status_code == 200
    assert client.post(url, content=iter([b" " * 900_000] * 5)).status_code == 413


def test_a_client_that_leaves_early_hurts_nobody(start: Start, client: httpx.Client) -> None:
    """Its share of the buffer is given back."""
    running = start()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as gone:
            gone.sendall(
                b"POST /v1/records HTTP/1.1\r\nHost: x\r\nX-Write-Key: tpw_test\r\n"
                b"Content-Length: 1000000\r\n\r\n{"
            )
    assert client.post(running.url + "/v1/records", content=RECORD).status_code == 200
    running.stop()
    assert running.collector.statistics().waiting_bytes == 0


_BOMB = """
import gzip, io, resource, sys
from trackplane.admission.record import RecordError
from trackplane.collector.body import inflate
packed = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    inflate(packed, 4 * 1024 * 1024)
except RecordError as error:
    print(error.status, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_gigabyte_bomb_costs_little_memory() -> None:
    """Under 50 MB, in a process of its own; it is refused as too large."""
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = bytes(16 * 1024 * 1024)
    packed = b"".join([*(packer.compress(chunk) for _ in range(64)), packer.flush()])
    assert len(packed) < 4 * 1024 * 1024
    run = subprocess.run(
        [sys.executable, "-c", _BOMB], input=packed, capture_output=True, check=True, timeout=120
    )
    status, megabytes = map(int, run.stdout.split())
    assert status == 413
    assert megabytes < 50


def test_an_upload_that_comes_in_one_read_is_not_taken_for_a_head(
    start: Start, client: httpx.Client
) -> None:
    """Head and 200 KiB of body in one packet are one sound request, again and again."""
    running = start()
    body = json.dumps(
        {
            "header": {},
            "events": [
                {"id": f"{n}", "event": "home", "what": {"total": 1, "pad": "x" * 2_000}}
                for n in range(100)
            ],
        }
    ).encode()
    head = (
        f"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tpw_test\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        for parts in ([head + body], [head, body], [head + body[:1_000], body[1_000:]]):
            for part in parts:
                connection.sendall(part)
                select.select([], [], [], 0.05)  # let it be read alone
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            connection.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while connection.recv(65_536):
                    pass
            connection.settimeout(10)
