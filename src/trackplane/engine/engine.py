"""The engine: batches of frames in, ready rows and dirty events out.

directory -> candidates by name -> decode what they read, once -> generated code -> bytes. A frame
whose names have no rule costs a look at its directory and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from trackplane.engine.generate import Batch, Decoded, Runner
from trackplane.engine.intake import DECODE_ERRORS, UNREADABLE, Intake, Mask
from trackplane.engine.outputs import DatasetRows, Found, Outputs, changed, whole_event
from trackplane.engine.ruleset import Bucket, Ruleset
from trackplane.frame import Frame

__all__ = ["INTERNAL", "UNREADABLE", "DatasetRows", "Engine", "Outputs", "Statistics"]

INTERNAL: Final = "rule_internal"
_SAMPLE: Final = 16  # one batch in so many is timed
_log = structlog.get_logger(__name__)


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start.

    ``decoded`` of ``events`` had a candidate rule. ``spent_ns`` estimates a rule's time, each rule of
    a bucket taking an equal share, from one batch in 16; empty where the engine has no clock.
    """

    ruleset: int
    rules: int
    everywhere: int
    events: int
    decoded: int
    output: Mapping[str, int]
    failed: Mapping[str, int]
    spent_ns: Mapping[str, int] = {}


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
        self._batches = 0
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
        outputs, batch = Outputs(ruleset.number), Batch()
        intake = Intake(ruleset, outputs)
        for frame, keep in items:
            intake.add(frame, keep)
        decoded = 0
        clock = self._clock if self._batches % _SAMPLE == 0 else None
        for bucket, events in intake.buckets():
            decoded += len(events[0])
            start = clock() if clock else 0
            run(bucket, events, batch, outputs)
            if clock:
                share = (clock() - start) * _SAMPLE // len(bucket.rules)
                self._spent_ns.update({rule.name: share for rule in bucket.rules})
        _collect(batch, outputs)
        self._batches += 1
        self._decoded += decoded
        return outputs


_Run = Callable[[Bucket, Decoded, Batch, Outputs], None]


def _run_bucket(bucket: Bucket, events: Decoded, batch: Batch, _: Outputs) -> None:
    for runner in bucket.runners:
        runner(events, batch)


def _run_guarded(bucket: Bucket, events: Decoded, _: Batch, outputs: Outputs) -> None:
    """Run each rule over each event alone; whatever one of them raises is that pair's failure."""
    for rule in bucket.rules:
        runner = Runner([rule], bucket.demand)
        for event, header, columns, index in zip(*events, strict=True):
            alone, found = Batch(), Outputs()
            try:
                runner(([event], [header], [columns], [index]), alone)
                _collect(alone, found)
            except Exception as error:  # noqa: BLE001 the pair is kept as a dirty event
                outputs.fail(rule.name, INTERNAL, repr(error), columns, index)
                continue
            for target, rows in found.rows.items():
                outputs.rows.setdefault(target, DatasetRows()).extend(rows)
            outputs.dirty += found.dirty
            outputs.output.update(found.output)
            outputs.failed.update(found.failed)


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
            except DECODE_ERRORS as error:
                outputs.fail(rule, UNREADABLE, str(error), columns, index)
                continue
            events.append((rule, event, columns, index))
        if events:
            outputs.add(target, events)
