"""Proposals for an event under design: what to reuse, what it repeats, each with a score and why.

Scores are 0 to 1; ``docs/assist.md`` says what they are made of.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeVar

import msgspec

from trackplane.assist.catalogue import Catalogue
from trackplane.assist.design import Design
from trackplane.assist.duplicates import Duplicate, Duplicates, SameProperty
from trackplane.assist.question import Question
from trackplane.assist.reuse import PropertyProposal, Reuse, Reuses

_OF_BEST: Final = 0.4  # of the best score: what is below is not shown beside it


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """Everything proposed for one design, the best first."""

    duplicates: tuple[Duplicate, ...] = ()
    groups: tuple[Reuse, ...] = ()
    properties: tuple[PropertyProposal, ...] = ()
    types: tuple[Reuse, ...] = ()
    same_properties: tuple[SameProperty, ...] = ()


Scored = TypeVar("Scored", Reuse, PropertyProposal)


def propose(
    catalogue: Catalogue,
    design: Design,
    *,
    app: str,
    apps: Collection[str] | None = None,
    limit: int = 5,
) -> Proposals:
    """Return what to reuse and what is repeated in ``design``, an event of ``app``.

    ``apps`` are those the asker may see (None: all); what others have is not proposed, libraries
    are everybody's. Up to ``limit`` of each kind.
    """
    asked = Question(catalogue, design, app, apps)
    same, reuse = Duplicates(asked), Reuses(asked)
    groups = _near_best(sorted(reuse.groups(), key=_best))[:limit]
    return Proposals(
        duplicates=tuple(same.duplicates(limit)),
        groups=tuple(groups),
        properties=tuple(_near_best(reuse.properties(groups, limit))),
        types=tuple(sorted(reuse.types(), key=_best)[:limit]),
        same_properties=tuple(sorted(same.same_properties(), key=_best)[:limit]),
    )


def _near_best(found: list[Scored]) -> list[Scored]:
    return [one for one in found if one.score >= _OF_BEST * found[0].score]


def _best(found: Reuse | SameProperty) -> tuple[float, str]:
    return -found.score, found.path or found.name if isinstance(found, Reuse) else found.like
