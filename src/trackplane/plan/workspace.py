"""A plan in its files: read once, and after a change only what changed."""

from __future__ import annotations

from collections.abc import Mapping

from trackplane.errors import Finding
from trackplane.plan.model import Library, Plan
from trackplane.plan.reading import Step
from trackplane.plan.report import Entry
from trackplane.plan.source import Place
from trackplane.plan.state import State


class Workspace:
    """A plan and the files it is made of. It never changes: ``change`` returns another.

    Two workspaces share what is equal in them, so keeping some old ones costs little.
    """

    def __init__(self, state: State, plan: Plan) -> None:
        self._state = state
        self._warnings: tuple[Finding, ...] | None = None
        self.plan: Plan = plan
        self.libraries: Mapping[str, Library] = state.libraries

    @classmethod
    def load(
        cls, files: Mapping[str, str], libraries: Mapping[str, Library] | None = None
    ) -> Workspace:
        """Return the plan of some files: YAML texts by relative path.

        ``libraries`` are those there are, by id (``commerce@3``); the plan uses what it names.

        Raises:
            PlanError: with every finding of all files.
        """
        step = Step(State(), files, libraries or {})
        return cls(step.state, step.plan())

    def change(
        self, files: Mapping[str, str | None], libraries: Mapping[str, Library] | None = None
    ) -> Workspace:
        """Return the workspace with some files changed; None takes one away.

        Without ``libraries`` they stay.

        Raises:
            PlanError: with every finding; this workspace stays as it is.
        """
        step = Step(self._state, files, self.libraries if libraries is None else libraries)
        return Workspace(step.state, step.plan())

    @property
    def files(self) -> dict[str, str]:
        """The texts by path."""
        return {path: source.text for path, source in self._state.sources.items()}

    @property
    def changed(self) -> frozenset[str]:
        """The events that are not as in the workspace this was made from, those gone included.

        After ``load`` all.
        """
        return self._state.changed

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is worth saying about the plan, with file, line and column."""
        if self._warnings is None:
            notes = [entry for entries in self._state.notes.values() for entry in entries]
            self._warnings = tuple(self.placed([*notes, *self._state.warned]))
        return self._warnings

    def place(self, section: str, name: str) -> Place | None:
        """Return where a part is written: a section's name (``events``) and its own."""
        file = self._state.homes.get(section, {}).get(name)
        return self._state.sources[file].place(section, name) if file is not None else None

    def text(self, section: str, name: str) -> str | None:
        """Return the lines a part is written in, as they stand in the file."""
        file = self._state.homes.get(section, {}).get(name)
        return self._state.sources[file].part(section, name) if file is not None else None

    def piece(self, section: str, name: str) -> tuple[str, int, str, int] | None:
        """Return file, start, text and depth of the piece a part is in, for edits of the text."""
        file = self._state.homes.get(section, {}).get(name)
        found = self._state.sources[file].piece(section, name) if file is not None else None
        return (file, *found) if file is not None and found is not None else None

    def unused(self) -> list[tuple[str, str]]:
        """Return the plan's own types and groups that no event uses, as (section, name)."""
        return self._state.unused()

    def placed(self, entries: list[Entry]) -> list[Finding]:
        """Return findings by path with file, line and column, in the order of the files.

        After the first thousands they have their entry's line only.
        """
        return self._state.placed(entries)


__all__ = ["Place", "Workspace"]
