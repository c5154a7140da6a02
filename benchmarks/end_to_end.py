"""The whole platform from outside: how soon a row is visible, a rule effective, and what it costs.

A real ``trackplane up`` (control plane, collector, two workers) in a temporary folder with the shop
example. First it idles; then it gets a steady 1,000 events/s in requests of 50, with single probe
events between them, each timed from its HTTP 200 until a Parquet file that the manifest names gives
it to a plain DuckDB; then rules and plan are published while all that goes on. At the end every event
must be stored exactly once. Prints one JSON row a case; ``value`` (of latencies p50) and ``p99`` are
in ``unit``. About 55 s; BENCHMARK_SECONDS sets the length of the two phases under load (default 16).
"""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psutil

from trackplane.demo.changes import PLAN_CHANGE, RULE_CHANGES
from trackplane.demo.example import example_text
from trackplane.demo.platform import Platform
from trackplane.demo.run import _set_up
from trackplane.demo.sessions import generated
from trackplane.demo.traffic import Planned, replay

SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "16"))
IDLE_S = 5.0
RATE = 1_000.0  # events/s
BATCH = 50
PROBE_S = 0.4
RULES = 20
PLANS = 5
MERGES = 20
PAUSE_S = 0.3  # so that publications meet the platform at different moments
LONGEST_S = 20.0
SUBJECT = "trackplane up, 2 workers"


def said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Client:
    """Posts records over one connection; any answer but "all accepted" ends the benchmark."""

    def __init__(self, platform: Platform, key: str) -> None:
        address = platform.collector_url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(address, timeout=20)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, events: list[Planned], ids: list[str]) -> None:
        now = time.time_ns() // 1_000_000
        made = [
            {
                "id": id_,
                "event": event.name,
                "who": {"user_id": event.user, "session_id": event.session},
                "when": {"client": now},
                "where": {"page": event.page},
                "how": {"platform": event.platform},
                "what": event.what,
            }
            for event, id_ in zip(events, ids, strict=True)
        ]
        record = {"header": {"when": {"sent": now}, "how": {"sdk": "benchmark/1"}}, "events": made}
        self._connection.request("POST", "/v1/records", json.dumps(record), self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200 or b'"dirty"' in body:
            raise RuntimeError(f"a record was answered {answer.status}: {body[:500]!r}")


class Load:
    """The steady load and the probes, each in a thread of its own, until ``stop``."""

    def __init__(self, platform: Platform, key: str) -> None:
        self.sent = 0
        self.answered: dict[str, float] = {}  # probe -> time of its 200
        self._stop = threading.Event()
        self._platform, self._key = platform, key
        sessions = generated(400)
        self._planned = list(replay(sessions, round_=0, today=datetime.now(UTC).date()))
        pool = ThreadPoolExecutor(2)
        self._threads: list[Future[None]] = [pool.submit(self._steady), pool.submit(self._probe)]
        pool.shutdown(wait=False)

    def _steady(self) -> None:
        client = Client(self._platform, self._key)
        started, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, started + number * BATCH / RATE - time.monotonic())):
            first = number * BATCH % (len(self._planned) - BATCH)
            ids = [f"load-{number}-{n}" for n in range(BATCH)]
            client.post(self._planned[first : first + BATCH], ids)
            number += 1
            self.sent += BATCH

    def _probe(self) -> None:
        client = Client(self._platform, self._key)
        number = 0
        while not self._stop.wait(PROBE_S):
            id_ = f"probe-{number}"
            client.post([self._planned[number]], [id_])
            self.answered[id_] = time.monotonic()
            number += 1

    def check(self) -> None:
        """Raise what a thread failed with."""
        for thread in self._threads:
            if thread.done():
                thread.result()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.result(30)


class Reader:
    """Reads the lake like a stranger: a SQLite table that names Parquet files, and DuckDB."""

    def __init__(self, platform: Platform) -> None:
        self.seen: dict[str, float] = {}  # probe -> time at which it was first read
        self._stop = threading.Event()
        self._lake = platform.data / "lake"
        pool = ThreadPoolExecutor(1)
        self._thread = pool.submit(self._run)
        pool.shutdown(wait=False)

    def _files(self, manifest: sqlite3.Connection) -> set[str]:
        rows = manifest.execute(
            "SELECT path FROM files WHERE \"table\" = 'events' AND removed IS NULL"
        )
        return {str(self._lake / path) for (path,) in rows}

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._lake / 'manifest.db'}?mode=ro", uri=True)

    def _run(self) -> None:
        manifest, duck, read = self._open(), duckdb.connect(), set[str]()
        while not self._stop.wait(0.02):
            fresh = self._files(manifest) - read
            if not fresh:
                continue
            found = duck.execute(
                "SELECT id FROM read_parquet($1, union_by_name = true) WHERE id LIKE 'probe-%'",
                [sorted(fresh)],
            ).fetchall()
            now = time.monotonic()
            for (id_,) in found:
                self.seen.setdefault(id_, now)
            read |= fresh
        manifest.close()
        duck.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.result(30)

    def stored(self) -> tuple[int, int]:
        """Return the rows of the lake, and how many different events they are."""
        manifest = self._open()
        try:
            files = sorted(self._files(manifest))
        finally:
            manifest.close()
        query = "SELECT count(*), count(DISTINCT id) FROM read_parquet($1, union_by_name = true)"
        with duckdb.connect() as duck:
            return duck.execute(query, [files]).fetchall()[0]


class Processes:
    """The platform's processes, seen through the operating system."""

    def __init__(self, platform: Platform) -> None:
        table = json.loads((platform.data / "run" / "processes.json").read_text("utf-8"))
        named = {name: psutil.Process(entry["pid"]) for name, entry in table.items()}
        supervisor = next(iter(named.values())).parent()
        assert supervisor is not None
        self._named = {"supervisor": supervisor, **named}

    def cpu_s(self) -> float:
        times = [process.cpu_times() for process in self._named.values()]
        return sum(one.user + one.system for one in times)

    def memory_mb(self) -> dict[str, float]:
        """Return each process's resident memory in MiB, its children's included."""
        return {
            name: sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
            / 2**20
            if name != "supervisor"
            else process.memory_info().rss / 2**20
            for name, process in self._named.items()
        }


def effective(platform: Platform, method: Callable[[], Any]) -> tuple[float, float]:
    """Publish; return ms until the API says every node runs it, and ms as the platform tells it."""
    time.sleep(PAUSE_S)
    started = time.monotonic()
    number = method()["number"]
    while time.monotonic() - started < LONGEST_S:
        state = platform.call("GET", f"/rulesets/{number}")
        if state.get("effective_ms") is not None:
            return (time.monotonic() - started) * 1000, float(state["effective_ms"])
        time.sleep(0.01)
    raise RuntimeError(f"ruleset {number} is not effective after {LONGEST_S} s")


def publish_rules(platform: Platform) -> Iterator[tuple[float, float]]:
    for number in range(RULES):
        name, source = RULE_CHANGES[number % len(RULE_CHANGES)]
        path = f"/rules/{name}"
        etag = platform.etag(path)

        def put(path: str = path, etag: str = etag, source: str = source) -> Any:
            return platform.call("PUT", path, etag=etag, json={"source": source})

        yield effective(platform, put)


def publish_plans(platform: Platform) -> Iterator[tuple[float, float]]:
    plain, path = example_text("plan.yaml"), "/apps/shop/plan"
    changed = plain.replace("\nmetrics:\n", f"\n{PLAN_CHANGE}\nmetrics:\n")
    for number in range(PLANS):
        etag = platform.etag(path)
        files = {"plan.yaml": (changed, plain)[number % 2]}
        body = {"files": files, "message": f"benchmark {number}"}

        def put(etag: str = etag, body: dict[str, Any] = body) -> Any:
            return platform.call("PUT", path, etag=etag, json=body)

        yield effective(platform, put)


def merge_changes(platform: Platform) -> Iterator[tuple[float, float]]:
    """Merge approved change requests, each with its impact looked at: of P3, so the author approves."""
    for number in range(MERGES):
        text = f"merged_here:\n  owner: team:growth\n  grade: P3\n  title: Number {number}\n"
        made = platform.call("POST", "/changes", json={"app": "shop", "title": f"n {number}"})
        path = f"/changes/{made['id']}"
        parts = [{"section": "events", "name": "merged_here", "text": text}]
        platform.call("PUT", f"{path}/parts", etag="*", json={"parts": parts})
        platform.call("POST", f"{path}/submit", json={})
        platform.call("POST", f"{path}/approve", json={})
        platform.call("POST", f"{path}/impact", json={"events": 1_000})

        def merge(path: str = path) -> Any:
            return platform.call("POST", f"{path}/merge", json={})

        yield effective(platform, merge)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)


def row(case: str, value: float, unit: str, **rest: Any) -> None:
    empty = dict.fromkeys(("events", "cpu_s", "wall_s", "peak_mb", "ratio", "ratio_to"))
    head = {"benchmark": "end_to_end", "case": case, "subject": SUBJECT}
    print(json.dumps({**head, **empty, "value": value, "unit": unit, "p99": None, **rest}))
    sys.stdout.flush()


def latency(case: str, values: list[float], **rest: Any) -> None:
    row(case, percentile(values, 0.5), "ms", p99=percentile(values, 0.99), **rest)


def memory(case: str, samples: list[dict[str, float]]) -> None:
    """Print the whole's peak, then each process's."""
    peak = max(sum(sample.values()) for sample in samples)
    row(case, round(peak, 1), "MiB", peak_mb=round(peak, 1))
    for name in samples[0]:
        own = round(max(sample[name] for sample in samples), 1)
        row(f"{case}: {name}", own, "MiB", peak_mb=own)


def wait(seconds: float, processes: Processes, load: Load | None = None) -> list[dict[str, float]]:
    """Wait and return what the memory was meanwhile."""
    samples, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.5)
        samples.append(processes.memory_mb())
        if load is not None:
            load.check()
    return samples


def run(platform: Platform) -> None:
    key = _set_up(platform, said)
    platform.wait_ready()
    processes = Processes(platform)

    wait(2, processes)  # what starting and setting up left behind
    cpu, started = processes.cpu_s(), time.monotonic()
    idle = wait(IDLE_S, processes)
    idle_cpu, idle_wall = processes.cpu_s() - cpu, time.monotonic() - started
    memory("memory idle", idle)
    row(
        "CPU idle",
        round(idle_cpu / idle_wall, 4),
        "CPU-s a second",
        cpu_s=round(idle_cpu, 3),
        wall_s=round(idle_wall, 3),
    )

    reader, load = Reader(platform), Load(platform, key)
    samples = wait(3, processes, load)  # warm
    cpu, sent, started = processes.cpu_s(), load.sent, time.monotonic()
    samples += wait(SECONDS, processes, load)
    cpu_s, events = processes.cpu_s() - cpu, load.sent - sent
    wall_s = time.monotonic() - started
    said(f"end_to_end: {events / wall_s:,.0f} events/s; now publishing meanwhile")

    deadline = time.monotonic() + SECONDS
    rules = list(publish_rules(platform))
    plans = list(publish_plans(platform))
    merges = list(merge_changes(platform))
    samples += wait(max(0.5, deadline - time.monotonic()), processes, load)
    load.stop()
    total = load.sent + len(load.answered)
    settled = time.monotonic() + LONGEST_S
    while reader.stored()[0] < total and time.monotonic() < settled:
        time.sleep(0.2)
    time.sleep(0.5)
    reader.stop()
    if reader.stored() != (total, total) or reader.seen.keys() != load.answered.keys():
        raise RuntimeError(f"{total} events were sent; rows and events stored: {reader.stored()}")

    delays = [(reader.seen[id_] - at) * 1000 for id_, at in load.answered.items()]
    figures = {"cpu_s": round(cpu_s, 3), "wall_s": round(wall_s, 3)}
    peak = round(max(sum(sample.values()) for sample in samples), 1)
    latency("HTTP 200 to row visible, 1,000 events/s", delays, events=len(delays))
    latency("publish a rule to effective everywhere", [seen for seen, _ in rules], events=RULES)
    latency("the same by the platform's own clock", [own for _, own in rules], events=RULES)
    latency("publish a plan to effective everywhere", [seen for seen, _ in plans], events=PLANS)
    latency(
        "merge a change request to effective everywhere", [ms for ms, _ in merges], events=MERGES
    )
    memory("memory at 1,000 events/s", samples)
    row(
        "CPU at 1,000 events/s, from request to row",
        round(cpu_s / events * 1000, 3),
        "CPU-s per 1,000 events",
        events=events,
        peak_mb=peak,
        **figures,
    )


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="trackplane-benchmark-") as name,
        Platform(Path(name)) as platform,
    ):
        run(platform)


if __name__ == "__main__":
    main()
