"""From frames to decoded events by bucket: only what some rule wants is decoded.

Everything a frame's directory can answer is done on columns: which events have candidates, which
place each belongs to. Rules that are looked up by value follow: events are sorted by leaf, and what
the leaf reads is decoded of those alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trackplane.engine.bucket import Bucket
from trackplane.engine.decoding import Decoded, Decoding, by_bucket
from trackplane.engine.directory import Directory, picked
from trackplane.engine.lookup import Lookup
from trackplane.engine.outputs import UNREADABLE, Outputs
from trackplane.engine.placing import Placing
from trackplane.engine.ruleset import Place
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
        placing: Placing,
        outputs: Outputs,
        directory: Directory,
        *,
        sampled: bool = False,
    ) -> None:
        self.directory = directory
        self._placing = placing
        self._outputs = outputs
        self._sampled = sampled
        self._decodings: dict[int, Decoding] = {}  # by the demand's number
        self._owners: list[Numbers] = []
        self._waiting: list[Numbers] = []  # numbers of events
        self._leaves: list[tuple[Bucket, Decoded]] = []

    def add(self, frame: Frame, keep: Mask | None) -> list[Work]:
        """Take the frame's events that the mask keeps and rules want; return what can be run now.

        What is decoded at once is run at once, while it is in the processor's cache.
        """
        owners = self._candidates(frame)
        if owners is None:
            return []
        if keep is not None:
            owners[~keep] = -1
        if not len(owners) or owners.max() < 0:
            return []
        start = self.directory.add(frame)
        self._owners.append(owners)
        placing = self._placing
        if len(placing.demands) > 1 or placing.has_nodes or owners.min() < 0:
            self._waiting.append(np.flatnonzero(owners >= 0) + start)
            return []
        return [
            Work(mode, decoded, owners[decoded.array - start].tolist(), placing.buckets)
            for mode, decoded in self._decoding(0).whole(frame, start).items()
        ]

    def _decoding(self, demand: int) -> Decoding:
        found = self._decodings.get(demand)
        if found is None:
            found = Decoding(self._placing.demands[demand], self.directory)
            self._decodings[demand] = found
        return found

    def rest(self) -> Iterator[Work]:
        """Decode what waits, by demand, and return it; then what is looked up by value."""
        if not self._owners:
            return
        owner = np.concatenate(self._owners)
        lookup = Lookup(self.directory, sampled=self._sampled)
        for number, some, slices in self._by_decoding(owner):
            for mode, decoded in self._decoding(number).some(some, slices).items():
                yield Work(mode, decoded, owner[decoded.array].tolist(), self._placing.buckets)
                if self._placing.has_nodes:
                    for place, events in by_bucket(decoded, owner):
                        if self._placing.places[place].nodes:
                            lookup.add(self._placing.places[place], mode, events)
        for decoding in self._decodings.values():
            for number, text in decoding.unreadable:
                self._unreadable(self._placing.places[int(owner[number])], number, text)
        yield from self._looked_up(lookup)

    def _by_decoding(self, owner: Numbers) -> Iterator[tuple[int, Numbers, list[bytes]]]:
        """Return what waits for each decoding: events' numbers, sorted by bucket, and their bytes."""
        if not self._waiting:
            return
        numbers = np.concatenate(self._waiting)
        if len(self._placing.demands) == 1:
            yield 0, numbers, self.directory.cut(numbers)
            return
        numbers = numbers[np.argsort(owner[numbers], kind="stable")]
        decodings = np.array(self._placing.demand_of)[owner[numbers]]
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
            counts, sizes = np.bincount(owner), np.bincount(owner, length)
            here = np.flatnonzero(counts)
            buckets = picked(self._placing.buckets, here.tolist())
            yield from zip(
                buckets,
                counts[here].tolist(),
                sizes[here].astype(np.int64).tolist(),
                strict=True,
            )
        for bucket, decoded in self._leaves:
            yield bucket, 0, self.directory.size(decoded.array)

    def _looked_up(self, lookup: Lookup) -> Iterator[Work]:
        """Decode the events of leaves, those that read the same together, and return them."""
        by_demand: dict[int, list[tuple[Bucket, list[int]]]] = {}
        for (names, event, app, env), numbers in lookup.leaves.items():
            bucket = self._placing.ruleset.leaf(names, event, app, env)
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
        left = _MOST_REPORTED - len(place.bucket.names)
        for node, event in place.nodes:
            names = tuple(name for name, _ in zip(node.members, range(max(left, 0)), strict=False))
            bucket = (
                self._placing.ruleset.leaf(names, event, place.app, place.env) if names else None
            )
            if bucket is not None:
                self._fail(bucket, number, text)
                left -= len(bucket.names)

    def _fail(self, bucket: Bucket, number: int, text: str) -> None:
        for name in bucket.names:
            self._outputs.fail(name, UNREADABLE, text, self.directory, number)

    def _candidates(self, frame: Frame) -> Numbers | None:
        """Return the number of each event's place, -1 where nothing is tried; None if nowhere."""
        places = {(upload.app, upload.env) for upload in frame.uploads}
        if len(places) > 1:
            return self._placing.each(frame) if len(frame) else None
        for app, env in places:
            wanted = self._placing.of(frame.names, app, env)
            return wanted[frame.name] if len(wanted) and wanted.max() >= 0 else None
        return None
