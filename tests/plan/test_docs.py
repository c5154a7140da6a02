"""The manual's examples, executed."""

from __future__ import annotations

import re
from pathlib import Path

from trackplane.plan import load_plan
from trackplane.plan.load import _EVENT_KEYS, _TOP_KEYS
from trackplane.plan.shapes import _PROPERTY_KEYS

MANUAL = (Path(__file__).parents[2] / "docs/plan.md").read_text()


def test_the_manuals_examples_run():
    """The YAML loads; the Python runs on it and finds what it should."""
    (text,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    names = {"text": text}
    exec(program, names)
    assert sorted(v.code for v in names["violations"]) == ["min", "missing", "missing"]
    assert load_plan(text).metrics


def test_the_manual_names_every_key():
    """No key without a line."""
    written = set(re.findall(r"`(\w+)`", MANUAL))
    assert written >= {*_TOP_KEYS, *_EVENT_KEYS, *_PROPERTY_KEYS}
