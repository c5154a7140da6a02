"""The documents and the code say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from trackplane.admission.admit import _structure_problem
from trackplane.admission.record import PROBLEMS
from trackplane.collector import CollectorSettings

ROOT = Path(__file__).parents[2]


def test_the_documented_reasons_are_the_codes_table() -> None:
    """Both ways."""
    text = (ROOT / "docs" / "collector.md").read_text(encoding="utf-8")
    section = text.split("| code | reason |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert rows == PROBLEMS


def test_every_setting_is_documented() -> None:
    """In the struct's own text, where the loader reads it."""
    text = CollectorSettings.__doc__ or ""
    for name in CollectorSettings.__struct_fields__:
        assert f"        {name}: " in text


def test_every_error_code_is_documented() -> None:
    """Found in the sources by their constructor."""
    text = (ROOT / "docs" / "collector.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "trackplane"
    for file in [*package.glob("collector/*.py"), *package.glob("admission/**/*.py")]:
        source = file.read_text(encoding="utf-8")
        for code in re.findall(r'(?:RecordError|OverloadError)\(\s*"(\w+)"', source):
            assert f"`{code}`" in text, f"{code} of {file.name}"


@pytest.mark.parametrize(
    "event",
    [
        {"event": "home"},
        {"id": "1", "event": "home", "who": None, "when": {"client": 1, "sent": None}},
        {"id": None, "event": "x" * 200, "what": {"any": [1]}},
        {},
        {"event": ""},
        {"event": 5},
        {"event": "x" * 201},
        {"event": "home", "id": 1},
        {"event": "home", "who": []},
        {"event": "home", "what": "x"},
        {"event": "home", "when": {"client": "now"}},
        {"event": "home", "when": {"sent": 1 << 63}},
        {"event": "home", "when": {"sent": True}},
        {"event": None},
    ],
)
def test_the_records_schema_and_admission_judge_alike(event: Any) -> None:
    """What the schema refuses, admission makes dirty."""
    schema = json.loads((ROOT / "spec" / "record.schema.json").read_text(encoding="utf-8"))
    fits = jsonschema.Draft202012Validator(schema).is_valid({"header": {}, "events": [event]})
    problem = _structure_problem(event, event.get("event"), event.get("id"), event.get("when"))
    assert fits == (problem is None)
