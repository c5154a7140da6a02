"""What is told of a script before it is published."""

from __future__ import annotations

import pytest

from trackplane.rules.ir import ScriptText
from trackplane.scripts.check import ScriptError, check_script

GOOD = "def transform(event):\n    return event\n"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "import json, re\nfrom urllib.parse import urlsplit\nimport urllib.parse\n" + GOOD,
        "from urllib import parse\nimport collections.abc\n" + GOOD,
        "def transform_batch(events, *, limit=5):\n    return [None for _ in events]\n",
    ],
)
def test_a_good_script_passes(text: str) -> None:
    check_script(ScriptText(name="s", text=text))


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("def transform(event:\n", "script.syntax", 1),
        ("import os\n" + GOOD, "script.import", 1),
        ("from os import path\n" + GOOD, "script.import", 1),
        ("from urllib import request\n" + GOOD, "script.import", 1),
        ("from . import x\n" + GOOD, "script.import", 1),
        ("def transform(event):\n    import socket\n", "script.import", 2),
        ("def transform(event):\n    return open(event['x'])\n", "script.name", 2),
        ("def transfrom(event):\n    return event\n", "script.entry", None),
        (GOOD + "def transform_batch(events): return []\n", "script.entry", None),
        ("async def transform(event):\n    return event\n", "script.entry", 1),
        ("def transform():\n    return {}\n", "script.entry", 1),
        ("x = " + "(" * 5_000 + "1" + ")" * 5_000, "script.syntax", 1),
        ("x = '\0'", "script.syntax", None),
        ("# " + "x" * 70_000, "script.size", None),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, code: str, line: int | None) -> None:
    with pytest.raises(ScriptError) as raised:
        check_script(ScriptText(name="s", text=text))
    found = raised.value.findings
    assert [finding.code for finding in found] == [code]
    assert found[0].line == line
    assert found[0].file == "s"


def test_every_finding_is_told_at_once() -> None:
    text = "import os\nimport sys\ndef transfrom(event):\n    return open('x')\n"
    with pytest.raises(ScriptError) as raised:
        check_script(ScriptText(name="s", text=text, wall_ms=0, memory_mb=10**6))
    codes = [finding.code for finding in raised.value.findings]
    assert codes == ["script.limit"] * 2 + ["script.entry"] + ["script.import"] * 2 + [
        "script.name"
    ]
    assert "did you mean 'transform'" in str(raised.value)
