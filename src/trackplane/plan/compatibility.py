"""What a change of a plan means for those who read events and those who send them.

*Breaking*: something a reader relies on goes or changes: an event, a property, its type.
*Narrowing*: an event that was valid may no longer be. *Additive*: neither. A planned optional property
where there was none is additive: nobody was told that it could be sent otherwise. Changed variants are
narrowing, without a look at what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from trackplane.plan.model import EventSpec, Plan, Property

Compatibility = Literal["additive", "narrowing", "breaking"]
_ORDER: Final[tuple[Compatibility, ...]] = ("additive", "narrowing", "breaking")
_Reason = tuple[Compatibility, str]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One event that differs between two plans; ``reasons`` tell what, the gravest first."""

    event: str
    kind: Literal["added", "changed", "removed"]
    compatibility: Compatibility
    reasons: tuple[str, ...] = ()


def diff(before: Plan, after: Plan) -> list[Change]:
    """Return the events that differ, by name."""
    changes = []
    for event in sorted(before.events.keys() | after.events.keys()):
        old, new = before.events.get(event), after.events.get(event)
        if old is None:
            changes.append(Change(event=event, kind="added", compatibility="additive"))
        elif new is None:
            changes.append(Change(event=event, kind="removed", compatibility="breaking"))
        elif old != new:
            reasons = sorted(_event(old, new), key=lambda r: -_ORDER.index(r[0]))
            gravest: Compatibility = reasons[0][0] if reasons else "additive"
            texts = tuple(text for _, text in reasons)
            changes.append(
                Change(event=event, kind="changed", compatibility=gravest, reasons=texts)
            )
    return changes


def _event(old: EventSpec, new: EventSpec) -> Iterator[_Reason]:
    if new.removed and not old.removed:
        yield "breaking", "it is removed"
    if old.variants != new.variants:
        yield "narrowing", "its variants changed"
    for namespace in sorted(old.properties.keys() | new.properties.keys()):
        yield from _members(
            old.properties.get(namespace, {}), new.properties.get(namespace, {}), namespace
        )


def _members(
    old: Mapping[str, Property], new: Mapping[str, Property], path: str
) -> Iterator[_Reason]:
    for name in sorted(old.keys() | new.keys()):
        here = f"{path}.{name}"
        if name not in new:
            yield "breaking", f"{here} is gone"
        elif name not in old:
            if new[name].required:
                yield "narrowing", f"{here} is new and required"
            else:
                yield "additive", f"{here} is new"
        elif old[name] != new[name]:
            yield from _property(old[name], new[name], here)


def _property(old: Property, new: Property, path: str) -> Iterator[_Reason]:
    if set(new.type) - set(old.type):
        yield "breaking", f"{path} may be {' or '.join(sorted(set(new.type) - set(old.type)))}"
    elif set(old.type) - set(new.type):
        yield "narrowing", f"{path} is no longer {' or '.join(set(old.type) - set(new.type))}"
    if new.required and not old.required:
        yield "narrowing", f"{path} is required"
    if old.nullable and not new.nullable:
        yield "narrowing", f"{path} is not nullable any more"
    if old.additional and not new.additional:
        yield "narrowing", f"{path} is closed"
    if new.pattern is not None and new.pattern != old.pattern:
        yield "narrowing", f"{path} has another pattern"
    if new.enum is not None and (old.enum is None or not set(old.enum) <= set(new.enum)):
        yield "narrowing", f"{path} has fewer values"
    for name, sign in (("min", 1), ("min_length", 1), ("max", -1), ("max_length", -1)):
        low, high = getattr(old, name), getattr(new, name)
        if high is not None and (low is None or sign * high > sign * low):
            yield "narrowing", f"{path} has a tighter {name}"
    yield from _members(old.properties or {}, new.properties or {}, path)
    for part in ("items", "values"):
        inner_old, inner_new = getattr(old, part), getattr(new, part)
        if inner_new is not None and inner_old is None:
            yield "narrowing", f"the {part} of {path} have a shape now"
        elif inner_old is not None and inner_new is None:
            yield "breaking", f"the {part} of {path} have no shape any more"
        elif inner_old is not None and inner_old != inner_new:
            yield from _property(inner_old, inner_new, f"{path}[]")
