"""The example that ships with the package: a shop's plan, datasets and rules."""

from __future__ import annotations

from importlib import resources


def example_text(name: str) -> str:
    """Return a file of the example: ``plan.yaml``, ``datasets.yaml`` or ``rules.yaml``."""
    return (resources.files("trackplane.demo") / "shop" / name).read_text(encoding="utf-8")
