"""Figures of rules over time, summed over nodes, from the deltas that nodes report.

Kept in memory: steps of 10 s for an hour and of 60 s for a day. Told by the node registry in its
loop, read by operations in threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Final

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control import live_wire, tables, wire
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.control.reach import sees
from trackplane.control.trials import ShadowDelta
from trackplane.engine.outputs import CANARY

_log = structlog.get_logger(__name__)

operations: Final = Operations("statistics")

ALL: Final = ""  # stands for no rule: its matches are all events that the rules were tried on
COUNTS: Final = ("matched", "output", "failed", "ns", "bytes_in", "bytes_out")
FINE_S: Final = 10
COARSE_S: Final = 60
_FINE_KEPT: Final = 3_600 // FINE_S
_COARSE_KEPT: Final = 86_400 // COARSE_S
_MOST_RULES: Final = 20_000  # the least recently active ones are forgotten beyond that


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Deltas by rule; ``since`` is the ruleset number that was in force when they began."""

    since: int
    deltas: dict[str, list[int]]


class RuleReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's rules did since its last report."""

    session: str
    sequence: int
    counts: tuple[str, ...]
    segments: tuple[Segment, ...]
    shadows: tuple[ShadowDelta, ...] = ()


class _Ring:
    """One rule's steps: fine and coarse, each (step's number, counts), oldest first."""

    __slots__ = ("coarse", "fine")

    def __init__(self) -> None:
        self.fine: deque[tuple[int, list[int]]] = deque(maxlen=_FINE_KEPT)
        self.coarse: deque[tuple[int, list[int]]] = deque(maxlen=_COARSE_KEPT)

    def add(self, now: int, delta: list[int]) -> None:
        for steps, size in ((self.fine, FINE_S), (self.coarse, COARSE_S)):
            number = now // (size * 1000)
            if not steps or steps[-1][0] < number:
                steps.append((number, list(delta)))
            else:
                _add(steps[-1][1], delta)


class Tally:
    """What rules did in reports that began under ``since`` or a later number."""

    def __init__(self, since: int, rules: Iterable[str]) -> None:
        self.since = since
        self.counts = {rule: [0] * len(COUNTS) for rule in rules}

    def figures(self, rule: str) -> live_wire.Figures:
        """Return a rule's figures so far."""
        return _figures(self.counts[rule])


class StatisticsBook:
    """All figures. Safe to use from several threads; ``clock`` gives ms."""

    def __init__(self, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rings: OrderedDict[str, _Ring] = OrderedDict()
        self._all = _Ring()
        self._heard: dict[str, tuple[str, int]] = {}
        self._tallies: list[Tally] = []
        self.on_shadows: Callable[[str, Iterable[ShadowDelta]], None] = lambda *_: None

    def reported(self, node: str, raw: object) -> None:
        """Take a node's deltas; a report that was heard before is left alone."""
        try:
            report = msgspec.convert(raw, RuleReport)
        except msgspec.ValidationError as error:
            _log.warning("node_deltas_unreadable", node=node, reason=str(error))
            return
        order = [report.counts.index(name) if name in report.counts else -1 for name in COUNTS]
        with self._lock:
            if self._heard.get(node) == (report.session, report.sequence):
                return
            self._heard[node] = (report.session, report.sequence)
            now = self._clock()
            for segment in report.segments:
                for rule, given in segment.deltas.items():
                    delta = [given[place] if place >= 0 else 0 for place in order]
                    self._add(rule, delta, now, segment.since)
        if report.shadows:
            self.on_shadows(node, report.shadows)

    def _add(self, rule: str, delta: list[int], now: int, since: int) -> None:
        ring = self._rings.get(rule)
        if ring is None:
            ring = self._rings[rule] = _Ring()
            if len(self._rings) > _MOST_RULES:
                self._rings.popitem(last=False)
        self._rings.move_to_end(rule)
        ring.add(now, delta)
        if rule != ALL:
            self._all.add(now, delta)
        for tally in self._tallies:
            if since >= tally.since and rule in tally.counts:
                _add(tally.counts[rule], delta)

    def tally(self, since: int, rules: Iterable[str]) -> Tally:
        """Begin to count what rules do from a ruleset number on; ``forget`` ends it."""
        tally = Tally(since, rules)
        with self._lock:
            self._tallies.append(tally)
        return tally

    def forget(self, tally: Tally) -> None:
        """End a count."""
        with self._lock:
            if tally in self._tallies:
                self._tallies.remove(tally)

    def window(self, rule: str, seconds: int) -> tuple[int, list[live_wire.Point]]:
        """Return a rule's steps over the last seconds, and how long one is (s)."""
        fine = seconds <= FINE_S * _FINE_KEPT
        size = FINE_S if fine else COARSE_S
        with self._lock:
            ring = self._rings.get(rule)
            steps = list(ring.fine if fine else ring.coarse) if ring is not None else []
            now = self._clock()
            found = {number: list(counts) for number, counts in steps}
        last = now // (size * 1000)
        first = last - seconds // size + 1
        empty = [0] * len(COUNTS)
        return size, [
            live_wire.Point(
                at=number * size * 1000,
                **dict(zip(COUNTS, found.get(number, empty), strict=True)),
            )
            for number in range(first, last + 1)
        ]

    def totals(self, seconds: int) -> tuple[dict[str, live_wire.Figures], live_wire.Figures]:
        """Return each rule's figures over the last seconds, and those of all rules together."""
        fine = seconds <= FINE_S * _FINE_KEPT
        size = FINE_S if fine else COARSE_S
        with self._lock:
            first = self._clock() // (size * 1000) - seconds // size + 1
            found = {
                rule: _sum(ring.fine if fine else ring.coarse, first)
                for rule, ring in self._rings.items()
            }
            whole = _sum(self._all.fine if fine else self._all.coarse, first)
        return {rule: _figures(c) for rule, c in found.items() if any(c)}, _figures(whole)


class Watch:
    """What is counted for canaries and guards. Safe to use from several threads."""

    def __init__(self, book: StatisticsBook) -> None:
        self._book = book
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self.number = 0  # up to which publishes were looked at

    def tally(self, kind: str, rule: str, since: int) -> Tally:
        """Return what is counted for a trial, beginning to count where nothing is yet."""
        with self._lock:
            known = self._tallies.get((kind, rule))
            if known is not None and known.since == since:
                return known
            if known is not None:
                self._book.forget(known)
            fresh = self._book.tally(since, (rule, rule + CANARY, ALL))
            self._tallies[kind, rule] = fresh
        return fresh

    def end(self, kind: str, rule: str) -> None:
        """Count no longer."""
        with self._lock:
            known = self._tallies.pop((kind, rule), None)
        if known is not None:
            self._book.forget(known)


def _sum(steps: Iterable[tuple[int, list[int]]], first: int) -> list[int]:
    sums = [0] * len(COUNTS)
    for number, counts in steps:
        if number >= first:
            _add(sums, counts)
    return sums


def _add(sums: list[int], delta: Iterable[int]) -> None:
    for place, count in enumerate(delta):
        sums[place] += count


def _figures(counts: Iterable[int]) -> live_wire.Figures:
    return live_wire.Figures(**dict(zip(COUNTS, counts, strict=True)))


def error_rate(figures: live_wire.Figures) -> float:
    """Return the share of a rule's events that failed, some of them before they could match."""
    events = max(figures.matched, figures.failed)
    return figures.failed / events if events else 0.0


def _apps_of(call: Call) -> Mapping[str, list[str]]:
    with call.platform.database.read() as connection:
        rows = connection.execute(sa.select(tables.rules.c.rule, tables.rules.c.apps))
        return {row.rule: row.apps for row in rows}


def require_rule(call: Call, rule: str) -> None:
    """Check that there is a rule and the token reaches it.

    Raises:
        NotFoundError: there is none for this token.
    """
    with call.platform.database.read() as connection:
        row = connection.execute(
            sa.select(tables.rules.c.apps).where(tables.rules.c.rule == rule)
        ).first()
    if row is None or not sees(call, row.apps):
        raise NotFoundError(f"there is no rule {rule!r}")


@operations.add("GET", "/rules/{rule}/statistics")
def get_rule_statistics(
    call: Call, rule: wire.Word, query: live_wire.StatisticsQuery
) -> live_wire.RuleStatistics:
    """Show what a rule did: matched, output, failed, time and bytes, in steps."""
    require_rule(call, rule)
    book = call.platform.statistics
    step, points = book.window(rule, query.window)
    sums, _ = book.totals(query.window)
    totals = sums.get(rule, live_wire.Figures())
    costs = [point.ns / point.matched for point in points if point.matched]
    return live_wire.RuleStatistics(
        rule=rule,
        window_s=query.window,
        step_s=step,
        totals=totals,
        points=points,
        p50_ns=median(costs) if costs else None,
        error_rate=error_rate(totals),
        canary=sums.get(rule + CANARY),
    )


@operations.add("GET", "/rules/statistics")
def list_rule_statistics(call: Call, query: live_wire.TopQuery) -> live_wire.TopRules:
    """List the rules that cost, fail or put out most."""
    sums, totals = call.platform.statistics.totals(query.window)
    sums.pop(ALL, None)
    if not call.actor.everywhere:
        apps = _apps_of(call)
        sums = {
            rule: figures
            for rule, figures in sums.items()
            if sees(call, apps.get(rule.removesuffix(CANARY), []))
        }
        totals = live_wire.Figures(
            **{name: sum(getattr(figures, name) for figures in sums.values()) for name in COUNTS}
        )
    name = {"cost": "ns", "errors": "failed", "output": "output"}[query.sort]
    ordered = sorted(sums.items(), key=lambda item: (-getattr(item[1], name), item[0]))
    return live_wire.TopRules(
        items=[
            live_wire.TopRule(
                rule=rule,
                totals=figures,
                error_rate=error_rate(figures),
                ns_per_event=figures.ns / figures.matched if figures.matched else None,
            )
            for rule, figures in ordered[: query.limit]
        ],
        totals=totals,
        rules=len(sums),
    )
