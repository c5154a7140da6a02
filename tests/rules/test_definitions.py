"""Files of functions, lookup tables and scripts; what they become and what is refused."""

import msgspec
import pytest

from trackplane.discovery import Resource, Snapshot
from trackplane.discovery.compile import (
    compile_function,
    compile_functions,
    compile_rule,
    compile_script,
    compile_table,
    definitions_of,
    users_of,
)
from trackplane.discovery.folder import FolderSource
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.inline import type_of
from trackplane.rules.load_definitions import MAX_ROWS
from trackplane.rules.source import RuleError

NET = """\
function: net
parameters: {price: float64, tax: float64}
returns: float64
body: try_(price / (1.0 + tax), 0.0)
owner: team:finance
tests:
  - {given: {price: 12.0, tax: 0.2}, expect: 10.0}
  - {given: {tax: 0.2}, expect: null}
"""
COUNTRIES = """\
table: countries
columns: {region: string, rank: int64, eu: bool}
rows: |
  country,rank,region,eu
  SG,1,Asia,false
  FR,,Europe,true
owner: team:data
"""
SCRIPT = """\
script: enrich
text: |
  def transform(event):
      return {**event, "n": 1}
limits: {wall_ms: 500}
"""
EMPTY = Definitions()


def codes(made):
    with pytest.raises(RuleError) as caught:
        made()
    return [(f.code, f.line, f.column) for f in caught.value.findings]


def test_a_function_travels_with_its_version():
    """And what it uses."""
    made = compile_function(NET, file="f.yaml", definitions=EMPTY, version=3)
    found = msgspec.json.decode(made.body, type=ir.UserFunction)
    assert (found.name, found.version, found.result, made.uses) == ("net", 3, "float64", ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("price / (1.0", "prize / (1.0", ("rule_name", 4, 12)),
        ("(1.0 + tax)", "(1 + tax)", ("rule_type", 4, 21)),
        ("tax), 0.0)", "what.x), 0.0)", ("rule_name", 4, 27)),
        ("returns: float64", "returns: int64", ("rule_type", 4, 7)),
        ("returns: float64", "returns: flaot64", ("type", 3, 10)),
        ("price: float64", "price: number", ("type", 2, 21)),
        ("function: net", "function: upper", ("name", 4, 7)),
        ("expect: 10.0", "expect: 11.0", ("rule_test", 7, None)),
        ("body: try_(price / (1.0 + tax), 0.0)", "body: net(price, tax)", ("rule_function", 4, 7)),
        ("price: 12.0", "prise: 12.0", ("shape", 7, 5)),
    ],
)
def test_a_wrong_function_is_refused_in_its_own_file(old, new, expected):
    """With line and column of the fault."""
    found = codes(lambda: compile_function(NET.replace(old, new), file="f.yaml", definitions=EMPTY))
    assert expected in found


def test_functions_of_one_file_may_call_one_another():
    """In any order."""
    text = "function: f\nparameters: {x: int64}\nreturns: int64\nbody: g(x) + 1\n---\n"
    text += "function: g\nparameters: {x: int64}\nreturns: int64\nbody: x * 2\n"
    made = compile_functions(text, file="f.yaml", definitions=EMPTY)
    assert [(each.name, each.uses) for each in made] == [("f", ("function:g@1",)), ("g", ())]


@pytest.mark.parametrize("text", ["string", "array<string>", "map<array<int64>>", "json"])
def test_types_are_written_as_they_are_printed(text):
    """Both ways."""
    assert str(type_of(text)) == text
    assert type_of(f"{text}>") is None


def test_a_table_is_read_from_csv_and_from_yaml_alike():
    """Cells in the order of the columns; an empty cell is NULL."""
    made = msgspec.json.decode(compile_table(COUNTRIES, file="t.yaml").body, type=ir.LookupTable)
    assert made.rows == {"SG": ("Asia", 1, False), "FR": ("Europe", None, True)}
    head = "table: countries\ncolumns: {region: string, rank: int64, eu: bool}\n"
    yaml = head + "rows: {SG: [Asia, 1, false], FR: {region: Europe, eu: true}}\nowner: team:data\n"
    again = msgspec.json.decode(compile_table(yaml, file="t.yaml").body, type=ir.LookupTable)
    assert again == made
    rows = "key,region,rank,eu\nSG,Asia,1,false\nFR,Europe,,true\n"
    apart = compile_table(head + "owner: team:data\n", file="t.yaml", rows=rows)
    assert msgspec.json.decode(apart.body, type=ir.LookupTable) == made


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("FR,,", "SG,,", "duplicate"),
        ("SG,1,", "SG,one,", "type"),
        ("SG,1,Asia", "SG,1", "shape"),
        ("country,rank", "country,rnk", "rule_column"),
        ("rank: int64", "rank: json", "type"),
        ("table: countries", "key: int64\ntable: countries", "type"),
        ("table: countries", "table: Countries", "name"),
        ("  SG,1,Asia,false", '  SG,1,"Asia,false', "table_csv"),
    ],
)
def test_a_wrong_table_is_refused(old, new, code):
    """Unique keys, types, as many cells as columns."""
    found = codes(lambda: compile_table(COUNTRIES.replace(old, new), file="t.yaml"))
    assert code in {each[0] for each in found}


def test_a_table_has_a_bounded_number_of_rows():
    """A hundred thousand are read in less than a second or so."""
    head = "table: big\nkey: int64\ncolumns: {n: int64}\n"
    rows = "key,n\n" + "".join(f"{n},{n}\n" for n in range(MAX_ROWS))
    made = compile_table(head, file="t.yaml", rows=rows)
    assert len(msgspec.json.decode(made.body, type=ir.LookupTable).rows) == MAX_ROWS
    more = codes(lambda: compile_table(head, file="t.yaml", rows=rows + "999999,1\n"))
    assert more[0][0] == "table_limit"
    large = codes(lambda: compile_table(head + " " * (17 << 20), file="t.yaml"))
    assert large[0][0] == "table_limit"


def test_a_script_travels_as_text():
    """It is compiled to be checked, never run."""
    made = msgspec.json.decode(compile_script(SCRIPT, file="s.yaml").body, type=ir.ScriptText)
    assert (made.name, made.wall_ms, made.memory_mb) == ("enrich", 500, 128)
    assert made.text.startswith("def transform(event):")
    loud = SCRIPT.replace("  def transform", "  raise SystemExit(1)\n  def transform")
    assert compile_script(loud, file="s.yaml").name == "enrich"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("return {**event", "return {**event}}", "script_syntax"),
        ("def transform(", "def transfrom(", "script_entry"),
        ("transform(event)", "transform(event, more)", "script_entry"),
        ("wall_ms: 500", "wall_ms: 0", "rule_limit"),
        ("wall_ms", "wal_ms", "unknown_key"),
    ],
)
def test_a_wrong_script_is_refused(old, new, code):
    """Syntax, entry, limits."""
    found = codes(lambda: compile_script(SCRIPT.replace(old, new), file="s.yaml"))
    assert code in {each[0] for each in found}


def test_the_rules_to_compile_again_are_known_by_what_they_use():
    """Of a function in a function too."""
    net = compile_function(NET, file="f.yaml", definitions=EMPTY)
    dataset = ir.Dataset(name="rows", kind="table", columns={"x": "float64"})
    resources = [
        Resource(kind="function", name="net", body=net.body),
        Resource(kind="dataset", name="rows", body=ir.encode(dataset)),
    ]
    definitions = definitions_of(Snapshot.of(1, resources))
    for name, value in (("a", "'net(1.0, 0.5)'"), ("b", "1.0")):
        text = f"rule: {name}\nselect: {{x: {value}}}\nto: rows\n"
        rule = compile_rule(text, file="r.yaml", definitions=definitions)
        resources.append(Resource(kind="rule", name=name, body=rule.body))
    snapshot = Snapshot.of(2, resources)
    assert users_of(snapshot, "function", "net") == ["a"]
    assert users_of(snapshot, "function", "ne") == []


def test_a_folder_has_functions_tables_and_scripts(tmp_path):
    """A change of a function compiles the rules again; a wrong one keeps the last good."""
    for name in ("functions", "tables", "scripts", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "datasets.yaml").write_text(
        "dataset: rows\nkind: table\ncolumns: {x: float64, region: string}\n"
    )
    (tmp_path / "functions/a.yaml").write_text(
        "function: half\nparameters: {x: float64}\nreturns: float64\nbody: net(x, 1.0)\n"
    )
    (tmp_path / "functions/net.yaml").write_text(NET)
    head, _, rows = COUNTRIES.partition("rows: |\n")
    csv = "\n".join(line.strip() for line in rows.split("\n")[:3]) + "\n"
    (tmp_path / "tables/countries.yaml").write_text(head)
    (tmp_path / "tables/countries.csv").write_text(csv)
    (tmp_path / "scripts/enrich.yaml").write_text(SCRIPT)
    (tmp_path / "rules/r.yaml").write_text(
        'rule: r\ndo:\n- select: {x: half(3.0), region: \'lookup("countries", where.country, "region")\'}\n'
        "- script: enrich\nto: rows\n"
    )
    source = FolderSource(tmp_path, cache=tmp_path / "cache")
    before = source.read()
    assert source.findings == ()
    rule = ir.decode_rule(before.get("rule", "r").body)
    assert rule.uses == (
        "function:half@1",
        "function:net@1",
        "script:enrich@1",
        "table:countries@1",
    )
    (tmp_path / "functions/net.yaml").write_text(
        NET.replace("1.0 + tax", "2.0 + tax").replace("12.0", "22.0")
    )
    after = source.read()
    assert source.findings == ()
    assert after.number == before.number + 1
    assert after.get("rule", "r").body != before.get("rule", "r").body
    (tmp_path / "functions/net.yaml").write_text(NET.replace("price /", "prize /"))
    last = source.read()
    assert {f.code for f in source.findings} == {"rule_name"}
    assert last.get("rule", "r") == after.get("rule", "r")
