"""Plans from YAML: every finding at once, each with file, line and column.

The text is read by a fast YAML 1.2 reader. Only when something is wrong is it composed once more,
by a reader that knows where each node stands.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml
import yaml_rs

from trackplane.errors import Finding, InputError, did_you_mean
from trackplane.event import BUILT_IN, GRADES, NAMESPACES, RESERVED_EVENTS
from trackplane.plan.model import (
    Applies,
    Deprecation,
    EventSpec,
    Metric,
    Plan,
    Properties,
    Variant,
)
from trackplane.plan.properties import built_in_property, merge_patch, property_at
from trackplane.plan.shapes import Path, Report, ShapeReader, normal

_EVENT_KEYS: Final = (
    "title", "description", "trigger", "tags", "screenshots", "owner", "grade", "platforms",
    "groups", "variants", "deprecated", "removed", "expires", *NAMESPACES,
)  # fmt: skip
_TOP_KEYS: Final = ("format", "app", "use", "types", "groups", "events", "metrics")
_METRIC_KEYS: Final = ("title", "unit", "owner", "of", "measure", "where")
_MAX_VARIANTS: Final = 6


class PlanError(InputError):
    """The plan's text is wrong; ``findings`` has everything."""

    code = "plan"


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


def load_with_warnings(text: str, *, file: str = "plan.yaml") -> Loaded:
    """Return the plan and its warnings.

    Raises:
        PlanError: with every finding, warnings included.
    """
    tree = _parse(text, file)
    reader = _PlanReader(tree)
    plan = reader.read()
    findings = _placed(reader.report, text, file) if reader.report.entries else []
    if any(finding.severity == "error" for finding in findings):
        count = sum(finding.severity == "error" for finding in findings)
        raise PlanError(f"{file}: {count} finding(s)", findings=findings)
    return Loaded(plan, tuple(findings))


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        tree: object = yaml_rs.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        raise _syntax_error(text, file, str(error)) from error
    if not isinstance(tree, dict):
        finding = Finding(
            code="shape", message="a plan is a mapping", file=file, line=1, column=1,
            hint="start with `format: 1`, `app: …`, `events: …`",
        )  # fmt: skip
        raise PlanError(f"{file} is not a plan", findings=[finding])
    return {str(key): value for key, value in tree.items()}


def _syntax_error(text: str, file: str, message: str) -> PlanError:
    line = column = None
    try:
        yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
    except (yaml.YAMLError, RecursionError, ValueError):
        pass
    first = message.strip().splitlines()[0] if message.strip() else "cannot be read"
    finding = Finding(code="yaml", message=first, file=file, line=line, column=column)
    return PlanError(f"{file} is not valid YAML", findings=[finding])


def _placed(report: Report, text: str, file: str) -> list[Finding]:
    """Return the findings with the line and column of their node (or its nearest parent)."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        root = None
    findings = []
    for path, finding in report.entries:
        mark = _mark(root, path)
        findings.append(
            msgspec.structs.replace(
                finding,
                file=file,
                line=mark.line + 1 if mark else None,
                column=mark.column + 1 if mark else None,
            )
        )
    return sorted(findings, key=lambda f: (f.line or 0, f.column or 0))


def _mark(node: Any, path: Path) -> Any:
    mark = node.start_mark if node is not None else None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    node, mark = value, key.start_mark
                    break
            else:
                return mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                return mark
            node = node.value[part]
            mark = node.start_mark
        else:
            return mark
    return mark


class _PlanReader:
    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.report = Report()
        self._tree = tree
        self._shapes = ShapeReader(self.report, tree.get("types"))

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
        if self._tree.get("use"):
            self.report.add(
                "library", "libraries are not part of this release", ("use",),
                hint="write the library's events and groups into the plan",
            )  # fmt: skip
        self._shapes.check_types()
        groups = self._groups()
        events: dict[str, EventSpec] = {}
        for name, raw in self._mapping("events").items():
            spec = self._event(app, name, raw, groups)
            if spec is not None:
                events[name] = spec
        self._look_alikes(events)
        metrics = self._metrics(events)
        return Plan(app=app, events=events, metrics=metrics)

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self._tree.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.report.add("shape", f"`{key}` is a mapping", (key,))
            return {}
        return {str(name): inner for name, inner in value.items()}

    def _groups(self) -> dict[str, dict[str, Any]]:
        groups = {}
        for name, raw in self._mapping("groups").items():
            path = ("groups", name)
            if not isinstance(raw, dict):
                self.report.add("shape", "a group is a mapping of namespaces", path)
                continue
            self.report.keys(raw, NAMESPACES, path)
            groups[name] = self._namespaces(raw, path)
            self._shapes.properties(groups[name], path)
        return groups

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
                str(name): self._shapes.expand(inner, (*path, namespace, str(name)))
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
        properties = self._shapes.properties(tree, path)
        self._built_ins(properties, path)
        grade = raw.get("grade", "P2")
        if grade not in GRADES:
            self.report.add(
                "grade", f"{grade!r} is not a grade", (*path, "grade"), hint="P0, P1, P2 or P3"
            )
            grade = "P2"
        expires = raw.get("expires")
        if expires is not None and not self._is_date(expires):
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
            removed=raw.get("removed") is True,
            expires=str(expires) if expires is not None else None,
        )
        variants = self._variants(raw.get("variants"), spec, tree, path)
        return msgspec.structs.replace(spec, variants=variants)

    def _event_name(self, name: str, path: Path) -> None:
        if unicodedata.normalize("NFC", name) != name:
            self.report.add("name", f"{name!r} is not in Unicode's NFC", path, hint="type it again")
        if not name or len(name.encode()) > 200 or any(ord(c) < 32 for c in name):
            self.report.add(
                "name", "an event's name has 1 to 200 bytes and no control characters", path
            )
        if name.startswith("$") and name not in RESERVED_EVENTS:
            self.report.add(
                "name", f"{name!r}: names that begin with $ are reserved", path,
                hint=f"reserved: {', '.join(RESERVED_EVENTS)}",
            )  # fmt: skip

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

    @staticmethod
    def _is_date(value: Any) -> bool:
        try:
            dt.date.fromisoformat(str(value))
        except ValueError:
            return False
        return True

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
            patch: dict[str, dict[str, object]] = {
                str(namespace): {
                    str(name): self._shapes.expand(inner, (*here, namespace, str(name)), patch=True)
                    for name, inner in members.items()
                }
                for namespace in NAMESPACES
                if isinstance(members := entry.get(namespace), dict)
            }
            self._shapes.properties(merge_patch(tree, patch), here)
            variants.append(Variant(applies=applies or Applies(), patch=patch))
        return tuple(variants)

    def _look_alikes(self, events: Mapping[str, EventSpec]) -> None:
        seen: dict[str, str] = {}
        for name in events:
            folded = skeleton(name)
            other = seen.setdefault(folded, name)
            if other != name:
                self.report.add(
                    "look_alike", f"{name!r} looks like {other!r}", ("events", name),
                    hint="names that people cannot tell apart get mixed up: use another",
                )  # fmt: skip

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


# Letters of other scripts that look like ASCII ones (the common part of Unicode's confusables).
_LOOKS: Final = str.maketrans(
    "аеіјоѕрсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαν\u0131",  # noqa: RUF001 that is the point
    "aeijospcyxdhqwABEZHIKMNOPTYXoavi",
)


def skeleton(name: str) -> str:
    """Return a form of a name that is equal for names a person cannot tell apart."""
    return unicodedata.normalize("NFKC", name).translate(_LOOKS).casefold()


__all__ = [
    "BUILT_IN",
    "Loaded",
    "PlanError",
    "load_plan",
    "load_with_warnings",
    "normal",
    "skeleton",
]
