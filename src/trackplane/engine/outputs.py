"""What a batch gives: rows as ready bytes by dataset, dirty events, counts by rule.

A row is one JSON object without line breaks. Parts that a rule only copies are the client's own
bytes, never decoded; ``keep`` and ``set`` merge header and event property by property in the same way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from trackplane.dirty import DirtyEvent
from trackplane.engine.columns import FrameColumns
from trackplane.event import NAMESPACES
from trackplane.frame import Frame

Found = tuple[str, Any, FrameColumns, int]  # rule, what it found, frame, the event's index
_Namespace = dict[str, msgspec.Raw]
ENCODE_ERRORS: Final = (OverflowError, msgspec.MsgspecError, RecursionError)

_encoder: Final = msgspec.json.Encoder()
_namespaces: Final = msgspec.json.Decoder(
    msgspec.defstruct(
        "Namespaces", [(name, _Namespace | None, None) for name in NAMESPACES], gc=False
    )
)


class DatasetRows:
    """Output rows of one dataset: JSON objects, and where each came from.

    All lists have one entry a row; ``at`` and ``server`` are ms.
    """

    __slots__ = ("app", "at", "data", "env", "event", "id", "rule", "server")

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.rule: list[str] = []
        self.app: list[str] = []
        self.env: list[str] = []
        self.id: list[str] = []
        self.event: list[str] = []
        self.at: list[int] = []
        self.server: list[int] = []

    def __len__(self) -> int:
        return len(self.data)

    def add(self, found: Sequence[Found]) -> None:
        """Encode and add what rules found."""
        self.data += encode_rows([row for _, row, _, _ in found])
        self.rule += [rule for rule, _, _, _ in found]
        self.app += [frame.apps[index] for _, _, frame, index in found]
        self.env += [frame.envs[index] for _, _, frame, index in found]
        self.id += [frame.ids[index] for _, _, frame, index in found]
        self.event += [frame.event_names[index] for _, _, frame, index in found]
        self.at += [frame.at[index] for _, _, frame, index in found]
        self.server += [frame.received[index] for _, _, frame, index in found]

    def extend(self, other: DatasetRows) -> None:
        """Add all rows of another."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))


class Outputs:
    """What a batch gave under ruleset ``number``."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.rows: dict[str, DatasetRows] = {}
        self.dirty: list[DirtyEvent] = []
        self.output: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def add(self, target: str, found: Sequence[Found]) -> None:
        """Add rows to a dataset."""
        rows = self.rows.get(target)
        if rows is None:
            rows = self.rows[target] = DatasetRows()
        rows.add(found)
        self.output.update([rule for rule, _, _, _ in found])

    def fail(self, rule: str, code: str, message: str, columns: FrameColumns, index: int) -> None:
        """Add a failure of (event, rule)."""
        frame = columns.frame
        number = columns.uploads[index]
        upload = frame.uploads[number]
        self.failed[rule] += 1
        self.dirty.append(
            DirtyEvent(
                app=upload.app,
                env=upload.env,
                stage="rule",
                reason=code,
                received=upload.received,
                id=frame.ids[index],
                event=columns.event_names[index],
                identity=frame.identity[16 * index : 16 * index + 16],
                grade=frame.grade,
                revision=upload.revision,
                message=message or f"rule {rule} failed",
                header=frame.header_bytes(number),
                data=frame.event_bytes(index),
                rule=rule,
            )
        )


def whole_event(frame: Frame, index: int) -> dict[str, Any]:
    """Return the merged event with its times and without ``meta``, its properties as raw bytes.

    Raises:
        msgspec.MsgspecError: event or header is not JSON, or a namespace not an object.
    """
    number = int(frame.upload[index])
    event: Any = _namespaces.decode(frame.event_bytes(index))
    header: Any = _namespaces.decode(frame.header_bytes(number))
    merged: dict[str, Any] = {"id": frame.ids[index], "event": frame.names[int(frame.name[index])]}
    for namespace in NAMESPACES:
        over, base = getattr(event, namespace), getattr(header, namespace)
        if over is not None:
            merged[namespace] = {**base, **over} if base else over
        elif base is not None:
            merged[namespace] = base
    merged["when"] = {
        **merged.get("when", {}),
        "server": frame.uploads[number].received,
        "at": int(frame.at[index]),
    }
    return merged


def changed(event: dict[str, Any], values: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    """Return the event with properties replaced or added."""
    for namespace, name, value in values:
        event[namespace] = {**event.get(namespace, {}), name: value}
    return event


def encode_rows(rows: Sequence[Any]) -> list[bytes]:
    """Return each row's JSON, without line breaks."""
    try:
        found = _encoder.encode_lines(rows).split(b"\n")
    except ENCODE_ERRORS:
        found = []
    # One more: what follows the last line break. A copied part may have line breaks of its own.
    return found[:-1] if len(found) == len(rows) + 1 else [encode_row(row) for row in rows]


def encode_row(row: Any) -> bytes:
    """Return a row's JSON, without line breaks."""
    try:
        data = _encoder.encode(row)
    except ENCODE_ERRORS:
        # An integer beyond 64 bits: rare, and the standard library takes it.
        plain = msgspec.to_builtins(row, builtin_types=(msgspec.Raw,))
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=_loads)
        data = text.encode()
    # Between tokens JSON may have line breaks; in strings they are always escaped.
    return data.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in data else data


def _loads(value: Any) -> Any:
    return json.loads(bytes(value))
