"""``rule fmt``: what a rule means is the same in every front end that can say it."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from msgspec import structs

from trackplane.rules import ir, python
from trackplane.rules.builder import Condition, builder_schema, to_builder
from trackplane.rules.builder_load import from_builder
from trackplane.rules.check import check_rule
from trackplane.rules.format import FormatError, format_rule, format_text
from trackplane.rules.load import load_rule
from trackplane.rules.printing import python_text, text_of
from trackplane.rules.scope import Scope
from trackplane.rules.source import Excerpt, RuleError
from trackplane.rules.sql.parse import parse_expression
from trackplane.rules.sql.print import sql_text
from trackplane.rules.typer import Typer
from trackplane.rules.untyped import syntax_of
from trackplane.testing.rule_cases import definitions_of, load_rule_cases
from trackplane.testing.rules import DEFINITIONS, load_cases, spec_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "spec/cases/rules"
CASES = load_cases(FOLDER)
RULES = {(case.file, case.text): case.rule for case in load_rule_cases(FOLDER / "actions")}
TYPES = {
    path.name: json.loads(path.read_text())["types"] for path in (FOLDER / "actions").glob("*.json")
}
FRONT_ENDS = ("python", "sql", "builder")


def same(rule, *, inlined):
    """Return what must not change.

    Of user functions the names go; a parameter may be NULL where an argument written there cannot.
    """
    rule = structs.replace(rule, text="", front_end="python", uses=(), cost=0)
    return _without_nullable(json.loads(ir.encode(rule))) if inlined else rule


def _without_nullable(value):
    if isinstance(value, dict):
        return {key: _without_nullable(each) for key, each in value.items() if key != "nullable"}
    return [_without_nullable(each) for each in value] if isinstance(value, list) else value


def refusal(rule):
    """Return why SQL cannot say a rule, or nothing."""
    try:
        format_rule(rule, front_end="sql")
    except FormatError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize(("file", "text"), RULES, ids=lambda each: " ".join(each.split())[:60])
def test_a_rule_printed_in_any_front_end_is_the_same_rule(file, text, front_end):
    """Print, load, check: the same IR. Printed once more, the same text."""
    rule = structs.replace(RULES[file, text], text="")
    definitions = definitions_of(TYPES[file])
    if front_end == "sql" and refusal(rule):
        assert refusal(rule).startswith("SQL cannot say the action")
        return
    printed = format_rule(rule, front_end=front_end)
    again = check_rule(load_rule(printed), definitions)
    inlined = any(use.startswith("function:") for use in rule.uses)
    assert same(again, inlined=inlined) == same(rule, inlined=inlined), printed
    assert again.front_end == front_end
    assert format_rule(structs.replace(again, text=""), front_end=front_end) == printed
    assert format_rule(again) == printed


def test_sql_says_what_a_select_can():
    """Of the golden rules SQL refuses those whose actions a SELECT has no place for."""
    reasons = {refusal(rule) for rule in RULES.values()} - {""}
    refused = {reason.split("'")[1] for reason in reasons if "'" in reason}
    others = {reason for reason in reasons if "'" not in reason}
    assert refused <= {
        *("drop", "sample", "rename", "mask", "pseudonymise", "tag", "route", "script", "explode")
    }
    assert all(reason.endswith("in this order") for reason in others)
    assert sum(not refusal(rule) for rule in RULES.values()) >= len(RULES) // 3


SPECS = {
    path.name: [spec_of(json.loads(path.read_text())["types"])] for path in FOLDER.glob("*.json")
}


@pytest.mark.parametrize("file", sorted({case.file for case in CASES}))
def test_golden_expressions_survive_sql_and_python(file):
    """Every function and operator: printed, parsed and typed again it is the same expression."""
    for case in (case for case in CASES if case.file == file):
        tree = syntax_of(case.expression)
        for text, parse in ((sql_text(tree), parse_expression), (python_text(tree), python.parse)):
            excerpt = Excerpt.of(text)
            node, findings = parse(excerpt)
            assert findings == [], text
            typer = Typer(Scope(SPECS.get(file)), DEFINITIONS)
            assert typer.type(excerpt, node, guarded=True) == case.expression, text
            assert typer.findings == []


# --- a rule's own text


def formatted(text):
    """Format a file of one rule in its own front end."""
    load_rule(text)
    return format_text(text)


def test_a_rules_own_text_keeps_its_comments_and_order():
    """Only expressions are printed again: one quoting, one spacing."""
    text = """\
# Large orders.
rule: big   # the name
to: rows
where: >-
  event=='pay'   and
  (what.n)>1     # really
do:   # in order
  - sample: {rate: 0.50, key: who.user_id}
  - explode: {over: "[x for x in what.items if x.price>1.0]", as: item}

  - select: {id: id, 'odd name': 'item.price*2.0', action: '"a, b"', net: net( 1.0 )}
tests:
  - {given: {event: pay, what: {n:   2}}, expect: null}  # none
"""
    wanted = """\
# Large orders.
rule: big   # the name
to: rows
where: event == "pay" and what.n > 1
do:   # in order
  - sample: {rate: 0.50, key: who.user_id}
  - explode: {over: "[x for x in what.items if x.price > 1.0]", as: item}

  - select: {id: id, 'odd name': item.price * 2.0, action: '"a, b"', net: net(1.0)}
tests:
  - {given: {event: pay, what: {n:   2}}, expect: null}  # none
"""
    assert formatted(text.replace("     # really", "")) == wanted
    assert formatted(wanted) == wanted


def test_sql_is_laid_out_by_clauses():
    """Keywords in capitals; one line a clause, or a line a column and condition."""
    text = """\
rule: big
sql: "select id, net( what.n ) as m from events, unnest(what.items) i where i.a=1 and (what.b or what.c)"
to: rows  # here
"""
    wanted = """\
rule: big
sql: |
  SELECT id, net(what.n) AS m
  FROM events, UNNEST(what.items) AS i
  WHERE (what.b OR what.c) AND i.a = 1
to: rows  # here
"""
    assert formatted(text) == wanted
    assert formatted(wanted) == wanted
    comment = wanted.replace("SELECT id", "SELECT id -- the id\n  ")
    assert formatted(comment) == comment


def test_description_and_tests_come_along_to_another_front_end():
    """They are no part of the IR."""
    (case,) = [key for key in RULES if "skip" in key[1]][:1] or [next(iter(RULES))]
    rule = RULES[case]
    text = f"""{rule.text}description: >
  Why it is there.
# two of them
tests:
  - {{given: {{event: e}}, expect: null}}
"""
    printed = format_rule(structs.replace(rule, text=text), front_end="builder")
    assert printed.endswith(text[text.index("tests:") :])
    assert "  Why it is there." in printed
    assert len(load_rule(printed).tests) == 1


# --- the builder


BUILT = {
    "where": {
        "kind": "all",
        "of": [
            {"kind": "condition", "path": "event", "operator": "in", "value": ["e"]},
            {
                "kind": "any",
                "of": [
                    {
                        "kind": "condition",
                        "path": "what.x",
                        "operator": ">",
                        "value": 100,
                        "type": "float64",
                    },
                    {"kind": "not", "of": {"kind": "expression", "text": "what.n + 1 == 2"}},
                    {"kind": "condition", "path": "what.s", "operator": "is not null"},
                ],
            },
        ],
    },
    "actions": [
        {
            "action": "drop",
            "when": {"kind": "condition", "path": "what.s", "operator": "contains", "value": "a"},
        },
        {"action": "select", "columns": [{"name": "id", "value": "id"}]},
    ],
}


def built(rule):
    """Check a rule file with a builder's JSON."""
    text = f"rule: r\nbuilder: {json.dumps(rule)}\nto: rows\n"
    return check_rule(
        load_rule(text),
        definitions_of({"what.x": "number", "what.n": "integer", "what.s": "string"}),
    )


def test_the_builders_json_is_a_rule_and_comes_back():
    """Numbers and times have the type that JSON cannot say."""
    rule = built(BUILT)
    assert text_of(rule.where) == (
        'event in ("e",) and (what.x > 100.0 or not what.n + 1 == 2 or what.s is not None)'
    )
    back = to_builder(rule)
    assert built(msgspec.to_builtins(back)).where == rule.where
    assert back.where.of[1].of[0] == Condition("what.x", ">", 100.0, "float64")
    assert back.where.of[1].of[1].of.text == "what.n + 1 == 2"
    assert from_builder(json.dumps(BUILT)).where.text == (
        '(event in ("e",)) and ((what.x > 100.0) or (not (what.n + 1 == 2)) or (what.s is not None))'
    )


def test_the_builders_schema_file_is_the_structs_schema():
    """spec/rules/builder.schema.json is made by builder_schema(); an independent validator agrees."""
    made = json.loads(json.dumps(builder_schema()))
    assert json.loads((ROOT / "spec/rules/builder.schema.json").read_text()) == made
    validator = jsonschema.Draft202012Validator(made)
    validator.validate(BUILT)
    for rule in RULES.values():
        validator.validate(json.loads(msgspec.json.encode(to_builder(rule))))
    assert not validator.is_valid({**BUILT, "more": 1})


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        ("operator: '>'\n      path: what.y", 6, "what.y"),
        ("operator: '>>'\n      path: what.x", 5, "'>>'"),
        ("operator: in\n      path: what.x", 3, "list of values"),
        ("operator: is null\n      path: what.x", 3, "no value"),
        ("operator: '>'\n      pth: what.x", 3, "pth"),
    ],
)
def test_findings_point_into_the_builder(change, line, says):
    """The place is the leaf at fault, in the file."""
    text = f"""rule: r
builder:
  where:
      kind: condition
      {change}
      value: 1
  actions:
    - {{action: keep}}
to: out
"""
    with pytest.raises(RuleError) as caught:
        check_rule(load_rule(text), definitions_of({"what.x": "integer"}))
    finding = caught.value.findings[0]
    assert says in finding.message
    assert abs(finding.line - line) <= 1
