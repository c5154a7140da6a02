"""The engine: batches of frames in, ready rows and dirty events out.

directory -> candidates by name -> decode what they read, once -> generated code -> bytes. A frame
whose names have no rule costs a look at its directory and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

import msgspec
import structlog

from trackplane.engine.bucket import Bucket
from trackplane.engine.intake import Intake, Mask
from trackplane.engine.outputs import INTERNAL, UNREADABLE, Batch, DatasetRows, Outputs
from trackplane.engine.ruleset import Ruleset
from trackplane.engine.running import Running
from trackplane.frame import Frame

__all__ = ["INTERNAL", "UNREADABLE", "DatasetRows", "Engine", "Outputs", "Statistics"]

_MOST_BROKEN: Final = 100
_SAMPLE: Final = 16  # one batch in so many is timed
_MOST_TRIED: Final = 10_000
_log = structlog.get_logger(__name__)


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start.

    ``decoded`` of ``events`` had a candidate rule. By rule: ``matched`` events whose filter was TRUE,
    ``output`` rows and ``written`` their bytes, ``failed`` (event, rule) pairs, ``read`` the bytes of
    the events it was tried on. ``spent_ns`` estimates a rule's time, each rule of a bucket taking an
    equal share, from one batch in 16; empty where the engine has no clock. ``broken``: rules that were
    found not to compile when they were met, with the reason, at most 100.
    """

    ruleset: int
    rules: int
    everywhere: int
    events: int
    decoded: int
    matched: Mapping[str, int]
    output: Mapping[str, int]
    failed: Mapping[str, int]
    written: Mapping[str, int]
    read: Mapping[str, int]
    spent_ns: Mapping[str, int] = {}
    broken: Mapping[str, str] = {}


class _Tried:
    """What a bucket's rules were tried on: bytes, and ns where it was timed."""

    __slots__ = ("bucket", "ns", "size")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.size = self.ns = 0


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
        self._matched: Counter[str] = Counter()
        self._output: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._spent_ns: Counter[str] = Counter()
        self._tried: dict[int, _Tried] = {}
        self._tried_under = self.ruleset

    def statistics(self) -> Statistics:
        """Return what was done so far."""
        ruleset = self.ruleset
        read, spent_ns = self._read.copy(), self._spent_ns.copy()
        _share(self._tried.copy(), read, spent_ns)
        return Statistics(
            ruleset=ruleset.number,
            rules=len(ruleset),
            everywhere=len(ruleset.everywhere),
            events=self._events,
            decoded=self._decoded,
            matched=dict(self._matched),
            output=dict(self._output),
            failed=dict(self._failed),
            written=dict(self._written),
            read=dict(read),
            spent_ns=dict(spent_ns),
            broken=dict(islice(list(ruleset.broken.items()), _MOST_BROKEN)),
        )

    def process(self, items: Iterable[tuple[Frame, Mask | None]]) -> Outputs:
        """Run the ruleset over the events that their mask keeps (None: all of them)."""
        ruleset = self.ruleset
        outputs = Outputs(ruleset.number)
        batch = Batch()
        timed = self._clock if self._batches % _SAMPLE == 0 else None
        running = Running(batch, outputs, timed)
        intake = Intake(ruleset, outputs, batch.directory, sampled=self._batches % _SAMPLE == 1)
        for frame, keep in items:
            self._events += len(frame)
            for work in intake.add(frame, keep):
                running.run(work)
        for work in intake.rest():
            running.run(work)
        outputs.collect(batch)
        self._note(ruleset, intake, running)
        outputs.add_to(self._matched, self._output, self._failed, self._written)
        return outputs

    def _note(self, ruleset: Ruleset, intake: Intake, running: Running) -> None:
        """Keep account of what rules were tried on."""
        self._batches += 1
        if ruleset is not self._tried_under or len(self._tried) > _MOST_TRIED:
            # Its buckets, and with them the ruleset before, may be forgotten.
            before, self._tried, self._tried_under = self._tried, {}, ruleset
            _share(before, self._read, self._spent_ns)
        for bucket, events, size in intake.tried():
            self._decoded += events
            tried = self._tried.get(id(bucket))
            if tried is None:
                tried = self._tried[id(bucket)] = _Tried(bucket)
            tried.size += size
            if running.spent_ns:
                tried.ns += running.spent_ns[id(bucket)] * _SAMPLE


def _share(tried: Mapping[int, _Tried], read: Counter[str], spent_ns: Counter[str]) -> None:
    """Add what buckets' rules were tried on, and their equal shares of the time."""
    for each in tried.values():
        share = each.ns // max(len(each.bucket.rules), 1)
        for rule in each.bucket.rules:
            read[rule.name] += each.size
            if share:
                spent_ns[rule.name] += share
