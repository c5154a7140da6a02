"""Plans from YAML texts, in one go: what a ``Workspace`` is not needed for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trackplane.errors import Finding
from trackplane.plan.model import Library, Plan
from trackplane.plan.text import PlanError
from trackplane.plan.workspace import Workspace


class Loaded(msgspec.Struct, frozen=True):
    """A plan and what is worth saying about it."""

    plan: Plan
    warnings: tuple[Finding, ...]


def load_plan(text: str, *, file: str = "plan.yaml") -> Plan:
    """Return the plan of a YAML text, types and groups expanded.

    Raises:
        PlanError: with every finding, each with line and column.
    """
    return Workspace.load({file: text}).plan


def load_plans(files: Mapping[str, str], libraries: Mapping[str, Library] | None = None) -> Plan:
    """Return the plan that several YAML texts make together, by file name.

    Raises:
        PlanError: with every finding of all files.
    """
    return Workspace.load(files, libraries).plan


def load_with_warnings(text: str, *, file: str = "plan.yaml") -> Loaded:
    """Return the plan and its warnings.

    Raises:
        PlanError: with every finding, warnings included.
    """
    return load_files({file: text})


def load_files(files: Mapping[str, str], libraries: Mapping[str, Library] | None = None) -> Loaded:
    """Return the plan that several YAML texts make together, by file name, and its warnings.

    Raises:
        PlanError: with every finding of all files, warnings included.
    """
    workspace = Workspace.load(files, libraries)
    return Loaded(workspace.plan, workspace.warnings)


__all__ = ["Loaded", "PlanError", "load_files", "load_plan", "load_plans", "load_with_warnings"]
