"""What the documents say is so: generated pages, links, variables, and nothing of this machine."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from trackplane.app import Settings
from trackplane.config import FREE_VARIABLES, PREFIX, load, settings_of

ROOT = Path(__file__).parents[2]
# In pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("/" + r"(?:work|root|tmp/tp|tmp/bash_jobs)(?:/|\b)")
REGISTRIES = re.compile(
    r"(?:registry\.npm" + r"js|files\.python" + r"hosted|pypi\." + r"org|crates\." + r"io"
    r"|repo1?\.maven|proxy\.go" + r"lang|deb\.deb" + r"ian)"
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("spec/**/*.md")])


def reference():
    """Load `tests/reference.py`, which is a program and no test module."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tests" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tracked() -> Iterator[Path]:
    """Yield every text file of ours that Git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no Git checkout")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes():
            yield path


def test_generated_pages_are_those_committed():
    """A changed setting or verb needs `make docs`."""
    stale = [
        path.name
        for path, text in reference().pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run `make docs`"


def test_every_setting_has_a_text():
    """No setting is a riddle."""
    assert [".".join(s.path) for s in settings_of(Settings) if not s.text] == []


def test_every_verb_and_option_has_a_text():
    """No verb is a riddle, and no two share their words."""
    dumb = []
    names = []
    for path, command in reference().verbs():
        names.append(path)
        dumb += [path] if not command.help else []
        dumb += [
            (*path, one.name)
            for one in command.params
            if not one.help and not getattr(one, "hidden", False)
        ]
    assert dumb == []
    assert len(names) == len(set(names)) >= 15


def test_the_manuals_settings_file_loads():
    """The example of docs/configuration.md is taken as it stands."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    settings = load(Settings, text=example, file="trackplane.yaml", environ={})
    assert settings.collector.port == 9080


def test_every_variable_that_a_file_names_exists():
    """A variable is a setting's, or it is one of the listed ones."""
    known = {s.variable for s in settings_of(Settings)} | set(FREE_VARIABLES)
    sources = [p for p in tracked() if p.suffix in {".py", ".md", ".ts", ".tsx", ".yaml", ".toml"}]
    sources += [ROOT / "Makefile", ROOT / ".ci" / "run"]
    unknown = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sources
        # Tests name wrong variables on purpose.
        if not path.is_relative_to(ROOT / "tests")
        for name in re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b(?![*_{{])", path.read_text("utf-8"))
        if name not in known
    }
    assert unknown == set()


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
)
def test_relative_links_point_to_files(document):
    """Whoever follows a link of a document arrives, at the heading too."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (heading and heading not in headings(path)):
            broken.append(target)
    assert broken == []


def headings(path: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings."""
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in found}


def test_no_file_names_this_machine_or_a_registry():
    """A checkout works anywhere: no path of a builder's machine, no address of a registry."""
    found = []
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern in (MACHINE_PATHS, REGISTRIES):
            found += [
                f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
                for match in pattern.finditer(text)
            ]
    assert found == []
