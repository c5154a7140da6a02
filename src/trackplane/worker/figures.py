"""What each rule did since the last report: deltas, so that a restart loses nothing that was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

COUNTS: Final = ("matched", "output", "failed", "ns", "bytes_in", "bytes_out")
MOST_RULES: Final = 5_000
_IN_ENGINE: Final = ("matched", "output", "failed", "spent_ns", "read", "written")

Totals = dict[str, list[int]]  # rule -> its counts in the order of COUNTS, since the engine began


def split(figures: Mapping[str, Any]) -> tuple[dict[str, Any], Totals]:
    """Return an engine's figures without those of single rules, and these by rule.

    An engine that does not count matches has as many as it put out or failed on.
    """
    rest = {name: value for name, value in figures.items() if name not in _IN_ENGINE}
    totals: Totals = {}
    for place, name in enumerate(_IN_ENGINE):
        counts = figures.get(name)
        if not isinstance(counts, Mapping):
            continue
        for rule, count in counts.items():
            totals.setdefault(rule, [0] * len(COUNTS))[place] = int(count)
    if "matched" not in figures:
        for counts in totals.values():
            counts[0] = counts[1] + counts[2]
    return rest, totals


class RuleDeltas:
    """Turns totals of several engines into deltas, at most ``most`` rules at a time.

    The most active rules come first; what is left out comes with a later report.
    """

    def __init__(self, most: int = MOST_RULES) -> None:
        self._most = most
        self._told: dict[str, Totals] = {}

    def take(self, engines: Iterable[tuple[str, Totals]]) -> Totals:
        """Return what came since the last call. Engines are known by name.

        An engine whose totals fell began anew.
        """
        deltas: dict[str, list[tuple[str, list[int], list[int]]]] = {}
        for engine, totals in engines:
            told = self._told.setdefault(engine, {})
            for rule, counts in totals.items():
                before = told.get(rule)
                if before == counts:
                    continue
                if before is None or any(
                    now < then for now, then in zip(counts, before, strict=True)
                ):
                    before = [0] * len(COUNTS)
                delta = [now - then for now, then in zip(counts, before, strict=True)]
                deltas.setdefault(rule, []).append((engine, counts, delta))
        found: Totals = {}
        for rule, entries in sorted(deltas.items(), key=lambda item: -_weight(item[1]))[
            : self._most
        ]:
            sums = [0] * len(COUNTS)
            for engine, counts, delta in entries:
                sums = [a + b for a, b in zip(sums, delta, strict=True)]
                self._told[engine][rule] = counts
            found[rule] = sums
        return found


def _weight(entries: Iterable[tuple[str, list[int], list[int]]]) -> int:
    return sum(sum(delta[:3]) for _, _, delta in entries)
