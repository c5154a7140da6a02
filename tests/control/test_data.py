"""The data plane seen from the control plane: live stream, lag, ledger, query, dirty, replay."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from trackplane import dirty
from trackplane.collector.application import Collector
from trackplane.collector.server import serve
from trackplane.collector.settings import CollectorSettings
from trackplane.collector.state import CollectorState
from trackplane.control.local import LocalData
from trackplane.dirty import DirtyEvent
from trackplane.discovery.client import DiscoverySettings, GrpcSource
from trackplane.event import LANE_TOPICS, Position
from trackplane.frame import Flaw, FrameBuilder
from trackplane.lake.commit import Commit, DataFile, Range
from trackplane.lake.dirt import DirtyColumns
from trackplane.lake.manifest import Manifest
from trackplane.ledger import LedgerEntry
from trackplane.queue import TopicSpec
from trackplane.queue.memory import MemoryQueue

from .test_publishing import DATASET, PLAN, put_plan

pytestmark = pytest.mark.integration
NOW = 1_795_400_000_000
DAY = NOW // 86_400_000


def dirty_event(id: str, app: str = "shop", **fields: Any) -> DirtyEvent:
    given: dict[str, Any] = {
        "app": app,
        "env": "prod",
        "stage": "plan",
        "reason": "required",
        "received": NOW,
        "id": id,
        "event": "order_pay",
        "data": json.dumps({"id": id, "event": "order_pay", "what": {"total": 1.5}}).encode(),
    }
    return DirtyEvent(**(given | fields))


class Plane:
    """A queue and a lake with what tests put into them."""

    def __init__(self, folder: Path) -> None:
        self.queue = MemoryQueue(clock=lambda: NOW)
        topics = [TopicSpec(name=name, partitions=2) for name in LANE_TOPICS]
        self.queue.ensure_topics([*topics, TopicSpec(name="dirty"), TopicSpec(name="ledger")])
        self.manifest = Manifest(folder / "lake" / "manifest.db", clock=lambda: NOW)
        self.data = LocalData(self.queue, self.manifest)
        self.commits = 0

    def send(self, *events: tuple[str, str, bool]) -> None:
        """Append a frame of (app, event, with a violation)."""
        builder = FrameBuilder("P2")
        for number, (app, event, flawed) in enumerate(events):
            upload = builder.add_upload(app, "prod", 1, NOW, b'{"who":{"user_id":"u"}}')
            builder.add(
                upload,
                event=event,
                id=f"id{number}",
                identity=bytes(16),
                at=NOW,
                data=json.dumps({"event": event, "what": {"n": number}}).encode(),
                clean=True,
                violations=[Flaw("required", "/what/x")] if flawed else [],
            )
        self.queue.append({("events.p2", 0): [builder.build()]})

    def store_dirty(self, *events: DirtyEvent) -> None:
        """Commit a file of dirty events, as the raw store does."""
        columns = DirtyColumns()
        for index, event in enumerate(events):
            columns.add(event, Position("dirty", 0, self.commits), index)
        path = f"dirty/fresh/{self.commits}.parquet"
        whole = self.manifest.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(columns.build(), whole)
        times = [event.received for event in events]
        file = DataFile(
            table="dirty",
            path=path,
            rows=len(events),
            bytes=whole.stat().st_size,
            min_server=min(times),
            max_server=max(times),
            apps=tuple(sorted({event.app for event in events})),
        )
        entries = [LedgerEntry(DAY, e.app, e.env, e.event, "dirty", e.reason, 1) for e in events]
        there = Range(topic="dirty", partition=0, start=self.commits, end=self.commits + 1)
        commit = Commit(consumer="raw", ranges=[there], files=[file], ledger=entries)
        self.manifest.commit(commit)
        self.commits += 1


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    """Return a data plane with nothing in it."""
    return Plane(tmp_path)


@pytest.fixture
def shop(start: Callable[..., Any], plane: Plane) -> Any:
    """Return a control plane over it, with two apps."""
    control = start(data=plane.data)
    for app in ("shop", "bank"):
        control.client.post("/apps", json={"app": app})
    put_plan(control.client, PLAN, "0")
    control.client.post("/datasets", json={"source": DATASET})
    return control


def messages(client: Any, path: str, fill: Callable[[], None], count: int) -> list[Any]:
    """Follow the live stream, call ``fill`` once it is open, return the first messages."""
    found: list[Any] = []
    with client.stream("GET", path) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        kind = "message"
        for line in response.iter_lines():
            if line == ": live":
                fill()
            elif line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: "))))
                kind = "message"
                if len(found) == count:
                    return found
    return found


def test_the_live_stream_shows_merged_events_and_dirty_ones(shop: Any, plane: Plane) -> None:
    """From the end of the lanes on; dirty ones under their own name, with the client's bytes."""
    plane.send(("shop", "before", False))

    def fill() -> None:
        plane.send(("shop", "page_view", False), ("bank", "page_view", False))
        plane.queue.append({("dirty", 0): [dirty.encode([dirty_event("d1")])]})

    found = messages(shop.client, "/live?app=shop", fill, 2)
    events = dict(found)
    assert events["message"]["event"] == "page_view"
    assert events["message"]["who"] == {"user_id": "u"}
    assert events["message"]["meta"]["app"] == "shop"
    assert events["dirty"]["reason"] == "required"
    assert json.loads(events["dirty"]["data"])["id"] == "d1"


def test_the_live_stream_is_filtered_and_bounded_by_the_token(shop: Any, plane: Plane) -> None:
    """By event, by violations; another app's events are never shown."""

    def fill() -> None:
        plane.send(
            ("bank", "order_pay", True), ("shop", "page_view", True), ("shop", "order_pay", False)
        )
        plane.send(("shop", "order_pay", True))

    client = shop.new_token(name="shop", role="analyst", apps=["shop"])
    found = messages(client, "/live?event=order_pay&violations=true", fill, 1)
    assert found[0][1]["meta"]["violations"] == [{"code": "required", "pointer": "/what/x"}]
    assert found[0][1]["meta"]["app"] == "shop"
    assert client.get("/live?app=bank").status_code == 404


def test_a_viewer_that_falls_behind_is_told_what_it_did_not_see(shop: Any, plane: Plane) -> None:
    """The newest are shown, the oldest dropped and counted."""

    def fill() -> None:
        for number in range(500):
            plane.send(("shop", f"e{number}", False))

    found = messages(shop.client, "/live", fill, 65)
    dropped = [body for kind, body in found if kind == "dropped"]
    assert dropped
    assert dropped[0]["messages"] > 0


def test_dirty_events_are_listed_newest_first_in_pages_and_by_group(
    shop: Any, plane: Plane
) -> None:
    """Across files; a token sees its apps' only; bytes that are not UTF-8 are shown all the same."""
    for number in range(5):
        event = dirty_event(f"d{number}", received=NOW + number, data=b"\xff{")
        plane.store_dirty(event, dirty_event(f"b{number}", app="bank", reason="json"))
    first = shop.client.get("/dirty?app=shop&limit=3").json()
    assert [row["id"] for row in first["items"]] == ["d4", "d3", "d2"]
    assert first["items"][0]["data"] == "\ufffd{"
    rest = shop.client.get(f"/dirty?app=shop&limit=3&cursor={first['next']}").json()
    assert [row["id"] for row in rest["items"]] == ["d1", "d0"]
    assert rest["next"] is None
    groups = shop.client.get("/dirty/groups").json()["items"]
    assert {(g["app"], g["reason"], g["count"]) for g in groups} == {
        ("shop", "required", 5),
        ("bank", "json", 5),
    }
    bank = shop.new_token(name="bank", role="analyst", apps=["bank"])
    assert {row["app"] for row in bank.get("/dirty").json()["items"]} == {"bank"}
    assert {g["app"] for g in bank.get("/dirty/groups").json()["items"]} == {"bank"}
    assert shop.client.get("/dirty?cursor=junk").status_code == 200


def test_status_and_ledger_show_what_the_lake_committed(shop: Any, plane: Plane) -> None:
    """Lag by group and partition; a token sees its apps' counts only."""
    plane.send(("shop", "page_view", False))
    plane.store_dirty(dirty_event("d"), dirty_event("b", app="bank"))
    status = shop.client.get("/status").json()
    lags = {(row["group"], row["topic"], row["partition"]): row["lag"] for row in status["lag"]}
    assert lags["raw", "events.p2", 0] == lags["rules", "events.p2", 0] == 1
    assert lags["raw", "events.p0", 1] == 0
    assert {(row["app"], row["kind"], row["count"]) for row in status["ledger"]} == {
        ("shop", "dirty", 1),
        ("bank", "dirty", 1),
    }
    bank = shop.new_token(name="bank", role="analyst", apps=["bank"])
    assert {row["app"] for row in bank.get("/status").json()["ledger"]} == {"bank"}
    assert [row["app"] for row in bank.get("/ledger").json()["items"]] == ["bank"]
    day = shop.client.get("/ledger").json()["items"][0]["day"]
    assert len(shop.client.get(f"/ledger?day={day}&app=shop").json()["items"]) == 1
    assert shop.client.get("/ledger?day=2026-13-01").status_code == 422


def test_a_query_sees_the_apps_of_its_token(shop: Any, plane: Plane) -> None:
    """Rows with their snapshot; wrong SQL lists findings."""
    plane.store_dirty(dirty_event("d"), dirty_event("b", app="bank"))
    sql = {"sql": "select app, count(*) as n from dirty group by app order by app"}
    found = shop.client.post("/query", json=sql)
    assert found.status_code == 200, found.text
    assert found.json()["rows"] == [["bank", 1], ["shop", 1]]
    assert [column["name"] for column in found.json()["columns"]] == ["app", "n"]
    bank = shop.new_token(name="bank", role="analyst", apps=["bank"])
    assert bank.post("/query", json=sql).json()["rows"] == [["bank", 1]]
    assert bank.post("/query", json={**sql, "app": "shop"}).status_code == 404
    wrong = shop.client.post("/query", json={"sql": "select * from evnts"})
    assert wrong.status_code == 422
    assert wrong.json()["findings"]
    assert shop.client.post("/query", json={"sql": "drop table events"}).status_code == 422


@contextmanager
def collector(control: Any, plane: Plane, folder: Path, port: int) -> Iterator[None]:
    """Run a real collector that follows ``control``."""
    settings = CollectorSettings(port=port, partitions=2)
    state: dict[str, Any] = {}
    started = threading.Event()

    async def main() -> None:
        state["loop"], state["stop"] = asyncio.get_running_loop(), asyncio.Event()
        numbers = iter(range(10**6))
        compiled = CollectorState(partitions=2, new_id=lambda: f"made{next(numbers)}")
        source = GrpcSource(
            DiscoverySettings(address=control.addresses.grpc),
            node="collector",
            kind="collector",
            token_file=control.folder / "node.token",
            cache=folder / "collector.lastgood",
        )
        following = asyncio.create_task(source.run(compiled))
        application = Collector(settings, plane.queue, compiled, clock=lambda: NOW)
        await serve(
            application,
            settings,
            stop=state["stop"],
            started=lambda _: started.set(),
            signals=False,
        )
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert started.wait(20)
        yield
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join(20)
