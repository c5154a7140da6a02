"""Golden cases, schemas and tables of `spec/`, held equal to the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml_rs

from trackplane.admission.record import PROBLEMS
from trackplane.event import merge
from trackplane.plan import CODES, EventSpec, compile_validator, load_plan, to_json_schema

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "spec"
SHOP = (ROOT / "examples/shop/plan.yaml").read_text()
FILES = sorted((SPEC / "cases/validation").glob("*.json"))
RECORDED = {
    "home", "catalog", "search", "filter_results", "product_view", "compare", "review_page",
    "wishlist_add", "add_to_cart", "cart", "shipping_details", "payment_details", "purchase",
    "payment_error", "checkout_bug", "promo_page", "account_page", "support_chat", "error_page",
}  # fmt: skip


def schema_of(name: str) -> dict:
    schema = json.loads((SPEC / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_golden_cases_have_exactly_the_expected_violations(file):
    """Every language runs these files."""
    document = json.loads(file.read_text())
    spec = msgspec.convert(document["spec"], EventSpec)
    validate = compile_validator(spec)
    schema = jsonschema.Draft202012Validator(to_json_schema(spec))
    described = jsonschema.Draft202012Validator(schema_of("violations.schema.json"))
    assert document["cases"]
    for case in document["cases"]:
        found = validate(merge(case["header"], case["event"]))
        described.validate(msgspec.to_builtins(list(found)))
        given = sorted((v.code, v.pointer) for v in found)
        assert given == sorted((v["code"], v["pointer"]) for v in case["expected"]), case["title"]
        if file.stem != "patterns":  # Python reads $ and \d otherwise than ECMA-262
            errors = [v for v in found if v.severity == "error"]
            assert schema.is_valid(merge(case["header"], case["event"])) == (not errors)


def test_the_golden_cases_show_every_code_of_the_validator():
    """No code without an example."""
    text = "".join(file.read_text() for file in FILES)
    shown = set(re.findall(r'"code": "(\w+)"', text))
    planned = {code for code, entry in CODES.items() if entry.stage == "plan"}
    assert shown == planned - {"unplanned_event", "expired_event"}


def test_the_documented_codes_are_the_coded_ones():
    """spec/violations.md, violations.schema.json and admission's reasons against the table."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (\w+) \| (.+?) \| (.+?) \|$",
        (SPEC / "violations.md").read_text(),
        re.MULTILINE,
    )
    table = [(code, e.stage, e.severity, e.meaning, e.hint) for code, e in CODES.items()]
    assert rows == table
    schema = schema_of("violations.schema.json")
    assert schema["items"]["properties"]["code"]["enum"] == list(CODES)
    hygiene = {code: e.meaning for code, e in CODES.items() if e.stage == "hygiene"}
    assert hygiene == PROBLEMS


def test_the_example_fits_the_plan_schema():
    """The schema for editors takes the example, and refuses what is misspelt."""
    schema = jsonschema.Draft202012Validator(schema_of("plan.schema.json"))
    tree = yaml_rs.loads(SHOP, parse_datetime=False)
    schema.validate(tree)
    tree["events"]["purchase"]["gradee"] = "P0"
    assert not schema.is_valid(tree)


def test_the_example_covers_the_recorded_sessions():
    """30 events or more, the 19 recorded ones among them, each with owner and titles."""
    plan = load_plan(SHOP)
    assert len(plan.events) >= 30
    assert plan.events.keys() >= RECORDED
    assert all(spec.owner for spec in plan.events.values())
    assert all(set(plan.events[name].title) == {"en", "zh"} for name in RECORDED)
    assert plan.metrics.keys() == {"gmv", "purchases"}
