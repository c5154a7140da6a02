"""A question to the catalogue: who asks, about which design, and which events are like it.

*Like events* share words or properties with the design, weighed by how rare what they share is;
words that say what is done weigh less than what it is done to, events of the same app weigh more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trackplane.assist.catalogue import Catalogue, Shared
from trackplane.assist.design import Design

_LIKE_EVENTS: Final = 100
_SAME_APP: Final = 1.5
_NAME_WEIGHT: Final = 2.5
_SURE: Final = 1.0  # of a like event's score: half of its name, or a rare property or two
_DEEDS: Final = 0.5  # order_pay is like order_ship more than like course_pay
# Words that say nothing of what an event is about.
VAGUE: Final = frozenset(
    ["event", "common", "base", "info", "data", "detail", "list", "item", "page", "user"]
)


class Question:
    """A design with what the answers about it need.

    ``held`` are the paths that the design has, those of its groups included; ``rough`` is a first
    score of every event by name; ``like`` are the numbers of like events and ``weights`` how like,
    1 the likest; ``sureness`` says how like that one is at all.
    """

    def __init__(
        self, catalogue: Catalogue, design: Design, app: str, apps: Collection[str] | None
    ) -> None:
        self.catalogue = catalogue
        self.design = design
        self.app = app
        self.texts = tuple(text for text in (design.name, *design.titles) if text)
        self.visible = catalogue.visible(apps)
        own = catalogue.groups.get(app, {})
        self.held = set(design.properties)
        for group in design.groups:
            shared = own.get(group) or self.library_group(group)
            if shared is not None:
                self.held |= set(paths_of_group(shared))
        self.rough = catalogue.names.scores(self.texts)
        self.rough[~self.visible] = 0
        self.itself = catalogue.number_of(app, design.name)  # when an event is edited
        if self.itself is not None:
            self.rough[self.itself] = 0
        self.sureness = 0.0
        self.like, self.weights = self._like_events()

    def library_group(self, name: str) -> Shared | None:
        """Return a library's group of this name, or None."""
        for home in self.catalogue.libraries:
            found = self.catalogue.groups.get(home, {}).get(name)
            if found is not None:
                return found
        return None

    def spoken_texts(self) -> tuple[str, ...]:
        """Return everything the design says in words."""
        return (*self.texts, self.design.description)

    def uses(self, number: int) -> int:
        """Return how many visible events have a property."""
        return int(self.visible[self.catalogue.events_of_path(number)].sum())

    def _like_events(self) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the numbers of like events and their weights."""
        catalogue = self.catalogue
        count = len(catalogue.events)
        named = catalogue.names.scores(self.texts, deeds=_DEEDS)
        scores = np.minimum(named, 1) * np.float32(_NAME_WEIGHT)
        total = max(1, int(self.visible.sum()))
        for path in self.design.properties:
            number = catalogue.path_number(path)
            if number is None:
                continue
            found = catalogue.events_of_path(number)
            found = found[self.visible[found]]
            if len(found):
                scores[found] += np.float32(0.2 + 0.25 * np.log(total / len(found) + 1))
        scores[~self.visible] = 0
        if self.itself is not None:
            scores[self.itself] = 0
        scores[catalogue.visible([self.app])] *= _SAME_APP
        most = min(_LIKE_EVENTS, count)
        if not most:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        best = np.argpartition(-scores, most - 1)[:most]
        best = best[scores[best] > 0]
        best = best[np.argsort(-scores[best], kind="stable")]
        weights = scores[best]
        self.sureness = min(1.0, float(weights[0]) / _SURE) if len(weights) else 0.0
        return best, (weights / weights[0]) ** 2 if len(weights) else weights


def paths_of_group(shared: Shared) -> list[str]:
    """Return the paths of a group's properties."""
    return [
        f"{namespace}.{name}"
        for namespace, properties in shared.properties.items()
        for name in properties
    ]


def together(*parts: float) -> float:
    """Return how sure several independent signs make, 0 to 1 (noisy or)."""
    unsure = 1.0
    for part in parts:
        unsure *= 1 - min(max(part, 0.0), 0.99)
    return round(1 - unsure, 3)
