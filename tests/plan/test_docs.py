"""The manual's examples, executed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml_rs

from trackplane.plan import load_library, load_plan
from trackplane.plan.events import CHECK_KEYS, EVENT_KEYS
from trackplane.plan.libraries import LIBRARY_KEYS
from trackplane.plan.metric_reader import METRIC_KEYS
from trackplane.plan.model import PII_CLASSES, PURPOSES
from trackplane.plan.reading import TOP_KEYS
from trackplane.plan.shapes import PROPERTY_KEYS
from trackplane.plan.variant_reader import MAX_VARIANTS
from trackplane.plan.vocabularies import PII_MEANINGS, PURPOSE_MEANINGS

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/plan.md").read_text()


def test_the_manuals_examples_run():
    """The YAML loads; the Python runs on it and finds what it should."""
    text, library = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    names = {"text": text}
    exec(program, names)
    assert sorted(v.code for v in names["violations"]) == ["min", "missing", "missing"]
    assert load_plan(text).metrics
    assert load_library(library).id == "commerce@3"
    for name, example in (("plan", text), ("library", library)):
        schema = json.loads((ROOT / f"spec/{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        tree = yaml_rs.loads(example, parse_datetime=False)
        jsonschema.Draft202012Validator(schema).validate(tree)


def test_the_schemas_name_the_keys_and_words_of_the_code():
    """An editor offers what the reader takes."""
    plan = json.loads((ROOT / "spec/plan.schema.json").read_text())
    library = json.loads((ROOT / "spec/library.schema.json").read_text())
    parts = plan["$defs"]
    assert plan["properties"].keys() == set(TOP_KEYS)
    assert library["properties"].keys() == set(LIBRARY_KEYS)
    assert parts["event"]["properties"].keys() == set(EVENT_KEYS)
    assert parts["shape"]["properties"].keys() == set(PROPERTY_KEYS)
    assert set(parts["loose"]["propertyNames"]["enum"]) == set(PROPERTY_KEYS)
    assert parts["metric"]["properties"].keys() == set(METRIC_KEYS)
    assert parts["check"]["properties"].keys() == set(CHECK_KEYS)
    assert tuple(parts["pii"]["enum"]) == PII_CLASSES
    assert tuple(parts["purpose"]["enum"]) == PURPOSES
    assert parts["event"]["properties"]["variants"]["maxItems"] == MAX_VARIANTS
    for name, part in library["$defs"].items():
        assert part == parts[name]


@pytest.mark.parametrize("meanings", [PII_MEANINGS, PURPOSE_MEANINGS])
def test_the_manual_shows_the_closed_vocabularies(meanings):
    """Word for word."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", MANUAL, re.MULTILINE)
    first = rows.index(next(iter(meanings.items())))
    assert rows[first : first + len(meanings)] == list(meanings.items())
    assert meanings.keys() == set(PII_CLASSES if meanings is PII_MEANINGS else PURPOSES)


def test_the_manual_names_every_key():
    """No key without a line."""
    written = set(re.findall(r"`(\w+)`", MANUAL))
    assert written >= {
        *TOP_KEYS, *EVENT_KEYS, *PROPERTY_KEYS, *METRIC_KEYS, *CHECK_KEYS, *LIBRARY_KEYS,
    }  # fmt: skip
