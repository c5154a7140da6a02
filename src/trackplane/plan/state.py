"""What a workspace knows: files, where each part stands, and everything read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from trackplane.errors import Finding
from trackplane.plan.cut import SECTIONS
from trackplane.plan.events import EventReader, group_use
from trackplane.plan.groups import Group
from trackplane.plan.model import EventSpec, Library, Metric, Property
from trackplane.plan.report import Entry, Path, Report
from trackplane.plan.shapes import ShapeReader
from trackplane.plan.source import SourceFile

_EXACTLY: Final = 1_000  # findings with a column; those after them have their entry's line


@dataclass(kw_only=True)
class State:
    """One state of a plan; nothing in it changes once the step that makes it has ended."""

    sources: dict[str, SourceFile] = field(default_factory=dict)
    homes: dict[str, dict[str, str]] = field(
        default_factory=lambda: {section: {} for section in SECTIONS}
    )  # section -> name -> file
    libraries: Mapping[str, Library] = field(default_factory=dict)
    app: str = ""
    use: tuple[str, ...] = ()
    own_types: dict[str, Any] = field(default_factory=dict)  # as written
    own_groups: dict[str, Any] = field(default_factory=dict)
    raw_groups: dict[str, Any] = field(default_factory=dict)  # the libraries' under the plan's own
    shapes: ShapeReader = field(default_factory=lambda: ShapeReader(Report(), {}))
    types: dict[str, Property] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    reader: EventReader | None = None
    events: dict[str, EventSpec] = field(default_factory=dict)
    uses: dict[str, frozenset[str]] = field(default_factory=dict)  # event -> types and groups
    metrics: dict[str, Metric] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)  # how an event's name looks -> event
    codes: dict[str, str] = field(default_factory=dict)  # its name in code and SQL -> event
    replaced: dict[str, str] = field(default_factory=dict)  # deprecated event -> what replaces it
    notes: dict[str, list[Entry]] = field(default_factory=dict)  # warnings of events by name
    warned: list[Entry] = field(default_factory=list)  # other warnings
    changed: frozenset[str] = frozenset()

    def placed(self, entries: Sequence[Entry]) -> list[Finding]:
        """Return findings by path with their places, in the order of files and lines."""
        first = next(iter(self.sources))
        placed = []
        for number, (path, finding) in enumerate(entries):
            source = self.sources[self._home_of(path) or first]
            place = source.placed if number < _EXACTLY else source.placed_roughly
            placed.append(place(path, finding))
        order = {file: number for number, file in enumerate(self.sources)}
        return sorted(
            placed, key=lambda f: (order.get(f.file or first, 0), f.line or 0, f.column or 0)
        )

    def unused(self) -> list[tuple[str, str]]:
        """Return the plan's own types and groups that no event uses, as (section, name)."""
        used: set[str] = set()
        for uses in set(self.uses.values()):
            used |= uses
        for name, group in self.groups.items():
            if group_use(name) in used:
                used |= group.uses
        waiting = [name for name in used if name in self.types]
        while waiting:
            for inner in self.shapes.uses_of(waiting.pop()):
                if inner not in used:
                    used.add(inner)
                    waiting.append(inner)
        types = [("types", name) for name in self.own_types if name not in used]
        return types + [("groups", g) for g in self.own_groups if group_use(g) not in used]

    def _home_of(self, path: Path) -> str | None:
        if len(path) > 1 and path[0] in self.homes:
            home = self.homes[str(path[0])].get(str(path[1]))
            if home is not None:
                return home
        for file, source in self.sources.items():
            if any(path and str(key) == path[0] for key, _ in source.others()):
                return file
        return None


def placed_in(files: Mapping[str, str], entries: Sequence[Entry]) -> list[Finding]:
    """Return findings by path with their places in a plan's texts, which are right as YAML."""
    state = State()
    for path, text in files.items():
        state.sources[path], held = SourceFile.read(path, text)
        for section, name, _ in held.entries:
            state.homes[section].setdefault(str(name), path)
    return state.placed(entries)
