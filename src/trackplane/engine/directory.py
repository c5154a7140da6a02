"""The directories of a batch's frames as one: an event's number counts through the whole batch.

Generated code and output rows name an event by its number alone; columns are made only when they
are read, all at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from trackplane.frame import Frame, Upload

_T = TypeVar("_T")
_Numbers = npt.NDArray[np.int64]
_EMPTY: Final = len(b"{}")
_NONE: Final = np.empty(0, np.int64)


def picked(values: Sequence[_T], places: Sequence[int]) -> list[_T]:
    """Return the values at some places."""
    if len(places) < 2:
        return [values[place] for place in places]
    return list(itemgetter(*places)(values))


class Directory:
    """One entry an event in each column. Times are ms.

    Lists grow with each frame, so that generated code may hold them from the first one on; arrays
    are for when all frames are there.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.starts: list[int] = []
        self.upload_starts: list[int] = []
        self.has_headers = False
        self._size = 0
        self._uploads = 0
        self._lists: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return self._size

    def add(self, frame: Frame) -> int:
        """Add a frame's events; return the number of the first."""
        start = self._size
        self.frames.append(frame)
        self.starts.append(start)
        self.upload_starts.append(self._uploads)
        self._size += len(frame)
        self._uploads += len(frame.uploads)
        if not self.has_headers:
            self.has_headers = any(upload.length != _EMPTY for upload in frame.uploads)
        for name, values in self._lists.items():
            values.extend(_COLUMNS[name](frame))
        for name in _ARRAYS:
            self.__dict__.pop(name, None)
        return start

    def clear(self) -> None:
        """Forget all frames; who holds a list finds the next batch's values in it."""
        self.frames.clear()
        self.starts.clear()
        self.upload_starts.clear()
        self.has_headers = False
        self._size = self._uploads = 0
        for values in self._lists.values():
            values.clear()
        for name in _ARRAYS:
            self.__dict__.pop(name, None)

    def place(self, number: int) -> tuple[Frame, int]:
        """Return an event's frame and its index there."""
        index = bisect_right(self.starts, number) - 1
        return self.frames[index], number - self.starts[index]

    def upload_of(self, number: int) -> int:
        """Return the number of an event's upload."""
        index = bisect_right(self.starts, number) - 1
        return self.upload_starts[index] + int(
            self.frames[index].upload[number - self.starts[index]]
        )

    def header(self, upload: int) -> bytes:
        """Return an upload's header."""
        index = bisect_right(self.upload_starts, upload) - 1
        return self.frames[index].header_bytes(upload - self.upload_starts[index])

    def cut(self, numbers: _Numbers) -> list[bytes]:
        """Return some events as slices of their frames: bytes-like, not copied."""
        frames = np.searchsorted(self.starts, numbers, side="right") - 1
        blocks = [frame.events for frame in self.frames]
        starts, sizes = self.offset[numbers].tolist(), self.length[numbers].tolist()
        return [
            blocks[frame][start : start + size]
            for frame, start, size in zip(frames.tolist(), starts, sizes, strict=True)
        ]

    def _joined(self, columns: list[Any]) -> _Numbers:
        return np.concatenate(columns) if columns else _NONE

    @cached_property
    def uploads(self) -> list[Upload]:
        """Return the uploads of all frames, to which ``upload`` points."""
        return [upload for frame in self.frames for upload in frame.uploads]

    @cached_property
    def upload(self) -> _Numbers:
        """Return each event's upload."""
        return self._pointing([len(frame.uploads) for frame in self.frames], "upload")

    @cached_property
    def known_names(self) -> list[str]:
        """Return the event names of all frames, to which ``name`` points."""
        return [name for frame in self.frames for name in frame.names]

    @cached_property
    def name(self) -> _Numbers:
        """Return each event's place in ``known_names``."""
        return self._pointing([len(frame.names) for frame in self.frames], "name")

    def _pointing(self, sizes: list[int], column: str) -> _Numbers:
        parts, start = [], 0
        for frame, size in zip(self.frames, sizes, strict=True):
            parts.append(getattr(frame, column).astype(np.int64) + start)
            start += size
        return self._joined(parts)

    @cached_property
    def at_ms(self) -> _Numbers:
        """Return each event's ``when.at`` as an array."""
        return self._joined([frame.at for frame in self.frames])

    @cached_property
    def received_ms(self) -> _Numbers:
        """Return each event's ``when.server`` as an array."""
        return np.array([upload.received for upload in self.uploads], np.int64)[self.upload]

    @cached_property
    def weight(self) -> npt.NDArray[np.float64]:
        """Return each event's ``meta.weight`` as an array."""
        weights = np.ones(self._size)
        for start, frame in zip(self.starts, self.frames, strict=True):
            for index, weight in frame.weights.items():
                weights[start + index] = weight
        return weights

    @cached_property
    def length(self) -> _Numbers:
        """Return each event's bytes as an array."""
        return self._joined([frame.length for frame in self.frames])

    @cached_property
    def offset(self) -> _Numbers:
        """Return each event's place among the events of its frame, in bytes."""
        return self._joined([frame.offset for frame in self.frames])

    def size(self, numbers: _Numbers) -> int:
        """Return some events as slices of their frames: bytes-like, not copied."""
        return int(self.length[numbers].sum())

    # --- lists, for generated code ----------------------------------------------------------------

    @cached_property
    def ids(self) -> list[str]:
        """Return each event's id."""
        return self._list("ids")

    @cached_property
    def names(self) -> list[str]:
        """Return each event's name."""
        return self._list("names")

    @cached_property
    def at(self) -> list[int]:
        """Return each event's ``when.at``."""
        return self._list("at")

    @cached_property
    def received(self) -> list[int]:
        """Return each event's ``when.server``."""
        return self._list("received")

    @cached_property
    def apps(self) -> list[str]:
        """Return each event's app."""
        return self._list("apps")

    @cached_property
    def envs(self) -> list[str]:
        """Return each event's environment."""
        return self._list("envs")

    @cached_property
    def revisions(self) -> list[int]:
        """Return each event's plan revision."""
        return self._list("revisions")

    @cached_property
    def grades(self) -> list[str]:
        """Return each event's grade."""
        return self._list("grades")

    @cached_property
    def weights(self) -> list[float]:
        """Return each event's weight."""
        return self._list("weights")

    def _list(self, name: str) -> list[Any]:
        column = _COLUMNS[name]
        found = list(chain.from_iterable(column(frame) for frame in self.frames))
        self._lists[name] = found
        return found


def _of_upload(name: str) -> Callable[[Frame], Iterable[Any]]:
    def column(frame: Frame) -> Iterable[Any]:
        return picked([getattr(upload, name) for upload in frame.uploads], frame.upload.tolist())

    return column


def _weights(frame: Frame) -> list[float]:
    weights = [1.0] * len(frame)
    for index, weight in frame.weights.items():
        weights[index] = weight
    return weights


_COLUMNS: Final[dict[str, Callable[[Frame], Iterable[Any]]]] = {
    "ids": lambda frame: frame.ids,
    "names": lambda frame: picked(frame.names, frame.name.tolist()),
    "at": lambda frame: frame.at.tolist(),
    "received": _of_upload("received"),
    "apps": _of_upload("app"),
    "envs": _of_upload("env"),
    "revisions": _of_upload("revision"),
    "grades": lambda frame: [frame.grade] * len(frame),
    "weights": _weights,
}
_ARRAYS: Final = (
    "uploads",
    "upload",
    "known_names",
    "name",
    "at_ms",
    "received_ms",
    "weight",
    "length",
    "offset",
)
