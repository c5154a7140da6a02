"""The manual's examples: every YAML block of docs/rules.md is loaded, checked and tested."""

import re
from pathlib import Path

import pytest

from trackplane.discovery.compile import (
    compile_dataset,
    compile_function,
    compile_rule,
    compile_script,
    compile_table,
)
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.load_actions import ACTION_KEYS
from trackplane.rules.load_definitions import load_function, load_script, load_table
from trackplane.testing.rules import spec_of

TEXT = (Path(__file__).parents[2] / "docs/rules.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
MONEY = {"type": ["object"], "properties": {"value": {"type": ["number"]}}}
ITEM = {
    "type": ["object"],
    "properties": {
        "sku": {"type": ["string"]},
        "price": {"type": ["number"]},
        "quantity": {"type": ["integer"]},
    },
}
PURCHASE = {
    "what.total": MONEY,
    "what.price": "number",
    "what.test": "boolean",
    "what.items": {"type": ["array"], "items": ITEM},
}
SEARCH = {
    "what.q": "string",
    "what.query": "string",
    "what.email": "string",
    "what.words": "integer",
}


def dataset(name, **columns):
    return ir.Dataset(name=name, kind="table", columns=columns)


DEFINITIONS = Definitions(
    plans={
        ("shop", "purchase"): spec_of(PURCHASE, app="shop", event="purchase"),
        ("shop", "search"): spec_of(SEARCH, app="shop", event="search"),
    },
    datasets={
        each.name: each
        for each in (
            dataset("recsys.user_action", id="string", user="string", cents="int64", kind="string"),
            dataset("recsys.lines", id="string", user="string", sku="string", worth="float64"),
            dataset("copies.ios"),
            dataset("copies.other"),
            dataset("any", x="json"),
        )
    },
    functions={
        f.name: f for f in map(load_function, (b for b in BLOCKS if b.startswith("function:")))
    },
    tables={t.name: t for t in map(load_table, (b for b in BLOCKS if b.startswith("table:")))},
    scripts={s.name: s for s in map(load_script, (b for b in BLOCKS if b.startswith("script:")))},
    keys=frozenset(("default",)),
)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_each_block_of_the_manual_is_right(block):
    """Checked, with its own tests passing."""
    kind = block.split(":", 1)[0]
    if kind == "rule":
        compile_rule(block, file="rules.md", definitions=DEFINITIONS)
    elif kind == "function":
        compile_function(block, file="rules.md", definitions=DEFINITIONS)
    else:
        made = {"dataset": compile_dataset, "table": compile_table, "script": compile_script}
        made[kind](block, file="rules.md")


def test_each_action_of_the_manuals_table_is_an_action():
    """Every one of them, each example loads and types."""
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", TEXT, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(ACTION_KEYS)
    for name, example in rows:
        if name in ("drop", "tag", "route", "script", "select"):
            continue  # of events, datasets and scripts that are only names there
        text = f'rule: r\napps: [shop]\nwhere: event in ("purchase", "search")\ndo:\n- {example}\n'
        text += "" if name == "keep" else "- keep: true\n"
        compile_rule(f"{text}to: copies.other\n", file="rules.md", definitions=DEFINITIONS)


@pytest.mark.parametrize(
    "expression", ["net(what.price, 0.2)", 'lookup("countries", where.country, "region")']
)
def test_each_call_in_the_text_types(expression):
    """As rules would write it."""
    text = f"rule: r\napps: [shop]\nwhere: event == \"purchase\"\nselect: {{x: '{expression}'}}\nto: any\n"
    assert f"`{expression}`" in TEXT
    compile_rule(text, file="rules.md", definitions=DEFINITIONS)
