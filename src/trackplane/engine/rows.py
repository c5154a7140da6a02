"""Output rows as bytes: JSON objects without line breaks, and where each came from.

Parts that a rule only copies are the client's own bytes, never decoded; ``keep`` merges header and
event property by property in the same way.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from trackplane.engine.directory import Directory, picked
from trackplane.event import NAMESPACES
from trackplane.frame import Frame

ENCODE_ERRORS: Final = (OverflowError, msgspec.MsgspecError, RecursionError)
# What a patch says of a property besides a new value.
KEEP: Final = object()
GONE: Final = object()
Patch = Sequence[tuple[str, str, Any]]  # namespace, name, new value

_Namespace = dict[str, msgspec.Raw]
_encoder: Final = msgspec.json.Encoder()
_namespaces: Final = msgspec.json.Decoder(
    msgspec.defstruct(
        "Namespaces", [(name, _Namespace | None, None) for name in NAMESPACES], gc=False
    )
)


class DatasetRows:
    """Output rows of one dataset, one entry a row in each sequence.

    ``data`` has JSON objects; the rest says where each came from (``at``, ``server`` in ms) and how
    many events it stands for (``weight``).
    """

    __slots__ = ("app", "at", "data", "env", "event", "id", "rule", "server", "weight")

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.rule: list[str] = []
        self.app: list[str] = []
        self.env: list[str] = []
        self.id: list[str] = []
        self.event: list[str] = []
        self.at = array("q")
        self.server = array("q")
        self.weight = array("d")

    def __len__(self) -> int:
        return len(self.data)

    def extend(self, other: DatasetRows) -> None:
        """Add all rows of another."""
        for name in DatasetRows.__slots__:
            getattr(self, name).extend(getattr(other, name))

    def add(
        self,
        directory: Directory,
        numbers: Sequence[int],
        data: Iterable[bytes],
        rules: Sequence[str],
        rates: Sequence[Sequence[float]] | None = None,
    ) -> None:
        """Add rows of events, given by their numbers; ``rates``: each was sampled by these."""
        self.data.extend(data)
        self.rule.extend(rules)
        places = np.array(numbers, np.int64)
        uploads = directory.uploads
        sources = list(dict.fromkeys((upload.app, upload.env) for upload in uploads))
        if len(sources) == 1:
            app, env = sources[0]
            self.app.extend([app] * len(numbers))
            self.env.extend([env] * len(numbers))
        else:
            of_rows = picked(uploads, directory.upload[places].tolist())
            self.app.extend([upload.app for upload in of_rows])
            self.env.extend([upload.env for upload in of_rows])
        self.id.extend(picked(directory.ids, numbers))
        self.event.extend(picked(directory.known_names, directory.name[places].tolist()))
        self.at.frombytes(directory.at_ms[places].tobytes())
        self.server.frombytes(directory.received_ms[places].tobytes())
        weight = directory.weight[places]
        for row, some in enumerate(rates or ()):
            for rate in some:
                weight[row] /= rate
        self.weight.frombytes(weight.tobytes())

    def take(self, other: DatasetRows, row: int, data: Sequence[bytes]) -> None:
        """Add rows that another's row became: they come from where it came from."""
        for name in DatasetRows.__slots__:
            if name != "data":
                getattr(self, name).extend([getattr(other, name)[row]] * len(data))
        self.data.extend(data)


class ScriptRows(DatasetRows):
    """Rows that wait for a script: ``data`` is what it is given, ``target`` where its answer goes.

    ``counted`` is the rule with the suffix of a canary, ``place`` the event's frame and index there.
    """

    __slots__ = ("counted", "place", "target")

    def __init__(self) -> None:
        super().__init__()
        self.place: list[tuple[Frame, int]] = []
        self.counted: list[str] = []
        self.target: list[str] = []


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


def patched(event: dict[str, Any], patch: Patch) -> dict[str, Any]:
    """Return the event with properties replaced, added or removed."""
    for namespace, name, value in patch:
        if value is KEEP:
            continue
        holder = dict(event.get(namespace) or {})
        if value is not GONE:
            holder[name] = value
        elif name not in holder:
            continue
        else:
            del holder[name]
        event[namespace] = holder
    return event


def encode_rows(rows: Sequence[Any]) -> list[bytes]:
    """Return each row's JSON, without line breaks.

    Raises:
        ValueError: one of them cannot be encoded; use ``encode_row`` to find which.
    """
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
