"""Event and metric pages, values, screenshots, saved queries, clients, renewal: over real stored events."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image, PngImagePlugin

from trackplane.control import registry_wire, wire
from trackplane.control.access import Actor
from trackplane.control.design.plan_history import list_revisions
from trackplane.control.design.plans import get_event
from trackplane.control.insight import insight_wire, renewing, use_of_parts
from trackplane.control.insight.clients import delete_client, list_clients, register_client
from trackplane.control.insight.event_page import get_event_insight
from trackplane.control.insight.insight_values import get_event_values
from trackplane.control.insight.metrics import get_metric, get_metric_series, list_metrics
from trackplane.control.insight.pictures import MAX_PIXELS, PictureError, clean
from trackplane.control.insight.saved_queries import (
    change_saved_query,
    delete_saved_query,
    list_saved_queries,
    list_saved_query_versions,
    run_saved_query,
    save_query,
)
from trackplane.control.insight.screenshots import add_screenshot, get_screenshot, list_screenshots
from trackplane.control.operations import Call
from trackplane.control.problems import NotFoundError, StaleError, TooLargeError
from trackplane.control.search.tables import search_documents
from trackplane.errors import InputError
from trackplane.lake.query import QueryError

from .shop import Shop
from .traffic import DAY_MS, event, until_counted

PLAN = """
format: 1
app: shop
events:
  order_pay:
    title: {en: Order paid, zh: 订单支付}
    description: Somebody paid an order
    trigger: The bank said yes
    owner: team:pay
    grade: P0
    platforms: [ios, web]
    what:
      total: {type: number, required: true, description: In SGD}
      email: {type: string, pii: email, description: Of who paid}
      note: {type: string, description: Never sent}
      items: {type: array, description: What, items: {type: object, properties: {sku: {type: string}}}}
  page_view: {what: {path: {type: string}}}
metrics:
  revenue: {title: Revenue, description: All that was paid, unit: SGD, owner: team:pay, of: order_pay, measure: sum(what.total)}
  orders: {of: order_pay, measure: count(), where: what.total > 5.0}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Return a control plane over traffic with a described event and two metrics."""
    shop = Shop(tmp_path, validation="warn")
    shop.apply(PLAN)
    shop.follow()
    yield shop
    shop.close()


def pay(shop: Shop, number: int, **more: Any) -> None:
    """Send and count orders of 1, 2, 3 …"""
    how = {"platform": "ios", "app_version": "9.1"}
    shop.send(
        *[
            event("order_pay", f"{shop.traffic.now}-{n}", what={"total": n + 1, **more}, how=how)
            for n in range(number)
        ]
    )
    shop.traffic.store()
    until_counted(shop.step)


def insight(shop: Shop, name: str = "order_pay", **query: Any) -> insight_wire.EventInsight:
    """Ask for an event's page."""
    return get_event_insight(shop.call, "shop", name, insight_wire.InsightQuery(**query))


def values(shop: Shop, **query: Any) -> dict[str, insight_wire.PropertyValues]:
    """Ask for an event's values, by path."""
    found = get_event_values(shop.call, "shop", "order_pay", insight_wire.ValuesQuery(**query))
    return {each.path: each for each in found.properties}


def test_an_events_page_tells_volume_senders_validity_and_states(shop: Shop) -> None:
    """By day and hour; what a platform never sent is noted."""
    pay(shop, 8)
    shop.traffic.now += DAY_MS
    pay(shop, 4)
    shop.send(event("order_pay", "bad", what={"total": "x"}, how={"platform": "tv"}))
    shop.traffic.store()
    until_counted(shop.step)
    found = insight(shop)
    assert [day.seen for day in found.daily][-2:] == [8, 5]
    assert len(found.daily) == 90
    assert sum(hour.seen for hour in found.hourly) == 13
    assert (found.seen, found.dirty, found.planned) == (13, 0, True)
    assert found.valid_share == pytest.approx(12 / 13)
    assert [(v.code, v.pointer, v.count) for v in found.violations] == [("type", "/what/total", 1)]
    assert {(s.platform, s.version, s.seen) for s in found.by_version} == {
        ("ios", "9.1", 12),
        ("tv", "", 1),
    }
    assert {(c.platform, c.release, c.state) for c in found.life_cycle} == {
        ("ios", "9.1", "online"),
        ("tv", "", "online"),
        ("web", "", "approved"),
    }
    assert found.notes == [
        "planned for web, but never seen from there",
        "seen from tv, for which it is not planned",
    ]
    assert found.last_at == shop.traffic.now
    assert "tracker.order_pay(" in found.snippets[0].code


def test_a_page_is_kept_for_a_minute(shop: Shop) -> None:
    """What the lake was asked is not asked again at once."""
    pay(shop, 1)
    first = insight(shop)
    shop.traffic.now += 1
    pay(shop, 1, email="a@example.org")
    assert insight(shop).hourly == first.hourly
    shop.traffic.now += 61_000
    assert sum(hour.seen for hour in insight(shop).hourly) == 2


def test_the_trust_badge_tells_each_criterion(shop: Shop) -> None:
    """A described, owned, used, valid and fresh event is of high trust; a bare one is not."""
    register = registry_wire.SavedQueryChange(name="q", sql="SELECT 1 FROM order_pay", app="shop")
    save_query(shop.call, register)
    pay(shop, 10)
    trust = insight(shop).trust
    assert trust.level == "high", trust
    codes = {each.code: each for each in trust.criteria}
    assert set(codes) == {
        "owner", "description", "properties", "valid", "fresh", "stable", "consumers", "reviewed",
    }  # fmt: skip
    assert sum(each.of for each in trust.criteria) == 100
    assert (codes["stable"].met, codes["reviewed"].met) == (None, None)
    shop.send(event("page_view", "1", what={"path": 5}))
    shop.traffic.store()
    until_counted(shop.step)
    bare = insight(shop, "page_view").trust
    assert bare.level == "low"
    assert {each.code for each in bare.criteria if each.met is False} == {
        "owner", "description", "properties", "valid", "consumers",
    }  # fmt: skip
    shop.traffic.now += 20 * DAY_MS
    assert insight(shop).trust.level != "high"
    assert insight(shop, "order_pay").trust.criteria[4].met is False


def test_an_event_that_nobody_sent_is_of_unknown_trust(shop: Shop) -> None:
    """A new event is not marked down for what nobody could know."""
    found = insight(shop)
    assert (found.trust.level, found.seen, found.last_at) == ("unknown", 0, None)
    with pytest.raises(NotFoundError):
        insight(shop, "nothing")


def test_values_tell_what_properties_hold(shop: Shop) -> None:
    """Distribution and examples; personal and unplanned values never; a property nobody sends is told."""
    pay(shop, 10, email="zed@example.org", extra="zed", items=[{"sku": "a", "secret": "zed"}])
    found = values(shop)
    total = found["what.total"]
    assert (total.count, total.missing, total.distinct) == (10, 0, 10)
    assert total.quantiles == [1, 1, 3, 5, 8, 10, 10]
    assert total.mean == 5.5
    assert sum(each.count for each in total.histogram) == 10
    assert total.top[0].share == 0.1
    assert (found["what.note"].sent, found["what.note"].planned) == (False, True)
    assert found["what.email"].masked
    assert found["what.email"].count == 10
    assert (found["what.extra"].masked, found["what.extra"].planned) == (True, False)
    assert found["what.items"].examples == ['[{"secret":"…","sku":"a"}]']
    assert found["what.items"].lengths == [1.0] * 7
    assert found["how.platform"].top[0].value == '"ios"'
    assert "zed" not in msgspec.json.encode(found).decode()
    one = values(shop, property="what.total")
    assert set(one) == {"what.total"}
    with pytest.raises(NotFoundError, match=r"what\.totl"):
        values(shop, property="what.totl")


def test_values_are_of_the_apps_that_a_token_reaches(shop: Shop) -> None:
    """Another app's event does not exist for it."""
    pay(shop, 1)
    other = Actor(name="o", person="o", role="analyst", apps=("bank",))
    call = Call(shop.platform, other, None)
    with pytest.raises(NotFoundError):
        get_event_values(call, "shop", "order_pay", insight_wire.ValuesQuery())
    with pytest.raises(NotFoundError):
        get_event_insight(call, "shop", "order_pay", insight_wire.InsightQuery())


def test_a_metric_is_computed_and_explained(shop: Shop) -> None:
    """Values by step, definition in words and SQL, history, trust never above its event's."""
    pay(shop, 3)
    shop.traffic.now += DAY_MS
    pay(shop, 2)
    found = {each.metric: each for each in list_metrics(shop.call, "shop").items}
    assert found["revenue"].value == 6
    detail = get_metric(shop.call, "shop", "revenue")
    assert detail.words == "Sum(what.total) over order_pay (Order paid) events, in SGD."
    assert detail.reads == ["what.total"]
    assert "sum(" in detail.sql
    assert detail.trust.level in ("high", "medium")
    assert [each.what for each in detail.history] == ["added"]
    query = insight_wire.SeriesQuery(from_=shop.traffic.now - 2 * DAY_MS, step="day")
    series = get_metric_series(shop.call, "shop", "revenue", query)
    assert [point.value for point in series.points] == [None, 6, 3]
    assert series.total == 9
    week = insight_wire.SeriesQuery(from_=shop.traffic.now - 2 * DAY_MS, step="week")
    points = get_metric_series(shop.call, "shop", "orders", week).points
    assert sum(point.value or 0 for point in points) == 0
    shop.apply(PLAN.replace("sum(what.total)", "avg(what.total)"))
    history = get_metric(shop.call, "shop", "revenue").history
    assert [(each.what, each.measure) for each in history] == [
        ("altered", "avg(what.total)"),
        ("added", "sum(what.total)"),
    ]
    hours = insight_wire.SeriesQuery(from_=1, to=10**12, step="hour")
    with pytest.raises(InputError):
        get_metric_series(shop.call, "shop", "revenue", hours)
    with pytest.raises(NotFoundError, match="revenu"):
        get_metric(shop.call, "shop", "revenu")


def test_a_saved_query_is_checked_versioned_and_run(shop: Shop) -> None:
    """Against the views of its app; a stale change is refused."""
    pay(shop, 3)
    change = registry_wire.SavedQueryChange
    with pytest.raises(QueryError, match="ordr_pay"):
        save_query(shop.call, change(name="q", sql="SELECT * FROM ordr_pay", app="shop"))
    with pytest.raises(QueryError, match="what_totl"):
        save_query(shop.call, change(name="q", sql="SELECT what_totl FROM order_pay", app="shop"))
    sql = "SELECT sum(what_total) AS paid FROM order_pay"
    saved = save_query(shop.call, change(name="paid", sql=sql, app="shop"))
    assert saved.reads.properties == {"order_pay": ["what.total"]}
    assert run_saved_query(shop.call, saved.id).rows == [[6.0]]
    body = change(name="paid", sql="SELECT count(*) FROM order_pay", app="shop", description="n")
    with pytest.raises(StaleError):
        change_saved_query(Call(shop.platform, shop.call.actor, '"7"'), saved.id, body)
    change_saved_query(Call(shop.platform, shop.call.actor, '"1"'), saved.id, body)
    (item,) = list_saved_queries(
        shop.call, registry_wire.SavedQueryFilter(app="shop", event="order_pay")
    ).items
    assert (item.version, item.description) == (2, "n")
    versions = list_saved_query_versions(shop.call, saved.id).items
    assert [each.version for each in versions] == [2, 1]
    delete_saved_query(shop.call, saved.id)
    assert not list_saved_queries(shop.call, registry_wire.SavedQueryFilter()).items


def test_a_client_is_registered_by_its_lock_file(shop: Shop) -> None:
    """The same release again takes the place of the one before; its event is then implemented."""
    lock = registry_wire.ClientLock(
        format=1, app="shop", name="kiosk", platform="web", language="python", release="3.0",
        revision=1, events={"order_pay": ["what.total"]},
    )  # fmt: skip
    register_client(shop.call, lock)
    again = register_client(shop.call, lock)
    (item,) = list_clients(shop.call, registry_wire.ClientQuery(event="order_pay")).items
    assert (item.id, item.events) == (again.id, 1)
    found = insight(shop)
    assert [c.name for c in found.consumers.clients] == ["kiosk"]
    states = {(c.platform, c.release): c.state for c in found.life_cycle}
    assert states["web", "3.0"] == "implemented"
    delete_client(shop.call, again.id)
    assert not list_clients(shop.call, registry_wire.ClientQuery()).items


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    """Return a picture's bytes."""
    target = io.BytesIO()
    Image.new("RGB", size, (200, 10, 10)).save(target, kind, **options)
    return target.getvalue()


def test_a_screenshot_is_encoded_anew_without_its_metadata(shop: Shop) -> None:
    """One picture is stored once; it is served as what it is."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "ann")
    data = picture(pnginfo=info) + b"<script>alert(1)</script>"
    upload = insight_wire.ScreenshotUpload(content=base64.b64encode(data).decode(), label="Cart")
    made = add_screenshot(shop.call, "shop", upload)
    assert add_screenshot(shop.call, "shop", upload).name == made.name
    assert (made.width, made.height, made.media_type) == (8, 6, "image/png")
    served = get_screenshot(shop.call, "shop", made.name)
    assert b"ann" not in served.content
    assert b"script" not in served.content
    assert len(list_screenshots(shop.call, "shop", wire.Paging()).items) == 1
    shop.apply(
        PLAN.replace(
            "grade: P0", f"grade: P0\n    screenshots: ['{made.name}', 'https://example.org/a.png']"
        )
    )
    found = insight(shop).screenshots
    assert [each.name for each in found] == [made.name, "https://example.org/a.png"]
    with pytest.raises(NotFoundError):
        get_screenshot(shop.call, "shop", "sha256:" + "0" * 64)
    with pytest.raises(PictureError):
        add_screenshot(shop.call, "shop", insight_wire.ScreenshotUpload(content="no base64"))


def _bomb() -> bytes:
    """Return a small PNG that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PictureError),
        (b"%PDF-1.4", PictureError),
        (picture("BMP"), PictureError),
        (picture("TIFF"), PictureError),
        (picture("PNG", (200, 200))[:100], PictureError),
        (_bomb(), TooLargeError),
        (b"\x89PNG" + b"\0" * (10 * 1024 * 1024), TooLargeError),
    ],
    ids=["svg", "pdf", "bmp", "tiff", "cut off", "bomb", "11 MB"],
)
def test_what_is_no_picture_of_a_known_kind_is_refused(data: bytes, error: type[Exception]) -> None:
    """By content, size and pixels, before anything of it is kept."""
    assert MAX_PIXELS < 60_000**2
    with pytest.raises(error):
        clean(data)


@pytest.mark.parametrize(("kind", "media"), [("JPEG", "jpeg"), ("WEBP", "png"), ("GIF", "png")])
def test_pictures_of_known_kinds_are_taken(kind: str, media: str) -> None:
    """JPEG stays JPEG, others become PNG."""
    found = clean(picture(kind))
    assert found.media_type == f"image/{media}"
    with Image.open(io.BytesIO(found.content)) as image:
        assert image.size == (8, 6)


EXPIRING = PLAN.replace("grade: P0", "grade: P0\n    expires: {on: %s, renew_days: 30}")


def test_an_event_in_use_is_renewed_before_its_last_day_and_another_is_not(shop: Shop) -> None:
    """As a revision by the system, with the file's comments kept; once, not every day."""
    shop.apply("# kept\n" + EXPIRING % "2026-12-20")
    assert renewing.renew_used(shop.platform) == {}
    shop.traffic.now += 20 * DAY_MS
    assert renewing.renew_used(shop.platform) == {}
    pay(shop, 1)
    assert renewing.renew_used(shop.platform) == {"shop": {"order_pay": "2027-01-12"}}
    assert get_event(shop.call, "shop", "order_pay").spec.expires == "2027-01-12"
    newest = list_revisions(shop.call, "shop", wire.Paging()).items[0]
    assert (newest.author, newest.message) == ("system", "renewed by use: order_pay")
    assert renewing.renew_used(shop.platform) == {}


def test_search_is_told_how_events_are_used_and_trusted(shop: Shop) -> None:
    """Only where something changed."""
    pay(shop, 6)
    assert use_of_parts.tell(shop.platform, "shop", 2) == 4
    assert use_of_parts.tell(shop.platform, "shop", 2) == 0
    with shop.platform.database.read() as connection:
        rows = {row.name: row for row in connection.execute(search_documents.select())}
    assert (rows["order_pay"].seen, rows["order_pay"].trust) == (6, insight(shop).trust.level)
    assert rows["order_pay"].state == "online"
    assert rows["revenue"].seen == 6
