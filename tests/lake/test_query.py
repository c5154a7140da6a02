"""Queries: typed views say what was planned, and nothing but one's own apps' views can be read."""

import os

import msgspec
import pytest

from trackplane.lake.query import QueryError, QueryRunner
from trackplane.lake.settings import QuerySettings
from trackplane.plan.model import Applies, EventSpec, Property, Variant


def one(kind, **more):
    return Property(type=(kind,), **more)


PAY = EventSpec(
    app="shop",
    event="pay",
    properties={
        "what": {
            "total": one("object", properties={"value": one("number"), "currency": one("string")}),
            "total_value": one("integer"),
            "count": one("integer"),
            "paid": one("boolean"),
            "when": one("timestamp"),
            "tags": one("array", items=one("string")),
            "items": one("array", items=one("object", properties={"sku": one("string")})),
            "a/b~c'd": one("string"),
            "mixed": Property(type=("string", "integer")),
        },
        "where": {"page": one("string"), "store": one("string")},
        "how": {"beta": one("boolean")},
    },
    variants=(Variant(applies=Applies(), patch={"what": {"extra": {"type": "string"}}}),),
)


@pytest.fixture
def runner(manifest):
    return QueryRunner(manifest, QuerySettings(memory_mb=256))


@pytest.fixture
def stored(store, messages):
    """A lake with events and dirty events of the apps shop and bank."""
    store.assign([("events.p2", 0), ("dirty", 0)])
    what = {
        "total": {"value": 129.5, "currency": "SGD"},
        "total_value": 3,
        "count": 2,
        "paid": True,
        "when": "2026-01-02T03:04:05+08:00",
        "tags": ["a", "b"],
        "items": [{"sku": "x"}],
        "a/b~c'd": "odd",
        "mixed": 7,
        "extra": "v",
    }
    wrong = {"total": {"value": "x"}, "count": 1.6, "paid": 1, "when": 1_700_000_000_000, "tags": 3}
    header = {"where": {"page": "/p", "store": "s1"}, "how": {"beta": False, "seq": 4}}
    store.add(
        "events.p2",
        0,
        0,
        messages.frame(("1", "pay", what), ("2", "pay", wrong), ("3", "view"), header=header),
    )
    store.add("events.p2", 0, 1, messages.frame(("9", "secret", {"pin": 1234}), app="bank"))
    store.add("dirty", 0, 0, messages.dirty("8", ""))
    store.add("dirty", 0, 1, messages.dirty("7", app="bank"))
    store.flush()
    return store


def ask(runner, sql, apps=("shop",), specs=None, **more):
    specs = {("shop", "pay"): PAY} if specs is None else specs
    return runner.query(sql, apps=apps, specs=specs, **more)


def test_events_are_seen_by_app(stored, runner):
    result = ask(
        runner, "SELECT id, event, when_server, when_client, how_seq FROM events ORDER BY id"
    )
    assert [c.name for c in result.columns] == [
        "id",
        "event",
        "when_server",
        "when_client",
        "how_seq",
    ]
    assert [c.type for c in result.columns][2:] == ["TIMESTAMP", "TIMESTAMP", "BIGINT"]
    assert result.rows[0] == ["1", "pay", "2026-11-22T19:43:34.990Z", "1970-01-01T00:00:00.005Z", 4]
    assert [row[0] for row in result.rows] == ["1", "2", "3"]
    assert (result.snapshot, result.truncated) == (1, False)
    assert ask(runner, "SELECT id FROM events", apps=("bank",)).rows == [["9"]]
    assert ask(runner, "SELECT count(*) FROM events", apps=("shop", "bank")).rows == [[4]]
    assert ask(runner, "SELECT count(*) FROM events", apps=()).rows == [[0]]
    assert ask(runner, "SELECT id, data FROM dirty ORDER BY id").rows == [
        ["", '{"what":{"n":"x"}}'],
        ["8", '{"what":{"n":"x"}}'],
    ]
    msgspec.json.encode(result)


def test_a_planned_event_has_a_typed_view(stored, runner):
    columns = {
        "what_total_value": ("DOUBLE", 129.5, None),
        "what_total_currency": ("VARCHAR", "SGD", None),
        "what_total_value_2": ("BIGINT", 3, None),
        "what_count": ("BIGINT", 2, None),
        "what_paid": ("BOOLEAN", True, None),
        "what_when": ("TIMESTAMP", "2026-01-01T19:04:05.000Z", "2023-11-14T22:13:20.000Z"),
        "what_tags": ("VARCHAR[]", ["a", "b"], None),
        "what_items": ("JSON", '[{"sku":"x"}]', None),
        "what_a/b~c'd": ("VARCHAR", "odd", None),
        "what_mixed": ("JSON", "7", None),
        "what_extra": ("JSON", '"v"', None),
        "where_page": ("VARCHAR", "/p", "/p"),
        "where_store": ("VARCHAR", "s1", "s1"),
        "how_beta": ("BOOLEAN", False, False),
    }
    names = ", ".join('"' + name + '"' for name in columns)
    result = ask(runner, f"SELECT {names} FROM pay ORDER BY id")
    assert [(c.name, c.type) for c in result.columns] == [(n, v[0]) for n, v in columns.items()]
    assert result.rows == [[v[1] for v in columns.values()], [v[2] for v in columns.values()]]
    qualified = ask(runner, "SELECT count(*) FROM shop.pay", apps=("shop", "bank"))
    assert qualified.rows == [[2]]


def test_an_empty_lake_answers_too(manifest, runner):
    assert ask(runner, "SELECT * FROM events").rows == []
    assert ask(runner, "SELECT what_total_value, when_at FROM pay").rows == []
    assert ask(runner, "SELECT * FROM dirty").rows == []


def test_ordinary_sql_is_not_in_the_way(stored, runner):
    sql = """
    WITH steps AS (SELECT id, event, when_at, row_number() OVER (PARTITION BY event ORDER BY when_at) AS n
                   FROM events), RECURSIVE_free AS (SELECT 1 AS one)
    SELECT s.event, count(DISTINCT s.id) FILTER (WHERE n > 0) AS c, list(s.id ORDER BY s.id) AS ids
    FROM steps AS s LEFT JOIN pay p USING (id), RECURSIVE_free, (VALUES (1), (2)) AS v(x), range(1) r
    WHERE s.event IN (SELECT event FROM shop.pay UNION ALL SELECT 'view') AND x = 1
    GROUP BY s.event HAVING c > 0 QUALIFY rank() OVER (ORDER BY c DESC) < 5 ORDER BY c DESC LIMIT 10
    """
    assert ask(runner, sql).rows == [["pay", 2, ["1", "2"]], ["view", 1, ["3"]]]
    nested = "SELECT u.t FROM pay, unnest(what_tags) AS u(t) ORDER BY 1"
    assert ask(runner, nested).rows == [["a"], ["b"]]
    assert ask(runner, "FROM events SELECT what->>'$.count' ORDER BY id LIMIT 1").rows == [["2"]]
    recursive = (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n<3) SELECT * FROM t"
    )
    assert ask(runner, recursive).rows == [[1], [2], [3]]
    pivot = "SELECT * FROM (SELECT env, event FROM events) PIVOT (count(*) FOR event IN ('pay', 'view'))"
    assert ask(runner, pivot).rows == [["prod", 2, 1]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_parquet('{file}')",
        "SELECT * FROM parquet_scan('{file}')",
        "SELECT * FROM '{file}'",
        'SELECT * FROM "{file}"',
        'SELECT (WITH "{file}" AS (SELECT 1) SELECT 1), * FROM "{file}"',
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM sqlite_scan('{folder}/manifest.db', 'files')",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "SELECT * FROM query_table('{file}')",
        "COPY (SELECT 1) TO '{folder}/stolen.parquet'",
        "COPY events TO '{folder}/stolen.csv'",
        "ATTACH '{folder}/manifest.db' AS m (TYPE sqlite)",
        "PRAGMA database_list",
        "PRAGMA table_info('events')",
        "SET enable_external_access = true",
        "RESET allowed_paths",
        "INSTALL httpfs",
        "LOAD httpfs",
        "EXPORT DATABASE '{folder}/x'",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "CALL duckdb_settings()",
        "EXPLAIN ANALYZE SELECT * FROM events",
        "SHOW TABLES",
        "DESCRIBE events",
        "SUMMARIZE events",
        "SELECT getenv('HOME')",
        "SELECT current_setting('allowed_paths')",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM pragma_database_list()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT * FROM pg_views",
        "SELECT * FROM bank.secret",
        "SELECT * FROM secret",
        "SELECT * FROM bank.events",
        "SELECT * FROM memory.main.events",
        "SELECT * FROM system.main.duckdb_views",
        "SELECT 1; SELECT * FROM read_text('/etc/passwd')",
        "SELECT 1; DROP VIEW events",
        "SELECT/**/*/**/FROM/**/read_text/**/('/etc/passwd')",
        "SELECT 1 -- \n FROM '{file}'",
        "SELECT * FROM (SELECT * FROM (FROM read_text('/etc/passwd')))",
        "SELECT (SELECT content FROM read_text('/etc/passwd')) FROM events",
        "SELECT * FROM events WHERE id IN (FROM read_text('/etc/passwd') SELECT content)",
        "SELECT * FROM events JOIN read_text('/etc/passwd') ON true",
        "WITH a AS (DELETE FROM events RETURNING *) SELECT * FROM a",
        "WITH a AS (FROM '{file}') SELECT * FROM a",
        "SELECT * FROM events AT (VERSION => 1)",
        "SELECT $1",
        "SELECT 1 FROM events ORDER BY (SELECT max(content) FROM read_text('/etc/passwd'))",
        "PREPARE p AS SELECT 1",
        "",
    ],
)
def test_nothing_but_views_can_be_reached(stored, runner, manifest, sql):
    file = (manifest.folder / manifest.files("events")[0].path).resolve()
    before = sorted(manifest.folder.rglob("*"))
    with pytest.raises(QueryError):
        ask(runner, sql.replace("{file}", str(file)).replace("{folder}", str(manifest.folder)))
    assert sorted(manifest.folder.rglob("*")) == before


def test_the_process_is_closed_even_where_the_guard_would_fail(stored, manifest, monkeypatch):
    """The second wall: external access is off when the query runs."""
    from trackplane.lake import duckdb as engine

    file = (manifest.folder / manifest.files("events")[0].path).resolve()
    with engine._connect(256, 1, None) as connection:
        request = engine.Request(
            sql="", memory_mb=256, cpu_s=9, threads=1, max_rows=9, max_bytes=9999
        )
        given = engine.Given(views=[], files=[str(file)])
        for sql in (
            "SELECT * FROM read_text('/etc/passwd')",
            "ATTACH '/tmp/x.db'",
            "SET threads = 4",
            "SELECT 1; COPY (SELECT 1) TO '/tmp/stolen.csv'",
        ):
            with pytest.raises(engine.duckdb.Error):
                engine._answer(connection, msgspec.structs.replace(request, sql=sql), given)
            with engine._connect(256, 1, None) as again:
                connection = again  # noqa: PLW2901
                with pytest.raises(engine.duckdb.Error):
                    engine._answer(again, msgspec.structs.replace(request, sql=sql), given)


def test_errors_say_where_and_what_was_meant(stored, runner):
    with pytest.raises(QueryError) as wrong:
        ask(runner, "SELECT 1\nFROM evnts")
    (finding,) = wrong.value.findings
    assert (finding.line, finding.column, finding.hint) == (2, 6, "did you mean 'events'?")
    with pytest.raises(QueryError) as wrong:
        ask(runner, "SELECT what_cuont\n  FROM pay")
    (finding,) = wrong.value.findings
    assert (finding.line, finding.column) == (1, 8)
    assert "what_count" in (finding.hint or "")
    with pytest.raises(QueryError) as wrong:
        ask(runner, "SELECT 1 +\n FRUM x")
    assert wrong.value.findings[0].line is not None
    with pytest.raises(QueryError) as wrong:
        ask(runner, "SELECT getenv('A'),\n getenv('B') FROM read_text('x')")
    assert [(f.line, f.column) for f in wrong.value.findings] == [(1, 8), (2, 2), (2, 19)]


def test_limits_cut_or_stop_a_query(stored, runner):
    result = ask(runner, "SELECT * FROM range(100)", limit=7)
    assert (len(result.rows), result.truncated) == (7, True)
    assert not ask(runner, "SELECT * FROM range(7)", limit=7).truncated
    with pytest.raises(QueryError, match="stopped"):
        ask(
            runner,
            "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
            timeout_ms=700,
        )
    with pytest.raises(QueryError):
        ask(
            runner,
            "SELECT list(x) FROM (SELECT repeat('x', 1000) || range AS x FROM range(3000000))",
        )


def test_a_query_sees_the_snapshot_it_pins(stored, runner, messages):
    stored.add("events.p2", 0, 2, messages.frame(("4", "view")))
    stored.flush()
    assert ask(runner, "SELECT count(*) FROM events").rows == [[4]]
    assert ask(runner, "SELECT count(*) FROM events", snapshot=1).rows == [[3]]


def test_datasets_are_views_filtered_by_app(manifest, runner):
    from trackplane.rules.ir import Dataset

    purchases = Dataset(
        name="shop.purchases", kind="table", columns={"id": "string", "cents": "int64"}
    )
    sql = "SELECT id, cents, rule, app FROM shop.purchases"
    assert ask(runner, sql, datasets=[purchases]).rows == []
    with pytest.raises(QueryError, match="no view"):
        ask(runner, sql)


def test_values_of_every_type_become_json(runner, manifest):
    sql = (
        "SELECT 1208925819614629174706176::HUGEINT, 'nan'::DOUBLE, 1.5::DECIMAL(4,2), DATE '2026-01-02', TIME '01:02:03',"
        " INTERVAL 1 DAY, {'a': [1, NULL]}, MAP {'k': 1}, 'a'::BLOB, TIMESTAMPTZ '2026-01-01 00:00:00+08'"
    )
    result = ask(runner, sql)
    assert result.rows == [
        [
            str(1 << 80),
            "nan",
            1.5,
            "2026-01-02",
            "01:02:03",
            "1 day, 0:00:00",
            {"a": [1, None]},
            {"k": 1},
            "61",
            "2025-12-31T16:00:00.000Z",
        ]
    ]


def test_the_process_inherits_no_environment(runner, manifest, monkeypatch):
    monkeypatch.setitem(os.environ, "TRACKPLANE_SECRET", "x")
    assert ask(runner, "SELECT 1").rows == [[1]]
