"""What a back end returns: a query over the lake's events, or why there is none."""

from __future__ import annotations

from typing import Final

import msgspec

from trackplane.errors import InputError

# Beside a query's own columns, in this order: which row it is, what became of it.
ROW_COLUMNS: Final = ("id", "event", "app", "env", "server", "at", "weight", "target", "failure")

INEXACT: Final = (
    "inexact"  # in ``failure``: this database does not read the event's numbers as they are
)


class Refused(InputError):  # noqa: N818 - the word of the language: a back end refuses by name
    """A back end cannot say exactly what a rule, an expression or a function does."""

    code = "refused"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as SQL: a row for each output and each failure.

    Columns are ``ROW_COLUMNS``, then the rule's own as ``o0``, ``o1``, …, named in ``columns`` with
    their types. Of a failure (its code in ``failure``) the rule's own are NULL. Objects, arrays and json are
    JSON text, timestamps milliseconds. ``server`` and ``at`` are milliseconds too.
    """

    sql: str
    columns: tuple[tuple[str, str], ...]
