"""The data plane by itself: killed, paused, without a control plane, without room."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trackplane.testing.platform import LooseProcesses, Shop, event, until

pytestmark = pytest.mark.integration
LEASE_MS = 2_000
SETTINGS = {
    "worker": {"lease_ms": LEASE_MS, "flush_ms": 200},
    "queue": {"segment_bytes": 1024 * 1024},
}


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return the shop on a control plane alone; each test starts what else it needs."""
    folder = tmp_path_factory.mktemp("loose")
    with LooseProcesses(folder, settings=SETTINGS) as platform, Shop(platform) as shop:
        yield shop.set_up()


def processes(shop: Shop) -> LooseProcesses:
    assert isinstance(shop.platform, LooseProcesses)
    return shop.platform


@pytest.fixture(autouse=True)
def _only_control_is_left(loose: Shop) -> Iterator[None]:
    """Leave to the next test what this one found."""
    yield
    platform = processes(loose)
    for name in list(platform.processes):
        if name != "control":
            platform.interrupt(name, signal.SIGCONT)
            platform.end(name)
    if "control" not in platform.processes:
        platform.start()


def expect_stored(shop: Shop, like: str, ids: list[str]) -> None:
    """Wait for exactly these ids, each once, raw and (product views) through a rule."""
    until(lambda: set(ids) <= set(shop.ids(like=like)), "every event stored")
    until(lambda: shop.platform.lag() == 0, "every message committed")
    assert shop.ids(like=like) == sorted(ids)


def views(shop: Shop, prefix: str, count: int) -> list[str]:
    """Send product views one upload each, retrying as a client does; return their ids."""
    ids = [f"{prefix}-{number:04}" for number in range(count)]
    for id_ in ids:
        assert shop.deliver([event(1, "product_view", what={"sku": "ABC-0001"}) | {"id": id_}]) == [
            "accepted"
        ]
    return ids


def test_events_flow_without_a_control_plane(loose: Shop) -> None:
    """It is killed; collector and worker restart from their last good state and go on."""
    platform = processes(loose)
    platform.run("collector")
    platform.run("worker-1")
    platform.wait_ready()
    ids = views(loose, "alone-a", 20)
    until(lambda: loose.ids(like="alone-%") == ids, "the first events")
    platform.end("control")
    ids += views(loose, "alone-b", 20)
    platform.end("collector")
    platform.run("collector")
    platform.wait_ready()
    ids += views(loose, "alone-c", 20)
    platform.end("worker-1")
    ids += views(loose, "alone-d", 20)
    platform.run("worker-1")
    answer = loose.send([event(1)], key="tpk_nobody")
    assert answer.status_code == 401
    platform.start()
    expect_stored(loose, "alone-%", ids)
    rows = [r[0] for r in loose.query("SELECT id FROM shop.views WHERE id LIKE 'alone-%'")]
    assert sorted(rows) == sorted(ids)


def test_a_collector_that_knows_nothing_takes_nothing(tmp_path: Path) -> None:
    """No cache and no control plane: 503 to everybody, and it says why."""
    with LooseProcesses(tmp_path) as platform, Shop(platform) as shop:
        platform.end("control")
        platform.run("collector")
        until(lambda: shop.http.get(f"{platform.collector_url}/health/live").is_success, "it lives")
        ready = shop.http.get(f"{platform.collector_url}/health/ready")
        assert ready.status_code == 503
        assert "no configuration" in ready.json()["reason"]
        for key in ("", "tpk_any"):
            answer = shop.send([event(1)], key=key or "none")
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
    assert not list((tmp_path / "data" / "queue").rglob("events*/**/*.log"))


def pause(platform: LooseProcesses, name: str) -> None:
    """Stop a process, but not within a transaction: nobody would pass it (ADR 0003)."""
    while True:
        platform.interrupt(name, signal.SIGSTOP)
        try:
            for path in ("lake/manifest.db", "queue/groups.db"):
                with closing(sqlite3.connect(platform.data / path, timeout=3)) as database:
                    database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            platform.interrupt(name, signal.SIGCONT)
        else:
            return


def test_a_paused_worker_loses_its_partitions_and_doubles_nothing(loose: Shop) -> None:
    """Stopped past its lease with events in hand; the other takes over; then it comes back."""
    platform = processes(loose)
    for name in ("collector", "worker-1", "worker-2"):
        platform.run(name)
    platform.wait_ready()

    def shared() -> bool:
        owned = platform.members("raw")
        return len(owned) == 2 and min(owned.values()) >= 8 and sum(owned.values()) == 18

    until(shared, "both workers with their share")
    stop, ids = threading.Event(), []

    def send() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            id_ = f"pause-{number:05}"
            view = event(number, "product_view", what={"sku": "ABC-0001"}) | {"id": id_}
            if loose.deliver([view, view | {"id": f"{id_}b"}]) == ["accepted", "accepted"]:
                ids.extend([id_, f"{id_}b"])

    client = threading.Thread(target=send)
    client.start()
    try:
        until(lambda: len(loose.ids(like="pause-%")) > 100, "events in the lake")
        pause(platform, "worker-1")
        until(lambda: platform.members("raw").get("worker-2") == 18, "the other takes over")
        before = len(ids)
        until(lambda: len(loose.ids(like="pause-%")) > before, "events go on")
        platform.interrupt("worker-1", signal.SIGCONT)
        until(shared, "both workers with their share again")
    finally:
        stop.set()
        client.join(60)
        platform.interrupt("worker-1", signal.SIGCONT)
    expect_stored(loose, "pause-%", ids)
    rows = "SELECT id FROM shop.views WHERE id LIKE 'pause-%'"
    assert sorted(r[0] for r in loose.query(rows, limit=100_000)) == sorted(ids)


def test_without_room_nothing_acknowledged_is_lost(loose: Shop) -> None:
    """The queue's files may not grow: clients are told to retry; there is room: it goes on.

    The bound on the file size stands for the full disk: it needs no mount, and the collector meets
    a short write in the middle of a frame as it would there.
    """
    platform = processes(loose)
    platform.run("collector")
    platform.run("worker-1")
    platform.wait_ready()
    ids = views(loose, "room-a", 10)
    pid = platform.processes["collector"].pid
    queue = platform.data / "queue"
    largest = max(
        f.stat().st_size for f in queue.rglob("*") if f.is_file() and "group" not in f.name
    )
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(largest, 1000), hard))
    refused = 0
    for number in range(30):
        view = event(number, "product_view", what={"sku": "ABC-0001"}) | {"id": f"room-b-{number}"}
        answer = loose.send([view])
        if answer.status_code == 200:
            ids.append(view["id"])
            continue
        assert answer.status_code == 503, answer.text
        assert answer.json()["counts"] == {"retry": 1}
        assert int(answer.headers["Retry-After"]) > 0
        refused += 1
    assert refused
    ready = loose.http.get(f"{platform.collector_url}/health/ready")
    assert (ready.status_code, "queue" in ready.text) == (503, True)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    platform.wait_ready()
    ids += views(loose, "room-c", 10)
    until(lambda: set(ids) <= set(loose.ids(like="room-%")), "every acknowledged event stored")
    until(lambda: platform.lag() == 0, "every message committed")
    found = loose.ids(like="room-%")
    assert len(found) == len(set(found))
    assert os.getpgid(pid)  # the collector is still the one that was without room
