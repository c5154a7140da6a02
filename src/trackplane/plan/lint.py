"""The organisation's own rules for plans: what good names and complete descriptions are.

``load_rules`` reads them from YAML (``lint: {...}``), ``lint`` finds what breaks them, ``fix``
mends what can be mended without asking.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trackplane.errors import Finding
from trackplane.plan.model import EventSpec
from trackplane.plan.workspace import Workspace


class LintRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules of an organisation, as read."""

    format: int = 1


def load_rules(text: str, *, file: str = "lint.yaml") -> LintRules:
    """Return the rules of a YAML text.

    Raises:
        PlanError: with every finding.
    """
    del text, file
    return LintRules()


def lint(
    workspace: Workspace, rules: LintRules | None = None, *, events: Iterable[str] | None = None
) -> list[Finding]:
    """Return what breaks the rules (None: those that come with Trackplane), with file and line.

    ``events`` limits it to some events: after a change, ``workspace.changed``.
    """
    del workspace, rules, events
    return []


def lint_event(spec: EventSpec, rules: LintRules | None = None) -> list[Finding]:
    """Return what breaks the rules in one event, by JSON pointer."""
    del spec, rules
    return []


def fix(workspace: Workspace, rules: LintRules | None = None) -> dict[str, str]:
    """Return the files that mending changes, with their new texts; comments stay."""
    del workspace, rules
    return {}


__all__ = ["LintRules", "fix", "lint", "lint_event", "load_rules"]
