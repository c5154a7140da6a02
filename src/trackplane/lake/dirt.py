"""Dirty events to Arrow columns: the lake's ``dirty`` table."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from trackplane.dirty import DirtyEvent
from trackplane.event import Position
from trackplane.frame import Flaw
from trackplane.lake.columns import FLAWS, flaw_column

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())

DIRTY_SCHEMA: Final = pa.schema(
    [
        ("app", _TEXT),
        ("env", _TEXT),
        ("grade", _TEXT),
        ("revision", pa.int64()),
        ("event", _TEXT),
        ("id", pa.string()),
        ("server", pa.int64()),
        ("stage", _TEXT),
        ("reason", _TEXT),
        ("message", pa.string()),
        ("rule", _TEXT),
        ("wire", _TEXT),
        ("violations", FLAWS),
        ("identity", pa.binary()),
        ("header", pa.binary()),
        ("data", pa.binary()),
        ("topic", _TEXT),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("index", pa.int32()),
    ]
)


class DirtyColumns:
    """Collects dirty events, then builds one Arrow table of ``DIRTY_SCHEMA``."""

    def __init__(self) -> None:
        self._events: list[DirtyEvent] = []
        self._places: list[tuple[Position, int]] = []

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: DirtyEvent, position: Position, index: int) -> None:
        """Take the ``index``-th event of a message."""
        self._events.append(event)
        self._places.append((position, index))

    def build(self) -> pa.Table:
        """Return the table."""
        events, flaws = self._events, dict[int, tuple[Flaw, ...]]()
        for row, event in enumerate(events):
            if event.violations:
                flaws[row] = event.violations
        columns: dict[str, object] = {
            "server": [event.received for event in events],
            "violations": flaw_column(flaws, len(events)),
            "topic": [place.topic for place, _ in self._places],
            "partition": [place.partition for place, _ in self._places],
            "offset": [place.offset for place, _ in self._places],
            "index": np.array([index for _, index in self._places], np.int32),
        }
        for name in DIRTY_SCHEMA.names:
            if name not in columns:
                columns[name] = [getattr(event, name) for event in events]
        return pa.table(
            [
                values if isinstance(values, pa.Array) else pa.array(values, field.type)
                for field, values in ((field, columns[field.name]) for field in DIRTY_SCHEMA)
            ],
            DIRTY_SCHEMA,
        )
