"""Plans from YAML: every finding at once, each with file, line and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trackplane.errors import Finding, did_you_mean
from trackplane.event import GRADES, NAMESPACES, RESERVED_EVENTS
from trackplane.plan.model import (
    Applies,
    Deprecation,
    EventSpec,
    Library,
    Metric,
    Plan,
    Properties,
    Variant,
)
from trackplane.plan.names import look_alikes
from trackplane.plan.properties import (
    built_in_property,
    merge_patch,
    property_at,
    variant_properties,
)
from trackplane.plan.shapes import Path, Report, ShapeReader, is_date
from trackplane.plan.source import PlanError, Sources

_EVENT_KEYS: Final = (
    "title", "description", "trigger", "tags", "screenshots", "owner", "grade", "platforms",
    "groups", "variants", "deprecated", "removed", "expires", *NAMESPACES,
)  # fmt: skip
_TOP_KEYS: Final = ("format", "app", "use", "types", "groups", "events", "metrics")
_METRIC_KEYS: Final = ("title", "unit", "owner", "of", "measure", "where")
_MAX_VARIANTS: Final = 6


class Loaded(msgspec.Struct, frozen=True):
    """A plan and what is worth saying about it."""

    plan: Plan
    warnings: tuple[Finding, ...]


def load_plan(text: str, *, file: str = "plan.yaml") -> Plan:
    """Return the plan of a YAML text, types and groups expanded.

    Raises:
        PlanError: with every finding, each with line and column.
    """
    return load_with_warnings(text, file=file).plan


def load_plans(files: Mapping[str, str]) -> Plan:
    """Return the plan that several YAML texts make together, by file name.

    Raises:
        PlanError: with every finding of all files.
    """
    return load_files(files).plan


def load_with_warnings(text: str, *, file: str = "plan.yaml") -> Loaded:
    """Return the plan and its warnings.

    Raises:
        PlanError: with every finding, warnings included.
    """
    return load_files({file: text})


def load_files(files: Mapping[str, str]) -> Loaded:
    """Return the plan that several YAML texts make together, by file name, and its warnings.

    Raises:
        PlanError: with every finding of all files, warnings included.
    """
    return read_plan(files, {})


def read_plan(files: Mapping[str, str], libraries: Mapping[str, Library]) -> Loaded:
    """Return the plan of some files that may use some libraries (by id), and its warnings.

    Raises:
        PlanError: with every finding of all files.
    """
    del libraries
    sources = Sources(files)
    plan = _PlanReader(sources.tree, sources.report).read()
    findings = sources.findings() if sources.report.entries else []
    count = sum(finding.severity == "error" for finding in findings)
    if count:
        raise PlanError(f"{', '.join(files)}: {count} finding(s)", findings=findings)
    return Loaded(plan, tuple(findings))


def read_library(text: str, file: str) -> Library:
    """Return the library of a text.

    Raises:
        PlanError: with every finding.
    """
    tree = Sources({file: text}).tree
    return msgspec.convert(
        {key: value for key, value in tree.items() if key not in {"format", "library"}}
        | {"name": tree.get("library")},
        Library,
    )


class _PlanReader:
    def __init__(self, tree: Mapping[Any, Any], report: Report) -> None:
        self.report = report
        self._tree = tree
        self._shapes = ShapeReader(report, tree.get("types"))
        self._quiet = ShapeReader(Report(), tree.get("types"))  # for what was reported elsewhere

    def read(self) -> Plan:
        self.report.keys(self._tree, _TOP_KEYS, ())
        if self._tree.get("format") != 1:
            self.report.add(
                "format", "`format: 1` is the only format there is", ("format",),
                hint="put `format: 1` first",
            )  # fmt: skip
        app = self._tree.get("app")
        if (
            not isinstance(app, str)
            or not app
            or not app.replace("-", "").replace("_", "").isalnum()
        ):
            self.report.add("app", "`app` names the app: letters, digits, - and _", ("app",))
            app = "?"
        for number, library in enumerate(self.report.texts(self._tree, "use", ())):
            self.report.add(
                "library", f"the library {library!r} is not found: libraries come later",
                ("use", number), hint="write the library's types and groups into the plan",
            )  # fmt: skip
        self._shapes.check_types()
        groups = self._groups()
        events: dict[str, EventSpec] = {}
        for name, raw in self._mapping("events").items():
            spec = self._event(app, name, raw, groups)
            if spec is not None:
                events[name] = spec
        for name, other in look_alikes(events):
            self.report.add(
                "look_alike", f"{name!r} looks like {other!r}", ("events", name),
                hint="names that people cannot tell apart get mixed up: use another",
            )  # fmt: skip
        self._replacements(events)
        metrics = self._metrics(events)
        return Plan(app=app, events=events, metrics=metrics)

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self._tree.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.report.add("shape", f"`{key}` is a mapping", (key,))
            return {}
        return {self._shapes.name(name, (key,)): inner for name, inner in value.items()}

    def _groups(self) -> dict[str, dict[str, Any]]:
        groups = {}
        for name, raw in self._mapping("groups").items():
            path = ("groups", name)
            if not isinstance(raw, dict):
                self.report.add("shape", "a group is a mapping of namespaces", path)
                continue
            self.report.keys(raw, NAMESPACES, path)
            groups[name] = self._namespaces(raw, path)
            self._properties(groups[name], groups[name], path)
        return groups

    def _properties(
        self, tree: Mapping[str, Any], own: Mapping[str, Any], path: Path
    ) -> Properties:
        """Read properties; report on those in ``own``, the others were reported where they stand."""
        properties: Properties = {}
        for namespace, members in tree.items():
            named = own.get(namespace, {})
            properties[namespace] = {
                name: (self._shapes if name in named else self._quiet).shape(
                    raw, (*path, namespace, name)
                )
                for name, raw in members.items()
            }
            if named:
                self._shapes.look_alikes(members, (*path, namespace))
        return properties

    def _namespaces(self, raw: Mapping[Any, Any], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for namespace in NAMESPACES:
            members = raw.get(namespace)
            if members is None:
                continue
            if not isinstance(members, dict):
                self.report.add(
                    "shape", f"`{namespace}` maps names to properties", (*path, namespace)
                )
                continue
            found[namespace] = {
                self._shapes.name(name, (*path, namespace)): self._shapes.expand(
                    inner, (*path, namespace, str(name))
                )
                for name, inner in members.items()
            }
        return found

    def _event(
        self, app: str, name: str, raw: Any, groups: Mapping[str, dict[str, Any]]
    ) -> EventSpec | None:
        path: Path = ("events", name)
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            self.report.add("shape", "an event is a mapping", path)
            return None
        self._event_name(name, path)
        self.report.keys(
            raw, _EVENT_KEYS, path, elsewhere="properties stand under who, when, where, how or what"
        )
        used = self.report.texts(raw, "groups", path)
        tree: dict[str, Any] = {}
        origin: dict[tuple[str, str], str] = {}
        for group in used:
            if group not in groups:
                self.report.add(
                    "unknown_group", f"there is no group {group!r}", (*path, "groups"),
                    hint=did_you_mean(group, groups),
                )  # fmt: skip
                continue
            self._lay_group(tree, origin, group, groups[group], path)
        own = self._namespaces(raw, path)
        tree = merge_patch(tree, own)
        properties = self._properties(tree, own, path)
        self._built_ins(properties, path)
        grade = raw.get("grade", "P2")
        if grade not in GRADES:
            self.report.add(
                "grade", f"{grade!r} is not a grade", (*path, "grade"), hint="P0, P1, P2 or P3"
            )
            grade = "P2"
        expires = raw.get("expires")
        if expires is not None and not is_date(expires):
            self.report.add("date", "`expires` is a date such as 2027-06-30", (*path, "expires"))
            expires = None
        spec = EventSpec(
            app=app,
            event=name,
            grade=grade,
            owner=self.report.text(raw, "owner", path),
            title=self.report.words(raw, "title", path),
            description=self.report.words(raw, "description", path),
            trigger=self.report.words(raw, "trigger", path),
            tags=tuple(self.report.texts(raw, "tags", path)),
            screenshots=tuple(self.report.texts(raw, "screenshots", path)),
            platforms=tuple(self.report.texts(raw, "platforms", path)),
            groups=tuple(used),
            properties=properties,
            deprecated=self._deprecation(raw.get("deprecated"), (*path, "deprecated")),
            removed=self._flag(raw, "removed", path),
            expires=str(expires) if expires is not None else None,
        )
        variants = self._variants(raw.get("variants"), spec, tree, path)
        return msgspec.structs.replace(spec, variants=variants)

    def _event_name(self, name: str, path: Path) -> None:
        if name.startswith("$") and name not in RESERVED_EVENTS:
            self.report.add(
                "name", f"{name!r}: names that begin with $ are reserved", path,
                hint=f"reserved: {', '.join(RESERVED_EVENTS)}",
            )  # fmt: skip

    def _flag(self, raw: Mapping[Any, Any], key: str, path: Path) -> bool:
        value = raw.get(key, False)
        if not isinstance(value, bool):
            self.report.add("shape", f"`{key}` is true or false", (*path, key))
        return value is True

    def _lay_group(
        self,
        tree: dict[str, Any],
        origin: dict[tuple[str, str], str],
        group: str,
        members: Mapping[str, Any],
        path: Path,
    ) -> None:
        for namespace, properties in members.items():
            for name, shape in properties.items():
                before = tree.setdefault(namespace, {}).get(name)
                if before is not None and before != shape:
                    other = origin[namespace, name]
                    self.report.add(
                        "groups_disagree",
                        f"groups {other!r} and {group!r} disagree about {namespace}.{name}",
                        (*path, "groups"),
                        hint="make them agree, or plan the property in one of them only",
                    )
                tree[namespace][name] = shape
                origin[namespace, name] = group

    def _built_ins(self, properties: Properties, path: Path) -> None:
        for namespace, members in properties.items():
            for name, shape in members.items():
                built_in = built_in_property(f"{namespace}.{name}")
                if built_in is not None and shape.type != built_in.type:
                    self.report.add(
                        "built_in",
                        f"{namespace}.{name} is built in as {built_in.type[0]}, not"
                        f" {' | '.join(shape.type)}",
                        (*path, namespace, name),
                        hint="use another name",
                    )
                if f"{namespace}.{name}" in {"when.server", "when.at"}:
                    self.report.add(
                        "built_in",
                        f"{namespace}.{name} is the platform's",
                        (*path, namespace, name),
                    )

    def _deprecation(self, raw: Any, path: Path) -> Deprecation | None:
        if raw is None or raw is False:
            return None
        if raw is True:
            return Deprecation()
        if not isinstance(raw, dict):
            self.report.add("shape", "`deprecated` is true or {replaced_by, until}", path)
            return None
        return self._shapes.deprecation(raw, path)

    def _variants(
        self, raw: Any, spec: EventSpec, tree: dict[str, Any], path: Path
    ) -> tuple[Variant, ...]:
        if raw is None:
            return ()
        path = (*path, "variants")
        if not isinstance(raw, list):
            self.report.add("shape", "`variants` is a list", path)
            return ()
        if len(raw) > _MAX_VARIANTS:
            self.report.add("variants", f"at most {_MAX_VARIANTS} variants for an event", path)
            return ()
        variants = []
        for index, entry in enumerate(raw):
            here = (*path, index)
            if not isinstance(entry, dict) or not isinstance(entry.get("applies"), dict):
                self.report.add(
                    "shape", "a variant has `applies` and the properties it changes", here
                )
                continue
            self.report.keys(entry, ("applies", *NAMESPACES), here)
            applies = self._shapes.applies(
                entry["applies"], (*here, "applies"), lambda at: property_at(spec, at) is not None
            )
            patch: dict[str, dict[str, object]] = self._namespaces(entry, here)
            self._built_ins(self._properties(merge_patch(tree, patch), patch, here), here)
            variants.append(Variant(applies=applies or Applies(), patch=patch))
        self._combinations(msgspec.structs.replace(spec, variants=tuple(variants)), path)
        return tuple(variants)

    def _combinations(self, spec: EventSpec, path: Path) -> None:
        """Check that variants that are right alone are so together: any of them may apply."""
        for mask in range(3, 1 << len(spec.variants)):
            numbers = [n for n in range(len(spec.variants)) if mask >> n & 1]
            if len(numbers) < 2:
                continue
            try:
                variant_properties(spec, mask)
            except msgspec.ValidationError as error:
                which = " and ".join(str(number + 1) for number in numbers)
                self.report.add(
                    "variants", f"variants {which} do not go together: {error}", path,
                    hint="one takes away what another changes",
                )  # fmt: skip
                return

    def _replacements(self, events: Mapping[str, EventSpec]) -> None:
        for name, spec in events.items():
            instead = spec.deprecated.replaced_by if spec.deprecated is not None else None
            if instead is not None and instead not in events:
                self.report.add(
                    "unknown_event",
                    f"{name!r} is replaced by {instead!r}, which is not planned",
                    ("events", name, "deprecated"),
                    hint=did_you_mean(instead, events),
                    severity="warning",
                )

    def _metrics(self, events: Mapping[str, EventSpec]) -> dict[str, Metric]:
        metrics = {}
        for name, raw in self._mapping("metrics").items():
            path: Path = ("metrics", name)
            if not isinstance(raw, dict):
                self.report.add("shape", "a metric is a mapping", path)
                continue
            self.report.keys(raw, _METRIC_KEYS, path)
            of, measure = raw.get("of"), raw.get("measure")
            if not isinstance(of, str) or not isinstance(measure, str):
                self.report.add("metric", "a metric needs `of` (an event) and `measure`", path)
                continue
            if of not in events:
                self.report.add(
                    "unknown_event", f"there is no event {of!r}", (*path, "of"),
                    hint=did_you_mean(of, events),
                )  # fmt: skip
            metrics[name] = Metric(
                name=name,
                of=of,
                measure=measure,
                where=self.report.text(raw, "where", path),
                unit=self.report.text(raw, "unit", path),
                title=self.report.words(raw, "title", path),
                owner=self.report.text(raw, "owner", path),
            )
        return metrics


__all__ = ["Loaded", "PlanError", "load_files", "load_plan", "load_plans", "load_with_warnings"]
