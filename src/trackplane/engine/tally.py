"""Counts by rule: noted as lists at almost no cost, added up when somebody asks, or many are there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

_MOST: Final = 200_000  # rows noted before they are added up


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """By rule: events ``matched``, rows of ``output``, ``failed`` pairs, bytes of rows ``written``."""

    matched: Counter[str]
    output: Counter[str]
    failed: Counter[str]
    written: Counter[str]


class Tally:
    """Counts of one batch, or of an engine since it began: what is noted is noted in ``parent`` too.

    One thread notes, any may ask.
    """

    def __init__(self, parent: Tally | None = None) -> None:
        self._parent = parent
        self._lock = threading.Lock()
        self._counts = Counts(
            matched=Counter(), output=Counter(), failed=Counter(), written=Counter()
        )
        self._matched: list[str] = []
        self._rules: list[str] = []
        self._sizes: list[int] = []

    def match(self, rules: Sequence[str]) -> None:
        """Note the rule of each event that matched."""
        with self._lock:
            self._matched += rules
        if self._parent is not None:
            self._parent.match(rules)

    def put(self, rules: Sequence[str], sizes: Sequence[int]) -> None:
        """Note the rule of each row and its bytes."""
        with self._lock:
            self._rules += rules
            self._sizes += sizes
            if len(self._rules) > _MOST:
                self._add_up()
        if self._parent is not None:
            self._parent.put(rules, sizes)

    def fail(self, rule: str) -> None:
        """Note a failure."""
        with self._lock:
            self._counts.failed[rule] += 1
        if self._parent is not None:
            self._parent.fail(rule)

    def matched(self) -> Counter[str]:
        """Return how often each rule matched."""
        with self._lock:
            return self._counts.matched + Counter(self._matched)

    def counts(self) -> Counts:
        """Return a copy of the counts."""
        with self._lock:
            self._add_up()
            counts = self._counts
            return Counts(
                matched=counts.matched.copy(),
                output=counts.output.copy(),
                failed=counts.failed.copy(),
                written=counts.written.copy(),
            )

    def _add_up(self) -> None:
        counts = self._counts
        counts.matched.update(self._matched)
        counts.output.update(self._rules)
        written = counts.written
        for rule, size in zip(self._rules, self._sizes, strict=True):
            written[rule] += size
        self._matched.clear()
        self._rules.clear()
        self._sizes.clear()
