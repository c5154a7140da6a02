"""The impact check equals a direct recount over the same stored events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackplane.control import registry_wire, rule_wire, wire
from trackplane.control.datasets import create_dataset
from trackplane.control.insight import impact, impact_replay, insight_wire
from trackplane.control.insight.clients import register_client
from trackplane.control.insight.impact import assess, check_impact
from trackplane.control.insight.saved_queries import save_query
from trackplane.control.rules import create_rule
from trackplane.lake.duckdb import Workspace
from trackplane.lake.sample import Stratum
from trackplane.plan.load import load_plan
from trackplane.plan.validate import compile_validator

from .shop import PLAN, Shop
from .traffic import event, until_counted

NARROW = """
format: 1
app: shop
events:
  order_pay: {grade: P0, what: {total: {type: number, required: true, max: 50}, coupon: {type: string, required: true}}}
  page_view: {what: {path: {type: string, pii: address, pattern: "/[a-z]*"}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Return a control plane over traffic."""
    shop = Shop(tmp_path)
    yield shop
    shop.close()


def some(number: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return events of several names, platforms and versions, some wrong under either plan."""
    random_ = random.Random(seed)
    found = []
    for n in range(number):
        name = random_.choice(["order_pay", "order_pay", "page_view"])
        what: dict[str, Any] = {"total": random_.choice([1, 20.5, 70, "x"])}
        if random_.random() < 0.6:
            what["coupon"] = random_.choice(["A", None, 5])
        if name == "page_view":
            what = {"path": random_.choice(["/", "/cart", "/CART", 7])}
        version = random_.choices(["9.1", "9.2", "8.0"], [60, 39, 1])[0]
        how = {"platform": random_.choice(["ios", "web"]), "app_version": version}
        found.append(event(name, f"{seed}-{n}", what=what, how=how))
    return found


def stored(shop: Shop) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return all events in the lake, dirty ones too, with none of the check's code."""
    folder = shop.traffic.manifest.folder
    found = []
    with Workspace(memory_mb=256, threads=1, spill=folder / "spill") as workspace:
        for file in shop.traffic.manifest.files("events"):
            for name, platform, version, what in workspace.rows(
                f"SELECT event, how_platform, how_app_version, what FROM '{folder / file.path}'"
            ):
                merged = {"event": name, "what": msgspec.json.decode(what or "{}")}
                merged["how"] = {"platform": platform, "app_version": version}
                found.append((name, platform, version, merged))
        for file in shop.traffic.manifest.files("dirty"):
            for (data,) in workspace.rows(f"SELECT data FROM '{folder / file.path}'"):
                merged = msgspec.json.decode(data)
                how = merged["how"]
                found.append((merged["event"], how["platform"], how["app_version"], merged))
    return found


def recount(shop: Shop, before: str, after: str) -> Counter[tuple[str, str, str, bool]]:
    """Return what fails newly (True) or passes newly (False), by name, platform and version."""
    sides = []
    for text in (before, after):
        specs = load_plan(text).events
        sides.append({name: compile_validator(spec) for name, spec in specs.items()})
    counts: Counter[tuple[str, str, str, bool]] = Counter()
    for name, platform, version, merged in stored(shop):
        if any(name not in side for side in sides):
            continue
        old, new = (
            any(found.severity == "error" for found in side[name](merged)) for side in sides
        )
        if old != new:
            counts[name, platform, version, new] += 1
    return counts


def told(found: insight_wire.Replayed) -> Counter[tuple[str, str, str, bool]]:
    """Return the check's own counts in the same form."""
    counts: Counter[tuple[str, str, str, bool]] = Counter()
    for each in found.segments:
        counts[each.event, each.platform, each.version, True] += each.newly_fail
        counts[each.event, each.platform, each.version, False] += each.newly_pass
    return +counts


def check(shop: Shop, text: str, **options: Any) -> insight_wire.Impact:
    """Ask for the impact of a plan."""
    request = insight_wire.ImpactRequest(files={"plan.yaml": text}, **options)
    return check_impact(shop.call, "shop", request)


def test_a_replay_equals_a_direct_recount_of_the_same_stored_events(shop: Shop) -> None:
    """By event, platform and version, newly failing and newly passing; fresh, compacted and dirty."""
    shop.send(*some(300))
    shop.traffic.store()
    shop.traffic.compact()
    shop.send(*some(100, seed=2))
    shop.traffic.store()
    found = check(shop, NARROW).replay
    assert told(found) == recount(shop, PLAN, NARROW)
    assert (found.population, found.sampled, found.share, found.cut) == (400, 400, 1.0, False)
    assert found.newly_fail == found.estimated_fail > 50
    assert found.newly_fail == sum(c for key, c in told(found).items() if key[3])
    wider = NARROW.replace("max: 50", "max: 500")
    shop.apply(NARROW)
    again = check(shop, wider).replay
    assert told(again) == recount(shop, NARROW, wider)
    shop.follow()
    shop.send(*some(100, seed=3))
    shop.traffic.store()
    last = check(shop, PLAN).replay
    assert told(last) == recount(shop, NARROW, PLAN)
    assert last.dirty > 0
    assert last.newly_pass > last.newly_fail == 0


def test_the_end_of_the_stream_is_replayed_before_it_is_stored(shop: Shop) -> None:
    """Stored and live events together, each once."""
    shop.send(*some(80))
    shop.traffic.store()
    shop.send(*some(70, seed=4))
    found = check(shop, NARROW).replay
    assert (found.population, found.live) == (150, 70)
    shop.traffic.store()
    assert told(found) == recount(shop, PLAN, NARROW)


def test_a_sample_has_rare_versions_in_it_and_is_extrapolated(shop: Shop) -> None:
    """Each platform and version gives some events, which stand for as many as there are."""
    shop.send(*some(900))
    shop.traffic.store()
    whole = recount(shop, PLAN, NARROW)
    found = check(shop, NARROW, events=200).replay
    assert 100 < found.sampled <= 200
    assert found.population == 900
    assert found.share == found.sampled / 900
    kinds = {(e, p, v) for e, p, v, _ in stored(shop)}
    assert {(s.event, s.platform, s.version) for s in found.segments if s.sampled} == kinds
    failing = sum(count for key, count in whole.items() if key[3])
    assert found.estimated_fail == pytest.approx(failing, rel=0.15)
    assert found.newly_fail < failing
    again = check(shop, NARROW, events=200).replay
    assert told(again) == told(found)


def test_what_would_newly_fail_is_told_with_masked_samples(shop: Shop) -> None:
    """Codes and places, the values of personal and of unplanned properties hidden."""
    how = {"platform": "ios", "app_version": "9.2"}
    shop.send(
        event("page_view", "1", what={"path": "/SECRET", "note": "ann@example.org"}, how=how),
        event("order_pay", "2", what={"total": 70, "coupon": "A"}, who={"user_id": "ann"}, how=how),
    )
    shop.traffic.store()
    found = check(shop, NARROW).replay
    assert {(each.code, each.pointer, each.count) for each in found.failing} == {
        ("pattern", "/what/path", 1),
        ("max", "/what/total", 1),
    }
    samples = {each.event: each for each in found.samples}
    assert samples["page_view"].what["what"] == {"path": "…", "note": "…"}
    assert samples["order_pay"].what["what"] == {"total": 70, "coupon": "A"}
    assert samples["order_pay"].what["who"] == {"user_id": "…"}
    text = msgspec.json.encode(found).decode()
    assert "SECRET" not in text
    assert "ann@" not in text
    assert '"ann"' not in text
    assert [v.code for v in samples["order_pay"].violations] == ["max"]


def test_an_event_that_is_removed_fails_where_the_allow_list_is_on(tmp_path: Path) -> None:
    """And planning what arrives unplanned lets what the allow-list kept out pass."""
    shop = Shop(tmp_path, allow_list="enforce")
    shop.send(event("page_view", "1", what={"path": "/"}), event("new_one", "2", what={"a": 1}))
    shop.traffic.store()
    text = PLAN.replace("  page_view: {what: {path: {type: string}}}\n", "  new_one: {}\n")
    found = check(shop, text)
    assert (found.added, found.removed) == (["new_one"], ["page_view"])
    assert {(s.event, s.newly_fail, s.newly_pass) for s in found.replay.segments} == {
        ("page_view", 1, 0),
        ("new_one", 0, 1),
    }
    assert [(each.code, each.pointer) for each in found.replay.failing] == [
        ("unplanned_event", "/event")
    ]
    shop.close()


def test_a_change_of_words_alone_replays_nothing(shop: Shop) -> None:
    """No event can fare differently."""
    shop.send(*some(10))
    shop.traffic.store()
    found = check(shop, PLAN.replace("grade: P0,", "grade: P0, title: Paid,"))
    assert found.changed == ["order_pay"]
    assert found.replay.population == 0


RULE = """
rule: {name}
apps: [shop]
where: event == "order_pay" and {where}
select: {{id: id, total: what.total}}
to: purchases
owner: team:pay
"""
DATASET = "dataset: purchases\nkind: table\ncolumns: {id: string, total: float64}\n"
WITH_METRICS = (
    PLAN
    + """
metrics:
  revenue: {of: order_pay, measure: sum(what.total), owner: team:pay}
  views: {of: page_view, measure: count()}
"""
)


def test_everything_that_a_change_concerns_is_listed(shop: Shop) -> None:
    """Rules, metrics, saved queries and clients: broken, altered or merely touched."""
    create_dataset(shop.call, wire.DatasetSource(source=DATASET))
    for name, where in (("big", "what.total > 100.0"), ("all", 'how.platform == "ios"')):
        create_rule(shop.call, rule_wire.RuleSource(source=RULE.format(name=name, where=where)))
    shop.apply(WITH_METRICS)
    for name, sql in {
        "typed": "SELECT sum(what_total) FROM order_pay",
        "loose": "SELECT what->>'$.total' FROM events WHERE event = 'order_pay'",
        "views": "SELECT count(*) FROM page_view",
        "anything": "SELECT event, what FROM events",
    }.items():
        save_query(shop.call, registry_wire.SavedQueryChange(name=name, sql=sql, app="shop"))
    for name, events in (("ios", {"order_pay": ["what.total"]}), ("web", {"page_view": None})):
        register_client(
            shop.call,
            registry_wire.ClientLock(
                format=1, app="shop", name=name, platform=name, language="python",
                release="9.1", revision=1, events=events,  # type: ignore[arg-type]
            ),
        )  # fmt: skip
    text = WITH_METRICS.replace(
        "what: {total: {type: number, required: true}}", "what: {amount: {type: number}}"
    ).replace("sum(what.total)", "sum(what.amount)")
    found = check(shop, text)
    assert {(t.name, t.how) for t in found.rules} == {("big", "broken"), ("all", "broken")}
    assert all(t.findings for t in found.rules)
    assert {(t.name, t.how) for t in found.metrics} == {("revenue", "altered")}
    assert {(t.name, t.how) for t in found.queries} == {
        ("typed", "broken"),
        ("loose", "altered"),
        ("anything", "altered"),
    }
    assert {(t.name, t.how) for t in found.clients} == {("ios ios 9.1", "altered")}
    assert found.broken == 3
    titled = check(
        shop, WITH_METRICS.replace("path: {type: string}", "path: {type: string, max_length: 9}")
    )
    assert [t.name for t in titled.rules] == []
    assert {(t.name, t.how) for t in titled.metrics} == {("views", "altered")}
    assert {t.name for t in titled.queries} == {"anything"}
    assert {(t.name, t.how) for t in titled.clients} == {("web web 9.1", "altered")}


def test_the_volume_of_a_new_event_is_estimated_from_events_like_it(shop: Shop) -> None:
    """The ones it was estimated from are named; what arrives already is counted itself."""
    day = 86_400_000
    for n in range(14):
        shop.traffic.now += day
        shop.send(*[event("order_pay", f"o{n}-{i}", what={"total": 1}) for i in range(20)])
        shop.send(*[event("page_view", f"v{n}-{i}", what={"path": "/"}) for i in range(5)])
        shop.send(event("checkout", f"c{n}", what={}))
        shop.traffic.store()
    until_counted(shop.step)
    text = PLAN + "  order_paid: {what: {total: {type: number}}}\n  checkout: {}\n"
    found = {each.event: each for each in check(shop, text).volume}
    assert found["order_paid"].like[0] == "order_pay"
    assert found["order_paid"].per_day == pytest.approx(20, rel=0.1)
    assert found["checkout"].like == ["checkout"]
    assert found["checkout"].per_day == pytest.approx(1, rel=0.1)
    assert (found["order_paid"].bytes_per_day or 0) > 100


def test_a_check_without_any_lake_says_so_by_numbers(tmp_path: Path) -> None:
    """A new installation can review plans."""
    shop = Shop(tmp_path)
    found = assess(shop.call, "shop", load_plan(PLAN), load_plan(NARROW))
    assert (found.replay.population, found.replay.share, found.broken) == (0, 1.0, 0)
    assert impact.BUDGET_S < 10
    shop.close()


def test_what_was_not_judged_counts_as_its_like() -> None:
    """Strata without a judged event are stood for by their event's others, else by all; dirty apart."""
    populations = {
        Stratum(False, "pay", "ios", "1"): 30,
        Stratum(False, "pay", "ios", "2"): 10,
        Stratum(False, "view", "ios", "1"): 40,
        Stratum(False, "tap", "ios", "1"): 20,
        Stratum(True, "tap", "ios", "1"): 5,
    }
    every = impact_replay._scale(populations, populations)
    assert set(every.values()) == {1.0}
    judged = [
        stratum for stratum in populations if stratum.version == "1" and stratum.event != "tap"
    ]
    found = impact_replay._scale(populations, judged)
    stands = sum(populations[s] * found[s[:2]] for s in judged)
    assert stands == pytest.approx(100)  # all that is stored
    assert found[False, "pay"] / found[False, "view"] == pytest.approx(40 / 30)
