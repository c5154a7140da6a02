"""Rule texts with their places: what the loader makes, front ends parse and the checker points into."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trackplane.errors import Finding, InputError
from trackplane.event import JsonObject

Place = tuple[int, int]  # line and column, from 1


class RuleError(InputError):
    """A rule, dataset or expression is wrong; ``findings`` lists everything."""

    code = "rule"


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a file: its text, and the place of each character and of the end.

    ``lines`` are the file's lines (shared), from which a finding shows the one it points into.
    """

    text: str
    places: tuple[Place, ...]
    lines: tuple[str, ...]
    file: str | None = None

    @classmethod
    def of(cls, text: str, file: str | None = None) -> Excerpt:
        """Return the excerpt that is a whole text."""
        places, line, column = [], 1, 1
        for character in text:
            places.append((line, column))
            line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
        places.append((line, column))
        return cls(text=text, places=tuple(places), lines=tuple(text.split("\n")), file=file)

    def finding(
        self, code: str, message: str, start: int = 0, end: int = -1, *, hint: str | None = None
    ) -> Finding:
        """Return a finding about the characters from ``start`` to ``end`` (-1: to the end).

        Its ``input`` is the source line with carets under the place.
        """
        last = len(self.places) - 1
        start = max(0, min(start, last))
        end = last if end < 0 else min(end, last)
        line, column = self.places[start]
        end_line, end_column = self.places[end]
        width = max(1, end_column - column) if end_line == line else 1
        shown = self.lines[line - 1] if line <= len(self.lines) else self.text
        return Finding(
            code=code,
            message=message,
            file=self.file,
            line=line,
            column=column,
            input=f"{shown}\n{' ' * (column - 1)}{'^' * width}",
            hint=hint,
        )


class WrittenAction(msgspec.Struct, frozen=True, kw_only=True):
    """One action as written: its key (``select``, ``explode``, …) and what stands under it.

    ``value`` is the one expression of ``drop``, the key of ``sample``, what ``explode`` goes over,
    what ``route`` decides by, the name after ``script``. ``values`` are the texts by name of
    ``set``, ``select``, ``rename``, ``mask``, ``pseudonymise``, ``tag`` and ``route``; ``names``
    are the places of those names, or of the paths of ``unset``. ``item`` is the name after ``as``.
    """

    kind: str
    place: Excerpt
    value: Excerpt | None = None
    values: dict[str, Excerpt] = {}
    names: dict[str, Excerpt] = {}
    item: Excerpt | None = None
    rate: float = 1.0


class RuleTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a rule: a merged event, and a part of each output that must come (none: nothing).

    ``target`` is the dataset that all of them must go to; empty: any.
    """

    given: JsonObject
    expect: tuple[JsonObject, ...]
    target: str = ""
    line: int = 0


class RuleSource(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as written: names and expressions, not yet checked.

    ``actions`` are as written, in order; ``on_error`` ``dirty`` lets operations that fail by input
    stand unguarded. ``places`` has an excerpt for each thing a finding may point at: the keys of
    the rule (``rule``, ``to``, ``from``, …) and ``app:<name>`` for each app.
    """

    name: str
    target: str
    text: str
    source: str = "events"
    apps: tuple[str, ...] = ()
    envs: tuple[str, ...] = ("prod",)
    where: Excerpt | None = None
    actions: tuple[WrittenAction, ...] = ()
    on_error: Literal["refuse", "dirty"] = "refuse"
    front_end: Literal["python", "sql", "builder"] = "python"
    owner: str = ""
    tests: tuple[RuleTest, ...] = ()
    places: dict[str, Excerpt] = {}

    def place(self, key: str) -> Excerpt:
        """Return what a finding about ``key`` points at: the key's value, else the rule's name."""
        found = self.places.get(key) or self.places.get("rule")
        return found if found is not None else Excerpt.of(self.name)


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one test of a rule ended. ``message`` says what differs; empty where it passed."""

    __test__ = False  # not a test class for pytest

    number: int
    passed: bool
    message: str = ""
    line: int = 0
    output: Any = None
