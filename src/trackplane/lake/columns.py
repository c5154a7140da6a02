"""Frames to Arrow columns, without an object per event where the directory or a header will do.

A header is decoded once and spread over its events by index; the event block is decoded once a
frame, into the namespaces that events carry themselves; ``what`` is copied as text when admission
marked the event clean. Property semantics are those of ``trackplane.event.merge``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trackplane.event import BUILT_IN
from trackplane.frame import CLEAN, Flaw, Frame, Upload
from trackplane.lake.typed import INT, Value, dictionary, typed

Ints = npt.NDArray[np.int64]
T = TypeVar("T")
_SPREAD: Final = ("who", "when", "where", "how")  # the namespaces that become columns
_PLATFORM: Final = {"when": ("server", "at")}  # a client's value of these is ignored

# (namespace, property) -> column, for the built-in properties of clients.
BUILT_IN_COLUMNS: Final[Mapping[tuple[str, str], str]] = {
    (namespace, name): f"{namespace}_{name}"
    for namespace, _, name in (path.partition(".") for path in BUILT_IN)
    if namespace in _SPREAD and name not in _PLATFORM.get(namespace, ())
}

MOMENT: Final = pa.timestamp("ms")  # UTC
_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
FLAWS: Final = pa.list_(pa.struct([("code", pa.string()), ("pointer", pa.string())]))
_ARROW: Final[Mapping[str, pa.DataType]] = {"string": _TEXT, INT: pa.int64()}


def _kind(namespace: str, name: str) -> str:
    return "string" if BUILT_IN[f"{namespace}.{name}"] == "string" else INT


EVENT_SCHEMA: Final = pa.schema(
    [
        ("app", _TEXT),
        ("env", _TEXT),
        ("grade", _TEXT),
        ("revision", pa.int64()),
        ("event", _TEXT),
        ("id", pa.string()),
        ("weight", pa.float64()),
        ("server", MOMENT),
        ("at", MOMENT),
        *(
            (column, _ARROW[_kind(namespace, name)])
            for (namespace, name), column in BUILT_IN_COLUMNS.items()
        ),
        ("extra", pa.string()),
        ("what", pa.string()),
        ("violations", FLAWS),
        ("topic", _TEXT),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("index", pa.int32()),
    ]
)


class _Own(msgspec.Struct, gc=False):
    """What an event carries itself, of the namespaces."""

    who: dict[str, Any] | None = None
    when: dict[str, Any] | None = None
    where: dict[str, Any] | None = None
    how: dict[str, Any] | None = None
    what: msgspec.Raw = msgspec.Raw()


_NULL: Final = b"null"
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
_block: Final = msgspec.json.Decoder(list[_Own])
_anything: Final = msgspec.json.Decoder()
_encode: Final = msgspec.json.Encoder().encode


class EventColumns:
    """Collects events of many frames, then builds one Arrow table of ``EVENT_SCHEMA``."""

    def __init__(self) -> None:
        self._uploads: list[Upload] = []
        self._headers: list[dict[str, Any]] = []
        self._names: dict[str, int] = {}
        self._name: list[npt.NDArray[np.int32]] = []
        self._upload: list[npt.NDArray[np.int64]] = []
        self._at: list[Ints] = []
        self._index: list[npt.NDArray[np.int32]] = []
        self._ids: list[str] = []
        self._own: list[_Own] = []
        self._unclean: list[int] = []
        self._strange: dict[int, dict[str, Any]] = {}
        self._weights: dict[int, float] = {}
        self._flaws: dict[int, Sequence[Flaw]] = {}
        self._counts: list[int] = []
        self._frames: list[tuple[str, str, int, int]] = []  # grade, topic, partition, offset

    def __len__(self) -> int:
        return len(self._ids)

    def add(
        self,
        frame: Frame,
        topic: str,
        partition: int,
        offset: int,
        keep: npt.NDArray[np.bool_],
    ) -> None:
        """Take a frame's events where ``keep`` is true."""
        rows = np.flatnonzero(keep).astype(np.int32)
        if not len(rows):
            return
        base, first = len(self._ids), len(self._uploads)
        own, strange = _own(frame)
        ids: Sequence[str] = frame.ids
        everything = len(rows) == len(frame)
        picked: list[int] = [] if everything else rows.tolist()
        place = {} if everything else {row: base + n for n, row in enumerate(picked)}
        self._own += own if everything else [own[row] for row in picked]
        self._ids += ids if everything else [ids[row] for row in picked]
        names = np.array(
            [self._names.setdefault(name, len(self._names)) for name in frame.names], np.int32
        )
        self._name.append(names[frame.name[rows]])
        self._upload.append(frame.upload[rows].astype(np.int64) + first)
        self._at.append(frame.at[rows])
        self._index.append(rows)
        self._uploads += frame.uploads
        self._headers += [_header(frame.header_bytes(n)) for n in range(len(frame.uploads))]
        for row in np.flatnonzero(((frame.flags & CLEAN) == 0) & keep).tolist():
            self._unclean.append(base + row if everything else place[row])
        sparse = None if everything else place
        self._strange.update(_moved(strange, base, sparse))
        self._weights.update(_moved(frame.weights, base, sparse))
        self._flaws.update(_moved(frame.violations, base, sparse))
        self._counts.append(len(rows))
        self._frames.append((frame.grade, topic, partition, offset))

    def build(self) -> pa.Table:
        """Return the table; the collector is spent."""
        count = len(self._ids)
        upload = _joined(self._upload, np.int64)
        weight = np.ones(count)
        if self._weights:
            weight[list(self._weights)] = list(self._weights.values())
        uploads = self._uploads
        received = np.array([u.received for u in uploads], np.int64)
        revision = np.array([u.revision for u in uploads], np.int64)
        properties, extra = self._properties(upload)
        counts = np.array(self._counts, np.int64)
        frames = np.repeat(np.arange(len(counts)), counts)
        grades, topics, partitions, offsets = (
            zip(*self._frames, strict=True) if self._frames else ((), (), (), ())
        )
        columns: dict[str, Any] = {
            "app": dictionary([u.app for u in uploads], upload),
            "env": dictionary([u.env for u in uploads], upload),
            "grade": dictionary(grades, frames),
            "revision": revision[upload],
            "event": pa.DictionaryArray.from_arrays(
                pa.array(_joined(self._name, np.int32)), pa.array(list(self._names), pa.string())
            ),
            "id": pa.array(self._ids, pa.string()),
            "weight": weight,
            "server": pa.array(received[upload]).view(MOMENT),
            "at": pa.array(_joined(self._at, np.int64)).view(MOMENT),
            **properties,
            "extra": extra,
            "what": self._what(upload),
            "violations": flaw_column(self._flaws, count),
            "topic": dictionary(topics, frames),
            "partition": np.array(partitions, np.int32)[frames],
            "offset": np.array(offsets, np.int64)[frames],
            "index": _joined(self._index, np.int32),
        }
        return pa.table([pa.array(columns[name]) for name in EVENT_SCHEMA.names], EVENT_SCHEMA)

    def _properties(self, upload: Ints) -> tuple[dict[str, pa.Array], pa.Array]:
        """Return the built-in columns, and what does not fit them as JSON."""
        columns: dict[str, pa.Array] = {}
        header_extra: list[dict[str, dict[str, Any]]] = [{} for _ in self._headers]
        loose = bool(self._strange)
        wrong: dict[int, dict[str, dict[str, Value]]] = {}
        for namespace in _SPREAD:
            owns = list(map(attrgetter(namespace), self._own))
            shapes = set(map(tuple, filter(None, owns)))
            keys = set(chain.from_iterable(shapes))
            whole = _by_key(owns, shapes)
            headers = [_object(header.get(namespace)) for header in self._headers]
            _set_unplanned(namespace, headers, header_extra)
            for (ns, name), column in BUILT_IN_COLUMNS.items():
                if ns != namespace:
                    continue
                kind = _kind(ns, name)
                defaults: list[Value] = [h.get(name) if h else None for h in headers]
                array, bad = typed(defaults, kind)
                for n in bad:
                    header_extra[n].setdefault(ns, {})[name] = defaults[n]
                    defaults[n] = None
                if name not in keys:
                    columns[column] = _take(array, upload)
                    continue
                values = whole.get(name)
                if values is None:
                    values = [
                        own[name] if own and name in own else defaults[at]
                        for own, at in zip(owns, upload.tolist(), strict=True)
                    ]
                array, bad = typed(values, kind)
                columns[column] = array.dictionary_encode() if kind == "string" else array
                for n in bad:
                    wrong.setdefault(n, {}).setdefault(ns, {})[name] = values[n]
            built_in = {name for ns, name in BUILT_IN_COLUMNS if ns == namespace}
            inherited = {key for extra in header_extra for key in extra.get(namespace, ())}
            loose |= bool(keys - built_in - set(_PLATFORM.get(namespace, ())))
            loose |= bool(keys & inherited)
        if loose or wrong:
            return columns, self._merged_extra(upload, header_extra, wrong)
        texts = [_encode(extra).decode() if extra else None for extra in header_extra]
        return columns, pa.array(texts, pa.string()).take(pa.array(upload))

    def _merged_extra(
        self,
        upload: Ints,
        header_extra: list[dict[str, dict[str, Any]]],
        wrong: dict[int, dict[str, dict[str, Value]]],
    ) -> pa.Array:
        texts: list[bytes | None] = []
        for row, at in enumerate(upload.tolist()):
            own, base = self._own[row], header_extra[at]
            merged: dict[str, Any] = {}
            for namespace in _SPREAD:
                mine = getattr(own, namespace)
                rest = base.get(namespace)
                if not mine:
                    if rest:
                        merged[namespace] = rest
                    continue
                kept = {k: v for k, v in rest.items() if k not in mine} if rest else {}
                ignored = _PLATFORM.get(namespace, ())
                kept.update(
                    (key, value)
                    for key, value in mine.items()
                    if (namespace, key) not in BUILT_IN_COLUMNS and key not in ignored
                )
                if kept:
                    merged[namespace] = kept
            for namespace, values in wrong.get(row, {}).items():
                merged[namespace] = {**merged.get(namespace, {}), **values}
            merged.update(self._strange.get(row, {}))
            texts.append(_encode(merged) if merged else None)
        return pa.array(texts, pa.binary()).cast(pa.string())

    def _what(self, upload: Ints) -> pa.Array:
        texts: list[msgspec.Raw | bytes] = [own.what for own in self._own]
        for row in self._unclean:
            if texts[row]:
                texts[row] = _again(bytes(texts[row]))
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        for row in np.flatnonzero(lengths == len(_NULL)).tolist():
            if bytes(texts[row]) == _NULL:
                texts[row], lengths[row] = b"", 0
        defaults = [header.get("what") for header in self._headers]
        if any(default is not None for default in defaults):
            inherited = [b"" if d is None else _encode(d) for d in defaults]
            for row, at in enumerate(upload.tolist()):
                default = defaults[at]
                if not lengths[row]:
                    texts[row] = inherited[at]
                elif default:
                    texts[row] = _over(default, bytes(texts[row]))
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        buffers = [
            pa.py_buffer(np.packbits(lengths > 0, bitorder="little")),
            pa.py_buffer(offsets),
            pa.py_buffer(b"".join(texts)),
        ]
        column = pa.Array.from_buffers(pa.binary(), len(texts), buffers)
        try:
            return column.cast(pa.string())  # checks that the bytes are UTF-8
        except pa.ArrowInvalid:
            return pa.array([_text(bytes(text)) if text else None for text in texts], pa.string())


def flaw_column(flaws: Mapping[int, Sequence[Flaw]], count: int) -> pa.Array:
    """Return the violations column: a list per row, empty where there are none."""
    lengths = np.zeros(count + 1, np.int32)
    rows = sorted(flaws)
    for row in rows:
        lengths[row + 1] = len(flaws[row])
    listed = [flaw for row in rows for flaw in flaws[row]]
    items = pa.StructArray.from_arrays(
        [
            pa.array([flaw.code for flaw in listed], pa.string()),
            pa.array([flaw.pointer for flaw in listed], pa.string()),
        ],
        ["code", "pointer"],
    )
    return pa.ListArray.from_arrays(pa.array(np.cumsum(lengths, dtype=np.int32)), items)


def _own(frame: Frame) -> tuple[list[_Own], dict[int, dict[str, Any]]]:
    """Return what each event carries itself, and whatever of it fits no namespace, by row."""
    try:
        found = _block.decode(frame.events)
    except _UNREADABLE:
        found = []
    if len(found) == len(frame):
        return found, {}
    strange: dict[int, dict[str, Any]] = {}
    found = []
    for row in range(len(frame)):
        data = frame.event_bytes(row)
        try:
            event: Any = _anything.decode(data)
        except _UNREADABLE:
            event = None
        if not isinstance(event, dict):
            strange[row] = {"undecodable": data}  # bytes are encoded as base64
            found.append(_Own())
            continue
        own = _Own(what=msgspec.Raw(_encode(event["what"])) if "what" in event else msgspec.Raw())
        for namespace in _SPREAD:
            value = event.get(namespace)
            if isinstance(value, dict):
                setattr(own, namespace, value)
            elif value is not None:
                strange.setdefault(row, {})[namespace] = value
        found.append(own)
    return found, strange


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = _anything.decode(data)
    except _UNREADABLE:
        return {}
    return header if isinstance(header, dict) else {}


def _again(text: bytes) -> bytes:
    """Return JSON encoded again, so that of a duplicate key the last is left."""
    try:
        return _encode(_anything.decode(text))
    except _UNREADABLE:
        return text


def _over(default: Any, text: bytes) -> bytes:
    """Return an object's JSON laid over its default."""
    try:
        mine = _anything.decode(text)
    except _UNREADABLE:
        return text
    both = isinstance(mine, dict) and isinstance(default, dict)
    return _encode({**default, **mine}) if both else text


def _text(data: bytes) -> str:
    """Return JSON text; what is not UTF-8 as an object that holds its bytes in base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _encode({"undecodable": data}).decode()


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _by_key(
    owns: Sequence[dict[str, Any] | None], shapes: set[tuple[str, ...]]
) -> dict[str, list[Any]]:
    """Return each key's values when every event has the same keys in the same order, else {}."""
    if len(shapes) != 1 or not all(owns):
        return {}
    (shape,) = shapes
    objects = [own for own in owns if own is not None]
    return {key: list(map(itemgetter(key), objects)) for key in shape}


def _set_unplanned(
    namespace: str, headers: Iterable[dict[str, Any] | None], extra: list[dict[str, dict[str, Any]]]
) -> None:
    """Put what of the headers is not built in into ``extra``."""
    ignored = _PLATFORM.get(namespace, ())
    for n, header in enumerate(headers):
        rest = {
            key: value
            for key, value in (header or {}).items()
            if (namespace, key) not in BUILT_IN_COLUMNS and key not in ignored
        }
        if rest:
            extra[n][namespace] = rest


def _moved(
    values: Mapping[int, T], base: int, place: Mapping[int, int] | None
) -> Iterator[tuple[int, T]]:
    """Yield values of a frame's rows by their rows in the table; ``place`` None: all rows follow."""
    for row, value in values.items():
        if place is None:
            yield base + row, value
        elif row in place:
            yield place[row], value


def _take(array: pa.Array, upload: Ints) -> pa.Array:
    if array.type != pa.string():
        return array.take(pa.array(upload))
    encoded = array.dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        encoded.indices.take(pa.array(upload)), encoded.dictionary
    )


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, kind)
