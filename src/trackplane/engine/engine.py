"""The engine: batches of frames in, ready rows and dirty events out.

directory -> candidates by name -> decode what they read, once -> generated code -> bytes. A frame
whose names have no rule costs a look at its directory and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from trackplane.dirty import DirtyEvent
from trackplane.engine.demand import Demand, decode_each
from trackplane.engine.ruleset import BUCKET_RULES, Bucket, Ruleset
from trackplane.event import JsonObject
from trackplane.frame import Frame
from trackplane.rules.ir import Rule

Mask = npt.NDArray[np.bool_]
UNREADABLE: Final = "rule_unreadable"
_DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
_encode: Final = msgspec.json.Encoder().encode


class DatasetRows:
    """Output rows of one dataset in the order found: JSON objects, and where each came from.

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

    def add(self, row: bytes, rule: str, frame: FrameColumns, index: int) -> None:
        """Add one row."""
        self.data.append(row)
        self.rule.append(rule)
        self.app.append(frame.apps[index])
        self.env.append(frame.envs[index])
        self.id.append(frame.ids[index])
        self.event.append(frame.event_names[index])
        self.at.append(frame.at[index])
        self.server.append(frame.received[index])

    def extend(self, other: DatasetRows) -> None:
        """Add all rows of another."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))


class Outputs:
    """What a batch gave: rows by dataset, dirty events, and counts by rule."""

    def __init__(self) -> None:
        self.rows: dict[str, DatasetRows] = {}
        self.dirty: list[DirtyEvent] = []
        self.output: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start. ``decoded`` of ``events`` had a candidate rule."""

    ruleset: int
    rules: int
    everywhere: int
    events: int
    decoded: int
    output: Mapping[str, int]
    failed: Mapping[str, int]


class FrameColumns:
    """A frame's directory as Python lists, one entry an event, made only when they are read."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.ids = frame.ids
        self.grade = frame.grade

    @cached_property
    def uploads(self) -> list[int]:
        """Return each event's upload."""
        return list(self.frame.upload.tolist())

    @cached_property
    def event_names(self) -> list[str]:
        """Return each event's name."""
        names = self.frame.names
        return [names[index] for index in self.frame.name.tolist()]

    @cached_property
    def at(self) -> list[int]:
        """Return each event's ``when.at``."""
        return list(self.frame.at.tolist())

    @cached_property
    def received(self) -> list[int]:
        """Return each event's ``when.server``."""
        return [self.frame.uploads[index].received for index in self.uploads]

    @cached_property
    def apps(self) -> list[str]:
        """Return each event's app."""
        return [self.frame.uploads[index].app for index in self.uploads]

    @cached_property
    def envs(self) -> list[str]:
        """Return each event's environment."""
        return [self.frame.uploads[index].env for index in self.uploads]

    @cached_property
    def revisions(self) -> list[int]:
        """Return each event's plan revision."""
        return [self.frame.uploads[index].revision for index in self.uploads]

    def weight(self, index: int) -> float:
        """Return an event's weight."""
        return self.frame.weights.get(index, 1.0)


class _Work(NamedTuple):
    """The events of one bucket in one frame."""

    bucket: Bucket
    columns: FrameColumns
    indexes: list[int]


class Engine:
    """Runs one ruleset at a time.

    ``process`` is called from one thread; ``ruleset`` may be set from another: a batch runs under
    the one it began with.
    """

    def __init__(self, ruleset: Ruleset | None = None) -> None:
        self.ruleset = ruleset or Ruleset.empty()
        self._events = 0
        self._decoded = 0
        self._output: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def statistics(self) -> Statistics:
        """Return what was done so far."""
        ruleset = self.ruleset
        return Statistics(
            ruleset=ruleset.number,
            rules=len(ruleset),
            everywhere=len(ruleset.everywhere),
            events=self._events,
            decoded=self._decoded,
            output=dict(self._output),
            failed=dict(self._failed),
        )

    def process(self, items: Iterable[tuple[Frame, Mask | None]]) -> Outputs:
        """Run the ruleset over the events that their mask keeps (None: all of them)."""
        ruleset = self.ruleset
        outputs = Outputs()
        work: list[_Work] = []
        for frame, keep in items:
            self._events += len(frame)
            found = _candidates(ruleset, frame, keep)
            by_demand: dict[int, list[_Work]] = {}
            for entry in found:
                by_demand.setdefault(id(entry.bucket.demand), []).append(entry)
                self._decoded += len(entry.indexes)
            for group in by_demand.values():
                _run(group, outputs)
            work += found
        for bucket in {id(entry.bucket): entry.bucket for entry in work}.values():
            _collect(bucket, outputs)
        self._output.update(outputs.output)
        self._failed.update(outputs.failed)
        return outputs


def _candidates(ruleset: Ruleset, frame: Frame, keep: Mask | None) -> list[_Work]:
    """Return the frame's events that have candidate rules, by bucket."""
    places = {(upload.app, upload.env) for upload in frame.uploads}
    columns: FrameColumns | None = None
    work: dict[int, _Work] = {}
    for app, env in places:
        wanted = {
            number: bucket
            for number, name in enumerate(frame.names)
            if (bucket := ruleset.bucket(name, app, env)) is not None
        }
        if not wanted:
            continue
        columns = columns or FrameColumns(frame)
        if len(wanted) == len(frame.names) and len(places) == 1:
            chosen: Mask = np.ones(len(frame), np.bool_)
        else:
            flags = np.zeros(len(frame.names), np.bool_)
            flags[list(wanted)] = True
            chosen = flags[frame.name]
        if len(places) > 1:
            here = [upload.app == app and upload.env == env for upload in frame.uploads]
            chosen = chosen & np.array(here, np.bool_)[frame.upload]
        if keep is not None:
            chosen = chosen & keep
        indexes = np.flatnonzero(chosen)
        if len({id(bucket) for bucket in wanted.values()}) == 1:
            bucket = next(iter(wanted.values()))
            _add(work, bucket, columns, indexes.tolist())
            continue
        for index, number in zip(indexes.tolist(), frame.name[indexes].tolist(), strict=True):
            _add(work, wanted[number], columns, [index])
    return list(work.values())


def _add(work: dict[int, _Work], bucket: Bucket, columns: FrameColumns, indexes: list[int]) -> None:
    entry = work.get(id(bucket))
    if entry is None:
        work[id(bucket)] = _Work(bucket, columns, indexes)
    else:
        entry.indexes.extend(indexes)


def _run(group: Sequence[_Work], outputs: Outputs) -> None:
    """Decode a frame's events whose buckets read the same properties, once, and run the buckets."""
    demand, columns = group[0].bucket.demand, group[0].columns
    headers = _headers(demand, columns.frame)
    indexes = [index for entry in group for index in entry.indexes]
    events = _decode(demand, columns.frame, indexes)
    uploads = columns.uploads
    batch = [
        (event, headers[uploads[index]], columns, index)
        for event, index in zip(events, indexes, strict=True)
    ]
    start = 0
    for entry in group:
        part = batch[start : start + len(entry.indexes)]
        start += len(part)
        if not all(_readable(event, header) for event, header, _, _ in part):
            for event, header, _, index in part:
                error = event if isinstance(event, Exception) else header
                if isinstance(error, Exception):
                    _unreadable(entry, index, error, outputs)
            part = [member for member in part if _readable(member[0], member[1])]
        for runner in entry.bucket.runners:
            runner(part)


def _readable(event: Any, header: Any) -> bool:
    return not isinstance(event, Exception) and not isinstance(header, Exception)


def _headers(demand: Demand, frame: Frame) -> list[Any]:
    """Return each upload's header values, or the error of one that cannot be read."""
    found: list[Any] = []
    for number in range(len(frame.uploads)):
        try:
            found.append(demand.header_values(frame.header_bytes(number)))
        except _DECODE_ERRORS as error:
            found.append(error)
    return found


def _decode(demand: Demand, frame: Frame, indexes: Sequence[int]) -> list[Any]:
    """Decode in one pass; one by one where one of them refuses."""
    slices: list[bytes] = []
    try:
        if len(indexes) == len(frame):
            decoded: list[Any] = demand.decoder.decode(frame.events)
            if len(decoded) == len(frame):
                return [decoded[index] for index in indexes]
        else:
            slices = _slices(frame, indexes)
            decoded = demand.decoder.decode(b"[" + b",".join(slices) + b"]")
            if len(decoded) == len(indexes):
                return decoded
    except _DECODE_ERRORS:
        pass
    return decode_each(demand, slices or _slices(frame, indexes))


def _slices(frame: Frame, indexes: Sequence[int]) -> list[bytes]:
    block = bytes(frame.events)
    starts = frame.offset[indexes].tolist()
    ends = (frame.offset[indexes] + frame.length[indexes]).tolist()
    return [block[start:end] for start, end in zip(starts, ends, strict=True)]


def _collect(bucket: Bucket, outputs: Outputs) -> None:
    """Turn what a bucket found into bytes by dataset, and failures into dirty events."""
    for number, found in enumerate(bucket.found):
        rules = bucket.rules[number * BUCKET_RULES :]
        for rule_number, row, frame, index in found.selected:
            _put(outputs, rules[rule_number], _encoded(row), frame, index)
        for rule_number, assignments, frame, index in found.kept:
            event = _changed(frame.frame.merged(index), assignments)
            _put(outputs, rules[rule_number], _encoded(event), frame, index)
        for rule_number, code, frame, index in found.failed:
            _fail(outputs, rules[rule_number], code, "", frame, index)
        found.clear()


def _put(outputs: Outputs, rule: Rule, row: bytes, frame: FrameColumns, index: int) -> None:
    rows = outputs.rows.get(rule.target)
    if rows is None:
        rows = outputs.rows[rule.target] = DatasetRows()
    rows.add(row, rule.name, frame, index)
    outputs.output[rule.name] += 1


def _changed(event: JsonObject, assignments: Iterable[tuple[str, str, Any]]) -> JsonObject:
    """Return the merged event as ``keep`` and ``set`` put it out."""
    event.pop("meta", None)
    for namespace, name, value in assignments:
        event[namespace] = {**(event.get(namespace) or {}), name: value}
    return event


def _encoded(value: Any) -> bytes:
    try:
        return _encode(value)
    except (OverflowError, msgspec.MsgspecError):
        # An integer beyond 64 bits inside a copied part: rare, and the standard library takes it.
        plain = (
            msgspec.to_builtins(value, builtin_types=(msgspec.Raw,))
            if isinstance(value, msgspec.Struct)
            else value
        )
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=_raw).encode()


def _raw(value: Any) -> Any:
    return json.loads(bytes(value))


def _unreadable(entry: _Work, index: int, error: Exception, outputs: Outputs) -> None:
    for rule in entry.bucket.rules:
        _fail(outputs, rule, UNREADABLE, str(error), entry.columns, index)


def _fail(
    outputs: Outputs, rule: Rule, code: str, message: str, columns: FrameColumns, index: int
) -> None:
    frame = columns.frame
    upload = frame.uploads[columns.uploads[index]]
    outputs.failed[rule.name] += 1
    outputs.dirty.append(
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
            message=message or f"rule {rule.name} failed",
            header=frame.header_bytes(columns.uploads[index]),
            data=frame.event_bytes(index),
            rule=rule.name,
        )
    )
