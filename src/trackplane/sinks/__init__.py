"""Sinks: where rows of a dataset of kind ``topic`` or ``sink`` go, and the plug-ins that take them.

Delivery is at least once, in order of each partition. A ``Delivery`` that is made again after a crash
has the same ``key`` and begins with the same rows (it may hold more), so a sink that replaces what it
holds under a key delivers exactly once. Every row carries ``_id`` for receivers that cannot.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from trackplane.engine.outputs import DatasetRows
from trackplane.errors import InputError, TrackplaneError
from trackplane.queue import Queue
from trackplane.rules.ir import Dataset

Partition = tuple[str, int]


class SinkError(TrackplaneError):
    """A receiver did not take a delivery; it is made again, later and later."""

    code = "sink"
    retryable = True


class SinkOptionsError(InputError):
    """A dataset's connector or its options are wrong; ``findings`` lists everything."""

    code = "sink_options"


class RowsRefusedError(TrackplaneError):
    """A receiver will never take some rows; the others of the delivery were taken."""

    code = "sink_refused"

    def __init__(self, refused: Mapping[int, str]) -> None:
        super().__init__(f"{len(refused)} row(s) were refused: {next(iter(refused.values()))}")
        self.refused = refused


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one partition's range: JSON objects without line breaks, in order.

    ``key`` names the range by its start: ``<dataset>/<topic>-<partition>-<offset>``.
    """

    dataset: str
    key: str
    partition: Partition
    rows: Sequence[bytes]


class SinkContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink is opened with.

    ``folder`` is its own, made when it is first used; ``secret`` reads a file of the folder of
    secrets by its name and raises a ``TrackplaneError`` where there is none; ``partitions`` are those
    of the lanes, in a fixed order.
    """

    dataset: Dataset
    folder: Path
    secret: Callable[[str], bytes]
    queue: Queue
    partitions: Sequence[Partition]


class Sink(abc.ABC):
    """Takes rows. Called from one thread; opened once for each worker process."""

    @abc.abstractmethod
    def write(self, delivery: Delivery) -> None:
        """Deliver rows; when it returns the receiver has them durably.

        Raises:
            SinkError: none or a part of them was taken; the delivery is made again.
            RowsRefusedError: some will never be taken.
        """

    def release(self, partitions: Iterable[Partition]) -> None:  # noqa: B027
        """Let go of what is held for partitions that move to another worker."""

    def close(self) -> None:  # noqa: B027
        """Release connections and files."""


class SinkPlugin(abc.ABC):
    """A kind of sink, found by the entry point group ``trackplane.sinks`` under its name.

    ``options`` is the struct that a dataset's ``options`` are read into; unknown ones are refused.
    """

    name: ClassVar[str]
    options: ClassVar[type[msgspec.Struct]]

    @abc.abstractmethod
    def open(self, context: SinkContext, options: Any) -> Sink:
        """Open a sink; ``options`` is an instance of ``self.options``.

        Raises:
            SinkOptionsError: an option is wrong in a way its type does not say.
        """

    def read(self, dataset: Dataset) -> Any:
        """Return a dataset's options as the struct.

        Raises:
            SinkOptionsError: an option is unknown, missing or of a wrong type.
        """
        known = {field.name for field in msgspec.structs.fields(self.options)}
        for name in dataset.options:
            if name not in known:
                raise SinkOptionsError(
                    f"dataset {dataset.name!r}: the connector {self.name!r} has no option {name!r}",
                    hint=f"it has {', '.join(sorted(known)) or 'none'}",
                )
        try:
            return msgspec.convert(dataset.options, self.options)
        except msgspec.ValidationError as error:
            raise SinkOptionsError(
                f"dataset {dataset.name!r}: options of {self.name!r}: {error}"
            ) from error


def lines_of(rows: DatasetRows) -> list[bytes]:
    """Return each row with the standard columns after its own: ``_id``, ``_event``, ``_rule`` and so on.

    Times are ms since 1970-01-01 UTC; ``_weight`` is how many events a sampled one stands for.
    """
    encode = msgspec.json.encode
    found: list[bytes] = []
    columns = zip(
        rows.data, rows.id, rows.event, rows.rule, rows.app, rows.env, rows.at, rows.server,
        rows.weight, strict=True,
    )  # fmt: skip
    for data, id_, event, rule, app, env, at, server, weight in columns:
        standard = encode(
            {
                "_id": id_, "_event": event, "_rule": rule, "_app": app, "_env": env,
                "_at": at, "_server": server, "_weight": weight,
            }
        )  # fmt: skip
        head = data.rstrip()[:-1]
        found.append(head + (b"," if head.strip() != b"{" else b"") + standard[1:])
    return found
