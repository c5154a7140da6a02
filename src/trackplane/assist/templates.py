"""Templates: parts of plans for common domains, and how one is laid into a plan.

A template is a plan of its own in ``domains/``. Laid into another plan it becomes one file, whose
names carry a prefix; types and groups that are in the plan already and written alike are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files as resources
from typing import Any, Final

import msgspec
import yaml_rs

from trackplane.assist.writing import to_yaml
from trackplane.errors import Finding, InputError
from trackplane.event import NAMESPACES
from trackplane.plan import Plan, fmt, load_plan
from trackplane.plan.edit import part_names, part_of

_SECTIONS: Final = ("types", "groups", "events", "metrics")
_SHARED: Final = ("types", "groups")
_NAMES: Final = ("commerce", "media", "saas", "games", "feeds")


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A template: its texts by language, its source and that as a tree."""

    name: str
    title: dict[str, str]
    description: dict[str, str]
    text: str
    tree: dict[str, Any]

    @property
    def plan(self) -> Plan:
        """The plan that it is."""
        return load_plan(self.text, file=f"{self.name}.yaml")

    def names(self, section: str) -> list[str]:
        """Return the names of a section (``events``)."""
        return list(self.tree.get(section, ()))


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A template made ready for a plan.

    ``names`` maps the template's names to those it got, by section; ``collisions`` are of those the
    plan has already (``events order_pay``); ``reused`` are types and groups that were left out.
    """

    file: str
    text: str
    names: dict[str, dict[str, str]]
    collisions: tuple[str, ...]
    reused: tuple[str, ...]


class TemplateError(InputError):
    """A template cannot be laid into a plan: names are taken."""

    code = "template"


@cache
def templates() -> dict[str, Template]:
    """Return the shipped templates by name."""
    folder = resources("trackplane.assist").joinpath("domains")
    index: Any = yaml_rs.loads(
        folder.joinpath("index.yaml").read_text(encoding="utf-8"), parse_datetime=False
    )
    found = {}
    for name in _NAMES:
        text = folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        tree: Any = yaml_rs.loads(text, parse_datetime=False)
        found[name] = Template(
            name=name,
            title=index[name]["title"],
            description=index[name]["description"],
            text=text,
            tree=tree,
        )
    return found


def apply(
    template: Template,
    app: str,
    prefix: str,
    files: Mapping[str, str],
    *,
    owner: str = "",
    taken: Mapping[str, Collection[str]] | None = None,
) -> Applied:
    """Return a template as a file for the plan of ``app``, whose files are ``files``.

    Events and metrics get ``prefix`` and ``_``; so do types and groups that the plan has otherwise.
    ``owner`` (``team:shop``) answers for all of it in place of the template's. ``taken`` are the names
    in ``files`` by section, where they are known.
    """
    if taken is None:
        taken = {section: _taken(files, section) for section in _SECTIONS}
    names: dict[str, dict[str, str]] = {}
    reused: list[str] = []
    for section in _SECTIONS:
        names[section] = {}
        for name in template.tree.get(section, {}):
            if section in _SHARED and name in taken[section]:
                if _alike(files, section, name, template.tree[section][name]):
                    reused.append(f"{section} {name}")
                    names[section][name] = name
                    continue
                names[section][name] = _prefixed(prefix, name)
            else:
                names[section][name] = name if section in _SHARED else _prefixed(prefix, name)
    collisions = [
        f"{section} {new}"
        for section in _SECTIONS
        for new in names[section].values()
        if new in taken[section] and f"{section} {new}" not in reused
    ]
    tree: dict[str, Any] = {"format": 1, "app": app}
    for section in _SECTIONS:
        kept = {
            names[section][name]: _renamed(section, part, names)
            | ({"owner": owner} if owner and section not in _SHARED else {})
            for name, part in template.tree.get(section, {}).items()
            if f"{section} {name}" not in reused
        }
        if kept:
            tree[section] = kept
    return Applied(
        file=f"{_prefixed(prefix, template.name)}.yaml",
        text=fmt(to_yaml(tree)),
        names=names,
        collisions=tuple(collisions),
        reused=tuple(reused),
    )


def check_free(applied: Applied) -> None:
    """Check that a template collides with nothing.

    Raises:
        TemplateError: with a finding for each name that is taken.
    """
    if applied.collisions:
        raise TemplateError(
            f"{len(applied.collisions)} name(s) of the template are in the plan already",
            findings=[
                Finding(code="taken", message=f"{name} is in the plan already")
                for name in applied.collisions
            ],
            hint="give the template's names another prefix",
        )


def _prefixed(prefix: str, name: str) -> str:
    return f"{prefix.rstrip('_')}_{name}" if prefix else name


def _taken(files: Mapping[str, str], section: str) -> set[str]:
    return {name for text in files.values() for name in part_names(text, section)}


def _alike(files: Mapping[str, str], section: str, name: str, part: Any) -> bool:
    held = part_of(files, section, name)
    if held is None:
        return False
    tree: Any = yaml_rs.loads(held.text, parse_datetime=False)
    return bool(tree == {name: part})


def _renamed(section: str, part: Any, names: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a part with the names it refers to replaced."""
    types = names["types"]
    if section == "types":
        return _shape(part, types)
    if section == "metrics":
        return part | {"of": names["events"].get(part["of"], part["of"])}
    made: dict[str, Any] = {}
    for key, value in part.items():
        if key in NAMESPACES:
            made[key] = {name: _shape(shape, types) for name, shape in value.items()}
        elif key == "groups":
            made[key] = [names["groups"].get(name, name) for name in value]
        else:
            made[key] = value
    return made


def _shape(shape: Any, types: Mapping[str, str]) -> Any:
    if isinstance(shape, str):
        return types.get(shape, shape)
    if isinstance(shape, list):
        return [_shape(one, types) for one in shape]
    if not isinstance(shape, dict):
        return shape
    made = dict(shape)
    for key in ("type", "items", "values"):
        if key in made:
            made[key] = _shape(made[key], types)
    if isinstance(made.get("properties"), dict):
        made["properties"] = {name: _shape(one, types) for name, one in made["properties"].items()}
    return made
