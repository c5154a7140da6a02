"""The manual's examples, executed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trackplane.plan import load_library, load_plan
from trackplane.plan.events import CHECK_KEYS, EVENT_KEYS
from trackplane.plan.libraries import LIBRARY_KEYS
from trackplane.plan.metric_reader import METRIC_KEYS
from trackplane.plan.model import PII_CLASSES, PURPOSES
from trackplane.plan.reading import TOP_KEYS
from trackplane.plan.shapes import PROPERTY_KEYS
from trackplane.plan.vocabularies import PII_MEANINGS, PURPOSE_MEANINGS

MANUAL = (Path(__file__).parents[2] / "docs/plan.md").read_text()


def test_the_manuals_examples_run():
    """The YAML loads; the Python runs on it and finds what it should."""
    text, library = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    names = {"text": text}
    exec(program, names)
    assert sorted(v.code for v in names["violations"]) == ["min", "missing", "missing"]
    assert load_plan(text).metrics
    assert load_library(library).id == "commerce@3"


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
