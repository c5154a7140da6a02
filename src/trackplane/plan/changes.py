"""What differs between two plans, as plain structs: what ``diff`` finds, reviews show and APIs send.

Classes of a change, gravest last:

- *neutral*: nothing that is sent or read changes (a title, an owner);
- *additive*: what was valid stays so, and readers find all they had;
- *narrowing*: an event that was valid may no longer be, or less is promised of it;
- *breaking*: something that readers rely on goes or changes: an event, a property, its type, what a
  metric means. A rename is breaking, however sure it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Compatibility = Literal["neutral", "additive", "narrowing", "breaking"]
Whole = Literal["same", "neutral", "additive", "narrowing", "breaking"]
Section = Literal["use", "types", "groups", "events", "metrics"]
PartKind = Literal["added", "changed", "removed", "renamed", "affected"]
ChangeKind = Literal[
    "added", "removed", "renamed", "moved", "narrowed", "widened", "changed", "affected"
]
SECTIONS: Final[tuple[Section, ...]] = ("use", "types", "groups", "events", "metrics")
GRAVITY: Final[tuple[Whole, ...]] = ("same", "neutral", "additive", "narrowing", "breaking")


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that differs inside a part.

    ``path`` is a property's (``what.total.value``), ``checks.<name>``, or empty for the part itself;
    ``field`` is the key that differs (``enum``, ``title``), empty where the whole came or went.
    ``before`` and ``after`` are texts for people. ``was`` is the path before a rename and ``group``
    the group something moved to or from. ``applies`` says of what a variant's change holds.
    """

    kind: ChangeKind
    path: str = ""
    field: str = ""
    compatibility: Compatibility
    message: str
    before: str | None = None
    after: str | None = None
    was: str | None = None
    confidence: float | None = None
    group: str | None = None
    applies: str | None = None


class PartChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type, group, event, metric or library that differs; ``changes`` has the gravest first.

    ``affected`` is a metric whose own text is the same, but not what it measures.
    """

    section: Section
    name: str
    kind: PartKind
    compatibility: Compatibility
    changes: tuple[Change, ...] = ()
    was: str | None = None
    confidence: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what is to be said about it, the gravest first."""
        return tuple(change.message for change in self.changes)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many parts differ, by kind and by class."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    renamed: int = 0
    affected: int = 0
    neutral: int = 0
    additive: int = 0
    narrowing: int = 0
    breaking: int = 0


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two plans, part by part in the order of ``SECTIONS`` and names.

    ``compatibility`` is the gravest of events and metrics: a type or group matters by what uses it.
    ``counts`` counts all parts, also those that ``limited`` left out of ``parts``.
    """

    app: str
    compatibility: Whole
    counts: Counts
    parts: tuple[PartChange, ...] = ()

    def limited(self, most: int) -> Difference:
        """Return it with at most so many parts, the gravest."""
        if len(self.parts) <= most:
            return self
        order = {id(part): number for number, part in enumerate(self.parts)}
        kept = sorted(self.parts, key=lambda part: -GRAVITY.index(part.compatibility))[:most]
        return msgspec.structs.replace(
            self, parts=tuple(sorted(kept, key=lambda part: order[id(part)]))
        )


def gravest(
    found: Iterable[Compatibility], *, otherwise: Compatibility = "neutral"
) -> Compatibility:
    """Return the gravest of some classes; of none, ``otherwise``."""
    return max(found, key=GRAVITY.index, default=otherwise)


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return changes with the gravest first, else as they were."""
    return tuple(sorted(changes, key=lambda change: -GRAVITY.index(change.compatibility)))
