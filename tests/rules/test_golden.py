"""The reference evaluator and the golden cases; the files that are made from code."""

import json
from pathlib import Path

import jsonschema
import pytest

from trackplane.rules import ir
from trackplane.rules.functions import FUNCTIONS, SPECIAL, match
from trackplane.rules.reference import evaluate
from trackplane.rules.schema import ir_schema
from trackplane.testing.rules import ENVIRONMENT, example_cases, load_cases

ROOT = Path(__file__).parents[2]
CASES = [*load_cases(ROOT / "spec/cases/rules"), *example_cases()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_evaluator_gives_each_golden_case(case):
    """One row of the tables of semantics.md."""
    assert case.same(evaluate(case.expression, case.event, ENVIRONMENT))


def test_every_function_has_examples_and_golden_cases_for_each_overload():
    """No overload is without a case; what is not strict is known to be so."""
    seen = {
        (node.function, found[0].args)
        for case in CASES
        for node in ir.walk(case.expression)
        if isinstance(node, ir.Call)
        and (found := match(FUNCTIONS[node.function], node.args, literals=False))
    }
    assert {name for name, function in FUNCTIONS.items() if function.make is None} == SPECIAL
    assert [name for name, function in FUNCTIONS.items() if not function.examples] == []
    missing = {
        (name, *signature.args)
        for name, function in FUNCTIONS.items()
        for signature in function.signatures
        if (name, signature.args) not in seen
    }
    assert sorted(missing) == []


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
