"""The reference evaluator and the golden cases; the files that are made from code."""

import json
from pathlib import Path

import jsonschema
import pytest

from trackplane.rules import ir
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.reference import _SPECIAL, _STRICT, evaluate
from trackplane.rules.schema import ir_schema
from trackplane.testing.rules import load_cases

ROOT = Path(__file__).parents[2]
CASES = load_cases(ROOT / "spec/cases/rules")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_evaluator_gives_each_golden_case(case):
    """One row of the tables of semantics.md."""
    assert case.same(evaluate(case.expression, case.event))


def test_every_function_has_golden_cases_for_each_signature():
    """No overload is without a case, and none is known to one table only."""
    seen = {
        (node.function, node.args[0].type.kind)
        for case in CASES
        for node in ir.walk(case.expression)
        if isinstance(node, ir.Call)
    }
    assert set(FUNCTIONS) == _STRICT.keys() | _SPECIAL.keys()
    # The case form names few objects; these two overloads are `length` as of any container.
    missing = {
        (function.name, signature.args[0])
        for function in FUNCTIONS.values()
        for signature in function.signatures
        if signature.args[0] in ir.COLUMN_TYPES
        and (function.name, signature.args[0]) not in seen
        and function.name not in ("eq", "ne", "lt", "le", "gt", "ge", "in")
    }
    assert missing <= {("min_", "string"), ("max_", "float64"), ("min_", "timestamp")} | {
        ("timestamp", "int64"),
        ("mod", "int64"),
    }


def test_the_schema_file_is_the_structs_schema():
    """spec/rules/ir.schema.json is made by trackplane.rules.schema.ir_schema()."""
    made = json.loads(json.dumps(ir_schema()))
    assert json.loads((ROOT / "spec/rules/ir.schema.json").read_text()) == made


def test_the_schema_takes_rules_and_refuses_others():
    """An independent validator agrees on what the IR is."""
    validator = jsonschema.Draft202012Validator(ir_schema())
    rule = ir.Rule(
        name="r",
        target="t",
        actions=(ir.Drop(ir.Literal(True, ir.BOOL)), ir.Keep()),
        where=ir.Call("is_null", (ir.Path("what", ("a", 0), ir.STRING),), ir.BOOL, nullable=False),
    )
    body = json.loads(ir.encode(rule))
    validator.validate(body)
    body["actions"][0]["action"] = "explode_all"
    assert not validator.is_valid(body)


def test_the_manual_lists_the_functions_as_the_table_has_them():
    """docs/rules.md has a row for each function, made from FUNCTIONS."""
    text = (ROOT / "docs/rules.md").read_text()
    for function in FUNCTIONS.values():
        assert reference_row(function) in text


def reference_row(function):
    """Return a function's row in the manual's table."""
    name = f"`{function.sign}`" if function.sign else f"`{function.name}`"
    takes = "<br>".join(str(signature) for signature in function.signatures)
    failures = {signature.failure for signature in function.signatures}
    fails = "input" if "input" in failures else "edge" if "edge" in failures else ""
    return f"| {name} | {takes} | {function.doc} | {fails} | {function.cost} |"
