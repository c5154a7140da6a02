"""What is told of a script's imports and calls before it is published."""

from __future__ import annotations

import pytest

from trackplane.rules.load_definitions import load_script
from trackplane.rules.source import RuleError

GOOD = "def transform(event):\n    return event\n"


def source(text: str) -> str:
    lines = "\n".join("  " + line for line in text.splitlines())
    return f"script: s\ntext: |\n{lines}\n"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "import json, re\nfrom urllib.parse import urlsplit\nimport urllib.parse\n" + GOOD,
        "from urllib import parse\nimport collections.abc\n" + GOOD,
        "def transform_batch(events):\n    return [None for _ in events]\n",
    ],
)
def test_a_good_script_passes(text: str) -> None:
    assert load_script(source(text)).name == "s"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import os\n" + GOOD, 3, "import os"),
        ("from os import path\n" + GOOD, 3, "import os"),
        ("from urllib import request\n" + GOOD, 3, "import urllib.request"),
        ("from . import x\n" + GOOD, 3, "import ."),
        ("def transform(event):\n    import jsn\n", 4, "import jsn"),
        ("def transform(event):\n    'ä'; return open(event['x'])\n", 4, "no open"),
    ],
)
def test_what_no_script_has_is_told_with_its_place(text: str, line: int, message: str) -> None:
    with pytest.raises(RuleError) as raised:
        load_script(source(text))
    (finding,) = raised.value.findings
    assert (finding.code, finding.line) == ("script_name", line)
    assert message in finding.message


def test_the_nearest_module_is_named() -> None:
    with pytest.raises(RuleError, match="did you mean 'json'"):
        load_script(source("import jsn\n" + GOOD))
