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
from trackplane.engine.placing import Placing
from trackplane.engine.ruleset import Ruleset
from trackplane.engine.running import Running
from trackplane.engine.tally import Tally
from trackplane.frame import Frame

__all__ = ["INTERNAL", "UNREADABLE", "DatasetRows", "Engine", "Outputs", "Statistics"]

_MOST_BROKEN: Final = 100
_SAMPLE: Final = 16  # one batch in so many is timed
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
        self._tally = Tally()
        self._read: Counter[str] = Counter()
        self._spent_ns: Counter[str] = Counter()
        self._tried: dict[int, _Tried] = {}
        self._placing = Placing(self.ruleset)
        self._batch = Batch()
        self._running = Running(self._batch, self._placing.buckets)

    def statistics(self) -> Statistics:
        """Return what was done so far."""
        ruleset = self.ruleset
        read, spent_ns = self._read.copy(), self._spent_ns.copy()
        _share(self._tried.copy(), read, spent_ns)
        counts = self._tally.counts()
        return Statistics(
            ruleset=ruleset.number,
            rules=len(ruleset),
            everywhere=len(ruleset.everywhere),
            events=self._events,
            decoded=self._decoded,
            matched=counts.matched,
            output=counts.output,
            failed=counts.failed,
            written=counts.written,
            read=dict(read),
            spent_ns=dict(spent_ns),
            broken=dict(islice(list(ruleset.broken.items()), _MOST_BROKEN)),
        )

    def process(self, items: Iterable[tuple[Frame, Mask | None]]) -> Outputs:
        """Run the ruleset over the events that their mask keeps (None: all of them)."""
        ruleset = self.ruleset
        if self._placing.is_outdated(ruleset):
            self._begin(ruleset)
        outputs = Outputs(ruleset.number, self._tally)
        batch, running = self._batch, self._running
        batch.clear()
        running.begin(outputs, self._clock if self._batches % _SAMPLE == 0 else None)
        sampled = self._batches % _SAMPLE == 1
        intake = Intake(self._placing, outputs, batch.directory, sampled=sampled)
        for frame, keep in items:
            self._events += len(frame)
            for work in intake.add(frame, keep):
                running.run(work)
        for work in intake.rest():
            running.run(work)
        outputs.collect(batch)
        self._note(intake)
        batch.clear()
        return outputs

    def _begin(self, ruleset: Ruleset) -> None:
        """Forget what is bound to the ruleset before, so that it can be let go."""
        before, self._tried = self._tried, {}
        _share(before, self._read, self._spent_ns)
        self._placing, self._batch = Placing(ruleset), Batch()
        self._running = Running(self._batch, self._placing.buckets)

    def _note(self, intake: Intake) -> None:
        """Keep account of what rules were tried on."""
        self._batches += 1
        tries, spent_ns = self._tried, self._running.spent_ns
        for bucket, events, size in intake.tried():
            self._decoded += events
            tried = tries.get(id(bucket))
            if tried is None:
                tried = tries[id(bucket)] = _Tried(bucket)
            tried.size += size
            if spent_ns:
                tried.ns += spent_ns[id(bucket)] * _SAMPLE


def _share(tried: Mapping[int, _Tried], read: Counter[str], spent_ns: Counter[str]) -> None:
    """Add what buckets' rules were tried on, and their equal shares of the time."""
    for each in tried.values():
        share = each.ns // max(len(each.bucket.names), 1)
        for name in each.bucket.names:
            read[name] += each.size
            if share:
                spent_ns[name] += share
