"""Counting, pages, impact, registries and renewal say the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trackplane.control import registry_wire
from trackplane.control.insight import insight_wire, renewing, use_of_parts
from trackplane.control.insight.clients import list_clients, register_client
from trackplane.control.insight.event_page import get_event_insight
from trackplane.control.insight.metrics import get_metric
from trackplane.control.insight.saved_queries import list_saved_queries, save_query
from trackplane.control.insight.unplanned import list_unplanned
from trackplane.control.settings import MetadataSettings

from .shop import Shop
from .test_impact import NARROW, check, recount, told
from .test_insight import EXPIRING
from .traffic import DAY_MS, event, until_counted

BOTH_DATABASES = True


def test_the_same_is_said_on_both_databases(
    tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]
) -> None:
    """One story through everything that has tables of its own."""
    shop = Shop(tmp_path, metadata=metadata_of(tmp_path / "control"))
    plan = EXPIRING % "2026-12-20"
    shop.apply(plan)
    shop.follow()
    how = {"platform": "ios", "app_version": "9.1"}
    what = {"total": 70, "coupon": "A"}
    shop.send(*[event("order_pay", f"{n}", what=what, how=how) for n in range(5)])
    shop.send(event("order_pay", "bad", what={}, how=how), event("new\0one", "n"))
    shop.traffic.store()
    until_counted(lambda: shop.step(most_rows=3))
    shop.traffic.compact()
    until_counted(shop.step)
    kept = {
        key._replace(event=key.event.replace("\0", "\ufffd")): v
        for key, v in shop.recount().items()
    }
    assert shop.counts() == kept
    query = registry_wire.SavedQueryChange(
        name="q", sql="SELECT what_total FROM order_pay", app="shop"
    )
    save_query(shop.call, query)
    lock = registry_wire.ClientLock(
        format=1, app="shop", name="c", platform="web", language="python", release="3.0",
        revision=1, events={"order_pay": ["what.total"]},
    )  # fmt: skip
    register_client(shop.call, lock)
    register_client(shop.call, lock)
    assert len(list_clients(shop.call, registry_wire.ClientQuery(app="shop")).items) == 1
    assert len(list_saved_queries(shop.call, registry_wire.SavedQueryFilter(app="shop")).items) == 1
    page = get_event_insight(shop.call, "shop", "order_pay", insight_wire.InsightQuery())
    assert (page.seen, page.dirty, len(page.consumers.queries)) == (5, 1, 1)
    assert {(c.platform, c.state) for c in page.life_cycle} == {
        ("ios", "online"),
        ("web", "implemented"),
    }
    unplanned = list_unplanned(shop.call, "shop", insight_wire.UnplannedQuery()).items
    assert [item.event for item in unplanned] == ["new\ufffdone"]
    found = check(shop, NARROW)
    assert told(found.replay) == recount(shop, plan, NARROW)
    assert get_metric(shop.call, "shop", "revenue").consumers.queries[0].name == "q"
    assert use_of_parts.tell(shop.platform, "shop", 2) > 0
    shop.traffic.now += 14 * DAY_MS
    assert renewing.renew_used(shop.platform) == {"shop": {"order_pay": "2026-12-23"}}
    shop.close()
