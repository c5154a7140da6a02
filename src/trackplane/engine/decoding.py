"""From frames to decoded events: one pass for all events of a batch that share a demand."""

from __future__ import annotations

import re
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
Header = tuple[Any, ...]  # the values of its properties, in the demand's order
_WINDOW: Final = 64
_PLACE: Final = re.compile(r"at `\$\[([0-9]+)\]")  # of what does not fit, in msgspec's message
BROKEN: Final[Header] = ("broken",)


class Decoded:
    """Events of one mode: decoded, their numbers in the batch, and their headers' values if merged.

    ``array`` has the numbers too.
    """

    __slots__ = ("array", "events", "headers", "numbers")

    def __init__(
        self,
        events: list[Any],
        array: Numbers,
        headers: list[Header] | None = None,
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
    """Decodes events of a batch for one demand. ``unreadable``: numbers of events, and the reason."""

    def __init__(self, demand: Demand, directory: Directory) -> None:
        self.demand = demand
        self.unreadable: list[tuple[int, str]] = []
        self._directory = directory
        self._values: dict[
            int, Header | None
        ] = {}  # of the headers of uploads, by the upload's number

    def whole(self, frame: Frame, start: int) -> dict[Mode, Decoded]:
        """Decode all events of the frame that begins with a number, if they all fit."""
        numbers = np.arange(start, start + len(frame))
        headers = self._headers(numbers, frame)
        try:
            decoder = self.demand.merged if headers else self.demand.bare
            events = [] if headers is None else decoder.decode(frame.events)
        except DECODE_ERRORS:
            events = []
        if len(events) != len(frame):
            return self._in_windows(numbers, self._directory.cut(numbers))
        return _decoded(events, numbers, headers)

    def some(self, numbers: Numbers, slices: list[bytes] | None = None) -> dict[Mode, Decoded]:
        """Decode events together, or one by one if they do not all fit.

        ``slices`` are their bytes, where these are at hand.
        """
        headers = self._headers(numbers)
        if slices is None:
            slices = self._directory.cut(numbers)
        try:
            decoder = self.demand.merged if headers else self.demand.bare
            block = b"" if headers is None else b"[" + b",".join(slices) + b"]"
            events = decoder.decode(block)
        except DECODE_ERRORS:
            events = []
        if len(events) != len(slices):
            return self._in_windows(numbers, slices)
        return _decoded(events, numbers, headers)

    def _in_windows(self, numbers: Numbers, slices: Sequence[bytes]) -> dict[Mode, Decoded]:
        """Decode a few at a time; where one does not fit, those before it together and it alone."""
        strict, loose = _Collected(), _Collected()
        some, headers = numbers.tolist(), self._each_header(numbers)
        start, size = 0, _WINDOW
        while start < len(slices):
            end = start + size
            events, misfit = self._fitting(slices[start:end], headers[start:end])
            if events:
                end = start + len(events)
                strict.extend(events, some[start:end], headers[start:end])
                start = end
            if misfit:
                try:
                    loose.add(*self._loosely(some[start], slices[start]))
                except DECODE_ERRORS as error:
                    self.unreadable.append((some[start], str(error)))
                start += 1
            # Where one does not fit, the next often does not either.
            size = max(size // 4, 1) if misfit else min(2 * size, _WINDOW)
        modes: dict[Mode, Decoded] = {}
        if strict.events:
            modes["merged"] = strict.decoded()
        if loose.events:
            modes["loose"] = loose.decoded()
        return modes

    def _each_header(self, numbers: Numbers) -> list[Header]:
        nothing = self.demand.nothing
        if not self._directory.has_headers:
            return [nothing] * len(numbers)
        uploads = self._directory.upload[numbers].tolist()
        return [self._values_of(upload) or nothing for upload in uploads]

    def _fitting(
        self, window: Sequence[bytes], headers: Sequence[Header]
    ) -> tuple[list[Any], bool]:
        """Return the decoded events up to the first that does not fit, and whether there is one."""
        misfit = BROKEN in headers
        if misfit:
            window = window[: headers.index(BROKEN)]
        while window:
            try:
                events = self.demand.merged.decode(b"[" + b",".join(window) + b"]")
            except DECODE_ERRORS as error:
                found = _PLACE.search(str(error))
                misfit = True
                # Bytes that are several JSON values move the places of those behind them.
                place = int(found[1]) if found is not None else len(window) // 2
                window = window[: min(place, len(window) - 1)]
                continue
            if len(events) == len(window):
                return events, misfit
            misfit, window = True, window[: len(window) // 2]
        return [], misfit

    def _loosely(self, number: int, data: bytes) -> tuple[Any, int, Header]:
        header = self._directory.header(self._directory.upload_of(number))
        return self.demand.loose.decode(data), number, self.demand.loose_header(header)

    def _headers(self, numbers: Numbers, frame: Frame | None = None) -> list[Header] | None:
        """Return the events' header values, [] where none has any; None: a header does not fit."""
        directory = self._directory
        if not directory.has_headers:
            return []
        if frame is None:
            uploads = directory.upload[numbers].tolist()
        else:
            uploads = (frame.upload + np.int64(directory.upload_starts[-1])).tolist()
        values = {upload: self._values_of(upload) for upload in dict.fromkeys(uploads)}
        if BROKEN in values.values():
            return None
        if not any(values.values()):
            return []
        nothing = self.demand.nothing
        return [values[upload] or nothing for upload in uploads]

    def _values_of(self, upload: int) -> Header | None:
        """Return a header's values, None where it has none, ``BROKEN`` where it does not fit."""
        if upload not in self._values:
            header = self._directory.header(upload)
            values = None
            if header != b"{}":
                try:
                    values = self.demand.strict_header(header)
                except DECODE_ERRORS:
                    values = BROKEN
            self._values[upload] = values
        return self._values[upload]


class _Collected:
    """Events that were decoded one by one."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._numbers: list[int] = []
        self._headers: list[Header] = []

    def add(self, event: Any, number: int, header: Header) -> None:
        self.events.append(event)
        self._numbers.append(number)
        self._headers.append(header)

    def extend(
        self, events: Sequence[Any], numbers: Sequence[int], headers: Sequence[Header]
    ) -> None:
        self.events += events
        self._numbers += numbers
        self._headers += headers

    def decoded(self) -> Decoded:
        return Decoded(self.events, np.array(self._numbers, np.int64), self._headers)


def _decoded(
    events: list[Any], numbers: Numbers, headers: list[Header] | None
) -> dict[Mode, Decoded]:
    if headers:
        return {"merged": Decoded(events, numbers, headers)}
    return {"bare": Decoded(events, numbers)}


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
