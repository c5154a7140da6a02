"""Who changed each property and key of a part last, out of what its revisions did to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from trackplane.plan.changes import Change, PartChange
from trackplane.plan.model import EventSpec, Metric, Property

_KEYS: Final = (
    "title", "description", "trigger", "owner", "grade", "category", "tags", "screenshots",
    "platforms", "groups", "variants", "deprecated", "removed", "expires", "renew_days",
    "of", "measure", "where", "unit",
)  # fmt: skip
_INSIDE: Final = re.compile(r"\[\]|\{\}")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A revision and what it did to the part; ``at`` is Unix milliseconds."""

    revision: int
    author: str
    at: int
    message: str
    change: PartChange


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A property (``path``) or a key of the part (``field``), its last change, and what that did."""

    path: str
    field: str
    entry: Entry
    what: str


def blame(part: object, entries: Iterable[Entry]) -> list[Line]:
    """Return for each property and key that a part has now the revision that changed it last.

    What no later revision touched is of the one that added the part. Without any entry: nothing.
    """
    newest = sorted(entries, key=lambda entry: -entry.revision)
    lines = []
    for path, field in _places(part):
        found = _last(path, field, newest)
        if found is not None:
            entry, what = found
            lines.append(Line(path=path, field=field, entry=entry, what=what))
    return lines


def concerns(part: PartChange, path: str, change: Change | None = None) -> bool:
    """Say whether a change of a part (or one thing in it) is of a property, or comes with the whole."""
    changes = part.changes if change is None else (change,)
    return any(
        _within(each.path, path)
        or (each.was is not None and _within(each.was, path))
        or (not each.path and not each.field)
        for each in changes
    )


def _within(changed: str, path: str) -> bool:
    plain = _INSIDE.sub("", changed)
    return plain == path or plain.startswith(f"{path}.")


def _places(part: object) -> Iterator[tuple[str, str]]:
    """Give what a part has: its keys, then its properties and checks."""
    if isinstance(part, Property):
        yield from ((name, "") for name in _inner("type", part))
        return
    if isinstance(part, EventSpec | Metric):
        fields = {field.name: field for field in msgspec.structs.fields(part)}
        for key in _KEYS:
            if key in fields and getattr(part, key) != fields[key].default:
                yield "", key
    groups = part.properties if isinstance(part, EventSpec) else part
    if isinstance(groups, dict):
        for namespace, members in groups.items():
            for name, shape in members.items():
                for path in _inner(f"{namespace}.{name}", shape):
                    yield path, ""
    if isinstance(part, EventSpec):
        for check in part.checks:
            yield f"checks.{check.name}", ""


def _inner(path: str, shape: Property) -> Iterator[str]:
    yield path
    for name, inner in (shape.properties or {}).items():
        yield from _inner(f"{path}.{name}", inner)


def _last(path: str, field: str, newest: list[Entry]) -> tuple[Entry, str] | None:
    for entry in newest:
        for change in entry.change.changes:
            if path:
                name = _INSIDE.sub("", change.path)
                # A property that came whole brought what is inside it.
                came = change.kind == "added" and not change.field and path.startswith(f"{name}.")
                if name and (name == path or came):
                    return entry, change.message
            elif change.field == field and not change.path:
                return entry, change.message
            if field == "variants" and change.applies is not None:
                return entry, change.message
        if entry.change.kind == "added":
            return entry, entry.change.changes[0].message if entry.change.changes else "it is new"
    return (newest[-1], "it was there before") if newest else None
