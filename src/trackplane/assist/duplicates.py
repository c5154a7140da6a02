"""Near-duplicates: events that are the one under design, and properties, by another name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from trackplane.assist.question import Question
from trackplane.assist.reasons import Why, in_words, why
from trackplane.wording import Likeness, likeness

DUPLICATE: Final = 0.78  # from here on a name is called a near-duplicate
SAME_PROPERTY: Final = 0.85
_RESCORED: Final = 40
_BESIDE_BEST: Final = 0.1  # what is this much worse than the best is not shown beside it
_MOST_TEXTS: Final = 3


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """An event that may be the one under design."""

    app: str
    event: str
    titles: tuple[str, ...]
    score: float
    reasons: tuple[Why, ...]


class SameProperty(msgspec.Struct, frozen=True, kw_only=True):
    """A property under design that others call by another name."""

    path: str
    like: str
    used_by: int
    score: float
    reasons: tuple[Why, ...]


class Duplicates:
    """Finds near-duplicates of events and of properties."""

    def __init__(self, asked: Question) -> None:
        self._asked = asked

    def duplicates(self, limit: int) -> list[Duplicate]:
        """Return the events that are this one under another name, the likest first."""
        most = min(_RESCORED, len(self._asked.rough))
        if not most:
            return []
        best = np.argpartition(-self._asked.rough, most - 1)[:most]
        found = []
        for number in best:
            if self._asked.rough[number] <= 0:
                continue
            duplicate = self._duplicate(int(number))
            if duplicate is not None:
                found.append(duplicate)
        found.sort(key=lambda one: (-one.score, one.app != self._asked.app, one.app, one.event))
        return [one for one in found if one.score >= found[0].score - _BESIDE_BEST][:limit]

    def _duplicate(self, number: int) -> Duplicate | None:
        known = self._asked.catalogue.known(number)
        likest, mine, theirs = self._likest(known.event, known.titles)
        shared = self._shared_paths(number)
        own = len([path for path in self._asked.design.properties if path])
        part = len(shared) / max(own, 1) if shared else 0.0
        score = min(1.0, likest.score + 0.05 * part) if likest.score >= DUPLICATE - 0.1 else 0.0
        if score < DUPLICATE:
            return None
        code = (
            "name_like"
            if theirs == known.event and mine == self._asked.design.name
            else "title_like"
        )
        reasons = [why(code, name=theirs, why=in_words(likest))]
        if shared:
            reasons.append(
                why("same_properties", n=len(shared), paths=", ".join(sorted(shared)[:4]))
            )
        seen = self._asked.catalogue.observations.get((known.app, known.event))
        if seen:
            reasons.append(why("receives", n=f"{seen:,}"))
        if known.deprecated:
            reasons.append(why("deprecated"))
        return Duplicate(
            app=known.app, event=known.event, titles=known.titles, score=round(score, 3),
            reasons=tuple(reasons),
        )  # fmt: skip

    def _likest(self, name: str, titles: tuple[str, ...]) -> tuple[Likeness, str, str]:
        """Return the likest pair of names and titles of both."""
        weigh = self._asked.catalogue.names.rarity
        best, mine, theirs = Likeness(0.0), self._asked.design.name, name
        for other in (name, *titles[:_MOST_TEXTS]):
            for text in self._asked.texts[:_MOST_TEXTS]:
                found = likeness(text, other, weigh)
                if found.score > best.score + (0.001 if best.score else 0):
                    best, mine, theirs = found, text, other
        return best, mine, theirs

    def _shared_paths(self, number: int) -> set[str]:
        paths = self._asked.catalogue.paths_of(number)
        return {path for path in self._asked.design.properties if path in paths}

    def same_properties(self) -> Iterator[SameProperty]:
        """Yield the properties of the design that others call by another name."""
        catalogue = self._asked.catalogue
        for path in self._asked.design.properties:
            namespace, _, name = path.partition(".")
            known = catalogue.path_number(path)
            mine = self._asked.uses(known) if known is not None else 0
            rough = catalogue.path_names.scores((name,))
            most = min(_RESCORED // 2, len(rough))
            if not most:
                continue
            best: SameProperty | None = None
            for number in np.argpartition(-rough, most - 1)[:most].tolist():
                other = catalogue.paths[number]
                if (
                    rough[number] <= 0
                    or other in self._asked.held
                    or not other.startswith(namespace + ".")
                ):
                    continue
                found = likeness(name, other.partition(".")[2])
                uses = self._asked.uses(number) if found.score >= SAME_PROPERTY else 0
                if uses <= mine:
                    continue
                if best is None or (found.score, uses) > (best.score, best.used_by):
                    reasons = (
                        why("name_like", name=other, why=in_words(found)),
                        why("more_used", n=uses),
                    )
                    best = SameProperty(
                        path=path, like=other, used_by=uses, score=found.score, reasons=reasons
                    )
            if best is not None:
                yield best
