"""Shadows, canaries, guards and replays on real workers: what they say is what was sent."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import xxhash

from trackplane.demo.platform import Platform
from trackplane.testing.platform import Shop, until

pytestmark = pytest.mark.integration

DATASET = """
dataset: live.{name}
kind: table
columns: {{id: string, n: int64, text: string}}
"""
RULE = """
rule: {name}
from: events
apps: [shop]
where: event == "home" and who.session_id is not None and starts_with(id, "{name}")
on_error: dirty
select: {{id: id, n: '{n}', text: '{text}'}}
to: live.{name}
owner: team:live
"""
_names = itertools.count(1)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return the shop on a platform of two workers."""
    folder = tmp_path_factory.mktemp("live")
    with Platform(folder, workers=2) as platform, Shop(platform) as shop:
        shop.set_up()
        platform.wait_ready()
        yield shop


class Live:
    """A rule of its own with a dataset of its own."""

    def __init__(self, shop: Shop, n: str = "1") -> None:
        self.shop = shop
        self.call = shop.platform.call
        self.name = f"live{next(_names)}"
        self.sent: list[str] = []
        self.call("POST", "/datasets", json={"source": DATASET.format(name=self.name)})
        answer = self.call("POST", "/rules", json={"source": self.source(n)})
        shop.await_number(answer["number"])

    def source(self, n: str = "1", text: str = "who.user_id") -> str:
        """Return the rule's text."""
        return RULE.format(name=self.name, n=n, text=text)

    def publish(self, n: str) -> dict[str, Any]:
        """Publish a version."""
        path = f"/rules/{self.name}"
        etag = self.shop.platform.etag(path)
        answer: dict[str, Any] = self.call("PUT", path, etag=etag, json={"source": self.source(n)})
        self.shop.await_number(answer["number"])
        return answer

    def send(self, count: int, session: str = "7") -> list[str]:
        """Send events of so many users; return their ids."""
        ids = [f"{self.name}-{len(self.sent) + n}" for n in range(count)]
        events = [
            {"id": id, "event": "home", "who": {"user_id": f"u-{id}", "session_id": session}}
            for id in ids
        ]
        for start in range(0, count, 200):
            assert set(self.shop.deliver(events[start : start + 200])) <= {"accepted", "warned"}
        self.sent += ids
        return ids

    def rows(self) -> list[tuple[str, int]]:
        """Return (id, n) of the rows that are there."""
        sql = f"SELECT id, n FROM live.{self.name}"
        try:
            return [(row[0], row[1]) for row in self.shop.query(sql, limit=100_000)]
        except Exception:  # noqa: BLE001 there is no such table before its first row
            return []

    def dirty(self) -> list[dict[str, Any]]:
        """Return the events that the rule failed on."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"/dirty?app=shop&rule={self.name}&limit=1000&cursor={cursor}"
            page = self.call("GET", query)
            found += page["items"]
            cursor = page["next"]
        return found

    def settled(self) -> bool:
        """Say whether each event that was sent is a row or dirty."""
        return len(self.rows()) + len(self.dirty()) >= len(self.sent)


def part(id: str) -> int:
    """Return the part of 10,000 that an event's user is in."""
    return xxhash.xxh64_intdigest(f"u-{id}".encode()) % 10_000


def test_a_shadow_counts_what_two_rules_would_have_put_out(live: Shop) -> None:
    """Over all workers, by field; nothing that the candidate puts out is kept."""
    rule = Live(live)
    path = f"/rules/{rule.name}/shadow"
    source = rule.source(n='if_(ends_with(id, "3"), 5, 1)', text='concat(who.user_id, "")')
    started = rule.call("POST", path, json={"source": source, "minutes": 5, "rate": 1.0})
    live.await_number(started["number"])
    ids = rule.send(400)
    until(lambda: rule.call("GET", path)["events"] >= len(ids), "the shadow's counts")
    found = rule.call("GET", path)
    changed = sum(id.endswith("3") for id in ids)
    assert (found["changed"], found["equal"]) == (changed, len(ids) - changed)
    assert found["fields"] == [{"field": "n", "rows": changed}]
    assert (found["skipped"], found["only_old"], found["only_new"]) == (0, 0, 0)
    assert found["ns_old"] > 0 < found["ns_new"]
    sample = found["samples"][0]
    assert (sample["old"]["n"], sample["new"]["n"], sample["fields"]) == (1, 5, ["n"])
    until(rule.settled, "the rows")
    assert Counter(rule.rows()) == Counter((id, 1) for id in rule.sent)
    assert rule.call("DELETE", path)["status"] == "ended"


def test_a_canary_takes_the_share_of_its_key_and_nothing_twice(live: Shop) -> None:
    """Each event goes by the bucket of its user, to one of the versions; then the canary is all."""
    rule = Live(live)
    path = f"/rules/{rule.name}/canary"
    body = {"source": rule.source(n="2"), "percent": 30, "reason": "two is better"}
    started = rule.call("POST", path, json=body)
    live.await_number(started["number"])
    ids = rule.send(500)
    until(rule.settled, "the rows")
    assert Counter(rule.rows()) == Counter((id, 2 if part(id) < 3_000 else 1) for id in ids)
    # What workers count in the second in which they take the canary is not compared.
    until(
        lambda: rule.send(20) and rule.call("GET", path)["comparison"]["new"]["output"], "figures"
    )
    ids = list(rule.sent)
    until(rule.settled, "the rows")
    changed = rule.call("PATCH", path, etag=live.platform.etag(path), json={"percent": 60})
    live.await_number(changed["number"])
    more = rule.send(200)
    until(rule.settled, "the rows")
    assert dict(rule.rows()) == {
        **{id: 2 if part(id) < 3_000 else 1 for id in ids},
        **{id: 2 if part(id) < 6_000 else 1 for id in more},
    }
    promoted = rule.call("POST", f"{path}/promote", json={})
    assert promoted["status"] == "promoted"
    live.await_number(promoted["number"])
    last = rule.send(50)
    until(rule.settled, "the rows")
    rows = rule.rows()
    assert len(rows) == len(rule.sent)
    assert {n for id, n in rows if id in last} == {2}
    assert rule.call("GET", f"/rules/{rule.name}")["version"] == 2
    assert rule.call("GET", f"/rules/{rule.name}/guard")["status"] == "watching"


def test_a_canary_that_fails_is_taken_back_by_itself(live: Shop) -> None:
    """With figures and reason, under a new number; every event is a row or dirty, once."""
    rule = Live(live)
    path = f"/rules/{rule.name}/canary"
    limits = {"error_rate": 0.05, "min_events": 50}
    body = {"source": rule.source(n="int(who.session_id)"), "percent": 50, "limits": limits}
    started = rule.call("POST", path, json=body)
    live.await_number(started["number"])
    until(
        lambda: rule.send(40, "seven") and rule.call("GET", path)["status"] != "running", "the end"
    )
    ended = rule.call("GET", path)
    assert ended["status"] == "rolled_back"
    assert "fail" in ended["message"]
    assert ended["comparison"]["passed"] == "error_rate"
    audit = rule.call("GET", "/audit")["items"]
    [entry] = [
        e for e in audit if e["action"] == "rule.canary_rollback" and e["subject"] == rule.name
    ]
    assert entry["number"] > started["number"]
    assert live.await_number(entry["number"]) < 1_000
    healthy = rule.send(100, "seven")
    until(rule.settled, "rows and dirty events")
    rows, dirty = rule.rows(), rule.dirty()
    assert sorted([id for id, _ in rows] + [row["id"] for row in dirty]) == sorted(rule.sent)
    assert all(part(row["id"]) < 5_000 for row in dirty)
    assert {id for id, _ in rows} >= set(healthy)


def test_a_version_that_fails_after_a_full_publish_is_rolled_back_and_its_dirt_replayed_once(
    live: Shop,
) -> None:
    """The guard publishes the version before; a fix is tried, replayed once, undone, done again."""
    rule = Live(live)
    path = f"/rules/{rule.name}"
    rule.send(50)
    rule.publish("int(who.session_id)")
    rule.call(
        "POST",
        f"{path}/guard",
        json={"minutes": 5, "limits": {"error_rate": 0.05, "min_events": 50}},
    )
    until(
        lambda: (
            rule.send(40, "seven") and rule.call("GET", f"{path}/guard")["status"] != "watching"
        ),
        "the rollback",
    )
    guard = rule.call("GET", f"{path}/guard")
    assert (guard["status"], guard["version"], guard["previous"]) == ("rolled_back", 2, 1)
    held = rule.call("GET", path)
    assert (held["version"], held["source"]) == (3, rule.source())
    until(rule.settled, "rows and dirty events")
    rule.publish("int(who.session_id)")
    failed = [row["id"] for row in rule.dirty()]
    assert failed
    selection = {"app": "shop", "rule": rule.name, "limit": 10_000}
    plain = rule.call("POST", "/dirty/fixes", json={"selection": selection, "edits": []})
    assert (plain["good"], plain["still_dirty"]) == (0, len(failed))
    edits = [{"op": "set", "path": "who.session_id", "value": "42"}]
    fixed = rule.call("POST", "/dirty/fixes", json={"selection": selection, "edits": edits})
    assert fixed["good"] == len(failed)

    def replayed(edits: list[dict[str, Any]]) -> dict[str, Any]:
        body = {"selection": selection, "edits": edits}
        made = rule.call("POST", "/dirty/replays", json=body)
        address = f"/dirty/replays/{made['id']}"
        until(lambda: rule.call("GET", address)["status"] != "running", "the replay")
        found: dict[str, Any] = rule.call("GET", address)
        return found

    before = len(rule.rows())
    again = replayed([])
    assert (again["status"], again["failed"], again["resolved"]) == ("done", len(failed), 0)
    assert {row["attempts"] for row in rule.dirty()} == {2}
    done = replayed(edits)
    assert (done["failed"], done["resolved"]) == (0, len(failed))
    assert rule.dirty() == []
    rows = rule.rows()
    assert len(rows) == before + len(failed)
    assert Counter(id for id, n in rows if n == 42) == Counter(failed)
    assert replayed(edits)["selected"] == 0
    undone = rule.call("POST", f"/dirty/replays/{done['id']}/undo")
    assert (undone["status"], undone["undone_rows"]) == ("undone", len(failed))
    assert len(rule.rows()) == before
    assert len(rule.dirty()) == len(failed)
    assert replayed(edits)["resolved"] == len(failed)
    assert Counter(id for id, _ in rule.rows()) == Counter(rule.sent)


def test_a_rules_statistics_add_up_to_what_was_sent(live: Shop) -> None:
    """Summed over workers and steps; the rule is in the list of the most productive."""
    rule = Live(live)
    rule.send(300)
    path = f"/rules/{rule.name}/statistics"
    until(lambda: rule.call("GET", path)["totals"]["output"] >= 300, "the figures")
    found = rule.call("GET", path)
    assert (found["totals"]["matched"], found["totals"]["output"]) == (300, 300)
    assert sum(point["output"] for point in found["points"]) == 300
    assert found["totals"]["bytes_out"] > 300 * 20
    top = rule.call("GET", "/rules/statistics?sort=output&limit=1000")
    assert next(row for row in top["items"] if row["rule"] == rule.name)["totals"]["output"] == 300
