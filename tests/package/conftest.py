"""Packages with plug-ins, installed for a test."""

import sys

import pytest

from trackplane.rules.library import registry


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return what installs a package with a module's text and entry points of a group."""
    monkeypatch.syspath_prepend(str(tmp_path))
    count = 0

    def install(text, group, entries):
        nonlocal count
        count += 1
        module = f"acme_plugin_{tmp_path.name}_{count}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = [f"{name} = {module}:{place}" for name, place in entries.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[trackplane.{group}]", *lines, ""]))
        return module

    yield install
    for name in [name for name in sys.modules if name.startswith("acme_plugin_")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def _as_before():
    """Take out of the table what a test's plug-ins put in."""
    before = dict(registry._functions)
    yield
    registry._functions.clear()
    registry._functions.update(before)
