"""From frames to decoded events: one pass for all events of a batch that share a demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from trackplane.engine.demand import Demand, Mode
from trackplane.engine.directory import Directory, picked
from trackplane.frame import Frame

DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
Numbers = npt.NDArray[np.int64]


class Decoded:
    """Events of one mode: decoded, their numbers in the batch, and their headers' values if merged.

    ``array`` has the numbers too.
    """

    __slots__ = ("array", "events", "headers", "numbers")

    def __init__(
        self,
        events: list[Any],
        array: Numbers,
        headers: list[tuple[Any, ...]] | None = None,
    ) -> None:
        self.events = events
        self.array = array
        self.numbers: list[int] = array.tolist()
        self.headers = headers

    def __len__(self) -> int:
        return len(self.events)

    def part(self, places: Sequence[int]) -> Decoded:
        """Return the events at some places."""
        headers = self.headers
        return Decoded(
            picked(self.events, places),
            self.array[places],
            None if headers is None else picked(headers, places),
        )


class Decoding:
    """Collects a batch's events of one demand; ``finish`` decodes what was not decoded at once."""

    def __init__(self, demand: Demand, directory: Directory) -> None:
        self.demand = demand
        self.unreadable: list[tuple[int, str]] = []
        self._directory = directory
        self._found: dict[Mode, _Found] = {}
        self._slices: dict[Mode, list[bytes]] = {"bare": [], "merged": []}
        self._waiting: dict[Mode, list[Numbers]] = {"bare": [], "merged": []}
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
            values = picked(headers, frame.upload[chosen].tolist())
        if len(chosen) == len(frame):
            try:
                decoder = self.demand.bare if values is None else self.demand.merged
                events = decoder.decode(frame.events)
            except DECODE_ERRORS:
                events = []
            if len(events) == len(chosen):
                self._keep(mode, events, chosen + start, values)
                return
        block = bytes(frame.events)
        starts, sizes = frame.offset[chosen].tolist(), frame.length[chosen].tolist()
        self._slices[mode] += [
            block[at : at + size] for at, size in zip(starts, sizes, strict=True)
        ]
        self._waiting[mode].append(chosen + start)
        self._headers += values or ()

    def take(self) -> dict[Mode, Decoded]:
        """Return what is decoded by now, once."""
        found, self._found = self._found, {}
        return {mode: some.together() for mode, some in found.items()}

    def finish(self) -> dict[Mode, Decoded]:
        """Decode what waits, together or one by one where they do not all fit; return the rest."""
        for mode in ("bare", "merged"):
            slices = self._slices[mode]
            if not slices:
                continue
            array = np.concatenate(self._waiting[mode])
            headers = self._headers if mode == "merged" else None
            decoder = self.demand.bare if headers is None else self.demand.merged
            try:
                events = decoder.decode(b"[" + b",".join(slices) + b"]")
            except DECODE_ERRORS:
                events = []
            if len(events) == len(slices):
                self._keep(mode, events, array, headers)
            else:
                self._one_by_one(mode, slices, array, headers)
        return self.take()

    def _one_by_one(
        self,
        mode: Mode,
        slices: Sequence[bytes],
        array: Numbers,
        headers: Sequence[tuple[Any, ...]] | None,
    ) -> None:
        decoder = self.demand.bare if headers is None else self.demand.merged
        events, places = [], []
        for place, data in enumerate(slices):
            try:
                (event,) = decoder.decode(b"[" + data + b"]")
            except (*DECODE_ERRORS, ValueError):
                self._loosely(int(array[place]))
                continue
            events.append(event)
            places.append(place)
        if events:
            values = None if headers is None else picked(headers, places)
            self._keep(mode, events, array[places], values)

    def _keep(
        self, mode: Mode, events: list[Any], array: Numbers, headers: list[tuple[Any, ...]] | None
    ) -> None:
        found = self._found.get(mode)
        if found is None:
            found = self._found[mode] = _Found()
        found.events += events
        found.arrays.append(array)
        found.headers += headers or ()

    def _loosely(self, number: int) -> None:
        frame, index = self._directory.place(number)
        try:
            header = self.demand.loose.decode(frame.header_bytes(int(frame.upload[index])))
            event = self.demand.loose.decode(frame.event_bytes(index))
        except DECODE_ERRORS as error:
            self.unreadable.append((number, str(error)))
            return
        values = self.demand.values(header) or self.demand.nothing
        self._keep("loose", [event], np.array([number]), [values])

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


class _Found:
    """Decoded events of one mode as they come together."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.arrays: list[Numbers] = []
        self.headers: list[tuple[Any, ...]] = []

    def together(self) -> Decoded:
        array = self.arrays[0] if len(self.arrays) == 1 else np.concatenate(self.arrays)
        return Decoded(self.events, array, self.headers or None)


def by_bucket(decoded: Decoded, owner: Numbers) -> Iterator[tuple[int, Decoded]]:
    """Return each bucket's number and events, given the bucket of each event of the batch."""
    owners = owner[decoded.array]
    order = np.argsort(owners, kind="stable")
    ordered = owners[order]
    places = order.tolist()
    start = 0
    for end in [*(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(places)]:
        yield int(ordered[start]), decoded.part(places[start:end])
        start = end
