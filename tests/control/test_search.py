"""Search over what is planned: what is found, in what order, for whom, and how it follows changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trackplane.control import search, tables
from trackplane.control.database import Database
from trackplane.control.search import SearchReader, Use, Wanted, index_plan, postings, set_use
from trackplane.control.search import index as writing
from trackplane.control.search.index import build, clear
from trackplane.control.search.operations import hits
from trackplane.control.search.postings import postings_of, read_whole
from trackplane.control.search.rebuilding import rebuild
from trackplane.control.search.tables import search_documents, search_state, search_words
from trackplane.control.settings import MetadataSettings
from trackplane.discovery.compile import compile_plan
from trackplane.plan.model import Plan

BOTH_DATABASES = True

PLAN = """
format: 1
app: shop
groups:
  money:
    what:
      currency: {type: string, title: {en: Currency, zh: 币种}, enum: [CNY, USD], enum_labels: {CNY: 人民币}}
events:
  pay_click:
    title: {en: Pay button clicked, zh: 支付按钮点击}
    description: The user pressed the pay button on the checkout page
    trigger: before the cashier opens
    owner: team:pay
    tags: [checkout]
    grade: P0
    platforms: [ios, android]
    groups: [money]
    what:
      amount: {type: number, title: {en: Amount, zh: 金额}}
  order_refunded:
    title: {en: Order refunded, zh: 订单退款成功}
    owner: person:ann
    grade: P1
    platforms: [web]
    groups: [money]
    what:
      amount: {type: number, title: {en: Amount, zh: 金额}}
      reason: {type: string, enum: [damaged_parcel, changed_mind]}
  payment_page_view: {title: Payment page viewed, owner: "team:growth", tags: [checkout, pages]}
  videoPlayStart: {title: Video started}
  party_popper: {title: "🎉"}
  old_pay_click: {title: Pay button clicked, deprecated: {replaced_by: pay_click}}
metrics:
  gross_revenue: {of: pay_click, measure: sum(what.amount), unit: CNY, title: {en: Gross revenue, zh: 总收入}, owner: "team:pay"}
"""


def plan_of(text: str = PLAN, app: str = "shop") -> Plan:
    return compile_plan(app, {"plan.yaml": text.replace("app: shop", f"app: {app}")}).plan


class Index:
    """An index over a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reader = SearchReader()
        self.plans: dict[str, Plan] = {}
        database.migrate()
        with database.write() as connection:
            clear(connection)

    def put(self, plan: Plan) -> None:
        """Follow a plan as publishing does."""
        held = self.plans.get(plan.app)
        before = held.events if held else {}
        changed = [e for e, spec in plan.events.items() if before.get(e) != spec]
        removed = [e for e in before if e not in plan.events]
        with self.database.write() as connection:
            index_plan(
                connection,
                plan,
                before={e: before[e] for e in (*changed, *removed) if e in before},
                changed=changed,
                removed=removed,
            )
        self.plans[plan.app] = plan

    def ask(self, text: str, **wanted: Any) -> list[Any]:
        """Return the hits."""
        with self.database.read() as connection:
            ranked, matches = self.reader.search(connection, Wanted(text=text, **wanted))
            return hits(connection, ranked.ids, words=matches.words, language="en")

    def names(self, text: str, **wanted: Any) -> list[str]:
        return [hit.name for hit in self.ask(text, **wanted)]

    def events(self, text: str) -> list[str]:
        return self.names(text, filters={"kind": ["event"]})

    def content(self) -> Any:
        """Return all that is stored, in terms that do not depend on when it was."""
        with self.database.read() as connection:
            table = search_documents.c
            words = {
                row.id: (row.field, row.word, row.documents)
                for row in connection.execute(sa.select(search_words))
            }
            documents = {
                (row.app, row.kind, row.name, row.variant): (row.hash, row.events, row.seen)
                for row in connection.execute(sa.select(*table))
            }
            ids = {
                row.id: (row.app, row.kind, row.name, row.variant)
                for row in connection.execute(
                    sa.select(table.id, table.app, table.kind, table.name, table.variant)
                )
            }
            found = search.postings_of(connection).find(connection, list(words))
            postings = {
                (field, word): {ids[int(id)] for id in each}
                for (field, word, _), each in zip(words.values(), found, strict=True)
                if len(each)
            }
            counts = {(field, word): count for field, word, count in words.values() if count}
        return documents, postings, counts


@pytest.fixture
def database(tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]) -> Iterator[Database]:
    """Return a migrated database of the kind that the test runs on."""
    database = Database(metadata_of(tmp_path).url or tmp_path / "control.db")
    yield database
    database.close()


@pytest.fixture
def index(database: Database) -> Index:
    """Return an index of one plan."""
    index = Index(database)
    index.put(plan_of())
    return index


MEANT = [
    ("pay_click", "pay_click"),
    ("PayClick", "pay_click"),
    ("pay click", "pay_click"),
    ("clicked pay", "pay_click"),
    ("Ｐａｙ Click", "pay_click"),  # full width
    ("支付按钮", "pay_click"),
    ("按钮支付", "pay_click"),
    ("zhifuanniu", "pay_click"),
    ("zhifu anniu", "pay_click"),
    ("zfandj", "pay_click"),
    ("退款", "order_refunded"),
    ("tuikuan", "order_refunded"),
    ("ddtkcg", "order_refunded"),
    ("vidoe", "videoPlayStart"),
    ("vide", "videoPlayStart"),
    ("refnded", "order_refunded"),
    ("视频", "videoPlayStart"),  # by the glossary: its texts are English only
    ("damaged_parcel", "order_refunded"),
    ("changed mind", "order_refunded"),
    ("cashier", "pay_click"),
    ("team:growth", "payment_page_view"),
    ("ann", "order_refunded"),
    ("pages", "payment_page_view"),
    ("🎉", "party_popper"),
    ("paymentpageview", "payment_page_view"),
    ("gross revenue", "gross_revenue"),
    ("总收入", "gross_revenue"),
    ("what.currency", "what.currency"),
    ("币种", "what.currency"),
    ("money", "money"),
]  # fmt: skip
ODD = [
    '"', "'", '""" OR 1=1; --', "'; DROP TABLE apps; --", "pay AND", "NOT", "pay*", "* *", "NEAR(a b)",
    "name:pay", "{}", "(((", "\\", "%", "_", "the of and", "的 了", "🎉🎉🎉", "a" * 10_000, "支" * 10_000,
    "pay " * 4_000, "\x00", "pay\x00click", "\u202epay", "１２３", "x", "  ", "\n\t", "~", "=", "~zf", "=pay",
    "-1", "1e400", "null", "ÿ", "مرحبا", "е́", "-- /* */", "$1", ":p", "%s", "%(x)s",
]  # fmt: skip


def test_what_is_typed_finds_what_is_meant(index: Index) -> None:
    found = [(text, index.names(text)[:1]) for text, _ in MEANT]
    assert found == [(text, [first]) for text, first in MEANT]


def test_no_query_fails(index: Index) -> None:
    for text in ODD:
        for sort in ("rank", "name"):
            assert isinstance(index.ask(text, sort=sort), list), text


def test_no_text_is_everything_and_signs_alone_are_searched(index: Index) -> None:
    everything = index.names("", limit=100)
    assert {"pay_click", "gross_revenue", "money", "what.amount"} <= set(everything)
    assert index.names("  ", limit=100) == everything
    assert index.names("%%%") == []


def test_names_rank_above_titles_and_those_above_descriptions(index: Index) -> None:
    index.put(
        plan_of(
            "format: 1\napp: shop\nevents:\n"
            "  other: {description: about the zebra}\n"
            "  titled: {title: A zebra}\n"
            "  zebra: {}\n"
            "  tagged: {tags: [zebra]}\n"
        )
    )
    assert index.events("zebra") == ["zebra", "titled", "tagged", "other"]


def test_use_and_trust_rank_and_what_is_deprecated_comes_last(index: Index) -> None:
    assert index.events("pay button clicked")[:2] == ["pay_click", "old_pay_click"]
    text = "format: 1\napp: shop\nevents:\n  cart_page_view: {}\n  view_cart_page: {}\n"
    index.put(plan_of(text))
    for loved, other in (
        ("cart_page_view", "view_cart_page"),
        ("view_cart_page", "cart_page_view"),
    ):
        with index.database.write() as connection:
            uses = {
                ("shop", "event", loved): Use(seen=1_000_000, trust="high", daily=(1, 2)),
                ("shop", "event", other): Use(seen=10, trust="low"),
            }
            assert set_use(connection, uses) == 2
            assert set_use(connection, uses) == 0  # nothing differs
        assert index.events("page cart") == [loved, other]
    hit = index.ask("view_cart_page")[0]
    assert (hit.seen, hit.trust, hit.daily) == (1_000_000, "high", [1, 2])


def test_filters_are_alternatives_within_and_conditions_between(index: Index) -> None:
    def found(**filters: list[str]) -> set[str]:
        return set(index.names("", filters=filters, limit=100))

    assert found(owner=["team:pay", "person:ann"]) == {
        "pay_click",
        "order_refunded",
        "gross_revenue",
    }
    assert found(owner=["team:pay"], kind=["event"]) == {"pay_click"}
    assert found(tag=["checkout"]) == {"pay_click", "payment_page_view"}
    assert found(platform=["web"]) == {"order_refunded"}
    assert found(grade=["P0", "P1"], kind=["event"]) == {"pay_click", "order_refunded"}
    assert found(owner=["nobody"]) == set()


def test_facets_count_without_their_own_filter(index: Index) -> None:
    with index.database.read() as connection:
        wanted = Wanted(filters={"kind": ["event"], "tag": ["checkout"]})
        ranked, _ = index.reader.search(connection, wanted)
    assert ranked.total == 2
    assert dict(ranked.facets["kind"]) == {"event": 2}
    assert dict(ranked.facets["tag"]) == {"checkout": 2, "pages": 1}
    assert dict(ranked.facets["owner"]) == {"team:pay": 1, "team:growth": 1}
    assert dict(ranked.facets["platform"]) == {"ios": 1, "android": 1}


def test_pages_hold_everything_once_in_every_order(index: Index) -> None:
    for number in range(40):
        index.put(plan_of(f"format: 1\napp: a{number}\nevents:\n  page_view: {{}}\n", f"a{number}"))
    for sort in ("rank", "name", "last_seen", "volume"):
        for text in ("", "page view"):
            seen: list[int] = []
            cursor = ""
            while True:
                with index.database.read() as connection:
                    wanted = Wanted(text=text, sort=sort, cursor=cursor, limit=7)
                    ranked, _ = index.reader.search(connection, wanted)
                seen += ranked.ids
                if ranked.next is None:
                    break
                cursor = ranked.next
            assert len(seen) == len(set(seen)) == ranked.total
    assert index.names("", sort="name") == sorted(index.names("", sort="name"))


def test_highlights_say_what_matched_where(index: Index) -> None:
    def marked(text: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in index.ask(text)[0].highlights:
            units = each.text.encode("utf-16-le")
            found[each.field] = [units[2 * a : 2 * b].decode("utf-16-le") for a, b in each.ranges]
        return found

    assert marked("支付 clicked")["title"] == ["支付"] or "title" in marked("支付 clicked")
    assert marked("pay_click")["name"] == ["pay", "click"]
    assert marked("play")["name"] == ["Play"]  # where camel case begins a word
    assert marked("damaged_parcel")["values"] == ["damaged", "parcel"]
    assert marked("🎉")["title"] == ["🎉"]


def test_an_app_that_is_not_ones_own_is_not_there(index: Index) -> None:
    index.put(plan_of(app="other"))
    assert {hit.app for hit in index.ask("pay click")} == {"shop", "other"}
    mine = index.ask("pay click", apps=["other"], limit=100)
    assert {hit.app for hit in mine} == {"other"}
    assert index.ask("pay click", apps=[]) == []
    with index.database.read() as connection:
        ranked, _ = index.reader.search(connection, Wanted(apps=["other"]))
    assert [app for app, _ in ranked.facets["app"]] == ["other"]


def test_the_index_follows_changes_as_if_it_were_made_anew(index: Index) -> None:
    """Events that change, go and come, properties redefined, metrics and groups that go."""
    second = (
        PLAN.replace("Pay button clicked, zh", "Pay pressed, zh")
        .replace("damaged_parcel", "lost_parcel")
        .replace("  videoPlayStart: {title: Video started}\n", "")
        .replace("title: {en: Amount, zh: 金额}}\n      reason", "title: Sum}\n      reason")
        .replace("gross_revenue", "net_revenue")
    )
    third = "format: 1\napp: shop\nevents:\n  pay_click: {title: Pay}\n"
    for text in (second, third, PLAN, second):
        index.put(plan_of(text))
        followed = index.content()
        names = index.names("", limit=100)
        with index.database.write() as connection:
            build(connection, [plan_of(text)])
        assert index.content() == followed
        assert sorted(index.names("", limit=100)) == sorted(names)
    assert index.names("lost_parcel")[0] == "order_refunded"
    assert index.events("videoPlayStart") == []


@pytest.mark.parametrize("remembered", [writing._WORDS, 3])
def test_a_build_of_many_plans_is_as_if_each_was_published(
    index: Index, remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few words it remembers; and it counts in no row twice, which has a price.

    PostgreSQL reads all versions that a transaction made of a row to find the last one.
    """
    monkeypatch.setattr(writing, "_WORDS", remembered)
    plans = [plan_of(app=app) for app in ("other", "shop", "third")]
    for plan in plans:
        index.put(plan)
    followed = index.content()
    counted: list[int] = []

    def watch(_connection: Any, clause: Any, many: Any, *_: Any) -> None:
        if isinstance(clause, sa.Update) and clause.table is search_words:
            counted.extend(each["of"] for each in many)

    with index.database.write() as connection:
        sa.event.listen(connection, "before_execute", watch)
        build(connection, plans)
    assert index.content() == followed
    assert counted
    assert len(counted) == len(set(counted))


def test_readers_of_other_processes_follow(index: Index) -> None:
    """Each reader brings up to date what it holds: words, documents, what went, a new build."""
    other = SearchReader()
    mine, index.reader = index.reader, other
    assert index.names("pay_click")[0] == "pay_click"
    index.reader = mine
    index.put(plan_of(PLAN.replace("  videoPlayStart: {title: Video started}\n", "  quagga: {}\n")))
    index.reader = other
    assert index.names("quagga")[0] == "quagga"
    assert index.events("video") == []
    with index.database.write() as connection:
        clear(connection)
    assert index.names("quagga") == []


def test_what_is_held_of_all_words_is_what_the_database_says_through_changes(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warm reader asks the database for changed words only, and answers as a cold one does."""
    monkeypatch.setattr(postings, "_DOCUMENTS", 3)
    index.reader.warm(index.database)
    with index.database.read() as connection:
        words = [*connection.execute(sa.select(search_words.c.id)).scalars()]
        whole = read_whole(connection)
        assert whole is not None
        stored = postings_of(connection).find(connection, words)
        assert [whole[word].tolist() for word in words] == [sorted(ids) for ids in stored]
        held, _ = index.reader._current(connection, ordered=False)
        monkeypatch.setattr(postings, "postings_of", None)  # so that asking it would fail
        assert len(held.postings.find(connection, words, keep=True)) == len(words)
    monkeypatch.undo()
    index.put(plan_of(PLAN.replace("  videoPlayStart: {title: Video started}\n", "  quagga: {}\n")))
    for text in ("quagga", "video", "pay", "p", "order"):
        warm = index.names(text)
        mine, index.reader = index.reader, SearchReader()
        assert index.names(text) == warm
        index.reader = mine
    index.reader.warm(index.database)
    assert index.names("quagga")[0] == "quagga"


def test_where_all_words_are_too_many_each_is_read_when_it_is_asked_for(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_HELD", 10)
    index.reader.warm(index.database)
    with index.database.read() as connection:
        assert read_whole(connection) is None
    assert index.names("pay_click")[0] == "pay_click"


def test_forgetting_an_app_leaves_nothing_of_it(index: Index) -> None:
    index.put(plan_of(app="other"))
    with index.database.write() as connection:
        search.forget_app(connection, "other")
    assert {hit.app for hit in index.ask("", limit=100)} == {"shop"}
    followed = index.content()
    with index.database.write() as connection:
        build(connection, [plan_of()])
    assert index.content() == followed


def test_a_property_says_how_many_events_have_it_by_each_definition(index: Index) -> None:
    found = {(hit.title, hit.events) for hit in index.ask("what.amount") if hit.kind == "property"}
    assert found == {("Amount", 2)}
    index.put(
        plan_of(
            PLAN.replace(
                "title: {en: Amount, zh: 金额}}\n      reason", "title: Sum}\n      reason"
            )
        )
    )
    found = {(hit.title, hit.events) for hit in index.ask("what.amount") if hit.kind == "property"}
    assert found == {("Amount", 1), ("Sum", 1)}
    assert next(hit.events for hit in index.ask("money") if hit.kind == "group") == 2


# --- over HTTP, on a control plane that runs


@pytest.mark.integration
def test_a_plan_is_found_once_it_is_published_and_never_by_other_tokens(control: Any) -> None:
    for app in ("shop", "other"):
        control.client.post("/apps", json={"app": app, "validation": "warn"})
        files = {"plan.yaml": PLAN.replace("app: shop", f"app: {app}")}
        answer = control.client.put(
            f"/apps/{app}/plan", json={"files": files}, headers={"If-Match": "*"}
        )
        assert answer.status_code == 200, answer.text
    found = control.client.get("/search", params={"q": "支付按钮", "language": "zh"}).json()
    assert {(item["app"], item["name"]) for item in found["items"]} >= {
        ("shop", "pay_click"),
        ("other", "pay_click"),
    }
    assert found["items"][0]["title"] == "支付按钮点击"
    assert found["total"] == len(found["items"])
    theirs = control.new_token(name="ann", role="viewer", apps=["other"])
    found = theirs.get("/search", params={"q": "pay", "app": "shop,other"}).json()
    assert {item["app"] for item in found["items"]} == {"other"}
    assert [value["value"] for value in found["facets"]["app"]] == ["other"]
    assert theirs.post("/search/rebuild").status_code == 403
    before = control.client.get("/search", params={"limit": 1000}).json()
    made = control.client.post("/search/rebuild")
    assert made.json()["documents"] == before["total"]
    after = control.client.get("/search", params={"limit": 1000}).json()
    assert after["facets"] == before["facets"]
    assert {(i["app"], i["kind"], i["name"]) for i in after["items"]} == {
        (i["app"], i["kind"], i["name"]) for i in before["items"]
    }
    assert control.client.get("/search", params={"q": "x", "cursor": "no"}).status_code in (
        400,
        422,
    )


@pytest.mark.integration
def test_a_change_that_is_refused_leaves_the_index_as_it_was(control: Any) -> None:
    control.client.post("/apps", json={"app": "shop"})
    control.client.put(
        "/apps/shop/plan", json={"files": {"plan.yaml": PLAN}}, headers={"If-Match": "*"}
    )
    refused = control.client.put(
        "/apps/shop/plan",
        json={"files": {"plan.yaml": PLAN.replace("pay_click:", "quagga:")}},
        headers={"If-Match": '"99"'},
    )
    assert refused.status_code == 412
    assert control.client.get("/search", params={"q": "quagga"}).json()["total"] == 0


@pytest.mark.integration
def test_an_index_of_another_format_is_made_anew_on_starting(
    start: Any, tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]
) -> None:
    folder = tmp_path / "control"
    first = start(folder=folder)
    first.client.post("/apps", json={"app": "shop"})
    first.client.put(
        "/apps/shop/plan", json={"files": {"plan.yaml": PLAN}}, headers={"If-Match": "*"}
    )
    first.stop()
    database = Database(metadata_of(folder).url or folder / "control.db")
    with database.write() as connection:
        connection.execute(sa.update(search_state).values(format=0))
        connection.execute(sa.delete(search_documents))
    database.close()
    again = start(folder=folder, token=first.token)
    assert (
        again.client.get("/search", params={"q": "pay_click"}).json()["items"][0]["grade"] == "P0"
    )


def test_a_plan_that_can_no_longer_be_read_is_found_by_its_events(control: Any) -> None:
    control.client.post("/apps", json={"app": "shop"})
    control.client.put(
        "/apps/shop/plan", json={"files": {"plan.yaml": PLAN}}, headers={"If-Match": "*"}
    )
    database = control.plane.platform.database
    with database.write() as connection:
        from trackplane.control import objects

        source = objects.put_files(connection, {"plan.yaml": "format: 99\n"})
        connection.execute(sa.update(tables.revisions).values(source=source))
        assert rebuild(connection) > 0
    found = control.client.get("/search", params={"q": "pay_click"}).json()["items"]
    assert found[0]["name"] == "pay_click"
