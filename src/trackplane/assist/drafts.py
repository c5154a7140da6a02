"""A first draft of an event from what arrives under its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from trackplane.assist.evidence import Evidence, gather
from trackplane.assist.infer import Inferred, infer
from trackplane.assist.writing import to_yaml, written
from trackplane.event import BUILT_IN, NAMESPACES
from trackplane.plan.model import Property
from trackplane.plan.names import fault_of

_RARE_PLATFORM: Final = 0.005


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event as inferred. ``text`` is its part of a plan; ``notes`` say what was left out."""

    event: str
    samples: int
    text: str
    properties: tuple[Inferred, ...]
    notes: tuple[dict[str, str], ...] = ()


def draft(
    event: str, samples: Sequence[Mapping[str, Any]], *, allowed: float = 0.0, grade: str = "P2"
) -> Draft:
    """Return the draft of an event from merged samples of it.

    With ``allowed`` 0 every sample is valid under it; with 0.02, up to 2 % of a property's values
    may be left out as dirt, which its ``dirt`` lists.
    """
    found: list[Inferred] = []
    notes: list[dict[str, str]] = []
    tree: dict[str, Any] = {"grade": grade}
    root = gather(samples)
    platforms = _platforms(root, allowed)
    if platforms:
        tree["platforms"] = platforms
    for namespace in NAMESPACES:
        held = root.members.get(namespace)
        if held is None or not held.kinds["object"]:
            continue
        shapes: dict[str, Any] = {}
        for name, member in sorted(held.members.items()):
            path = f"{namespace}.{name}"
            if path in BUILT_IN:
                continue
            member.holders = root.holders
            one = _named(infer(path, member, allowed=allowed), notes)
            if one is None:
                continue
            found.append(one)
            shapes[name] = written(one.shape)
        if shapes:
            tree[namespace] = shapes
    notes += [_dirty(one) for one in found if one.dirt]
    return Draft(
        event=event,
        samples=len(samples),
        text=to_yaml({event: tree}, blocks=2),
        properties=tuple(found),
        notes=tuple(notes),
    )


def _platforms(root: Evidence, allowed: float) -> list[str]:
    how = root.members.get("how")
    seen = how.members.get("platform") if how is not None else None
    if seen is None or seen.more or seen.seen < root.holders:
        return []
    counts: Counter[str] = seen.strings()
    if set(seen.kinds) != {"string"} or len(counts) > 8:
        return []
    least = min(allowed, _RARE_PLATFORM) * counts.total()
    return sorted(name for name, count in counts.items() if count > least and name)


def _named(one: Inferred, notes: list[dict[str, str]]) -> Inferred | None:
    """Return a property without members that cannot be planned, or None if it cannot itself."""
    name = one.path.partition(".")[2]
    fault = fault_of(name, dotted=False)
    if fault is not None:
        notes.append(
            {"en": f"{one.path} is left out: {fault[0]}", "zh": f"已略去 {one.path}：{fault[0]}"}
        )
        return None
    shape = _plannable(one.shape, one.path, notes)
    return one if shape is one.shape else msgspec.structs.replace(one, shape=shape)


def _plannable(shape: Property, path: str, notes: list[dict[str, str]]) -> Property:
    changes: dict[str, Any] = {}
    if shape.properties:
        kept = {}
        for name, part in shape.properties.items():
            fault = fault_of(name, dotted=False)
            if fault is None:
                kept[name] = _plannable(part, f"{path}.{name}", notes)
            else:
                notes.append(
                    {
                        "en": f"{path}.{name} is left out: {fault[0]}",
                        "zh": f"已略去 {path}.{name}：{fault[0]}",
                    }
                )
        changes["properties"] = kept
    for key in ("items", "values"):
        inner = getattr(shape, key)
        if inner is not None:
            changes[key] = _plannable(inner, f"{path}[]", notes)
    return msgspec.structs.replace(shape, **changes) if changes else shape


def _dirty(one: Inferred) -> dict[str, str]:
    shown = ", ".join(one.dirt[:3])
    return {
        "en": f"{one.path}: some values do not fit and count as dirt, such as {shown}",
        "zh": f"{one.path}：部分值不符合，视为脏数据，例如 {shown}",
    }
