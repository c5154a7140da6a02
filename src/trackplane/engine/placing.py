"""Where the events of a ruleset belong: its places by number, kept from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from trackplane.engine.bucket import Bucket
from trackplane.engine.demand import Demand
from trackplane.engine.ruleset import Place, Ruleset
from trackplane.frame import Frame

_MOST_PLACES: Final = 20_000
Numbers = npt.NDArray[np.int64]


class Placing:
    """Numbers the places of one ruleset as events of theirs come.

    It holds what is compiled for them; begin anew once it ``is_outdated``.
    """

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.places: list[Place] = []
        self.buckets: list[Bucket] = []  # of each place
        self.demands: list[Demand] = []  # all different ones
        self.demand_of: list[int] = []  # of each place
        self.has_nodes = False
        self._generation = ruleset.generation
        self._numbers: dict[int, int] = {}  # by the place's id
        self._by_demand: dict[int, int] = {}
        self._known: dict[tuple[str, str], dict[str, int]] = {}  # by app and env, then event

    def is_outdated(self, ruleset: Ruleset) -> bool:
        """Say whether another ruleset is in force, or what is held here should be let go."""
        return (
            ruleset is not self.ruleset
            or ruleset.generation != self._generation
            or sum(map(len, self._known.values())) > _MOST_PLACES
        )

    def of(self, names: Sequence[str], app: str, env: str) -> Numbers:
        """Return the number of the place of each event name, -1 where nothing is tried."""
        known = self._known.get((app, env))
        if known is None:
            known = self._known[app, env] = {}
        found = [known.get(name) for name in names]
        if None in found:
            for name in names:
                if name not in known:
                    known[name] = self._number(name, app, env)
            found = [known[name] for name in names]
        return np.array(found, np.int64)

    def each(self, frame: Frame) -> Numbers:
        """Return the number of each event's place, -1 where nothing is tried, in a frame of many apps.

        Only the names that an app's events have are looked up.
        """
        names = frame.names
        keys = [(upload.app, upload.env) for upload in frame.uploads]
        tables = [self._known.setdefault(key, {}) for key in keys]
        uploads, named = frame.upload.tolist(), frame.name.tolist()
        found = [tables[u].get(names[n]) for u, n in zip(uploads, named, strict=True)]
        if None in found:
            for u, n in zip(uploads, named, strict=True):
                table, name = tables[u], names[n]
                if name not in table:
                    table[name] = self._number(name, *keys[u])
            found = [tables[u][names[n]] for u, n in zip(uploads, named, strict=True)]
        return np.array(found, np.int64)

    def _number(self, event: str, app: str, env: str) -> int:
        place = self.ruleset.place(event, app, env)
        if place is None:
            return -1
        number = self._numbers.get(id(place))
        if number is None:
            number = self._numbers[id(place)] = len(self.places)
            self.places.append(place)
            self.buckets.append(place.bucket)
            self.has_nodes = self.has_nodes or bool(place.nodes)
            demand = place.bucket.demand
            known = self._by_demand.get(id(demand))
            if known is None:
                known = self._by_demand[id(demand)] = len(self.demands)
                self.demands.append(demand)
            self.demand_of.append(known)
        return number
