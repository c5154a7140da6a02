"""The SQL front end: what it takes, what it refuses by name, and where its findings point."""

import pytest
from msgspec import structs

from trackplane.rules import python
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.ir import Dataset, UserFunction
from trackplane.rules.load import load_rule
from trackplane.rules.source import Excerpt, RuleError
from trackplane.rules.sql.parse import parse, parse_expression
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach
from trackplane.testing.rules import spec_of


def bare(node):
    """Return a tree without places, to compare those of two front ends."""
    match node:
        case Constant():
            return (type(node.value).__name__, node.value)
        case Access():
            return (node.root, *node.parts)
        case Apply():
            return (node.function, [bare(argument) for argument in node.args])
        case ForEach():
            return (node.function, bare(node.array), node.name, bare(node.body))
        case Broken():
            return "broken"


def sql(text, local=()):
    node, findings = parse_expression(Excerpt.of(text), local)
    assert findings == [], findings
    return bare(node)


def written(query):
    """Return a query's actions as (kind, value, values or names)."""
    return [
        (
            action.kind,
            action.value and action.value.text,
            {name: value.text for name, value in action.values.items()} or list(action.names),
        )
        for action in query.actions
    ]


SAME = [
    ("what.n = 1", "what.n == 1"),
    ("what.n <> 1", "what.n != 1"),
    ("NOT what.b AND what.c OR id = 'x'", "not what.b and what.c or id == 'x'"),
    ("what.b AND what.c AND what.d", "what.b and what.c and what.d"),
    ("(what.b AND what.c) AND what.d", "(what.b and what.c) and what.d"),
    ("event IN ('a', 'b')", "event in ('a', 'b')"),
    ("event NOT IN ('a', 'b')", "event not in ('a', 'b')"),
    ("what.n BETWEEN 1 AND 3 AND what.b", "(what.n >= 1 and what.n <= 3) and what.b"),
    ("what.n NOT BETWEEN -1 AND 3", "not (what.n >= -1 and what.n <= 3)"),
    ("what.s IS NULL", "what.s is None"),
    ("what.s IS NOT NULL", "what.s is not None"),
    ("what.b IS TRUE", "True if what.b else False"),
    ("what.b IS NOT TRUE", "False if what.b else True"),
    ("what.b IS NOT FALSE", "False if not what.b else True"),
    ("what.s LIKE 'a%'", "starts_with(what.s, 'a')"),
    ("what.s LIKE '%a'", "ends_with(what.s, 'a')"),
    ("what.s LIKE '%a%'", "contains(what.s, 'a')"),
    ("what.s LIKE 'a'", "what.s == 'a'"),
    ("what.s LIKE '%'", "starts_with(what.s, '')"),
    ("what.s NOT LIKE 'a.%_'", r"not matches(what.s, r'(?s)^a\..*.$')"),
    ("what.s LIKE '50!%' ESCAPE '!'", "what.s == '50%'"),
    ("what.s || 'a' || id", "concat(what.s, 'a', id)"),
    ("what.a + what.b * -2 - -what.c", "what.a + what.b * -2 - -what.c"),
    ("what.a / 2 % 3", "what.a / 2 % 3"),
    ("mod(what.a, 3)", "what.a % 3"),
    ("CAST(what.s AS BIGINT)", "int(what.s)"),
    ("TRY_CAST(what.s AS DOUBLE PRECISION)", "try_(float(what.s))"),
    ("what.s::bigint + 1", "int(what.s) + 1"),
    ("TRY(what.s::text)", "try_(string(what.s))"),
    ("TIMESTAMP '2026-01-01T00:00:00Z'", "timestamp('2026-01-01T00:00:00Z')"),
    ("COALESCE(what.s, 'x')", "coalesce(what.s, 'x')"),
    ("nullif(what.s, '')", "None if what.s == '' else what.s"),
    ("CASE WHEN what.b THEN 1 END", "1 if what.b else None"),
    (
        "CASE what.n WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END",
        "'a' if what.n == 1 else 'b' if what.n == 2 else 'c'",
    ),
    ("if(what.b, 1, 2)", "1 if what.b else 2"),
    ("substr(what.s, 1, 2)", "substr(what.s, 0, 2)"),
    ("substring(what.s, what.n, 2)", "substr(what.s, what.n - 1, 2)"),
    ("substr(what.s, what.n + 1, 2)", "substr(what.s, what.n, 2)"),
    ("split_part(what.s, '/', 2)", "split_part(what.s, '/', 1)"),
    ("any_match(what.items, x -> x.price > 3.0)", "any(x.price > 3.0 for x in what.items)"),
    ("all_match(what.items, x -> x.ok)", "all(x.ok for x in what.items)"),
    ("filter(what.items, x -> x.ok)", "[x for x in what.items if x.ok]"),
    ("transform(what.items, x -> x.sku)", "[x.sku for x in what.items]"),
    ("where.page = '/' AND when.at > when.client", "where.page == '/' and when.at > when.client"),
    ("\"where\".page = 'it''s'", 'where.page == "it\'s"'),
    ("what.\"a b\"[0]['k'].end", "what['a b'][0]['k']['end']"),
    ("what.größe = 1 -- a comment", "what.größe == 1"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("1e3", "1e3"),
    ("((what.a))", "what.a"),
]


@pytest.mark.parametrize(("text", "same"), SAME)
def test_sql_and_python_make_the_same_tree(text, same):
    """What an operator is called differs, not what it is."""
    node, findings = python.parse(Excerpt.of(same))
    assert findings == []
    assert sql(text) == bare(node)


def test_a_query_becomes_the_actions_of_a_rule():
    """Columns, the source and the filter keep their own text."""
    text = """
        SELECT id, who.user_id AS user, try_(cast(round(what.total.value * 100.0) AS BIGINT), 0) AS cents
        FROM events WHERE event IN ('order_pay', 'order_refund') AND what.total.value > 100.0"""
    query, findings = parse(Excerpt.of(text))
    assert findings == []
    assert query.source.text == "events"
    assert query.where.text == (
        "event IN ('order_pay', 'order_refund') AND what.total.value > 100.0"
    )
    cents = "try_(cast(round(what.total.value * 100.0) AS BIGINT), 0)"
    columns = {"id": "id", "user": "who.user_id", "cents": cents}
    assert written(query) == [("select", None, columns)]


def test_star_keeps_events_and_may_change_them():
    """EXCLUDE and EXCEPT remove, REPLACE sets, in this order of work: set, then remove."""
    text = "SELECT * EXCLUDE (what.email, how.seq) REPLACE (lower(what.s) AS what.s) FROM events"
    query, findings = parse(Excerpt.of(text))
    assert findings == []
    assert written(query) == [
        ("set", None, {"what.s": "lower(what.s)"}),
        ("unset", None, ["what.email", "how.seq"]),
        ("keep", None, []),
    ]
    query, _ = parse(Excerpt.of("SELECT * EXCEPT (what.email) FROM events;"))
    assert written(query) == [("unset", None, ["what.email"]), ("keep", None, [])]


@pytest.mark.parametrize(
    "source",
    [
        "events, UNNEST(what.items) AS item",
        "events e CROSS JOIN UNNEST(e.what.items) item",
        "events, UNNEST(events.what.items) AS t(item)",
    ],
)
def test_unnest_explodes_and_where_may_ask_the_item(source):
    """What WHERE says of the item leaves out that item alone."""
    text = (
        f"SELECT item.sku FROM {source}"
        " WHERE event = 'pay' AND (item.n > 1 OR item.b) AND what.n BETWEEN 1 AND 2 AND item.c"
    )
    query, findings = parse(Excerpt.of(text))
    assert findings == []
    assert query.where.text == "event = 'pay' AND (what.n BETWEEN 1 AND 2)"
    drop = "CASE WHEN ((item.n > 1 OR item.b)) AND item.c THEN FALSE ELSE TRUE END"
    assert written(query) == [
        ("explode", "what.items", []),
        ("drop", drop, []),
        ("select", None, {"sku": "item.sku"}),
    ]


REFUSED = [
    ("SELECT id FROM events JOIN other ON a = b", "JOIN", "joins"),
    ("SELECT id FROM events LEFT JOIN other ON a = b", "LEFT", "joins"),
    ("SELECT id FROM events, other", "other", "one dataset"),
    ("SELECT id FROM events CROSS JOIN other", "other", "joins"),
    ("SELECT id FROM events GROUP BY id", "GROUP BY", "GROUP BY"),
    ("SELECT id FROM events WHERE what.b HAVING what.c", "HAVING", "HAVING"),
    ("SELECT id FROM events ORDER BY id", "ORDER BY", "ORDER BY"),
    ("SELECT id FROM events LIMIT 10", "LIMIT", "LIMIT"),
    ("SELECT id FROM events UNION SELECT id FROM events", "UNION", "UNION"),
    ("SELECT DISTINCT id FROM events", "DISTINCT", "DISTINCT"),
    ("WITH x AS (SELECT 1) SELECT id FROM x", "WITH", "one SELECT"),
    ("INSERT INTO x SELECT id FROM events", "INSERT", "one SELECT"),
    ("SELECT (SELECT 1) AS a FROM events", "SELECT", "subqueries"),
    ("SELECT id FROM events WHERE id IN (SELECT id FROM events)", "SELECT", "subqueries"),
    ("SELECT id FROM events WHERE EXISTS (SELECT 1)", "EXISTS", "subqueries"),
    ("SELECT id FROM (SELECT id FROM events)", "(", "one dataset"),
    ("SELECT count(*) AS n FROM events", "count(", "aggregates"),
    ("SELECT lower(id) OVER (PARTITION BY id) AS n FROM events", "OVER", "window"),
    ("SELECT id FROM events WHERE what.s ILIKE 'a'", "ILIKE", "ILIKE"),
    ("SELECT id FROM events WHERE what.s ~ 'a'", "~", "~"),
    ("SELECT what.a->'b' AS n FROM events", "->", "->"),
    ("SELECT CAST(id AS VARCHAR(3)) AS n FROM events", "(", "length"),
    ("SELECT CAST(id AS DATE) AS n FROM events", "DATE", "no type"),
    ("SELECT CAST(id AS BIGNIT) AS n FROM events", "BIGNIT", "no type"),
    ("SELECT INTERVAL '1' AS n FROM events", "INTERVAL", "INTERVAL"),
    ("SELECT current_timestamp AS n FROM events", "current_timestamp", "cannot stand"),
    ("SELECT what.a + 1 FROM events", "what.a + 1", "needs a name"),
    ("SELECT id, what.id FROM events", "what.id", "twice"),
    ("SELECT *, id FROM events", ",", "beside"),
    ("SELECT id, * FROM events", "*", "beside"),
    ("SELECT id FROM events WHERE 1 < 2 < 3", "<", "chained"),
    ("SELECT id FROM events WHERE what.s LIKE what.t", "what.t", "literal"),
    ("SELECT id FROM events WHERE what.s LIKE 'a!b' ESCAPE '!'", "'a!b'", "LIKE"),
    ("SELECT id FROM events WHERE id = 'a", "'", "nothing ends"),
    ("SELECT id FROM events WHERE id IN ()", "(", "empty"),
    ("SELECT id FROM events WHERE what.n = 1abc", "1abc", "number"),
    ("SELECT 1e+ AS n FROM events", "1e+", "not a number"),
    ("SELECT id FROM events WHERE what.n = 99999999999999999999", "9999", "int64"),
    ("SELECT id FROM events WHERE what.n IS 1", "1", "IS"),
    ("SELECT id FROM events WHERE 'a' 'b' = id", "'a'", "side by side"),
    ("SELECT substr(id, 0, 1) AS n FROM events", "0", "from 1"),
    ("SELECT extract(year FROM when.at) AS n FROM events", "year", "no name"),
    ("SELECT trim(id FROM event) AS n FROM events", "trim", "between arguments"),
    ("SELECT lowr(id) AS n FROM events", "lowr", "no function"),
    ("SELECT now() AS n FROM events", "now", "no function"),
    ("SELECT eq(id, 'a') AS n FROM events", "eq", "no function"),
    ("SELECT user_id AS n FROM x.events", "x.", "schema"),
    ("SELECT prize AS n FROM events", "prize", "no name"),
    ("SELECT id", "SELECT", "FROM is missing"),
    ("", "", "empty"),
    ("SELECT id FROM events; SELECT id FROM events", "SELECT", "subqueries"),
    ("SELECT id FROM events, UNNEST(what.a)", "UNNEST(", "needs a name"),
    ("SELECT id FROM events, UNNEST(what.a) AS x, UNNEST(what.b) AS y", "UNNEST", "two"),
    ("SELECT id FROM events, UNNEST(what.a) AS what", "what", "taken"),
    ("SELECT any_match(what.a, id -> TRUE) AS n FROM events", "id", "taken"),
    ("SELECT any_match(what.a) AS n FROM events", ")", ", is missing"),
    ("SELECT (id, event) AS n FROM events", "(", "list"),
    ("SELECT what.a[id] AS n FROM events", "id", "constant"),
    ("SELECT lower(id).a AS n FROM events", ".", "computed"),
    ("SELECT $1 AS n FROM events", "$1", "cannot stand"),
    ("SELECT E'x' AS n FROM events", "E", "no name"),
    ("SELECT N'x' AS n FROM events", "N'x", "no name"),
]


@pytest.mark.parametrize(("text", "place", "says"), REFUSED)
def test_what_rules_do_not_have_is_refused_by_name_and_place(text, place, says):
    """A finding points at the word at fault and says what it is."""
    _, findings = parse(Excerpt.of(text))
    found = [finding for finding in findings if says.lower() in finding.message.lower()]
    assert found, [finding.message for finding in findings]
    column = found[0].column - 1
    assert text[column:].startswith(place), (text[column:], found[0].message)


def test_findings_of_columns_and_filter_come_together():
    """One wrong clause does not hide another."""
    _, findings = parse(Excerpt.of("SELECT lowr(id) AS n FROM events WHERE what.b ORDER BY id"))
    assert [finding.code for finding in findings] == ["rule_syntax", "rule_function"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "(" * 3_000 + "1" + ")" * 3_000,
        "NOT " * 1_900 + "TRUE",
        "- " * 3_000 + "1",
        " + ".join("1" for _ in range(2_000)),
        " OR ".join(f"what.n = {n}" for n in range(900)),
        "CASE WHEN TRUE THEN " * 300 + "1" + " END" * 300,
        "'" + "x" * 5_000 + "'",
        "what.n IN (" + ",".join("1" for _ in range(3_000)) + ")",
    ],
)
def test_texts_that_are_too_much_are_refused(text):
    """Long and deep texts end in one finding, not in an exception."""
    _, findings = parse_expression(Excerpt.of(text))
    assert {finding.code for finding in findings} == {"rule_limit"}


# --- rule files


ITEMS = {
    "type": ["array"],
    "items": {"type": ["object"], "properties": {"price": {"type": ["number"]}}},
}


@pytest.fixture(scope="module")
def definitions():
    """Orders with items; a dataset of whole events, and one with columns."""
    total = {"type": ["object"], "properties": {"value": {"type": ["number"]}}}
    types = {
        "what.total": total,
        "what.items": ITEMS,
        "what.n": "integer",
        "what.a_b": "string",
        "what.a": {"type": ["object"], "properties": {"b": {"type": ["string"]}}},
    }
    columns = {"id": "string", "cents": "int64", "price": "float64"}
    return Definitions(
        plans={("shop", "pay"): spec_of(types, app="shop", event="pay")},
        datasets={
            "rows": Dataset(name="rows", kind="table", columns=columns),
            "copies": Dataset(name="copies", kind="table"),
        },
        functions={
            "net": UserFunction(
                name="net", parameters={"x": "float64"}, result="float64", body="x * 0.8"
            )
        },
    )


def rule_of(definitions, query, to="rows", more=""):
    """Check a rule file whose ``sql`` is a query."""
    body = "\n".join(f"  {line}" for line in query.splitlines())
    return check_rule(load_rule(f"rule: r\n{more}sql: |\n{body}\nto: {to}\n"), definitions)


def test_a_rule_file_may_say_sql_and_gives_the_ir_that_python_gives(definitions):
    """All but the text and the front end is the same, user functions and tables' names included."""
    query = """SELECT id, try_(CAST(round(net(what_total_value) * 100.0) AS BIGINT), 0) AS cents, item.price
FROM events, UNNEST(what.items) AS item
WHERE event = 'pay' AND what.n > 1 AND app = 'shop'"""
    text = """
rule: r
where: event == "pay" and what.n > 1 and meta.app == "shop"
explode: {over: what.items, as: item}
select:
  id: id
  cents: try_(int(round(net(what.total.value) * 100.0)), 0)
  price: item.price
to: rows
"""
    same = check_rule(load_rule(text), definitions)
    found = rule_of(definitions, query)
    assert (found.front_end, same.front_end) == ("sql", "python")
    assert structs.replace(found, text="", front_end="python") == structs.replace(same, text="")


def test_findings_of_the_check_point_into_the_sql(definitions):
    """Line and column are those of the file."""
    with pytest.raises(RuleError) as caught:
        rule_of(
            definitions, "SELECT id,\n  what.total.valeu AS cents\nFROM events WHERE event = 'pay'"
        )
    (finding,) = caught.value.findings
    assert (finding.line, finding.column) == (4, 5)
    assert "did you mean 'value'?" in finding.hint
    assert finding.input.splitlines()[1].strip("^ ") == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [("what_a_b", "what.a.b or what.a_b"), ("what_nope", "no property or column")],
)
def test_flattened_names_that_are_unclear_or_unknown_are_refused(definitions, name, says):
    """A lake's column may be written for its path where only one path has it."""
    with pytest.raises(RuleError) as caught:
        rule_of(definitions, f"SELECT {name} AS id FROM events WHERE event = 'pay'")
    assert says in caught.value.findings[0].message


def test_nothing_else_may_say_what_the_query_says(definitions):
    """where, from, do and actions exclude sql."""
    with pytest.raises(RuleError) as caught:
        rule_of(definitions, "SELECT * FROM events", "copies", "where: what.n > 1\nkeep: true\n")
    assert [finding.line for finding in caught.value.findings] == [2, 3]


def test_star_with_changes_writes_whole_events(definitions):
    """REPLACE and EXCLUDE are set and unset."""
    query = (
        "SELECT * EXCLUDE (what.a_b) REPLACE (what.n + 1 AS what.n) FROM events WHERE event = 'pay'"
    )
    rule = rule_of(definitions, query, "copies")
    assert [type(action).__name__ for action in rule.actions] == ["Set", "Unset", "Keep"]
