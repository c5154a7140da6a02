"""What a batch gives: rows as ready bytes by dataset, rows for scripts, dirty events, counts by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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
from trackplane.engine.tally import Tally
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

    def extend(self, other: Found) -> None:
        """Add what another holds."""
        self.rows += other.rows
        self.numbers += other.numbers
        self.rules += other.rules
        self.whole += other.whole


class Batch:
    """What generated code writes to, batch after batch.

    ``found`` is by dataset, script ("" for none) and whether simple rules find it, ``failed`` is (rule, code, event's number),
    ``matched`` the rule of each event whose filter was TRUE, ``rates`` by which a rule samples;
    ``canary``: some of the rules are canaries. Both are known once a rule's code is bound.
    """

    __slots__ = (
        "add_failed", "add_matched", "canary", "directory", "failed", "found", "matched", "rates",
    )  # fmt: skip

    def __init__(self) -> None:
        self.directory = Directory()
        self.found: dict[tuple[str, str, bool], Found] = {}
        self.failed: list[tuple[str, str, int]] = []
        self.matched: list[str] = []
        self.rates: dict[str, tuple[float, ...]] = {}
        self.canary = False
        self.add_failed = self.failed.append
        self.add_matched = self.matched.append

    def to(self, target: str, script: str, is_simple: bool) -> Found:  # noqa: FBT001
        """Return where rows for a dataset go, perhaps by way of a script.

        Each row of simple rules is a match.
        """
        key = (target, script, is_simple)
        found = self.found.get(key)
        if found is None:
            found = self.found[key] = Found()
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

    A row for a script is counted when the script has answered. A canary ``r~canary`` is counted by
    that name; its rows and dirty events are those of ``r``.
    """

    def __init__(self, number: int = 0, tally: Tally | None = None) -> None:
        self.number = number
        self.rows: dict[str, DatasetRows] = {}
        self.scripts: dict[str, ScriptRows] = {}
        self.dirty: list[DirtyEvent] = []
        self._tally = Tally(tally)

    @property
    def matched(self) -> Counter[str]:
        """Return by rule the events whose filter was TRUE."""
        return self._tally.matched()

    @property
    def output(self) -> Counter[str]:
        """Return by rule the rows."""
        return self._tally.counts().output

    @property
    def failed(self) -> Counter[str]:
        """Return by rule the (event, rule) pairs, or items of one, that failed."""
        return self._tally.counts().failed

    @property
    def written(self) -> Counter[str]:
        """Return by rule the bytes of rows."""
        return self._tally.counts().written

    def collect(self, batch: Batch) -> None:
        """Add what rules found: rows become bytes, failures dirty events."""
        directory = batch.directory
        self._tally.match(batch.matched)
        for rule, code, number in batch.failed:
            self.fail(rule, code, "", directory, number)
        for target, script, found in self._found(batch):
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
            self._tally.put(counted, list(map(len, data)))

    def _found(self, batch: Batch) -> Iterator[tuple[str, str, Found]]:
        """Return what was found by dataset and script; note the matches that rows stand for."""
        for (target, script, is_simple), found in batch.found.items():
            other = batch.found.get((target, script, not is_simple))
            if is_simple:
                self._tally.match(found.rules)
                self._tally.match([rule for rule, _, _ in found.whole])
                if other is not None:
                    found.extend(other)
            elif other is not None:
                continue
            yield target, script, found

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
        self._tally.put([waiting.counted[row]] * len(data), list(map(len, data)))

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
        self._tally.fail(rule)
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
