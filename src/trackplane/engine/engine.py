"""The engine: batches of frames in, ready rows and dirty events out.

directory -> candidates by name -> decode what they read, once -> generated code -> bytes. A frame
whose names have no rule costs a look at its directory and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import structlog

from trackplane.engine.columns import FrameColumns
from trackplane.engine.demand import Demand, decode_each
from trackplane.engine.generate import Batch, Decoded, Runner
from trackplane.engine.outputs import DatasetRows, Found, Outputs, changed, whole_event
from trackplane.engine.ruleset import Bucket, Ruleset
from trackplane.frame import Frame

__all__ = ["INTERNAL", "UNREADABLE", "DatasetRows", "Engine", "Outputs", "Statistics"]

Mask = npt.NDArray[np.bool_]
UNREADABLE: Final = "rule_unreadable"
INTERNAL: Final = "rule_internal"
_DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
_SAMPLE: Final = 16  # one frame in so many is timed
_log = structlog.get_logger(__name__)


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start.

    ``decoded`` of ``events`` had a candidate rule. ``spent_ns`` estimates a rule's time, each rule of
    a bucket taking an equal share, from one frame in 16; empty where the engine has no clock.
    """

    ruleset: int
    rules: int
    everywhere: int
    events: int
    decoded: int
    output: Mapping[str, int]
    failed: Mapping[str, int]
    spent_ns: Mapping[str, int] = {}


class _Work(msgspec.Struct, gc=False):
    """The events of one bucket in one frame."""

    bucket: Bucket
    indexes: list[int]


class Engine:
    """Runs one ruleset at a time.

    ``process`` is called from one thread; ``ruleset`` may be set from another: a batch runs under
    the one it began with. ``clock`` gives ns (``time.perf_counter_ns``).
    """

    def __init__(
        self, ruleset: Ruleset | None = None, *, clock: Callable[[], int] | None = None
    ) -> None:
        self.ruleset = ruleset or Ruleset.empty()
        self._clock = clock
        self._frames = 0
        self._events = 0
        self._decoded = 0
        self._output: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._spent_ns: Counter[str] = Counter()

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
            spent_ns=dict(self._spent_ns),
        )

    def process(self, items: Iterable[tuple[Frame, Mask | None]]) -> Outputs:
        """Run the ruleset over the events that their mask keeps (None: all of them)."""
        ruleset = self.ruleset
        items = list(items)
        try:
            outputs = self._process(ruleset, items, _run_bucket)
        except Exception:  # noqa: BLE001
            # A defect of ours in one rule: run again one by one, so that it hurts no other.
            _log.exception("rule_defect", ruleset=ruleset.number)
            outputs = self._process(ruleset, items, _run_guarded)
        self._events += sum(len(frame) for frame, _ in items)
        self._output.update(outputs.output)
        self._failed.update(outputs.failed)
        return outputs

    def _process(
        self, ruleset: Ruleset, items: Sequence[tuple[Frame, Mask | None]], run: _Run
    ) -> Outputs:
        outputs, batch, decoded = Outputs(ruleset.number), Batch(), 0
        for frame, keep in items:
            columns = FrameColumns(frame)
            by_demand: dict[int, list[_Work]] = {}
            for entry in _candidates(ruleset, frame, keep):
                by_demand.setdefault(id(entry.bucket.demand), []).append(entry)
                decoded += len(entry.indexes)
            clock = self._clock if self._frames % _SAMPLE == 0 else None
            self._frames += 1
            for group in by_demand.values():
                for bucket, events in _decode_group(group, columns, outputs):
                    start = clock() if clock else 0
                    run(bucket, events, columns, batch, outputs)
                    if clock:
                        share = (clock() - start) * _SAMPLE // len(bucket.rules)
                        self._spent_ns.update({rule.name: share for rule in bucket.rules})
        _collect(batch, outputs)
        self._decoded += decoded
        return outputs


_Run = Callable[[Bucket, Decoded, FrameColumns, Batch, Outputs], None]


def _run_bucket(
    bucket: Bucket, events: Decoded, columns: FrameColumns, batch: Batch, _: Outputs
) -> None:
    for runner in bucket.runners:
        runner(events, columns, batch)


def _run_guarded(
    bucket: Bucket, events: Decoded, columns: FrameColumns, _: Batch, outputs: Outputs
) -> None:
    """Run each rule over each event alone; whatever one of them raises is that pair's failure."""
    for rule in bucket.rules:
        runner = Runner([rule], bucket.demand)
        for event, header, index in zip(*events, strict=True):
            alone, found = Batch(), Outputs()
            try:
                runner(([event], [header], [index]), columns, alone)
                _collect(alone, found)
            except Exception as error:  # noqa: BLE001 the pair is kept as a dirty event
                outputs.fail(rule.name, INTERNAL, repr(error), columns, index)
                continue
            for target, rows in found.rows.items():
                outputs.rows.setdefault(target, DatasetRows()).extend(rows)
            outputs.dirty += found.dirty
            outputs.output.update(found.output)
            outputs.failed.update(found.failed)


def _candidates(ruleset: Ruleset, frame: Frame, keep: Mask | None) -> Iterable[_Work]:
    """Return the frame's events that have candidate rules, by bucket, in order."""
    places = list(dict.fromkeys((upload.app, upload.env) for upload in frame.uploads))
    work: dict[int, _Work] = {}
    for app, env in places:
        wanted: list[list[int] | None] = [None] * len(frame.names)
        for number, name in enumerate(frame.names):
            bucket = ruleset.bucket(name, app, env)
            if bucket is not None:
                entry = work.get(id(bucket))
                if entry is None:
                    entry = work[id(bucket)] = _Work(bucket, [])
                wanted[number] = entry.indexes
        chosen = keep
        if wanted.count(None):
            named = np.array([indexes is not None for indexes in wanted], np.bool_)
            if not named.any():
                continue
            named = named[frame.name]
            chosen = named if chosen is None else chosen & named
        if len(places) > 1:
            here = [upload.app == app and upload.env == env for upload in frame.uploads]
            placed = np.array(here, np.bool_)[frame.upload]
            chosen = placed if chosen is None else chosen & placed
        if chosen is None:
            _deal(wanted, range(len(frame)), frame.name.tolist())
        else:
            indexes = np.flatnonzero(chosen)
            _deal(wanted, indexes.tolist(), frame.name[indexes].tolist())
    return [entry for entry in work.values() if entry.indexes]


def _deal(wanted: list[list[int] | None], indexes: Iterable[int], names: Iterable[int]) -> None:
    for index, name in zip(indexes, names, strict=True):
        wanted[name].append(index)  # type: ignore[union-attr]  # only wanted names are dealt


def _decode_group(
    group: Sequence[_Work], columns: FrameColumns, outputs: Outputs
) -> Iterable[tuple[Bucket, Decoded]]:
    """Decode, once, the events of buckets that read the same properties."""
    demand, frame = group[0].bucket.demand, columns.frame
    headers, sound = _headers(demand, frame)
    indexes = [index for entry in group for index in entry.indexes]
    events, decoded = _decode(demand, frame, indexes)
    uploads = columns.uploads
    defaults = [headers[uploads[index]] for index in indexes]
    start = 0
    for entry in group:
        end = start + len(entry.indexes)
        part = events[start:end], defaults[start:end], entry.indexes
        start = end
        if not (sound and decoded):
            part = _readable(part, entry.bucket, columns, outputs)
        if part[0]:
            yield entry.bucket, part


def _readable(part: Decoded, bucket: Bucket, columns: FrameColumns, outputs: Outputs) -> Decoded:
    """Return what could be decoded; the rest is a failure of each rule."""
    found: Decoded = ([], [], [])
    for event, header, index in zip(*part, strict=True):
        error = event if isinstance(event, Exception) else header
        if isinstance(error, Exception):
            for rule in bucket.rules:
                outputs.fail(rule.name, UNREADABLE, str(error), columns, index)
            continue
        for column, value in zip(found, (event, header, index), strict=True):
            column.append(value)
    return found


def _headers(demand: Demand, frame: Frame) -> tuple[list[Any], bool]:
    """Return each upload's header values, or the error of one that cannot be read; and if none is."""
    found: list[Any] = []
    sound = True
    for number in range(len(frame.uploads)):
        try:
            found.append(demand.header_values(frame.header_bytes(number)))
        except _DECODE_ERRORS as error:
            found.append(error)
            sound = False
    return found, sound


def _decode(demand: Demand, frame: Frame, indexes: Sequence[int]) -> tuple[list[Any], bool]:
    """Decode in one pass; one by one where one of them refuses, and say that."""
    slices: list[bytes] = []
    try:
        if len(indexes) == len(frame):
            decoded: list[Any] = demand.decoder.decode(frame.events)
            if len(decoded) == len(frame):
                return [decoded[index] for index in indexes], True
        else:
            slices = _slices(frame, indexes)
            decoded = demand.decoder.decode(b"[" + b",".join(slices) + b"]")
            if len(decoded) == len(indexes):
                return decoded, True
    except _DECODE_ERRORS:
        pass
    return decode_each(demand, slices or _slices(frame, indexes)), False


def _slices(frame: Frame, indexes: Sequence[int]) -> list[bytes]:
    block = bytes(frame.events)
    chosen = np.array(indexes)
    starts = frame.offset[chosen].tolist()
    lengths = frame.length[chosen].tolist()
    return [block[at : at + size] for at, size in zip(starts, lengths, strict=True)]


def _collect(batch: Batch, outputs: Outputs) -> None:
    """Turn what was found into bytes by dataset, and failures into dirty events."""
    for rule, code, columns, index in batch.failed:
        outputs.fail(rule, code, "", columns, index)
    for target, selected in batch.selected.items():
        outputs.add(target, selected)
    for target, kept in batch.kept.items():
        events: list[Found] = []
        for rule, values, columns, index in kept:
            try:
                event = changed(whole_event(columns.frame, index), values)
            except _DECODE_ERRORS as error:
                outputs.fail(rule, UNREADABLE, str(error), columns, index)
                continue
            events.append((rule, event, columns, index))
        if events:
            outputs.add(target, events)
