"""A plan in its files: read once, and after a change only what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trackplane.errors import Finding
from trackplane.plan.load import Loaded, read_plan
from trackplane.plan.model import Library, Plan
from trackplane.plan.source import Sources


class Place(NamedTuple):
    """Where a part of a plan stands: the file and its lines, from 1, the last included."""

    file: str
    first: int
    last: int


class Workspace:
    """A plan and the files it is made of. It never changes: ``change`` returns another."""

    def __init__(
        self, files: Mapping[str, str], libraries: Mapping[str, Library], loaded: Loaded
    ) -> None:
        self.files: Mapping[str, str] = files
        self.libraries: Mapping[str, Library] = libraries
        self.plan: Plan = loaded.plan
        self.changed: frozenset[str] = frozenset(loaded.plan.events)
        self._warnings = loaded.warnings

    @classmethod
    def load(
        cls, files: Mapping[str, str], libraries: Mapping[str, Library] | None = None
    ) -> Workspace:
        """Return the plan of some files: YAML texts by relative path.

        ``libraries`` are those there are, by id (``commerce@3``); the plan uses what it names.

        Raises:
            PlanError: with every finding of all files.
        """
        known = dict(libraries or {})
        return cls(dict(files), known, read_plan(files, known))

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is worth saying about the plan, with file, line and column."""
        return self._warnings

    def change(
        self,
        files: Mapping[str, str | None],
        libraries: Mapping[str, Library] | None = None,
    ) -> Workspace:
        """Return the workspace with some files changed; None takes one away.

        Its ``changed`` names the events whose specification differs from this one's, those that
        are gone included. Without ``libraries`` they stay.

        Raises:
            PlanError: with every finding; this workspace stays as it is.
        """
        merged = {path: text for path, text in self.files.items() if path not in files}
        merged |= {path: text for path, text in files.items() if text is not None}
        after = Workspace.load(merged, self.libraries if libraries is None else libraries)
        before, events = self.plan.events, after.plan.events
        after.changed = frozenset(
            name for name in before.keys() | events.keys() if before.get(name) != events.get(name)
        )
        return after

    def place(self, section: str, name: str) -> Place | None:
        """Return where a part is written: a section's name (``events``) and its own."""
        found = Sources(self.files).place(section, name)
        return Place(*found) if found is not None else None

    def text(self, section: str, name: str) -> str | None:
        """Return the lines a part is written in, as they stand in the file."""
        place = self.place(section, name)
        if place is None:
            return None
        lines = self.files[place.file].splitlines(keepends=True)
        return "".join(lines[place.first - 1 : place.last])


__all__ = ["Place", "Workspace"]
