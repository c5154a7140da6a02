"""What a query may read is never told too little."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.control.insight.consumers import event_reads, touches
from trackplane.control.insight.read_sets import read_set
from trackplane.control.registry_wire import ReadSet
from trackplane.plan.model import EventSpec, Property

TOTAL = Property(type=("object",), properties={"value": Property(type=("number",))})
PAY = EventSpec(
    app="shop",
    event="order_pay",
    properties={"what": {"total": TOTAL, "coupon": Property(type=("string",))}},
)


def find(app: str, event: str) -> EventSpec | None:
    """Give the one planned event."""
    return PAY if event == "order_pay" and app in ("", "shop") else None


def reads(sql: str) -> ReadSet:
    """Return a query's read set."""
    return read_set(sql, find=find, apps=("shop",), datasets=("sales",))


EXACT = [
    ("SELECT count(*) FROM order_pay", {"order_pay": []}),
    ("SELECT sum(what_total_value) FROM shop.order_pay AS o", {"order_pay": ["what.total.value"]}),
    ("SELECT o.what_coupon FROM order_pay o JOIN sales USING (id)", {"order_pay": ["what.coupon"]}),
    ("SELECT what->>'$.a.b' FROM events WHERE event = 'x'", {"x": ["what.a.b"]}),
    ("SELECT what->'a'->>'b' FROM events WHERE (event IN ('x', 'y'))", {"x": ["what.a.b"], "y": ["what.a.b"]}),
    ("SELECT json_extract(what, '$.a[0].b') FROM events", {"*": ["what.a"]}),
    ("SELECT e.who_user_id FROM events e WHERE e.event = 'x'", {"x": ["who.user_id"]}),
    ("WITH p AS (SELECT what_coupon AS c FROM order_pay) SELECT c FROM p", {"order_pay": ["what.coupon"]}),
    ("SELECT event, count(*) FROM events GROUP BY ALL", {"*": []}),
    ("SELECT * FROM sales", {}),
    ("SELECT 1", {}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "properties"), EXACT)
def test_what_can_be_told_is_told_exactly(sql: str, properties: dict[str, list[str]]) -> None:
    """Columns of views, paths inside JSON, events that WHERE lets through."""
    found = reads(sql)
    assert not found.all, found.why
    assert found.properties == properties


ALL_OF_IT = [
    ("SELECT * FROM order_pay", "order_pay"),
    ("SELECT o.* EXCLUDE (what) FROM order_pay o", "order_pay"),
    ("SELECT o FROM order_pay o", "order_pay"),
    ("SELECT COLUMNS('what_.*') FROM order_pay", "order_pay"),
    ("FROM order_pay", "order_pay"),
    ("SELECT what FROM events WHERE event = 'order_pay'", "order_pay"),
    ("SELECT json_keys(what) FROM events", "order_pay"),
    ("SELECT what.total FROM events", "order_pay"),
    ("SELECT what->>event FROM events", "order_pay"),
    ("SELECT * FROM (SELECT event, what FROM events) WHERE event = 'x'", "order_pay"),
    ("SELECT what FROM events WHERE event = 'x' OR true", "order_pay"),
    ("SELECT a.what FROM events a, events b WHERE event = 'x'", "order_pay"),
    ("SELECT data FROM dirty", "order_pay"),
    ("PIVOT events ON event USING count(*)", "order_pay"),
    ("SELECT * FROM events a NATURAL JOIN order_pay b", "order_pay"),
    ("SELEC nonsense", "order_pay"),
    ("SELECT 1; SELECT * FROM order_pay", "order_pay"),
    ("SELECT * FROM unknown_view", "order_pay"),
]


@pytest.mark.parametrize(("sql", "event"), ALL_OF_IT)
def test_what_cannot_be_told_counts_as_read(sql: str, event: str) -> None:
    """All of its properties, of every event where the name is not said."""
    assert event_reads(reads(sql), event) is None


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, str, set[str]]:
    """Make a query with the event and paths that it reads by construction."""
    typed = draw(st.booleans())
    columns = {"what_total_value": "what.total.value", "what_coupon": "what.coupon"}
    paths = {
        "what->>'$.a'": "what.a",
        "what->'b'->>'c'": "what.b.c",
        "how_platform": "how.platform",
    }
    known = columns if typed else paths
    chosen = draw(st.sets(st.sampled_from(sorted(known)), min_size=1))
    alias = draw(st.sampled_from(["", " AS e", " t"]))
    source = "order_pay" if typed else "events"
    where = (
        ""
        if typed
        else draw(st.sampled_from([" WHERE event = 'order_pay'", " WHERE env = 'prod'"]))
    )
    shown = ", ".join(f"{text} AS c{n}" for n, text in enumerate(sorted(chosen)))
    sql = f"SELECT {shown} FROM {source}{alias}{where}"
    for _ in range(draw(st.integers(0, 2))):
        form = draw(st.sampled_from(["SELECT c0 FROM ({})", "WITH w AS ({}) SELECT * FROM w",
                                     "({}) UNION ALL SELECT event FROM events LIMIT 3"]))  # fmt: skip
        sql = form.format(sql)
        if "UNION" in form:
            break
    return sql, "order_pay", {known[text] for text in chosen}


@settings(max_examples=150)
@given(queries())
def test_a_read_set_holds_what_a_query_reads(made: tuple[str, str, set[str]]) -> None:
    """Whatever it is wrapped in."""
    sql, event, paths = made
    found = event_reads(reads(sql), event)
    assert found is not False
    if isinstance(found, list):
        assert all(touches([path], found) for path in paths), (sql, found)
