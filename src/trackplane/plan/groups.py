"""Groups of properties: read once, laid over each other once for each set of them that events use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from trackplane.event import NAMESPACES
from trackplane.plan.model import Properties, Property
from trackplane.plan.report import Path
from trackplane.plan.shapes import ShapeReader

Tree = dict[str, dict[str, Any]]  # namespace -> name -> property as JSON, types expanded


class Group(NamedTuple):
    """A group in order: as JSON, as read, and the named types it uses."""

    tree: Tree
    properties: Properties
    uses: frozenset[str]


class GroupSet(NamedTuple):
    """Several groups laid over each other, and what they disagree about."""

    tree: Tree
    properties: Properties
    uses: frozenset[str]
    disagreements: tuple[str, ...]


def read_namespaces(
    shapes: ShapeReader, raw: Mapping[Any, Any], path: Path, used: set[str]
) -> Tree:
    """Return the properties under each namespace as JSON, types expanded into ``used``."""
    found: Tree = {}
    for namespace in NAMESPACES:
        members = raw.get(namespace)
        if members is None:
            continue
        if not isinstance(members, dict):
            shapes.report.add(
                "shape", f"`{namespace}` maps names to properties", (*path, namespace)
            )
            continue
        found[namespace] = {
            shapes.name(name, (*path, namespace)): shapes.expand(
                inner, (*path, namespace, str(name)), used=used
            )
            for name, inner in members.items()
        }
    return found


def read_group(shapes: ShapeReader, raw: Any, path: Path) -> Group:
    """Return a group, reporting what is wrong with it."""
    if not isinstance(raw, dict):
        shapes.report.add("shape", "a group is a mapping of namespaces", path)
        return Group({}, {}, frozenset())
    shapes.report.keys(raw, NAMESPACES, path)
    used: set[str] = set()
    tree = read_namespaces(shapes, raw, path, used)
    properties: Properties = {}
    for namespace, members in tree.items():
        shapes.alike(members, (*path, namespace))
        properties[namespace] = {
            name: shapes.shape(member, (*path, namespace, name)) for name, member in members.items()
        }
    return Group(tree, properties, frozenset(used))


class Groups:
    """The groups of a plan, and the sets of them that events use."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self.groups = groups
        self._sets: dict[tuple[str, ...], GroupSet] = {}

    def combined(self, names: tuple[str, ...]) -> GroupSet:
        """Return the groups of these names, all of which there are, laid over each other."""
        found = self._sets.get(names)
        if found is None:
            found = self._sets[names] = self._combine(names)
        return found

    def _combine(self, names: tuple[str, ...]) -> GroupSet:
        tree: Tree = {}
        properties: dict[str, dict[str, Property]] = {}
        origin: dict[tuple[str, str], str] = {}
        uses: frozenset[str] = frozenset()
        disagreements = []
        for group in names:
            held = self.groups[group]
            uses |= held.uses
            for namespace, members in held.tree.items():
                for name, member in members.items():
                    before = tree.setdefault(namespace, {}).get(name)
                    if before is not None and before != member:
                        other = origin[namespace, name]
                        disagreements.append(
                            f"groups {other!r} and {group!r} disagree about {namespace}.{name}"
                        )
                    tree[namespace][name] = member
                    shape = held.properties[namespace][name]
                    properties.setdefault(namespace, {})[name] = shape
                    origin[namespace, name] = group
        return GroupSet(tree, properties, uses, tuple(disagreements))
