"""One step of a workspace: files change, and what they touch is read again.

A cold load is a step from nothing. Files are cut into pieces (``cut.py``) and pieces whose text is
new are parsed. Types and groups are read again if any of them changed, events if their text changed
or something that they use. Parse trees are not kept: what an event says is asked of its text again
when its types or groups change.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from typing import Any, Final

from trackplane.errors import Finding
from trackplane.plan.cut import SECTIONS
from trackplane.plan.deprecations import check_replacements
from trackplane.plan.events import EventReader, group_use
from trackplane.plan.groups import Group, Groups, read_group
from trackplane.plan.libraries import (
    check_format,
    check_name,
    laid_under,
    raise_errors,
    used_libraries,
)
from trackplane.plan.metric_reader import check_event, read_metric
from trackplane.plan.model import Library, Metric, Plan
from trackplane.plan.names import code_name, skeleton
from trackplane.plan.report import Report
from trackplane.plan.shapes import ShapeReader
from trackplane.plan.source import Held, SourceFile
from trackplane.plan.state import State
from trackplane.plan.text import PlanError

TOP_KEYS: Final = ("format", "app", "use", *SECTIONS)


class Step:
    """Reads what changed from one state to the next.

    Raises:
        PlanError: with every finding; the state before stays as it is.
    """

    def __init__(
        self, before: State, files: Mapping[str, str | None], libraries: Mapping[str, Library]
    ) -> None:
        self._before = before
        self._report = Report()
        self._gone: dict[str, set[str]] = {section: set() for section in SECTIONS}
        self._new: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        self._twice: list[Finding] = []
        self._added: list[str] = []  # events
        self.state = State(libraries=libraries)
        self._read_files(files)
        same = self._read_top()
        stale = self._read_types(same=same)
        self._read_events(stale, same=same)
        self._read_metrics()
        self._check_names()
        self._check_replacements()
        self._end()

    def plan(self) -> Plan:
        """Return the plan of the new state."""
        state = self.state
        return Plan(
            app=state.app,
            use=state.use,
            types=state.types,
            groups={name: group.properties for name, group in state.groups.items()},
            events=state.events,
            metrics=state.metrics,
        )

    # -- files

    def _read_files(self, files: Mapping[str, str | None]) -> None:
        """Cut and parse the files that changed; collect entries that are gone and that are new."""
        sources = dict(self._before.sources)
        read: dict[str, Held] = {}
        findings: list[Finding] = []
        for path, text in files.items():
            old = sources.get(path)
            if old is not None and old.text == text:
                continue
            try:
                if text is None:
                    if old is not None:
                        self._forget(sources.pop(path).names())
                elif old is None:
                    sources[path], read[path] = SourceFile.read(path, text)
                else:
                    sources[path], gone, read[path] = old.replaced(text)
                    self._forget(gone)
            except PlanError as error:
                findings += error.findings
        if not sources and not findings:
            hint = "a plan begins with `format: 1` and `app: …`"
            findings.append(Finding(code="shape", message="there is no file", hint=hint))
        if findings:
            raise PlanError(f"{findings[0].file or 'it'} is not a plan", findings=findings)
        self.state.sources = sources
        for section in SECTIONS:
            homes, gone_names = self._before.homes[section], self._gone[section]
            if gone_names:
                homes = dict(homes)
                for name in gone_names:
                    homes.pop(name, None)
            self.state.homes[section] = homes
        for path, held in read.items():
            self._take(path, held)

    def _forget(self, names: Iterable[tuple[str, str]]) -> None:
        for section, name in names:
            self._gone[section].add(name)

    def _take(self, path: str, held: Held) -> None:
        for section, name, raw in held.entries:
            homes = self.state.homes[section]
            if homes is self._before.homes[section]:
                homes = self.state.homes[section] = dict(homes)
            key = name if type(name) is str else str(name)
            if key in homes:
                self._report_twice(section, key, homes[key], path)
                continue
            homes[key] = path
            self._new[section][key] = raw
            if type(name) is not str:
                self._report.add(
                    "name", f"the name {name!r} is not a text", (section, key),
                    hint="put it into quotation marks",
                )  # fmt: skip

    def _report_twice(self, section: str, name: str, home: str, path: str) -> None:
        if home != path:
            message = f"{section} {name!r} is written in {home} and in {path}"
            self._report.add("duplicate", message, (section, name))
            return
        first, again = self.state.sources[path].twice(section, name)
        self._twice.append(
            Finding(
                code="duplicate", message=f"{section} {name!r} stands in line {first} already",
                file=path, line=again[0], column=again[1], hint="keep one of them",
            )
        )  # fmt: skip

    def _read_top(self) -> bool:
        """Read what stands beside the sections; say whether app and libraries are as they were."""
        state, before, report = self.state, self._before, self._report
        top: dict[Any, Any] = {}
        homes: dict[Any, str] = {}
        for path, source in state.sources.items():
            for key, value in source.others():
                if key in top and top[key] != value:
                    text = f"`{key}` is {top[key]!r} in {homes[key]} and {value!r} in {path}"
                    report.add("duplicate", text, (str(key),))
                elif key not in top:
                    top[key], homes[key] = value, path
        report.keys(top, TOP_KEYS, ())
        for section in SECTIONS:
            if section in top:
                report.add("shape", f"`{section}` is a mapping", (section,))
        check_format(top.get("format"), report)
        app = top.get("app")
        if isinstance(app, bool | int | float):
            report.not_text(app, "`app`", ("app",))
        elif not isinstance(app, str) or not app.replace("-", "").replace("_", "").isalnum():
            report.add("app", "`app` names the app: letters, digits, - and _", ("app",))
        state.app = app if isinstance(app, str) else "?"
        state.use = report.texts(top, "use", ())
        return (state.app, state.use) == (before.app, before.use) and all(
            state.libraries.get(name) == before.libraries.get(name) for name in state.use
        )

    # -- types and groups

    def _read_types(self, *, same: bool) -> frozenset[str]:
        """Read types and groups; return those that are not as they were, as events use them."""
        state, before = self.state, self._before
        state.own_types = self._own("types", before.own_types)
        state.own_groups = self._own("groups", before.own_groups)
        touched = {each for each in ("types", "groups") if self._gone[each] or self._new[each]}
        if same and not touched:
            state.shapes, state.types = before.shapes, before.types
            state.groups, state.raw_groups = before.groups, before.raw_groups
            return frozenset()
        used = used_libraries(state.use, state.libraries, self._report)
        stale: set[str] = set()
        if same and "types" not in touched:
            state.shapes, state.types = before.shapes, before.types
        else:
            raw = laid_under(used, "types", state.own_types, self._report)
            state.shapes = ShapeReader(self._report, raw)
            state.types = state.shapes.read_types()
            old, new = before.shapes, state.shapes
            names = before.types.keys() | raw.keys()
            stale = {name for name in names if old.tree_of(name) != new.tree_of(name)}
        state.raw_groups = laid_under(used, "groups", state.own_groups, self._report)
        shapes = state.shapes.reporting(self._report)
        for name, group in state.raw_groups.items():
            held = before.groups.get(name)
            if (
                held is None
                or before.raw_groups.get(name) != group
                or not held.uses.isdisjoint(stale)
            ):
                check_name("groups", name, self._report)
                held = read_group(shapes, group, ("groups", name))
            state.groups[name] = held
        return frozenset(stale | self._stale_groups())

    def _own(self, section: str, before: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of a section as written, in the order of the files."""
        gone, new = self._gone[section], self._new[section]
        if not gone and not new:
            return before
        kept = {name: raw for name, raw in before.items() if name not in gone} | new
        homes = self.state.homes[section]
        return {name: kept[name] for name in homes if name in kept}

    def _stale_groups(self) -> set[str]:
        before, after = self._before.groups, self.state.groups
        return {
            group_use(name)
            for name in before.keys() | after.keys()
            if _tree(before.get(name)) != _tree(after.get(name))
        }

    # -- events

    def _read_events(self, stale: frozenset[str], *, same: bool) -> None:
        state, before = self.state, self._before
        reader = before.reader
        if not same or reader is None or stale:
            reader = EventReader(state.app, state.shapes, Groups(state.groups))
        state.reader = reader
        new = self._new["events"]
        if not same:
            again = state.homes["events"].keys() - new.keys()
        elif stale:
            again = {name for name, uses in before.uses.items() if not uses.isdisjoint(stale)}
            again = (again & state.homes["events"].keys()) - new.keys()
        else:
            again = set()
        new.update(self._again(again))
        gone = self._gone["events"] - state.homes["events"].keys()
        added = self._added = [name for name in new if name not in before.events]
        if not new and not gone:
            state.events, state.uses, state.notes = before.events, before.uses, before.notes
            state.replaced, state.changed = before.replaced, frozenset()
            return
        events, uses = dict(before.events), dict(before.uses)
        notes, replaced = dict(before.notes), dict(before.replaced)
        changed = set(gone)
        for name in gone:
            for held in (events, uses, notes, replaced):
                held.pop(name, None)
        report = Report()
        for name in list(new):
            raw = marshal.loads(new.pop(name))  # noqa: S302 packed by ourselves; it goes as the event comes
            read = reader.read(name, raw, report)
            notes.pop(name, None)
            replaced.pop(name, None)
            if read is None:
                continue
            spec = read.spec
            if events.get(name) == spec:
                spec = events[name]
            else:
                changed.add(name)
            events[name], uses[name] = spec, read.uses
            if spec.deprecated is not None and spec.deprecated.replaced_by is not None:
                replaced[name] = spec.deprecated.replaced_by
        for entry in report.entries:
            notes.setdefault(str(entry[0][1]), []).append(entry)
        self._report.entries += report.entries
        if (added or gone) and before.events:  # the order of the files
            events = {
                name: events[name]
                for source in state.sources.values()
                for name in source.names_in("events")
                if name in events
            }
        state.events, state.uses, state.notes = events, uses, notes
        state.replaced, state.changed = replaced, frozenset(changed)

    def _again(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the texts of events that are read again, parsed."""
        by_file: dict[str, set[tuple[str, str]]] = {}
        homes = self.state.homes["events"]
        for name in names:
            by_file.setdefault(homes[name], set()).add(("events", name))
        found = {}
        for path, wanted in by_file.items():
            for _, name, raw in self.state.sources[path].packed(wanted):
                found[str(name)] = raw
        return found

    # -- metrics, and what holds between parts

    def _read_metrics(self) -> None:
        state, before = self.state, self._before
        gone, new = self._gone["metrics"], self._new["metrics"]
        read: dict[str, Metric] = {}
        for name, raw in new.items():
            metric = read_metric(name, raw, self._report)
            if metric is not None:
                read[name] = metric
        if gone or new:
            kept = {name: held for name, held in before.metrics.items() if name not in gone} | read
            state.metrics = {name: kept[name] for name in state.homes["metrics"] if name in kept}
        else:
            state.metrics = before.metrics
        for metric in state.metrics.values():
            if metric.of not in state.events:
                check_event(metric, state.homes["events"], self._report)

    def _check_names(self) -> None:
        """Refuse names of events that people or code would mix up."""
        state, before = self.state, self._before
        gone = [n for n in self._gone["events"] if n not in state.events and n in before.events]
        if not gone and not self._added:
            state.looks, state.codes = before.looks, before.codes
        else:
            looks, codes = dict(before.looks), dict(before.codes)
            for name in gone:
                looks.pop(skeleton(name), None)
                codes.pop(code_name(name), None)
            for name in self._added:
                like = looks.setdefault(skeleton(name), name)
                other = codes.setdefault(code_name(name), name)
                self._report_mixed_up("events", name, like, other)
            state.looks, state.codes = looks, codes
        for section, names in (
            ("types", state.types), ("groups", state.groups), ("metrics", state.metrics),
        ):  # fmt: skip
            if self._new[section] and section in SECTIONS:
                state.shapes.reporting(self._report).alike(names, (section,))

    def _report_mixed_up(self, section: str, name: str, like: str, other: str) -> None:
        if like != name:
            self._report.add(
                "look_alike", f"{name!r} looks like {like!r}", (section, name),
                hint="names that people cannot tell apart get mixed up: use another",
            )  # fmt: skip
        elif other != name:
            self._report.add(
                "collision", f"{name!r} and {other!r} are one name in generated code and SQL",
                (section, name), hint="use another name, or only one of them",
            )  # fmt: skip

    def _check_replacements(self) -> None:
        report = Report()
        check_replacements(self.state.replaced, self.state.events, report)
        self._report.entries += report.entries
        self.state.warned = report.entries

    def _end(self) -> None:
        entries = self._report.entries
        if not self._twice and all(finding.severity != "error" for _, finding in entries):
            return
        placed = [*self.state.placed(entries), *self._twice]
        names = list(self.state.sources)
        what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise_errors(what, placed)


def _tree(group: Group | None) -> object:
    return group.tree if group is not None else None


__all__ = ["TOP_KEYS", "Step"]
