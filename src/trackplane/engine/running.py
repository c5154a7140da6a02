"""Batches through generated code: each event to the function of its bucket, in the order it came.

A defect of ours in one rule hurts no other: where a function raises, what it had found for that
event is forgotten, and the bucket's rules are tried on it one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from trackplane.engine.bucket import Bucket
from trackplane.engine.decoding import Decoded
from trackplane.engine.demand import Mode
from trackplane.engine.generate import Run, Runner
from trackplane.engine.kept import KeptRules
from trackplane.engine.outputs import INTERNAL, Batch, Outputs
from trackplane.rules.ir import Rule

_log = structlog.get_logger(__name__)


class Work:
    """Decoded events of one mode, and for each the number of its bucket among ``buckets``."""

    __slots__ = ("buckets", "decoded", "mode", "owners")

    def __init__(
        self, mode: Mode, decoded: Decoded, owners: Sequence[int], buckets: Sequence[Bucket]
    ) -> None:
        self.mode = mode
        self.decoded = decoded
        self.owners = owners
        self.buckets = buckets


class Functions(dict[int, Run]):
    """The functions of some buckets by number, for one mode, made when asked for."""

    def __init__(self, buckets: Sequence[Bucket], mode: Mode, batch: Batch) -> None:
        super().__init__()
        self.buckets = buckets
        self._mode = mode
        self._batch = batch

    def __missing__(self, number: int) -> Run:
        """Bind a bucket's functions."""
        try:
            runners = self.buckets[number].runners
            bound = [runner.bind(self._mode, self._batch) for runner in runners]
        except Exception as error:  # noqa: BLE001 the events' failure, not that of their neighbours
            bound = [_failing(error)]
        found = self[number] = bound[0] if len(bound) == 1 else _one_after_the_other(bound)
        return found


def _failing(error: Exception) -> Run:
    def run(*_: Any) -> None:
        raise error

    return run


def _one_after_the_other(functions: Sequence[Run]) -> Run:
    def run(*event: Any) -> None:
        for function in functions:
            function(*event)

    return run


class Running:
    """Runs work over ``buckets``, the list of all places; what is bound to it stays so."""

    def __init__(self, batch: Batch, buckets: Sequence[Bucket]) -> None:
        self.spent_ns: defaultdict[int, int] = defaultdict(int)  # by the bucket's id
        self._batch = batch
        self._outputs = Outputs()
        self._clock: Callable[[], int] | None = None
        self._buckets = buckets
        self._functions: dict[Mode, Functions] = {}
        self._alone: dict[tuple[int, str], Runner] = {}

    def begin(self, outputs: Outputs, clock: Callable[[], int] | None) -> None:
        """Begin a batch. ``clock``, where there is one, gives ns: each event is timed."""
        self._outputs = outputs
        self._clock = clock
        self.spent_ns.clear()

    def run(self, work: Work) -> None:
        """Run each event's bucket on it."""
        functions = self._functions_of(work)
        decoded, get = work.decoded, functions.__getitem__
        if self._clock is not None:
            self._timed(work, functions, self._clock)
        elif decoded.headers is None:
            bare = zip(map(get, work.owners), decoded.events, decoded.numbers, strict=True)
            while True:
                try:
                    for function, event, number in bare:
                        function(event, number)
                except Exception:  # noqa: BLE001
                    self._defect(work, functions, number)
                else:
                    return
        else:
            merged = zip(
                map(get, work.owners),
                decoded.events,
                decoded.numbers,
                decoded.headers,
                strict=True,
            )
            while True:
                try:
                    for function, event, number, header in merged:
                        function(event, number, header)
                except Exception:  # noqa: BLE001
                    self._defect(work, functions, number)
                else:
                    return

    def _functions_of(self, work: Work) -> Functions:
        if work.buckets is not self._buckets:  # looked up by value
            return Functions(work.buckets, work.mode, self._batch)
        functions = self._functions.get(work.mode)
        if functions is None:
            functions = Functions(self._buckets, work.mode, self._batch)
            self._functions[work.mode] = functions
        return functions

    def _timed(self, work: Work, functions: Functions, clock: Callable[[], int]) -> None:
        for place, owner in enumerate(work.owners):
            function, event = functions[owner], _event(work.decoded, place)
            start = clock()
            try:
                function(*event)
            except Exception:  # noqa: BLE001
                self._defect(work, functions, event[1])
            self.spent_ns[id(work.buckets[owner])] += clock() - start

    def _defect(self, work: Work, functions: Functions, number: int) -> None:
        """Try the rules of an event's bucket on it one by one; what one raises is its failure."""
        place = work.decoded.numbers.index(number)
        bucket = functions.buckets[work.owners[place]]
        _log.exception("rule_defect", ruleset=self._outputs.number)
        self._batch.forget(set(bucket.names), number)
        for rule in bucket.rules:
            try:
                run = self._alone_of(bucket, rule).bind(work.mode, self._batch)
                run(*_event(work.decoded, place))
            except Exception as error:  # noqa: BLE001 the pair is kept as a dirty event
                self._batch.forget({rule.name}, number)
                self._outputs.fail(rule.name, INTERNAL, repr(error), self._batch.directory, number)

    def _alone_of(self, bucket: Bucket, rule: Rule) -> Runner:
        key = (id(bucket), rule.name)
        if key not in self._alone:
            self._alone[key] = Runner(KeptRules([rule]), bucket.demand, bucket.environment)
        return self._alone[key]


def _event(decoded: Decoded, place: int) -> tuple[Any, ...]:
    event = (decoded.events[place], decoded.numbers[place])
    return event if decoded.headers is None else (*event, decoded.headers[place])
