"""What properties really hold: kinds, frequent values, quantiles and lengths, from a sample. Pure.

A value that may be personal is never shown, nor anything that is made of values: not its quantiles, lengths,
distinct count or frequencies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from trackplane.control.insight import insight_wire
from trackplane.control.insight.masking import (
    PERSONAL,
    holds_personal,
    masked,
    personal_in_variants,
)
from trackplane.event import BUILT_IN, NAMESPACES, JsonObject
from trackplane.plan.model import EventSpec, Property
from trackplane.plan.properties import built_in_property, paths_of, property_at

TOP: Final = 10
EXAMPLES: Final = 5
BINS: Final = 20
QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_TEXT: Final = 200
_MOST_UNPLANNED: Final = 100
_LEAST_UNPLANNED: Final = 1  # events of the sample that have it
_STAMPED: Final = frozenset({"when.server", "when.at", "when.client", "when.sent"})


class Weighted(NamedTuple):
    """An event and how many it stands for."""

    event: JsonObject
    weight: float


class _Missing:
    pass


_MISSING: Final = _Missing()


def property_paths(spec: EventSpec | None, events: Iterable[Weighted]) -> list[str]:
    """Return the planned paths, then those that were sent besides: built-in ones and unplanned ones."""
    planned = paths_of(spec) if spec is not None else []
    sent: Counter[str] = Counter()
    for weighted in events:
        for namespace in NAMESPACES:
            properties = weighted.event.get(namespace)
            if isinstance(properties, dict):
                sent.update(f"{namespace}.{name}" for name in properties)
    held = set(planned)
    others = [
        path
        for path, count in sent.most_common()
        if path not in held and path not in _STAMPED and count >= _LEAST_UNPLANNED
    ]
    built_in = [path for path in others if path in BUILT_IN]
    unplanned = [path for path in others if path not in BUILT_IN]
    return [*planned, *unplanned[:_MOST_UNPLANNED], *built_in]


def figures(
    spec: EventSpec | None, path: str, events: Sequence[Weighted]
) -> insight_wire.PropertyValues:
    """Return what a property holds in a sample."""
    shape = property_at(spec, path) if spec is not None else built_in_property(path)
    hidden = is_masked(spec, path, shape)
    parts = path.split(".")
    found = [(_at(weighted.event, parts), weighted.weight) for weighted in events]
    held = [(value, weight) for value, weight in found if value is not _MISSING]
    kinds = Counter(_kind(value) for value, _ in held)
    # What is inside and not planned may be personal too.
    values = [
        (masked(value, [shape]) if shape is not None else value, weight)
        for value, weight in held
        if value is not None and not hidden
    ]
    nulls = sum(value is None for value, _ in held)
    base = insight_wire.PropertyValues(
        path=path,
        type=list(shape.type) if shape is not None else [],
        planned=shape is not None,
        masked=hidden,
        pii=shape.pii if shape is not None else None,
        sent=bool(held),
        count=len(held),
        nulls=nulls,
        missing=len(found) - len(held),
        distinct=None,
        kinds=dict(kinds),
        top=[],
        examples=[],
        quantiles=None,
        mean=None,
        histogram=[],
        lengths=None,
    )
    return base if hidden or not values else _with_values(base, values)


def _with_values(
    base: insight_wire.PropertyValues, values: Sequence[tuple[Any, float]]
) -> insight_wire.PropertyValues:
    texts: dict[str, list[float]] = {}
    for value, weight in values:
        texts.setdefault(_text(value), []).append(weight)
    total = sum(weight for _, weight in values)
    ranked = sorted(texts, key=lambda text: (-sum(texts[text]), text))
    numbers = [(float(value), weight) for value, weight in values if _is_number(value)]
    sizes = [
        (float(len(value)), weight)
        for value, weight in values
        if isinstance(value, str | list | dict)
    ]
    return msgspec.structs.replace(
        base,
        distinct=len(texts),
        top=[
            insight_wire.TopValue(
                value=text, count=len(texts[text]), share=sum(texts[text]) / total
            )
            for text in ranked[:TOP]
        ],
        examples=_examples(values),
        quantiles=quantiles(numbers) if numbers else None,
        mean=_mean(numbers),
        histogram=histogram(numbers),
        lengths=quantiles(sizes) if sizes else None,
    )


def is_masked(spec: EventSpec | None, path: str, shape: Property | None) -> bool:
    """Say whether a property's values may be personal: by its class, its parents', its parts', or unknown."""
    if path in PERSONAL:
        return True
    if shape is None or spec is None:
        return path not in BUILT_IN
    if holds_personal(shape):
        return True
    namespace, *names = path.split(".")
    if names and personal_in_variants(spec, namespace, names[0]):
        return True
    steps = path.split(".")
    parents = (property_at(spec, ".".join(steps[:end])) for end in range(2, len(steps)))
    return any(parent is not None and parent.pii is not None for parent in parents)


def _at(event: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if not isinstance(event, dict) or part not in event:
            return _MISSING
        event = event[part]
    return event


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names: Mapping[type, str] = {
        str: "string", int: "integer", float: "number", list: "array", dict: "object",
    }  # fmt: skip
    return names.get(type(value), "other")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    text = msgspec.json.encode(value, order="sorted").decode()
    return text if len(text) <= _TEXT else text[:_TEXT] + "…"


def _examples(values: Sequence[tuple[Any, float]]) -> list[str]:
    found: dict[str, None] = {}
    for value, _ in values:
        found[_text(value)] = None
        if len(found) == EXAMPLES:
            break
    return list(found)


def quantiles(values: Sequence[tuple[float, float]]) -> list[float]:
    """Return weighted quantiles (the least value that so large a share is at or under)."""
    ordered = sorted(values)
    total = sum(weight for _, weight in ordered)
    found: list[float] = []
    reached, place = 0.0, 0
    for share in QUANTILES:
        while place < len(ordered) - 1 and reached + ordered[place][1] < share * total:
            reached += ordered[place][1]
            place += 1
        found.append(ordered[place][0])
    return found


def _mean(values: Sequence[tuple[float, float]]) -> float | None:
    total = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / total if total else None


def histogram(values: Sequence[tuple[float, float]]) -> list[insight_wire.Bin]:
    """Return counts in at most ``BINS`` bins of one width; of one value, one bin."""
    if not values:
        return []
    low, high = min(v for v, _ in values), max(v for v, _ in values)
    if low == high:
        return [insight_wire.Bin(low=low, high=high, count=len(values))]
    whole = all(value.is_integer() for value, _ in values)
    bins = min(BINS, int(high - low) + 1) if whole else BINS
    width = (high - low) / bins
    counts = Counter(min(bins - 1, int((value - low) / width)) for value, _ in values)
    return [
        insight_wire.Bin(
            low=low + number * width, high=low + (number + 1) * width, count=counts[number]
        )
        for number in range(bins)
    ]
