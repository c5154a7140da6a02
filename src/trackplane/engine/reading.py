"""The values of properties of decoded events, in columns: what the index looks events up by."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec

from trackplane.engine import values
from trackplane.engine.access import AccessPath
from trackplane.engine.decoding import Decoded
from trackplane.engine.demand import SURE, Demand, Mode
from trackplane.engine.directory import Directory, picked

Column = list[Any]  # one value an event: NULL is None, an ERROR a ``Failure``

_STAMPS: Final[dict[tuple[str, str | int], Callable[[Directory], Column]]] = {
    ("", "id"): lambda d: d.ids,
    ("", "event"): lambda d: d.names,
    ("when", "server"): lambda d: d.received,
    ("when", "at"): lambda d: d.at,
    ("meta", "app"): lambda d: d.apps,
    ("meta", "env"): lambda d: d.envs,
    ("meta", "grade"): lambda d: d.grades,
    ("meta", "revision"): lambda d: d.revisions,
    ("meta", "weight"): lambda d: d.weights,
}


def is_stamped(path: AccessPath) -> bool:
    """Say whether the platform gives a property, not the event's bytes: it is never an ERROR."""
    return len(path.parts) == 1 and (path.root, path.parts[0]) in _STAMPS


def may_fail(path: AccessPath, demand: Demand) -> bool:
    """Say whether a property that was decoded strictly may be an ERROR all the same."""
    if is_stamped(path):
        return False
    shape = demand.shape((path.root, str(path.parts[0])))
    for part in path.parts[1:]:
        member = shape.member(part) if isinstance(part, str) else None
        if member is None:
            return True
        shape = member[1]
    return path.kind not in SURE or (shape.leaf == "any" and path.kind != "json")


def column(
    path: AccessPath, demand: Demand, mode: Mode, events: Decoded, directory: Directory
) -> Column:
    """Return a property's value of each event, as the property's kind."""
    if is_stamped(path):
        return picked(_STAMPS[path.root, path.parts[0]](directory), events.numbers)
    wanted = (path.root, str(path.parts[0]))
    found = _merged(wanted, demand, mode, events)
    shape = demand.shape(wanted)
    strict = mode != "loose"
    for part in path.parts[1:]:
        member = shape.member(part) if strict and isinstance(part, str) else None
        if member is not None:
            get, shape = attrgetter(f"f{member[0]}"), member[1]
            found = [None if value is None else get(value) for value in found]
        elif isinstance(part, str):
            strict = False
            found = [_by_name(value, part) for value in found]
        else:
            strict = False
            found = [_by_index(value, part) for value in found]
    if strict and path.kind in SURE and shape.leaf != "any":
        return found
    check = values.AS[path.kind]
    return [check(value) for value in found]


def _merged(wanted: tuple[str, str], demand: Demand, mode: Mode, events: Decoded) -> Column:
    """Return what the event has, or its header, or None."""
    root, field = wanted[0], demand.field(wanted)
    if mode == "loose":
        holders = [getattr(event, root) for event in events.events]
        found = [msgspec.UNSET if h is None else getattr(h, field) for h in holders]
    else:
        found = list(map(attrgetter(f"{root}.{field}"), events.events))
    if mode == "bare":
        return found
    index = demand.properties.index(wanted)
    headers = events.headers or []
    return [
        header[index] if value is msgspec.UNSET else value
        for value, header in zip(found, headers, strict=True)
    ]


def _by_name(value: Any, name: str) -> Any:
    if value.__class__ is dict:
        return value.get(name)
    return value if value is None or value.__class__ is values.Failure else values.TYPE


def _by_index(value: Any, index: int) -> Any:
    if value.__class__ is list:
        return value[index] if index < len(value) else None
    return value if value is None or value.__class__ is values.Failure else values.TYPE
