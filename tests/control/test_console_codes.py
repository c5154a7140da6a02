"""The console has a Chinese headline for every code that the server gives."""

from __future__ import annotations

import re
from pathlib import Path

from trackplane.plan import CODES
from trackplane.plan.lint_rules import RULES

ROOT = Path(__file__).parents[2]
PACKAGES = ("admission", "assist", "control", "engine", "plan", "rules", "scripts")
CODE = re.compile(
    r'code="([a-z_.]+)"|\b(?:report|self)\.add\(\s*"([a-z_.]+)"|^    code = "([a-z_.]+)"'
    r'|Finding\(\s*"([a-z_.]+)"|\bfinding\(\s*"([a-z_.]+)"|_find\([^"()]*"((?!from")[a-z_.]+)"',
    re.MULTILINE,
)


def test_every_code_in_the_source_has_a_chinese_headline_and_no_other() -> None:
    """A new code without one fails here, and so does a headline that nothing needs."""
    source = ROOT / "src" / "trackplane"
    files = [path for package in PACKAGES for path in (source / package).rglob("*.py")]
    text = "\n".join(
        path.read_text() for path in (*files, source / "errors.py", source / "lake" / "query.py")
    )
    given = {next(filter(None, found)) for found in CODE.findall(text)} | {*RULES, *CODES}
    catalogue = (ROOT / "console" / "src" / "i18n" / "codes.zh.ts").read_text()
    known = set(re.findall(r'^  "?([a-z_.0-9]+)"?: ".*[\u4e00-\u9fff]', catalogue, re.MULTILINE))
    assert given - known == set()
    unused = {code for code in known if f'"{code}"' not in text} - given
    assert unused == set()
