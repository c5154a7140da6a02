"""A metric over stored events: SQL, the engine and a plain recount agree."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackplane.event import identity
from trackplane.frame import FrameBuilder
from trackplane.lake.manifest import Manifest
from trackplane.lake.metrics import series
from trackplane.lake.replay import ReplayError
from trackplane.lake.writer import RawStore
from trackplane.plan.model import EventSpec, Metric, Property
from trackplane.rules.metrics import compile_metric, metric_findings

NOW = 1_795_376_614_990
HOUR = 3_600_000
NUMBER = Property(type=("number",))
WHAT = {"total": NUMBER, "n": Property(type=("integer",)), "currency": Property(type=("string",))}
SPEC = EventSpec(app="shop", event="pay", properties={"what": WHAT})
Stored = tuple[str, str, int, float, dict[str, Any]]  # app, event, at, weight, what


def stored_events() -> list[Stored]:
    chance = random.Random(5)
    found: list[Stored] = []
    for number in range(400):
        what: dict[str, Any] = {"currency": chance.choice(["SGD", "CNY"])}
        if number % 7:
            what["total"] = chance.choice([1.5, 20.25, 99.0, 0.0])
        if number % 3:
            what["n"] = chance.randrange(0, 4)
        if number % 50 == 49:
            what["total"] = "broken"
        app = "other" if number % 40 == 0 else "shop"
        event = "view" if number % 9 == 0 else "pay"
        weight = 10.0 if number % 5 == 0 else 1.0
        found.append((app, event, NOW - chance.randrange(6 * HOUR), weight, what))
    return found


EVENTS = stored_events()


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manifest]:
    folder: Path = tmp_path_factory.mktemp("lake")
    manifest = Manifest(folder / "manifest.db", lambda: NOW)
    store = RawStore(manifest, folder, lambda: NOW)
    builder = FrameBuilder("P2")
    for number, (app, event, at, weight, what) in enumerate(EVENTS):
        upload = builder.add_upload(app, "prod", 3, NOW, b"{}")
        id_ = f"id-{number}"
        builder.add(
            upload,
            event=event,
            id=id_,
            identity=identity(app, id_, event, None),
            at=at,
            data=msgspec.json.encode({"what": what, "who": {"user_id": f"u{number % 11}"}}),
            clean=True,
            weight=weight,
        )
    store.assign([("events.p2", 0)])
    store.add("events.p2", 0, 0, builder.build())
    store.flush()
    yield manifest
    manifest.close()


def sgd() -> Iterator[tuple[int, int, float, dict[str, Any]]]:
    """Yield number, time, weight and ``what`` of the events measured."""
    for number, (app, event, at, weight, what) in enumerate(EVENTS):
        if (app, event, what["currency"]) == ("shop", "pay", "SGD"):
            yield number, at, weight, what


def recounted(measure: str) -> dict[int, float | None]:
    """Return each hour's value, counted by hand."""
    hours: defaultdict[int, list[tuple[int, float, dict[str, Any]]]] = defaultdict(list)
    for number, at, weight, what in sgd():
        hours[at - at % HOUR].append((number, weight, what))
    found: dict[int, float | None] = {}
    for hour, rows in hours.items():
        good = [row for row in rows if row[2].get("total") != "broken"]
        totals = [(w, what["total"]) for _, w, what in good if what.get("total") is not None]
        summed = sum(w * total for w, total in totals) if totals else None
        match measure:
            case "count()":
                found[hour] = sum(w for _, w, _ in rows)
            case "sum(what.total)":
                found[hour] = summed
            case "sum(what.total) / count(what.total) - 1":
                found[hour] = None if summed is None else summed / sum(w for w, _ in totals) - 1
            case "count_distinct(who.user_id)":
                found[hour] = float(len({number % 11 for number, _, _ in rows}))
            case "max(what.total * 2.0)":
                found[hour] = max((total * 2 for _, total in totals), default=None)
    return found


@pytest.mark.parametrize("way", ["duckdb", "engine"])
@pytest.mark.parametrize(
    "measure",
    [
        "count()",
        "sum(what.total)",
        "sum(what.total) / count(what.total) - 1",
        "count_distinct(who.user_id)",
        "max(what.total * 2.0)",
    ],
)
def test_a_metric_is_what_a_recount_gives(manifest: Manifest, measure: str, way: Any) -> None:
    """By the hour, with weights, other apps and events left out, failures counted apart."""
    metric = Metric(name="m", of="pay", measure=measure, where='what.currency == "SGD"')
    compiled = compile_metric(metric, SPEC)
    found = series(
        compiled, manifest, since_ms=NOW - 12 * HOUR, until_ms=NOW + 1, step_ms=HOUR, way=way
    )
    assert found.way == way
    expected = recounted(measure)
    assert {point.at for point in found.points} == set(expected)
    for point in found.points:
        assert point.value == pytest.approx(expected[point.at])
    reads_total = "total" in measure
    broken = sum(what.get("total") == "broken" for *_, what in sgd())
    assert sum(point.failed for point in found.points) == (broken if reads_total else 0)


def test_without_a_step_there_is_one_point_and_times_bound_it(manifest: Manifest) -> None:
    """``at`` decides, not the time of receipt."""
    compiled = compile_metric(Metric(name="m", of="pay", measure="count()"), SPEC)
    since, until = NOW - 3 * HOUR, NOW - HOUR
    (point,) = series(compiled, manifest, since_ms=since, until_ms=until).points
    wanted = [e for e in EVENTS if e[0] == "shop" and e[1] == "pay" and since <= e[2] < until]
    assert (point.at, point.value) == (since, sum(event[3] for event in wanted))
    with pytest.raises(ReplayError):
        series(compiled, manifest, since_ms=0, until_ms=1)


def test_what_sql_cannot_say_exactly_is_computed_by_the_engine(manifest: Manifest) -> None:
    """And the answer says so."""
    metric = Metric(name="m", of="pay", measure="count()", where="lower(what.currency) == 'sgd'")
    compiled = compile_metric(metric, SPEC)
    found = series(compiled, manifest, since_ms=NOW - 12 * HOUR, until_ms=NOW + 1)
    assert sum(point.value or 0 for point in found.points) == sum(w for _, _, w, _ in sgd())
    assert found.way == "duckdb" or "refuses" in found.why


@pytest.mark.parametrize(
    ("measure", "where", "place", "message"),
    [
        ("what.total", None, "measure", "this is of one event"),
        ("sum(what.currency)", None, "measure", "sum cannot be over string"),
        ("summ(what.total)", None, "measure", "there is no function 'summ'"),
        ("sum(what.totl)", None, "measure", "what.totl is not planned"),
        ("min(what.total, what.n)", None, "measure", "min is over one value"),
        ("sum(count())", None, "measure", "cannot be over another"),
        ("1 +", None, "measure", "not a Python expression"),
        ("count()", "what.total", "where", "this is float64, not bool"),
        ("count() > 3", None, "measure", "gt is no aggregate"),
    ],
)
def test_a_wrong_metric_is_told_with_its_place(
    measure: str, where: str | None, place: str, message: str
) -> None:
    """Both texts at once."""
    metric = Metric(name="m", of="pay", measure=measure, where=where)
    found = metric_findings(metric, SPEC)
    assert [finding.file for finding in found] == [place]
    assert message in found[0].message
