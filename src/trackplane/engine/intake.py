"""From frames to decoded events by bucket: only what some rule wants is decoded.

Everything a frame's directory can answer is done on columns: which events have candidates, which
place each belongs to. Rules that are looked up by value
follow: events are sorted by leaf, and what the leaf reads is decoded of those alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trackplane.engine.bucket import Bucket
from trackplane.engine.decoding import Decoded, Decoding, by_bucket
from trackplane.engine.directory import Directory
from trackplane.engine.lookup import Lookup
from trackplane.engine.outputs import UNREADABLE, Outputs
from trackplane.engine.ruleset import Place, Ruleset
from trackplane.engine.running import Work
from trackplane.frame import Frame

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]  # of places, one an event

_MOST_REPORTED = 100  # rules that an event which cannot be decoded is reported for


class Intake:
    """Takes a batch's frames in; gives what is decoded of them, as soon as may be.

    A ``sampled`` batch is counted for the index's plans.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        outputs: Outputs,
        directory: Directory,
        *,
        sampled: bool = False,
    ) -> None:
        self.directory = directory
        self._ruleset = ruleset
        self._outputs = outputs
        self._sampled = sampled
        self._places: list[Place] = []
        self._number: dict[int, int] = {}
        # Of an app and environment, by the event's name.
        self._known: dict[tuple[str, str], dict[str, int]] = {}
        self._buckets: list[Bucket] = []  # of each place
        self._leaves: list[tuple[Bucket, Decoded]] = []
        self._decodings: list[Decoding] = []
        self._by_demand: dict[int, int] = {}
        self._decoding_of: list[int] = []  # of each place
        self._owners: list[Numbers] = []
        self._waiting: list[Numbers] = []  # numbers of events
        self._has_nodes = False

    def add(self, frame: Frame, keep: Mask | None) -> list[Work]:
        """Take the frame's events that the mask keeps and rules want; return what can be run now.

        What is decoded at once is run at once, while it is in the processor's cache.
        """
        owners = self._candidates(frame)
        if owners is None:
            return []
        if keep is not None:
            owners[~keep] = -1
        if owners.max() < 0:
            return []
        start = self.directory.add(frame)
        self._owners.append(owners)
        if len(self._decodings) > 1 or self._has_nodes or owners.min() < 0:
            self._waiting.append(np.flatnonzero(owners >= 0) + start)
            return []
        return [
            Work(mode, decoded, owners[decoded.array - start].tolist(), self._buckets)
            for mode, decoded in self._decodings[0].whole(frame, start).items()
        ]

    def rest(self) -> Iterator[Work]:
        """Decode what waits, by demand, and return it; then what is looked up by value."""
        if not self._owners:
            return
        owner = np.concatenate(self._owners)
        lookup = Lookup(self.directory, sampled=self._sampled)
        for number, some, slices in self._by_decoding(owner):
            for mode, decoded in self._decodings[number].some(some, slices).items():
                yield Work(mode, decoded, owner[decoded.array].tolist(), self._buckets)
                if self._has_nodes:
                    for place, events in by_bucket(decoded, owner):
                        if self._places[place].nodes:
                            lookup.add(self._places[place], mode, events)
        for decoding in self._decodings:
            for number, text in decoding.unreadable:
                self._unreadable(self._places[int(owner[number])], number, text)
        yield from self._looked_up(lookup)

    def _by_decoding(self, owner: Numbers) -> Iterator[tuple[int, Numbers, list[bytes]]]:
        """Return what waits for each decoding: events' numbers, sorted by bucket, and their bytes."""
        if not self._waiting:
            return
        numbers = np.concatenate(self._waiting)
        if len(self._decodings) == 1:
            yield 0, numbers, self.directory.cut(numbers)
            return
        numbers = numbers[np.argsort(owner[numbers], kind="stable")]
        decodings = np.array(self._decoding_of)[owner[numbers]]
        order = np.argsort(decodings, kind="stable")
        numbers, decodings = numbers[order], decodings[order]
        slices = self.directory.cut(numbers)
        start = 0
        for end in [*(np.flatnonzero(np.diff(decodings)) + 1).tolist(), len(numbers)]:
            yield int(decodings[start]), numbers[start:end], slices[start:end]
            start = end

    def tried(self) -> Iterator[tuple[Bucket, int, int]]:
        """Return each bucket with how many events it was tried on and their bytes."""
        if self._owners:
            owner = np.concatenate(self._owners)
            wanted = owner >= 0
            owner, length = owner[wanted], self.directory.length[wanted]
            counts = np.bincount(owner, minlength=len(self._places)).tolist()
            sizes = np.bincount(owner, length, len(self._places)).tolist()
            for bucket, count, size in zip(self._buckets, counts, sizes, strict=True):
                if count:
                    yield bucket, count, int(size)
        for bucket, decoded in self._leaves:
            yield bucket, 0, self.directory.size(decoded.array)

    def _looked_up(self, lookup: Lookup) -> Iterator[Work]:
        """Decode the events of leaves, those that read the same together, and return them."""
        by_demand: dict[int, list[tuple[Bucket, list[int]]]] = {}
        for (names, event, app, env), numbers in lookup.leaves.items():
            bucket = self._ruleset.leaf(names, event, app, env)
            if bucket is not None:
                by_demand.setdefault(id(bucket.demand), []).append((bucket, numbers))
        for leaves in by_demand.values():
            decoding = Decoding(leaves[0][0].demand, self.directory)
            wanted = np.unique(np.concatenate([numbers for _, numbers in leaves]))
            modes = decoding.some(wanted)
            for number, text in decoding.unreadable:
                for bucket, numbers in leaves:
                    if number in numbers:
                        self._fail(bucket, number, text)
            for mode, decoded in modes.items():
                where = {number: place for place, number in enumerate(decoded.numbers)}
                for bucket, numbers in leaves:
                    places = [where[number] for number in numbers if number in where]
                    if places:
                        events = decoded.part(places)
                        self._leaves.append((bucket, events))
                        yield Work(mode, events, [0] * len(events), [bucket])

    def _unreadable(self, place: Place, number: int, text: str) -> None:
        """Report an event that cannot be decoded for rules that it might have concerned."""
        self._fail(place.bucket, number, text)
        left = _MOST_REPORTED - len(place.bucket.rules)
        for node, event in place.nodes:
            names = tuple(name for name, _ in zip(node.members, range(max(left, 0)), strict=False))
            bucket = self._ruleset.leaf(names, event, place.app, place.env) if names else None
            if bucket is not None:
                self._fail(bucket, number, text)
                left -= len(bucket.rules)

    def _fail(self, bucket: Bucket, number: int, text: str) -> None:
        for rule in bucket.rules:
            self._outputs.fail(rule.name, UNREADABLE, text, self.directory, number)

    def _candidates(self, frame: Frame) -> Numbers | None:
        """Return the number of each event's place, -1 where nothing is tried; None if nowhere."""
        places = list(dict.fromkeys((upload.app, upload.env) for upload in frame.uploads))
        found: Numbers | None = None
        for app, env in places:
            known = self._known.setdefault((app, env), {})
            numbers_of = [known.get(name) for name in frame.names]
            if None in numbers_of:
                for name in frame.names:
                    if name not in known:
                        known[name] = self._place(name, app, env)
                numbers_of = [known[name] for name in frame.names]
            wanted = np.array(numbers_of, np.int64)
            if len(wanted) == 0 or wanted.max() < 0:
                continue
            numbers = wanted[frame.name]
            if len(places) > 1:
                here = [upload.app == app and upload.env == env for upload in frame.uploads]
                placed = np.array(here, np.bool_)[frame.upload]
                numbers = np.where(placed, numbers, -1 if found is None else found)
            found = numbers
        return found

    def _place(self, event: str, app: str, env: str) -> int:
        place = self._ruleset.place(event, app, env)
        if place is None:
            return -1
        number = self._number.get(id(place))
        if number is None:
            number = self._number[id(place)] = len(self._places)
            self._places.append(place)
            self._buckets.append(place.bucket)
            self._has_nodes = self._has_nodes or bool(place.nodes)
            demand = place.bucket.demand
            decoding = self._by_demand.get(id(demand))
            if decoding is None:
                decoding = self._by_demand[id(demand)] = len(self._decodings)
                self._decodings.append(Decoding(demand, self.directory))
            self._decoding_of.append(decoding)
        return number
