"""What may only be called otherwise: things that went and came, paired by their likeness.

Names, shapes and what is said about them count. A pair is a guess, with how sure it is from 0 to 1;
nothing is ever taken for compatible because of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Final

from trackplane.plan.model import EventSpec, Property

_SURE: Final = 0.6
_EACH: Final = 24  # candidates for one that came; where more are alike, likeness tells nothing
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_a-zA-Z]+")


def renamed(
    gone: Mapping[str, Property], come: Mapping[str, Property]
) -> dict[str, tuple[str, float]]:
    """Return what came -> (what it probably was, how sure), each thing in one pair at most."""
    pairs = []
    by_kind: dict[tuple[str, ...], list[str]] = {}
    for name, shape in gone.items():
        by_kind.setdefault(shape.type, []).append(name)
    for name, shape in come.items():
        for was in by_kind.get(shape.type, ())[:_EACH]:
            sure = _likeness(name, was, shape, gone[was])
            if sure >= _SURE:
                pairs.append((sure, name, was))
    return _best(pairs)


def renamed_events(
    gone: Mapping[str, EventSpec], come: Mapping[str, EventSpec]
) -> dict[str, tuple[str, float]]:
    """Return what came -> (the event it probably was, how sure).

    Candidates share their properties' names, their title, or the words of their name; so the time is
    linear in the events.
    """
    buckets: dict[object, list[str]] = {}
    for name, spec in gone.items():
        for key in _keys(name, spec):
            buckets.setdefault(key, []).append(name)
    pairs = []
    for name, spec in come.items():
        near = dict.fromkeys(
            was
            for key in _keys(name, spec)
            if len(bucket := buckets.get(key, ())) <= _EACH
            for was in bucket
        )
        for was in near:
            sure = _event_likeness(name, was, spec, gone[was])
            if sure >= _SURE:
                pairs.append((sure, name, was))
    return _best(pairs)


def _keys(name: str, spec: EventSpec) -> list[object]:
    names = frozenset(
        (space, each) for space, members in spec.properties.items() for each in members
    )
    keys: list[object] = [("words", frozenset(words(name)))]
    if len(names) > 1:
        keys.append(names)
    if spec.title is not None:
        keys.append(("title", str(spec.title)))
    return keys


def _event_likeness(name: str, was: str, new: EventSpec, old: EventSpec) -> float:
    mine, other = _paths(new), _paths(old)
    shared = len(mine & other) / len(mine | other) if mine or other else 0.0
    title = new.title is not None and new.title == old.title
    same = bool(mine) and new.properties == old.properties
    if same and (title or new.description == old.description is not None):
        return 0.95
    score = 0.4 * alike(name, was) + 0.4 * shared + 0.1 * same + 0.3 * title
    return round(min(score, 0.95), 2)


def _paths(spec: EventSpec) -> set[tuple[str, str, tuple[str, ...]]]:
    return {
        (space, name, shape.type)
        for space, members in spec.properties.items()
        for name, shape in members.items()
    }


def _likeness(name: str, was: str, new: Property, old: Property) -> float:
    said = [
        getattr(new, field) == getattr(old, field)
        for field in ("title", "description", "enum", "pattern", "properties", "items", "pii")
        if getattr(new, field) is not None or getattr(old, field) is not None
    ]
    agree = sum(said) / len(said) if said else 0.0
    named = alike(name, was)
    if said and all(said) and named >= 0.3:
        return round(min(0.95, 0.7 + 0.25 * named), 2)
    return round(min(0.95, 0.75 * named + 0.25 * agree), 2)


def alike(one: str, other: str) -> float:
    """Return how alike two names are, 0 to 1: by their words, and by their letters."""
    mine, theirs = words(one), words(other)
    if mine == theirs:
        return 1.0
    shared = len(set(mine) & set(theirs)) / max(len(set(mine) | set(theirs)), 1)
    letters = SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False).ratio()
    return max(shared, letters)


def words(name: str) -> list[str]:
    """Return the words of a name: of ``orderPaid_v2`` order, paid, v, 2."""
    return [word.casefold() for word in _WORD.findall(name)]


def _best(pairs: list[tuple[float, str, str]]) -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    taken: set[str] = set()
    for sure, name, was in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if name not in found and was not in taken:
            found[name] = (was, sure)
            taken.add(was)
    return found
