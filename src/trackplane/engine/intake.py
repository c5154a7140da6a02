"""From frames to decoded events by bucket: only events that have candidate rules, decoded once.

Everything a frame's directory can answer is done on columns: which events have a candidate, which
bucket each belongs to, and the sorting of a whole batch by bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from trackplane.engine.columns import FrameColumns
from trackplane.engine.demand import Demand, decode_each
from trackplane.engine.generate import Decoded
from trackplane.engine.outputs import Outputs
from trackplane.engine.ruleset import Bucket, Ruleset
from trackplane.frame import Frame

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]  # of buckets, one an event

UNREADABLE: Final = "rule_unreadable"
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)


class _Group:
    """Decoded events of all buckets that share a demand, and the number of each event's bucket."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.buckets: list[int] = []
        self.decoded: Decoded = ([], [], [], [])
        self.numbers: list[Numbers] = []


class Intake:
    """Collects a batch's frames; ``buckets`` then gives each bucket's events, in order."""

    def __init__(self, ruleset: Ruleset, outputs: Outputs) -> None:
        self._ruleset = ruleset
        self._outputs = outputs
        self._buckets: list[Bucket] = []
        self._number: dict[int, int] = {}
        self._groups: dict[int, _Group] = {}

    def add(self, frame: Frame, keep: Mask | None) -> None:
        """Decode what rules read of the frame's events that the mask keeps and rules want."""
        numbers = self._candidates(frame)
        if numbers is None:
            return
        if keep is not None:
            numbers[~keep] = -1
        columns = FrameColumns(frame)
        here = set(numbers.tolist()) - {-1}
        for group in self._groups.values():
            mine = here.intersection(group.buckets)
            if not mine:
                continue
            chosen = numbers >= 0 if mine == here else np.isin(numbers, list(mine))
            indexes = np.flatnonzero(chosen)
            self._read(group, columns, indexes, numbers[indexes])

    def buckets(self) -> Iterator[tuple[Bucket, Decoded]]:
        """Return each bucket with its events."""
        for group in self._groups.values():
            if not group.numbers:
                continue
            numbers = np.concatenate(group.numbers)
            if len(group.buckets) == 1:
                yield self._buckets[group.buckets[0]], group.decoded
                continue
            order = np.argsort(numbers, kind="stable")
            events, headers, frames, indexes = (
                [column[place] for place in order.tolist()] for column in group.decoded
            )
            ordered = numbers[order]
            ends = [*(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(ordered)]
            start = 0
            for end in ends:
                part = events[start:end], headers[start:end], frames[start:end], indexes[start:end]
                yield self._buckets[int(ordered[start])], part
                start = end

    def _candidates(self, frame: Frame) -> Numbers | None:
        """Return the number of each event's bucket, -1 where it has none; None if none has."""
        places = list(dict.fromkeys((upload.app, upload.env) for upload in frame.uploads))
        found: Numbers | None = None
        for app, env in places:
            wanted = np.array([self._bucket(name, app, env) for name in frame.names], np.intp)
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
            group = self._groups.setdefault(id(bucket.demand), _Group(bucket.demand))
            group.buckets.append(number)
        return number

    def _read(
        self,
        group: _Group,
        columns: FrameColumns,
        chosen: npt.NDArray[np.intp],
        numbers: Numbers,
    ) -> None:
        frame, uploads = columns.frame, columns.uploads
        events, decoded = _decode(group.demand, frame, chosen)
        headers, sound = _headers(group.demand, frame)
        indexes = chosen.tolist()
        if len(headers) == 1:
            defaults = headers * len(indexes)
        else:
            defaults = [headers[uploads[index]] for index in indexes]
        if not (sound and decoded):
            good = []
            for place, (event, header) in enumerate(zip(events, defaults, strict=True)):
                error = event if isinstance(event, Exception) else header
                if isinstance(error, Exception):
                    for rule in self._buckets[int(numbers[place])].rules:
                        text = str(error)
                        self._outputs.fail(rule.name, UNREADABLE, text, columns, indexes[place])
                else:
                    good.append(place)
            events, defaults, indexes = (
                [column[place] for place in good] for column in (events, defaults, indexes)
            )
            numbers = numbers[good]
        group.decoded[0].extend(events)
        group.decoded[1].extend(defaults)
        group.decoded[2].extend([columns] * len(events))
        group.decoded[3].extend(indexes)
        group.numbers.append(numbers)


def _headers(demand: Demand, frame: Frame) -> tuple[list[Any], bool]:
    """Return each upload's header values, or the error of one that cannot be read; and if none is."""
    found: list[Any] = []
    sound = True
    for number in range(len(frame.uploads)):
        try:
            found.append(demand.header_values(frame.header_bytes(number)))
        except DECODE_ERRORS as error:
            found.append(error)
            sound = False
    return found, sound


def _decode(
    demand: Demand, frame: Frame, chosen: npt.NDArray[np.intp]
) -> tuple[Sequence[Any], bool]:
    """Decode in one pass; one by one where one of them refuses, and say that."""
    slices: list[bytes] = []
    try:
        if len(chosen) == len(frame):
            decoded: list[Any] = demand.decoder.decode(frame.events)
        else:
            slices = _slices(frame, chosen)
            decoded = demand.decoder.decode(b"[" + b",".join(slices) + b"]")
        if len(decoded) == len(chosen):
            return decoded, True
    except DECODE_ERRORS:
        pass
    return decode_each(demand, slices or _slices(frame, chosen)), False


def _slices(frame: Frame, chosen: npt.NDArray[np.intp]) -> list[bytes]:
    block = bytes(frame.events)
    starts, lengths = frame.offset[chosen].tolist(), frame.length[chosen].tolist()
    return [block[at : at + size] for at, size in zip(starts, lengths, strict=True)]
