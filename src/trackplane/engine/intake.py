"""From frames to decoded events by bucket: only what some rule wants is decoded, once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trackplane.engine.decoding import Decoded, Decoding, by_bucket
from trackplane.engine.demand import Mode
from trackplane.engine.directory import Directory
from trackplane.engine.outputs import UNREADABLE, Outputs
from trackplane.engine.ruleset import Bucket, Ruleset
from trackplane.frame import Frame

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]  # of buckets, one an event


class Intake:
    """Collects a batch's frames; ``buckets`` then gives each bucket's events, in order."""

    def __init__(self, ruleset: Ruleset, outputs: Outputs) -> None:
        self.directory = Directory()
        self._ruleset = ruleset
        self._outputs = outputs
        self._buckets: list[Bucket] = []
        self._number: dict[int, int] = {}
        self._decodings: list[Decoding] = []
        self._by_demand: dict[int, int] = {}
        self._decoding_of: list[int] = []  # of each bucket
        self._owners: list[Numbers] = []

    def add(self, frame: Frame, keep: Mask | None) -> None:
        """Decode what rules read of the frame's events that the mask keeps and rules want."""
        owners = self._candidates(frame)
        if owners is None:
            return
        if keep is not None:
            owners[~keep] = -1
        here = set(owners.tolist()) - {-1}
        if not here:
            return
        start = self.directory.add(frame)
        self._owners.append(owners)
        decodings = {self._decoding_of[bucket] for bucket in here}
        if len(decodings) == 1:
            self._decodings[decodings.pop()].add(frame, start, np.flatnonzero(owners >= 0))
            return
        which = np.array([*self._decoding_of, -1])[owners]
        for number in sorted(decodings):
            self._decodings[number].add(frame, start, np.flatnonzero(which == number))

    def buckets(self) -> Iterator[tuple[Bucket, Mode, Decoded]]:
        """Return each bucket with its events."""
        if not self._owners:
            return
        owner = np.concatenate(self._owners)
        for decoding in self._decodings:
            decoding.finish()
            for number, text in decoding.unreadable:
                for rule in self._buckets[int(owner[number])].rules:
                    self._outputs.fail(rule.name, UNREADABLE, text, self.directory, number)
            for mode, decoded in decoding.decoded.items():
                for bucket, events in by_bucket(decoded, owner):
                    yield self._buckets[bucket], mode, events

    def _candidates(self, frame: Frame) -> Numbers | None:
        """Return the number of each event's bucket, -1 where it has none; None if none has."""
        places = list(dict.fromkeys((upload.app, upload.env) for upload in frame.uploads))
        found: Numbers | None = None
        for app, env in places:
            wanted = np.array([self._bucket(name, app, env) for name in frame.names], np.int64)
            if len(wanted) == 0 or wanted.max() < 0:
                continue
            numbers = wanted[frame.name]
            if len(places) > 1:
                here = [upload.app == app and upload.env == env for upload in frame.uploads]
                placed = np.array(here, np.bool_)[frame.upload]
                numbers = np.where(placed, numbers, -1 if found is None else found)
            found = numbers
        return found

    def _bucket(self, event: str, app: str, env: str) -> int:
        bucket = self._ruleset.bucket(event, app, env)
        if bucket is None:
            return -1
        number = self._number.get(id(bucket))
        if number is None:
            number = self._number[id(bucket)] = len(self._buckets)
            self._buckets.append(bucket)
            decoding = self._by_demand.get(id(bucket.demand))
            if decoding is None:
                decoding = self._by_demand[id(bucket.demand)] = len(self._decodings)
                self._decodings.append(Decoding(bucket.demand, self.directory))
            self._decoding_of.append(decoding)
        return number
