"""From frames to decoded events: one pass for all events of a batch that share a demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from trackplane.engine.demand import Demand, Mode
from trackplane.engine.directory import Directory
from trackplane.frame import Frame

DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
Numbers = npt.NDArray[np.int64]


class Decoded:
    """Events of one mode: decoded, their numbers in the batch, and their headers' values if merged."""

    __slots__ = ("events", "headers", "numbers")

    def __init__(
        self, events: list[Any], numbers: list[int], headers: list[tuple[Any, ...]] | None
    ) -> None:
        self.events = events
        self.numbers = numbers
        self.headers = headers

    def __len__(self) -> int:
        return len(self.events)

    def part(self, places: Sequence[int]) -> Decoded:
        """Return the events at some places."""
        headers = self.headers
        return Decoded(
            [self.events[place] for place in places],
            [self.numbers[place] for place in places],
            None if headers is None else [headers[place] for place in places],
        )

    def extend(self, other: Decoded) -> None:
        """Add another's events."""
        self.events += other.events
        self.numbers += other.numbers
        if self.headers is not None and other.headers is not None:
            self.headers += other.headers


class Decoding:
    """Collects a batch's events of one demand; ``finish`` decodes what was not decoded at once."""

    def __init__(self, demand: Demand, directory: Directory) -> None:
        self.demand = demand
        self._directory = directory
        self.decoded: dict[Mode, Decoded] = {}
        self.unreadable: list[tuple[int, str]] = []
        self._slices: dict[Mode, list[bytes]] = {"bare": [], "merged": []}
        self._waiting: dict[Mode, list[int]] = {"bare": [], "merged": []}
        self._headers: list[tuple[Any, ...]] = []

    def add(self, frame: Frame, start: int, chosen: Numbers) -> None:
        """Take some of a frame's events; ``start`` is the number of its first event in the batch."""
        headers, broken = self._read_headers(frame)
        mode: Mode = "bare" if headers is None else "merged"
        if broken:
            odd = np.isin(frame.upload[chosen], list(broken))
            for index in chosen[odd].tolist():
                self._loosely(start + index)
            chosen = chosen[~odd]
        values = None
        if headers is not None:
            values = [headers[upload] for upload in frame.upload[chosen].tolist()]
        numbers = (chosen + start).tolist()
        if len(chosen) == len(frame):
            try:
                decoder = self.demand.bare if values is None else self.demand.merged
                events = decoder.decode(frame.events)
            except DECODE_ERRORS:
                events = []
            if len(events) == len(chosen):
                self._keep(mode, Decoded(events, numbers, values))
                return
        block = bytes(frame.events)
        starts, sizes = frame.offset[chosen].tolist(), frame.length[chosen].tolist()
        self._slices[mode] += [
            block[at : at + size] for at, size in zip(starts, sizes, strict=True)
        ]
        self._waiting[mode] += numbers
        self._headers += values or ()

    def finish(self) -> None:
        """Decode what waits: together, or one by one where they do not all fit."""
        for mode in ("bare", "merged"):
            slices, numbers = self._slices[mode], self._waiting[mode]
            if not slices:
                continue
            headers = self._headers if mode == "merged" else None
            decoder = self.demand.bare if headers is None else self.demand.merged
            try:
                events = decoder.decode(b"[" + b",".join(slices) + b"]")
            except DECODE_ERRORS:
                events = []
            if len(events) == len(slices):
                self._keep(mode, Decoded(events, numbers, headers))
                continue
            for place, data in enumerate(slices):
                try:
                    (event,) = decoder.decode(b"[" + data + b"]")
                except (*DECODE_ERRORS, ValueError):
                    self._loosely(numbers[place])
                    continue
                values = None if headers is None else [headers[place]]
                self._keep(mode, Decoded([event], [numbers[place]], values))

    def _keep(self, mode: Mode, decoded: Decoded) -> None:
        if mode in self.decoded:
            self.decoded[mode].extend(decoded)
        else:
            self.decoded[mode] = decoded

    def _loosely(self, number: int) -> None:
        frame, index = self._directory.place(number)
        try:
            header = self.demand.loose.decode(frame.header_bytes(int(frame.upload[index])))
            event = self.demand.loose.decode(frame.event_bytes(index))
        except DECODE_ERRORS as error:
            self.unreadable.append((number, str(error)))
            return
        values = self.demand.values(header) or self.demand.nothing
        self._keep("loose", Decoded([event], [number], [values]))

    def _read_headers(self, frame: Frame) -> tuple[list[tuple[Any, ...]] | None, set[int]]:
        """Return each upload's header values (None: none has any), and headers that do not fit."""
        found: list[tuple[Any, ...] | None] = []
        broken: set[int] = set()
        for upload in range(len(frame.uploads)):
            header = frame.header_bytes(upload)
            values = None
            if header != b"{}":
                try:
                    values = self.demand.values(self.demand.header.decode(header))
                except DECODE_ERRORS:
                    broken.add(upload)
            found.append(values)
        if all(values is None for values in found):
            return None, broken
        nothing = self.demand.nothing
        return [nothing if values is None else values for values in found], broken


def by_bucket(decoded: Decoded, owner: Numbers) -> Iterator[tuple[int, Decoded]]:
    """Return each bucket's number and events, given the bucket of each event of the batch."""
    owners = owner[decoded.numbers]
    order = np.argsort(owners, kind="stable")
    ordered = owners[order]
    places = order.tolist()
    ends = [*(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(places)]
    if len(ends) == 1:
        yield int(ordered[0]), decoded
        return
    start = 0
    for end in ends:
        yield int(ordered[start]), decoded.part(places[start:end])
        start = end
