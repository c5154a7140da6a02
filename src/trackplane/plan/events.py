"""Events as written, read into ``EventSpec``."""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from trackplane.errors import did_you_mean
from trackplane.event import BUILT_IN, GRADES, NAMESPACES, RESERVED_EVENTS
from trackplane.plan.flat import FlatNames
from trackplane.plan.groups import Groups, GroupSet
from trackplane.plan.model import Check, Deprecation, EventSpec, Properties, Property, Text
from trackplane.plan.names import fault_of, skeleton
from trackplane.plan.properties import built_in_property, merge_patch, property_at
from trackplane.plan.report import Path, Report, is_date
from trackplane.plan.shapes import MAX_PARTS, Known, ShapeReader
from trackplane.plan.variant_reader import read_variants
from trackplane.plan.vocabularies import owner_fault, screenshot_fault

EVENT_KEYS: Final = (
    "title", "description", "trigger", "tags", "category", "screenshots", "owner", "grade",
    "platforms", "groups", *NAMESPACES, "variants", "checks", "deprecated", "removed", "expires",
)  # fmt: skip
_KEYS: Final = frozenset(EVENT_KEYS)
CHECK_KEYS: Final = ("name", "that", "message", "severity")
_STAMPED: Final = frozenset({"when.server", "when.at"})
_MAX_EVENT_PARTS: Final = 2 * MAX_PARTS
_MAX_TAG: Final = 64
_REMEMBERED: Final = 50_000


class EventRead(NamedTuple):
    """An event, and the named types and groups it uses: what makes it read again."""

    spec: EventSpec
    uses: frozenset[str]


def group_use(group: str) -> str:
    """Return how a group is named among what an event uses; no type has such a name."""
    return f"\n{group}"


class EventReader:
    """Reads the events of one plan, whose types and groups it knows.

    It keeps what it learnt from one event for the next: equal texts become one object.
    """

    def __init__(self, app: str, shapes: ShapeReader, groups: Groups) -> None:
        self._app = app
        self._shapes = shapes
        self._groups = groups
        self._flat = FlatNames()
        self._owners: dict[str, str] = {}
        self._patched: dict[object, Known] = {}
        self._uses: dict[frozenset[str], frozenset[str]] = {}
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}

    def read(self, name: str, raw: Any, report: Report) -> EventRead | None:
        """Return an event, reporting what is wrong with it; None if it is no mapping."""
        path: Path = ("events", name)
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            report.add("shape", "an event is a mapping", path)
            return None
        self._name(name, path, report)
        if not raw.keys() <= _KEYS:
            report.keys(
                raw, EVENT_KEYS, path,
                elsewhere="properties stand under who, when, where, how or what",
            )  # fmt: skip
        used_groups = self._tuple(report.texts(raw, "groups", path))
        held = self._combined(used_groups, path, report)
        uses: set[str] = set()
        properties = self._properties(raw, held, path, report, uses)
        if any(True for _ in self._flat.collisions(properties)):
            self._collisions(properties, raw, path, report)
        expires, renew_days = _expiry(raw.get("expires"), path, report)
        spec = EventSpec(
            app=self._app,
            event=name,
            grade=_grade(raw, path, report),
            owner=self._owner(raw, path, report),
            title=report.words(raw, "title", path),
            description=report.words(raw, "description", path),
            trigger=report.words(raw, "trigger", path),
            tags=self._tags(raw, path, report),
            screenshots=_screenshots(raw, path, report),
            platforms=self._tuple(report.texts(raw, "platforms", path)),
            groups=used_groups,
            properties=properties,
            deprecated=_deprecation(raw, path, report, self._shapes),
            removed=report.flag(raw, "removed", path) if "removed" in raw else False,
            expires=expires,
            renew_days=renew_days,
            category=report.text(raw, "category", path),
            checks=_checks(raw, path, report) if "checks" in raw else (),
        )
        if raw.get("variants") is not None:
            shapes = self._shapes.reporting(report)
            spec = read_variants(raw["variants"], spec, path, shapes, uses)
        _property_replacements(spec, path, report)
        uses |= held.uses
        uses.update(group_use(group) for group in used_groups)
        frozen = frozenset(uses)
        return EventRead(spec, self._uses.setdefault(frozen, frozen))

    def _name(self, name: str, path: Path, report: Report) -> None:
        fault = fault_of(name)
        if fault is not None:
            report.add("name", fault[0], path, hint=fault[1])
        elif name.startswith("$") and name not in RESERVED_EVENTS:
            report.add(
                "name", f"{name!r}: names that begin with $ are reserved", path,
                hint=f"reserved: {', '.join(RESERVED_EVENTS)}",
            )  # fmt: skip

    def _tuple(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        return self._tuples.setdefault(texts, texts) if texts else ()

    def _owner(self, raw: Mapping[Any, Any], path: Path, report: Report) -> str | None:
        owner = report.text(raw, "owner", path)
        if owner is None:
            return None
        known = self._owners.get(owner)
        if known is None:
            fault = owner_fault(owner)
            if fault is not None:
                report.add("owner", fault[0], (*path, "owner"), hint=fault[1])
                return None
            known = self._owners[owner] = owner
        return known

    def _tags(self, raw: Mapping[Any, Any], path: Path, report: Report) -> tuple[str, ...]:
        tags = self._tuple(report.texts(raw, "tags", path))
        for number, tag in enumerate(tags):
            if not tag or tag != tag.strip() or len(tag) > _MAX_TAG:
                report.add(
                    "tag", f"{tag!r} is no tag: 1 to {_MAX_TAG} characters, no space at the ends",
                    (*path, "tags", number),
                )  # fmt: skip
        if len(set(tags)) != len(tags):
            report.add("tag", "a tag is there twice", (*path, "tags"))
        return tags

    def _combined(self, names: tuple[str, ...], path: Path, report: Report) -> GroupSet:
        known = self._groups.groups
        for number, group in enumerate(names):
            if group not in known:
                report.add(
                    "unknown_group", f"there is no group {group!r}", (*path, "groups", number),
                    hint=did_you_mean(group, known),
                )  # fmt: skip
        held = self._groups.combined(tuple(group for group in names if group in known))
        for disagreement in held.disagreements:
            report.add(
                "groups_disagree", disagreement, (*path, "groups"),
                hint="make them agree, or plan the property in one of them only",
            )  # fmt: skip
        return held

    # -- properties

    def _properties(
        self, raw: Mapping[Any, Any], held: GroupSet, path: Path, report: Report, uses: set[str]
    ) -> Properties:
        properties: Properties = {}
        clean = self._shapes.clean_name
        parts = 0
        for namespace in NAMESPACES:
            base = held.properties.get(namespace)
            own = raw.get(namespace)
            if own is None:
                if base:
                    properties[namespace] = base
                continue
            if not isinstance(own, dict):
                report.add("shape", f"`{namespace}` maps names to properties", (*path, namespace))
                continue
            members = dict(base) if base else {}
            under = held.tree.get(namespace, {})
            for name, inner in own.items():
                if name in under:
                    found = self._laid_over(under[name], inner, (*path, namespace, name), report)
                    if found is None:
                        del members[name]
                        continue
                else:
                    found = self._shapes.known(inner) or self._reported(
                        inner, (*path, namespace, str(name)), report
                    )
                    name = clean(name) or self._name_of(name, (*path, namespace), report)  # noqa: PLW2901
                members[name] = found.shape
                uses.update(found.uses)
                parts += found.parts
            if len(members) > 1 and len(own) > 0:
                self._alike(members, (*path, namespace), report)
            properties[namespace] = members
        if parts > _MAX_EVENT_PARTS:
            report.add("too_large", f"more than {_MAX_EVENT_PARTS:,} properties and parts", path)
        self._built_ins(properties, path, report)
        return properties

    def _name_of(self, name: Any, path: Path, report: Report) -> str:
        return self._shapes.reporting(report).name(name, path)

    def _alike(self, members: Mapping[str, Property], path: Path, report: Report) -> None:
        if not self._flat.surely_apart(members):
            self._shapes.reporting(report).alike(members, path)

    def _laid_over(self, base: Any, patch: Any, path: Path, report: Report) -> Known | None:
        """Return a group's property with an event's change of it; None: it is taken away."""
        if patch is None:
            return None
        try:
            key: object = id(base), marshal.dumps(patch, 2)
        except ValueError:
            key = None
        found = self._patched.get(key)
        if found is None:
            before = len(report.entries)
            found = self._reported(patch, path, report, base=base)
            if len(report.entries) == before and key is not None:
                if len(self._patched) >= _REMEMBERED:
                    self._patched.clear()
                self._patched[key] = found
        return found

    def _reported(self, raw: Any, path: Path, report: Report, *, base: Any = None) -> Known:
        """Read a property the long way, reporting where it stands."""
        shapes = self._shapes.reporting(report)
        used: set[str] = set()
        tree = shapes.expand(raw, path, used=used)
        if base is not None:
            tree = merge_patch(base, tree)
        return Known(shapes.shape(tree, path), tuple(sorted(used)), 1)

    def _built_ins(self, properties: Properties, path: Path, report: Report) -> None:
        for namespace in NAMESPACES[:4]:  # what has none
            for name, shape in properties.get(namespace, {}).items():
                check_built_in(namespace, name, shape, path, report)

    def _collisions(
        self, properties: Properties, raw: Mapping[Any, Any], path: Path, report: Report
    ) -> None:
        for place, other, flat in self._flat.collisions(properties):
            if skeleton(place) == skeleton(other) and other not in BUILT_IN:
                continue  # reported as look-alikes
            namespace, _, name = place.partition(".")
            name = name.partition(".")[0]
            written = isinstance(raw.get(namespace), dict) and name in raw[namespace]
            report.add(
                "collision", f"{place!r} and {other!r} are both {flat} in SQL and generated code",
                (*path, namespace, name) if written else (*path, "groups"),
                hint="use another name, or only one of them",
            )  # fmt: skip


def check_built_in(namespace: str, name: str, shape: Property, path: Path, report: Report) -> None:
    """Report a property that is built in as something else, or is the platform's own."""
    at = f"{namespace}.{name}"
    built_in = built_in_property(at)
    if built_in is not None and shape.type != built_in.type:
        report.add(
            "built_in",
            f"{at} is built in as {built_in.type[0]}, not {' | '.join(shape.type)}",
            (*path, namespace, name), hint="use another name",
        )  # fmt: skip
    if at in _STAMPED:
        report.add("built_in", f"{at} is the platform's", (*path, namespace, name))


def _grade(raw: Mapping[Any, Any], path: Path, report: Report) -> Any:
    grade = raw.get("grade", "P2")
    if grade not in GRADES:
        report.add("grade", f"{grade!r} is not a grade", (*path, "grade"), hint="P0, P1, P2 or P3")
        return "P2"
    return GRADES[GRADES.index(grade)]


def _screenshots(raw: Mapping[Any, Any], path: Path, report: Report) -> tuple[str, ...]:
    screenshots = report.texts(raw, "screenshots", path)
    for number, screenshot in enumerate(screenshots):
        fault = screenshot_fault(screenshot)
        if fault is not None:
            report.add("screenshot", fault[0], (*path, "screenshots", number), hint=fault[1])
    return screenshots


def _deprecation(
    raw: Mapping[Any, Any], path: Path, report: Report, shapes: ShapeReader
) -> Deprecation | None:
    given = raw.get("deprecated")
    if given is None or given is False:
        return None
    if given is True:
        return Deprecation()
    if not isinstance(given, dict):
        report.add("shape", "`deprecated` is true or {replaced_by, until}", (*path, "deprecated"))
        return None
    return shapes.reporting(report).deprecation(given, (*path, "deprecated"))


def _expiry(raw: Any, path: Path, report: Report) -> tuple[str | None, int | None]:
    """Return the last day, and in how many days' use it is prolonged."""
    if raw is None:
        return None, None
    here = (*path, "expires")
    if not isinstance(raw, dict):
        if is_date(raw):
            return raw, None
        report.add(
            "date", "`expires` is a date such as 2027-06-30, or {on: …, renew_days: 90}", here
        )
        return None, None
    report.keys(raw, ("on", "renew_days"), here)
    on, days = raw.get("on"), raw.get("renew_days")
    if not is_date(on):
        report.add("date", "`on` is a date such as 2027-06-30", (*here, "on"))
        on = None
    if days is not None and (type(days) is not int or not 1 <= days <= 3_650):
        report.add("shape", "`renew_days` is a number of days, 1 to 3650", (*here, "renew_days"))
        days = None
    return on, days


def _checks(raw: Mapping[Any, Any], path: Path, report: Report) -> tuple[Check, ...]:
    given = raw["checks"]
    if given is None:
        return ()
    here = (*path, "checks")
    if not isinstance(given, list):
        report.add("shape", "`checks` is a list of {name, that, message, severity}", here)
        return ()
    checks: list[Check] = []
    for number, entry in enumerate(given):
        at = (*here, number)
        if not isinstance(entry, dict):
            report.add("shape", "a check has `name` and `that`", at)
            continue
        report.keys(entry, CHECK_KEYS, at)
        name, that = report.text(entry, "name", at), report.text(entry, "that", at)
        if not name or not that:
            report.add(
                "shape", "a check has `name` and `that`, a rule expression", at,
                hint="{name: items_counted, that: what.count >= 1}",
            )  # fmt: skip
            continue
        fault = fault_of(name)
        if fault is not None:
            report.add("name", fault[0], (*at, "name"), hint=fault[1])
        if any(name == check.name for check in checks):
            report.add("duplicate", f"there are two checks {name!r}", (*at, "name"))
        severity = entry.get("severity", "error")
        if severity not in ("error", "warning"):
            report.add("shape", "`severity` is error or warning", (*at, "severity"))
            severity = "error"
        message: Text | None = report.words(entry, "message", at)
        checks.append(Check(name=name, that=that, message=message, severity=severity))
    return tuple(checks)


def _property_replacements(spec: EventSpec, path: Path, report: Report) -> None:
    """Warn of deprecated properties whose replacement is not planned."""
    for namespace, members in spec.properties.items():
        for name, shape in members.items():
            if shape.deprecated is None or shape.deprecated.replaced_by is None:
                continue
            instead = shape.deprecated.replaced_by
            itself = instead in {f"{namespace}.{name}", name}
            if itself or not (instead in members or property_at(spec, instead) is not None):
                known = [
                    f"{space}.{own}" for space, inner in spec.properties.items() for own in inner
                ]
                report.add(
                    "unknown_property",
                    f"{namespace}.{name} is replaced by {instead!r}, "
                    + ("which is itself" if itself else "which is not planned"),
                    (*path, namespace, name, "deprecated"),
                    hint=did_you_mean(instead, known), severity="warning",
                )  # fmt: skip
