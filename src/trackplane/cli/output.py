"""How verbs speak: text for people, one JSON document for programs, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from trackplane.errors import Finding, InputError, TrackplaneError

OK: Final = 0
FINDINGS: Final = 1  # the input has faults, or the check failed
USAGE: Final = 2  # wrong call, wrong settings, or something that should run does not

JsonOption = typer.Option(False, "--json", help="Print one JSON document instead of text.")

_console = Console(highlight=False, soft_wrap=True)


def emit_json(document: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(msgspec.json.encode(document, enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a line for a person."""
    _console.print(text, markup=False)


def under_way(text: str) -> None:
    """Tell a person at a terminal what is worked on; pipes and logs get nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{text} …\n")
        sys.stderr.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table for a person; numbers stand to the right."""
    shown = [[_cell(value) for value in row] for row in rows]
    kept = list(rows) if isinstance(rows, list) else None
    grid = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = kept is not None and all(isinstance(row[index], int | float) for row in kept)
        grid.add_column(column, justify="right" if numeric and kept else "left")
    for cells in shown:
        grid.add_row(*cells)
    _console.print(grid, markup=False)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)


def findings_json(findings: Iterable[Finding]) -> list[Mapping[str, Any]]:
    """Return findings as JSON-able mappings."""
    return [msgspec.to_builtins(finding) for finding in findings]


def _text(error: TrackplaneError) -> str:
    """Return an error for people; what its one finding says already is not said twice."""
    if len(error.findings) == 1 and error.findings[0].message == error.message:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        return f"{error.findings[0]}{hint}"
    return f"error[{error.code}]: {error}"


def fail(error: TrackplaneError, *, as_json: bool = False) -> NoReturn:
    """Print an error to standard error (or as JSON to standard output) and exit."""
    code = FINDINGS if isinstance(error, InputError) else USAGE
    if as_json:
        emit_json(
            {
                "error": error.code,
                "message": error.message,
                "hint": error.hint,
                "findings": findings_json(error.findings),
            }
            | getattr(error, "extra", {})
        )
    else:
        sys.stderr.write(_text(error) + "\n")
    raise SystemExit(code)
