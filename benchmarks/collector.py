"""Durable events per CPU-second of the collector, beside a bare ASGI app that only reads the body.

Both are served by uvicorn (httptools, uvloop) in a process of their own and loaded by the same raw
sockets; CPU is the server process's alone, threads and disk writes included. The collector appends
to a disk queue that syncs; afterwards the queue is read and must hold every event that was accepted.
Prints one JSON row a case. About 35 s.
"""

from __future__ import annotations

import asyncio
import cProfile
import hashlib
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import structlog
import uvloop

from trackplane.collector import Collector, CollectorSettings, CollectorState, serve
from trackplane.discovery import AppSettings, Resource, Snapshot, WriteKey
from trackplane.event import LANE_TOPICS
from trackplane.frame import Frame
from trackplane.plan.model import EventSpec, Property
from trackplane.queue.disk import DiskQueue
from trackplane.testing.collector import new_id, topics

KEY = "tpw_benchmark"
SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "3"))
CONNECTIONS = 64
BODIES = 32


def text(**rest: Any) -> Property:
    return Property(type=("string",), **rest)


ITEM = Property(
    type=("object",),
    properties={
        "sku": text(required=True),
        "name": text(),
        "quantity": Property(type=("integer",), min=1),
        "price": Property(type=("number",), min=0),
    },
)
SPEC = EventSpec(
    app="shop",
    event="order_pay",
    grade="P0",
    properties={
        "where": {"page": text(required=True)},
        "what": {
            "total": Property(
                type=("object",),
                required=True,
                properties={
                    "value": Property(type=("number",), min=0, required=True),
                    "currency": text(enum=("SGD", "USD", "CNY")),
                },
            ),
            "items": Property(type=("array",), min_length=1, items=ITEM),
            "coupon": text(pattern="[A-Z0-9]{6,12}"),
            "channel": text(enum=("app", "web")),
            "experiment": text(),
            "note": text(max_length=500),
            "first": Property(type=("boolean",)),
        },
    },
)


def event(number: int) -> dict[str, Any]:
    """Return an event of the 923-byte class."""
    return {
        "id": new_id(),
        "event": "order_pay",
        "when": {"client": 1795376614842 + number},
        "where": {"page": "/cart/checkout", "module": "pay_bar", "referrer": "/cart"},
        "how": {"network": "wifi", "seq": 10_000 + number},
        "what": {
            "total": {"value": 129.5 + number, "currency": "SGD"},
            "items": [
                {
                    "sku": f"sku-{n:06}",
                    "name": f"A thing of kind {n}",
                    "quantity": n + 1,
                    "price": 12.25,
                }
                for n in range(5)
            ],
            "coupon": "AUTUMN2026",
            "channel": "app",
            "experiment": "checkout-buttons:b",
            "note": "leave it at the door, please; the bell does not work " * 4,
            "first": False,
        },
    }


HEADER = {
    "who": {"user_id": "u-102938", "install_id": "0192f1c2-7aaa-7bbb-8ccc-123456789012"},
    "when": {"sent": 1795376615990, "offset_min": 480},
    "how": {"platform": "ios", "os_version": "18.1", "app_version": "9.2.0", "sdk": "ios/1.4.0"},
}


def request(events: int, number: int) -> bytes:
    who = {**HEADER["who"], "install_id": f"0192f1c2-7aaa-7bbb-8ccc-{number:012}"}
    record = {"header": {**HEADER, "who": who}, "events": [event(n) for n in range(events)]}
    body = msgspec.json.encode(record)
    head = (
        f"POST /v1/records HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


# --- the servers, each in a process of its own ------------------------------------------------------


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer as long as the collector would."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"16")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"success":true}'})


class Bare(Collector):
    """The bare application behind the same server."""

    def __init__(self) -> None:
        pass

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await bare(scope, receive, send)

    async def close(self) -> None:
        pass


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def run_server(subject: str, folder: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = CollectorSettings(port=0)
    collector: Collector = Bare()
    queue = None
    if subject != "bare":
        queue = DiskQueue(Path(folder), clock=now_ms)
        queue.ensure_topics(topics(settings.partitions))
        state = CollectorState(partitions=settings.partitions, new_id=new_id)
        mode: Any = "warn" if subject == "on" else "off"
        app = AppSettings(app="shop", validation=mode, allow_list=mode)
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        bodies = (
            ("app", "shop", app),
            ("key", digest, WriteKey(app="shop")),
            ("event", "shop/order_pay", SPEC),
        )
        snapshot = Snapshot.of(
            1,
            [Resource(kind=k, name=n, body=msgspec.json.encode(b)) for k, n, b in bodies],  # type: ignore[arg-type]
        )
        assert not state.take(snapshot, snapshot.delta_from(None))
        collector = Collector(settings, queue, state, clock=now_ms)
    profile = None
    if os.environ.get("BENCHMARK_PROFILE"):
        profile = cProfile.Profile()
        profile.enable()
    await serve(collector, settings, started=lambda port: print(port, flush=True))
    if profile is not None:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(30)
    if queue is not None:
        queue.close()


# --- the load ---------------------------------------------------------------------------------------

_LENGTH = re.compile(rb"content-length: (\d+)")


class Sender(asyncio.Protocol):
    """One connection that keeps one request under way until it is told to stop."""

    def __init__(self, requests: list[bytes], offset: int, load: Load) -> None:
        self.requests, self.number, self.load = requests, offset, load
        self.buffer = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.number += 1
        self.transport.write(self.requests[self.number % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if length is None or len(body) < int(length[1]):
            return
        assert head.startswith(b"HTTP/1.1 200"), self.buffer
        assert b'"warned"' not in body, body[:500]
        assert b'"dirty"' not in body, body[:500]
        self.buffer = b""
        self.load.answered += 1
        if self.load.running:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)


class Load:
    def __init__(self) -> None:
        self.answered = 0
        self.running = True

    async def run(
        self, port: int, requests: list[bytes], process: psutil.Process
    ) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        senders = []
        for n in range(CONNECTIONS):
            _, sender = await loop.create_connection(
                lambda n=n: Sender(requests, n, self), "127.0.0.1", port
            )
            senders.append(sender)
        await asyncio.sleep(0.5)  # warm
        start, cpu, answered = time.perf_counter(), process.cpu_times(), self.answered
        await asyncio.sleep(SECONDS)
        after, wall, count = (
            process.cpu_times(),
            time.perf_counter() - start,
            self.answered - answered,
        )
        self.running = False
        await asyncio.gather(*(sender.done for sender in senders))
        cpu_s = after.user + after.system - cpu.user - cpu.system
        return {"requests": count, "cpu_s": cpu_s, "wall_s": wall}


def stored_events(folder: str) -> int:
    queue = DiskQueue(Path(folder), clock=now_ms)
    total = 0
    for topic in LANE_TOPICS:
        for partition in range(CollectorSettings().partitions):
            offset = 0
            while (batch := queue.read(topic, partition, offset)).messages:
                total += sum(len(Frame.decode(message.data)) for message in batch.messages)
                offset = batch.next
    queue.close()
    return total


def measure(subject: str, events: int) -> dict[str, Any]:
    requests = [request(events, n) for n in range(BODIES)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", __file__, "serve", subject, folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            process = psutil.Process(server.pid)
            load = Load()
            figures = uvloop.run(load.run(port, requests, process))
            peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
            server.terminate()
            server.wait()
        if subject != "bare":
            assert stored_events(folder) == load.answered * events
    return {
        "events": int(figures["requests"]) * events,
        "cpu_s": round(figures["cpu_s"], 3),
        "wall_s": round(figures["wall_s"], 3),
        "peak_mb": round(int(peak[1]) / 1024, 1) if peak else 0.0,
    }


SUBJECTS = (
    ("bare", "bare ASGI, body read"),
    ("off", "collector, validation off"),
    ("on", "collector, validation on"),
)


def rows() -> Iterator[dict[str, Any]]:
    """Yield a row for each case and subject; ``ratio`` is of events per CPU-second to the bare app."""
    for events in (1, 50):
        base = 0.0
        for subject, name in SUBJECTS:
            figures = measure(subject, events)
            rate = figures["events"] / figures["cpu_s"]
            base = base or rate
            yield {
                "benchmark": "collector",
                "case": f"{events} event{'s' if events > 1 else ''} a request",
                "subject": name,
                **figures,
                "ratio": round(rate / base, 3),
                "ratio_to": SUBJECTS[0][1],
            }


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(run_server(sys.argv[2], sys.argv[3]))
        return
    for row in rows():
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
