"""Observations equal a count over the lake, whenever the tender stops, dies or stays away."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trackplane.control.insight import insight_wire, observations
from trackplane.control.insight.observations import Usage
from trackplane.control.insight.unplanned import list_unplanned
from trackplane.errors import StorageError
from trackplane.lake.census import census

from .shop import Shop
from .traffic import DAY_MS, event, until_counted

OBSERVER = Path(__file__).with_name("observer.py")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Return a control plane over traffic."""
    shop = Shop(tmp_path)
    yield shop
    shop.close()


def some(random_: random.Random, number: int) -> list[dict[str, Any]]:
    """Return events of several names, some wrong, some unplanned."""
    events = []
    for n in range(number):
        name = random_.choice(["order_pay", "page_view", "btn_click", "new_thing"])
        what: dict[str, Any] = {"total": random_.choice([1, 2.5, "x"]), "path": "/"}
        how = {"platform": random_.choice(["ios", "web"]), "app_version": f"9.{n % 3}"}
        events.append(event(name, f"{name}{random_.random()}", what=what, how=how))
    return events


def test_observations_equal_a_count_over_the_lake(shop: Shop) -> None:
    """By event, environment, platform, version and day; dirty events too."""
    shop.send(*some(random.Random(1), 200), how={"app_version": "1.0"})
    shop.traffic.store()
    until_counted(shop.step)
    assert shop.counts() == shop.recount()
    assert sum(values[0] for values in shop.counts().values()) > 100
    assert sum(values[2] for values in shop.counts().values()) > 5
    assert shop.step() is False


def test_observations_stay_exact_through_kills_restarts_and_compaction(shop: Shop) -> None:
    """The tender is stopped in the middle, its transaction undone, the process restarted, for days."""
    random_ = random.Random(7)
    for round_ in range(8):
        for _ in range(random_.randint(1, 4)):
            shop.send(*some(random_, random_.randint(1, 40)))
            shop.traffic.store()
        if round_ % 3 == 1:
            shop.traffic.compact()
        if round_ % 4 == 2:
            broken = shop.platform.data.census
            shop.traffic.data.census = _failing(broken)  # type: ignore[method-assign]
            with pytest.raises(StorageError):
                until_counted(shop.step)
            shop.traffic.data.census = broken  # type: ignore[method-assign]
        if round_ % 5 == 3:
            shop.open()
        if round_ % 2:
            shop.step(most_rows=10)  # and no further: it was killed
        shop.traffic.now += DAY_MS // 5
        shop.send(*some(random_, 5))
        shop.traffic.store()
    until_counted(lambda: shop.step(most_rows=20))
    assert shop.counts() == shop.recount()
    assert len({key.day for key in shop.counts()}) > 1


@pytest.mark.faults
def test_observations_stay_exact_when_the_process_is_killed(shop: Shop) -> None:
    """By SIGKILL between and inside its transactions; the next process goes on."""
    random_ = random.Random(11)
    for kill in range(2 * int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))):
        for _ in range(4):
            shop.send(*some(random_, 30))
            shop.traffic.store()
        with subprocess.Popen(
            [sys.executable, str(OBSERVER), str(shop.folder), str(shop.traffic.manifest.folder)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = [process.stdout.readline().strip() for _ in range(random_.randint(2, 5))]
            process.kill()
        assert said[:2] == ["ready", "step"]
        if kill % 2 == 0:
            shop.traffic.compact()
    until_counted(shop.step)
    assert shop.counts() == shop.recount()


def _failing(census_: Any) -> Any:
    """Return a census that fails on the second file."""
    seen: list[Any] = []

    def count(file: Any) -> Any:
        seen.append(file)
        if len(seen) > 1:
            raise StorageError("the disk is gone")
        return census_(file)

    return count


def test_what_retention_drops_from_the_lake_stays_counted(shop: Shop) -> None:
    """When an event was last seen is not forgotten with its rows."""
    shop.send(event("page_view", "1", what={"path": "/"}))
    shop.traffic.store()
    shop.traffic.compact()
    until_counted(shop.step)
    before = shop.counts()
    shop.traffic.now += 370 * DAY_MS
    shop.traffic.compact()
    assert shop.recount() == {}
    until_counted(shop.step)
    assert shop.counts() == before
    shop.traffic.now += 40 * DAY_MS
    shop.send(event("order_pay", "2", what={"total": 1}))
    shop.traffic.store()
    until_counted(shop.step)
    assert shop.counts() == shop.recount()


def test_a_tender_that_was_away_longer_than_files_are_kept_counts_the_same(shop: Shop) -> None:
    """Fresh files that it counted were replaced, and swept from disk, before it came back."""
    shop.send(*some(random.Random(3), 30))
    shop.traffic.store()
    until_counted(shop.step)
    shop.send(*some(random.Random(4), 30))
    shop.traffic.store()
    shop.traffic.compact()
    shop.traffic.now += 3_600_000
    shop.traffic.compact()
    until_counted(shop.step)
    assert shop.counts() == shop.recount()


def test_counting_goes_in_bounded_pieces_and_tells_how_far_it_is(shop: Shop) -> None:
    """Rows that are stored and not counted are said."""
    for number in range(4):
        shop.send(*[event("page_view", f"{number}-{n}", what={"path": "/"}) for n in range(10)])
        shop.traffic.store()
    assert shop.step(most_rows=10) is True
    with shop.platform.database.read() as connection:
        assert observations.state(connection).behind_rows == 30
    assert until_counted(lambda: shop.step(most_rows=10)) == 2
    with shop.platform.database.read() as connection:
        assert observations.state(connection).behind_rows == 0


def test_too_many_senders_are_counted_together(shop: Shop, tmp_path: Path) -> None:
    """A client that makes its version up for each event does not fill the metadata."""
    how = [{"platform": "web", "app_version": f"v{n}"} for n in range(300)]
    shop.send(*[event("page_view", f"{n}", what={"path": "/"}, how=h) for n, h in enumerate(how)])
    shop.traffic.store()
    (file,) = shop.traffic.manifest.files("events")
    counts = census(shop.traffic.manifest.folder, file, most=50)
    assert len(counts) <= 50
    assert sum(count.seen for count in counts.values()) == 300


def test_unplanned_events_are_listed_with_who_sends_them(shop: Shop) -> None:
    """The most frequent first; what was planned meanwhile is not among them."""
    how = {"platform": "ios", "app_version": "9.1"}
    shop.send(*[event("order_payd", f"a{n}", what={}) for n in range(3)], how=how)
    shop.send(event("other", "b", what={}), event("$page", "c"), event("page_view", "d"))
    shop.traffic.store()
    until_counted(shop.step)
    found = list_unplanned(shop.call, "shop", insight_wire.UnplannedQuery())
    assert [(item.event, item.seen, item.near) for item in found.items] == [
        ("order_payd", 3, "order_pay"),
        ("other", 1, None),
    ]
    assert (found.items[0].platforms, found.items[0].versions) == (["ios"], ["9.1"])
    page = list_unplanned(shop.call, "shop", insight_wire.UnplannedQuery(limit=1, cursor="1"))
    assert [item.event for item in page.items] == ["other"]
    assert (page.total, page.next) == (2, None)


def test_mere_warnings_are_no_violations(tmp_path: Path) -> None:
    """A property that nobody planned does not make an event invalid, a wrong type does."""
    shop = Shop(tmp_path, validation="warn")
    shop.send(
        event("order_pay", "1", what={"total": 1, "more": 2}),
        event("order_pay", "2", what={"total": "x", "more": 2}),
    )
    shop.traffic.store()
    until_counted(shop.step)
    assert shop.counts() == shop.recount()
    with shop.platform.database.read() as connection:
        found = observations.usage(connection, app="shop")["shop", "order_pay"]
    assert (found.seen, found.violations, found.valid_share) == (2, 1, 0.5)
    shop.close()


def test_usage_is_given_by_event_with_its_valid_share(shop: Shop) -> None:
    """For search, trust and "my events"."""
    shop.send(event("order_pay", "1", what={"total": 1}), event("order_pay", "2", what={}))
    shop.traffic.store()
    until_counted(shop.step)
    with shop.platform.database.read() as connection:
        found: Usage = observations.usage(connection, app="shop")["shop", "order_pay"]
    assert (found.seen, found.dirty, found.valid_share) == (1, 1, 0.5)
