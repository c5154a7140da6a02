"""What a batch gives: rows as ready bytes by dataset, rows for scripts, dirty events, counts by rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from trackplane.dirty import DirtyEvent
from trackplane.engine.directory import Directory
from trackplane.engine.rows import (
    DatasetRows,
    Patch,
    ScriptRows,
    encode_row,
    encode_rows,
    patched,
    whole_event,
)
from trackplane.frame import Frame

__all__ = ["Batch", "DatasetRows", "Found", "Outputs", "ScriptRows"]

UNREADABLE: Final = "rule_unreadable"
INTERNAL: Final = "rule_internal"
CANARY: Final = "~canary"
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)


class Found:
    """What rules found for one target: rows still as objects, the numbers of their events, rules.

    Each is equally long, a row at a place of all three. ``whole`` has (rule, number, patch) instead.
    """

    __slots__ = (
        "add_numbers", "add_rows", "add_rules", "add_whole", "numbers", "rows", "rules", "whole",
    )  # fmt: skip

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.numbers: list[int] = []
        self.rules: list[str] = []
        self.whole: list[tuple[str, int, Patch]] = []
        self.add_rows = self.rows.append
        self.add_numbers = self.numbers.append
        self.add_rules = self.rules.append
        self.add_whole = self.whole.append


class Batch:
    """What generated code writes to, batch after batch.

    ``found`` is by (dataset, script, or "" for none), ``failed`` is (rule, code, event's number),
    ``matched`` the rule of each event whose filter was TRUE, ``rates`` by which a rule samples;
    ``canary``: some of the rules are canaries. Both are known once a rule's code is bound.
    """

    __slots__ = (
        "add_failed", "add_matched", "canary", "directory", "failed", "found", "matched", "rates",
    )  # fmt: skip

    def __init__(self) -> None:
        self.directory = Directory()
        self.found: dict[tuple[str, str], Found] = {}
        self.failed: list[tuple[str, str, int]] = []
        self.matched: list[str] = []
        self.rates: dict[str, tuple[float, ...]] = {}
        self.canary = False
        self.add_failed = self.failed.append
        self.add_matched = self.matched.append

    def to(self, target: str, script: str = "") -> Found:
        """Return where rows for a dataset go, perhaps by way of a script."""
        found = self.found.get((target, script))
        if found is None:
            found = self.found[target, script] = Found()
        return found

    def clear(self) -> None:
        """Make ready for the next batch; generated code stays bound to the lists."""
        for found in self.found.values():
            found.rows.clear()
            found.numbers.clear()
            found.rules.clear()
            found.whole.clear()
        self.failed.clear()
        self.matched.clear()
        self.directory.clear()

    def forget(self, rules: AbstractSet[str], number: int) -> None:
        """Take away what some rules found last, for one event."""
        for found in self.found.values():
            while found.rules and found.numbers[-1] == number and found.rules[-1] in rules:
                found.rows.pop()
                found.numbers.pop()
                found.rules.pop()
            while found.whole and found.whole[-1][1] == number and found.whole[-1][0] in rules:
                found.whole.pop()
        failed, matched = self.failed, self.matched
        while failed and failed[-1][2] == number and failed[-1][0] in rules:
            failed.pop()
        while matched and matched[-1] in rules:
            matched.pop()


class Outputs:
    """What a batch gave under ruleset ``number``.

    Counts are by rule: ``matched`` events whose filter was TRUE, ``output`` rows, ``failed``
    (event, rule) pairs or items of one, ``written`` bytes of rows. A row for a script is counted
    when the script has answered. A canary ``r~canary`` is counted by that name; its rows and dirty
    events are those of ``r``.
    """

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.rows: dict[str, DatasetRows] = {}
        self.scripts: dict[str, ScriptRows] = {}
        self.dirty: list[DirtyEvent] = []
        self.matched: Counter[str] = Counter()
        self.output: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self._totals: tuple[Counter[str], Counter[str], Counter[str]] | None = None

    def add_to(
        self,
        matched: Counter[str],
        output: Counter[str],
        failed: Counter[str],
        written: Counter[str],
    ) -> None:
        """Add the counts to totals; what scripts answer later is added to them too."""
        matched.update(self.matched)
        output.update(self.output)
        failed.update(self.failed)
        written.update(self.written)
        self._totals = (output, failed, written)

    def collect(self, batch: Batch) -> None:
        """Add what rules found: rows become bytes, failures dirty events."""
        directory = batch.directory
        self.matched.update(batch.matched)
        for rule, code, number in batch.failed:
            self.fail(rule, code, "", directory, number)
        for (target, script), found in batch.found.items():
            data, numbers, counted = self._encoded(found, directory)
            if not data:
                continue
            rules = [rule.removesuffix(CANARY) for rule in counted] if batch.canary else counted
            rates = batch.rates
            sampled = [rates.get(rule, ()) for rule in counted] if rates else None
            if script:
                waiting = self.scripts.get(script)
                if waiting is None:
                    waiting = self.scripts[script] = ScriptRows()
                waiting.add(directory, numbers, data, rules, sampled)
                waiting.place += map(directory.place, numbers)
                waiting.counted += counted
                waiting.target += [target] * len(data)
                continue
            rows = self.rows.get(target)
            if rows is None:
                rows = self.rows[target] = DatasetRows()
            rows.add(directory, numbers, data, rules, sampled)
            self._count(counted, data)

    def answered(self, script: str, row: int, data: Sequence[bytes]) -> None:
        """Put out what a script made of a row that waited for it: JSON objects without line breaks."""
        if not data:
            return
        waiting = self.scripts[script]
        target = waiting.target[row]
        rows = self.rows.get(target)
        if rows is None:
            rows = self.rows[target] = DatasetRows()
        rows.take(waiting, row, data)
        self._count([waiting.counted[row]] * len(data), data)

    def refused(self, script: str, row: int, code: str, message: str) -> None:
        """Make a row that a script failed on a dirty event of its rule."""
        waiting = self.scripts[script]
        self._fail(waiting.counted[row], code, message, *waiting.place[row])

    def fail(self, rule: str, code: str, message: str, directory: Directory, number: int) -> None:
        """Add a failure of (event, rule)."""
        self._fail(rule, code, message, *directory.place(number))

    def _fail(self, rule: str, code: str, message: str, frame: Frame, index: int) -> None:
        upload_number = int(frame.upload[index])
        upload = frame.uploads[upload_number]
        self.failed[rule] += 1
        if self._totals is not None:
            self._totals[1][rule] += 1
        rule = rule.removesuffix(CANARY)
        self.dirty.append(
            DirtyEvent(
                app=upload.app,
                env=upload.env,
                stage="rule",
                reason=code,
                received=upload.received,
                id=frame.ids[index],
                event=frame.names[int(frame.name[index])],
                identity=frame.identity[16 * index : 16 * index + 16],
                grade=frame.grade,
                revision=upload.revision,
                message=message or f"rule {rule} failed",
                header=frame.header_bytes(upload_number),
                data=frame.event_bytes(index),
                rule=rule,
            )
        )

    def _count(self, rules: Sequence[str], data: Sequence[bytes]) -> None:
        sizes: defaultdict[str, int] = defaultdict(int)
        for rule, size in zip(rules, map(len, data), strict=True):
            sizes[rule] += size
        self.written.update(sizes)
        self.output.update(rules)
        if self._totals is not None:
            self._totals[0].update(rules)
            self._totals[2].update(sizes)

    def _encoded(
        self, found: Found, directory: Directory
    ) -> tuple[list[bytes], list[int], list[str]]:
        """Return rows in the order of their events, those of one event as they were found."""
        rows, numbers, rules = found.rows, found.numbers, found.rules
        for rule, number, patch in found.whole:
            try:
                event = patched(whole_event(*directory.place(number)), patch)
            except DECODE_ERRORS as error:
                self.fail(rule, UNREADABLE, str(error), directory, number)
                continue
            rows.append(event)
            numbers.append(number)
            rules.append(rule)
        try:
            data = encode_rows(rows)
        except Exception:  # noqa: BLE001 whatever one row is made of, it is that row's failure
            data = self._one_by_one(found, directory)
        if numbers == sorted(numbers):
            return data, numbers, rules
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        return (
            [data[place] for place in order],
            [numbers[place] for place in order],
            [rules[place] for place in order],
        )

    def _one_by_one(self, found: Found, directory: Directory) -> list[bytes]:
        data: list[bytes] = []
        sound: list[int] = []
        for place, row in enumerate(found.rows):
            try:
                data.append(encode_row(row))
                sound.append(place)
            except Exception as error:  # noqa: BLE001
                rule, number = found.rules[place], found.numbers[place]
                self.fail(rule, INTERNAL, repr(error), directory, number)
        found.rows[:] = [found.rows[place] for place in sound]
        found.numbers[:] = [found.numbers[place] for place in sound]
        found.rules[:] = [found.rules[place] for place in sound]
        return data
