"""What was seen of one value over many samples: kinds, values, lengths, ranges.

``gather`` reads samples once. Nothing is decided here; ``infer`` does that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

Kind = Literal["null", "boolean", "integer", "number", "string", "array", "object"]
_MOST_VALUES: Final = 10_000  # different scalars remembered
_MOST_KEYS: Final = 1_000
_DEEPEST: Final = 12


class Evidence(msgspec.Struct, kw_only=True):
    """What was seen at one place.

    ``holders`` are the samples (or parent objects) that could have had it, ``seen`` those that had.
    ``values`` counts scalars by (kind, value); ``more`` says that not all were remembered.
    """

    holders: int = 0
    seen: int = 0
    kinds: Counter[Kind] = msgspec.field(default_factory=Counter)
    values: Counter[tuple[Kind, Any]] = msgspec.field(default_factory=Counter)
    more: bool = False
    lowest: float | int | None = None
    highest: float | int | None = None
    longest: int = 0
    members: dict[str, Evidence] = {}
    items: Evidence | None = None
    too_deep: bool = False

    def strings(self) -> Counter[str]:
        """Return the texts that were seen, with how often."""
        return Counter({value: n for (kind, value), n in self.values.items() if kind == "string"})


def gather(samples: Iterable[Mapping[str, Any]]) -> Evidence:
    """Return what some JSON objects show."""
    root = Evidence(members={})
    for sample in samples:
        root.holders += 1
        _add(root, sample, 0)
    _count_holders(root)
    return root


def _add(evidence: Evidence, value: Any, depth: int) -> None:
    evidence.seen += 1
    kind = kind_of(value)
    evidence.kinds[kind] += 1
    if kind == "object":
        if depth >= _DEEPEST:
            evidence.too_deep = True
            return
        for key, part in value.items():
            member = evidence.members.get(key)
            if member is None:
                if len(evidence.members) >= _MOST_KEYS:
                    evidence.more = True
                    continue
                member = evidence.members[key] = Evidence(members={})
            _add(member, part, depth + 1)
    elif kind == "array":
        evidence.longest = max(evidence.longest, len(value))
        if depth >= _DEEPEST:
            evidence.too_deep = True
            return
        if evidence.items is None:
            evidence.items = Evidence(members={})
        for part in value:
            _add(evidence.items, part, depth + 1)
    else:
        _scalar(evidence, kind, value)


def _scalar(evidence: Evidence, kind: Kind, value: Any) -> None:
    key = (kind, value)
    if key in evidence.values or len(evidence.values) < _MOST_VALUES:
        evidence.values[key] += 1
    else:
        evidence.more = True
    if kind in {"integer", "number"}:
        if evidence.lowest is None or value < evidence.lowest:
            evidence.lowest = value
        if evidence.highest is None or value > evidence.highest:
            evidence.highest = value
    elif kind == "string":
        evidence.longest = max(evidence.longest, len(value))


def kind_of(value: Any) -> Kind:
    """Return the kind of a JSON value; 1.0 is an integer, as in plans."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"


def _count_holders(evidence: Evidence) -> None:
    for member in evidence.members.values():
        member.holders = evidence.kinds["object"]
        _count_holders(member)
    if evidence.items is not None:
        evidence.items.holders = evidence.items.seen
        _count_holders(evidence.items)
