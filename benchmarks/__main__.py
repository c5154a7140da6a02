"""Run the benchmarks one after the other: `python -m benchmarks [names…] [--json]`.

Each is a module that prints JSON rows; progress and what it says of itself go to standard error.
`docs/benchmarks.json` and the page made from it, `docs/benchmarks.md`, get the new rows in place of
those of the same benchmarks, unless a BENCHMARK_ variable shortened them. Exit code 1 when one
fails, 2 for an unknown name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Row, document, machine, page, tables

ROOT = Path(__file__).parents[1]
NAMES = ("engine", "collector", "lake", "queue", "plan", "assist", "search", "end_to_end")


class FailedError(Exception):
    """A benchmark ended with an error, or printed no row."""


def measure(name: str) -> list[Row]:
    """Run one benchmark in a process of its own and return its rows.

    Raises:
        FailedError: it failed; what it said has been passed on.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rows = []
        for line in process.stdout:
            if line.startswith("{"):
                rows.append(json.loads(line))
                said(f"  {rows[-1]['case']} · {rows[-1]['subject']}")
    if process.returncode or not rows:
        raise FailedError(f"{name}: exit code {process.returncode}, {len(rows)} rows")
    return rows


def said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def kept(names: Sequence[str]) -> list[Row]:
    """Return the rows of the benchmarks that were not run now, as they stand in the document."""
    file = ROOT / "docs" / "benchmarks.json"
    if set(names) == set(NAMES) or not file.is_file():
        return []
    rows: list[Row] = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return [row for row in rows if row["benchmark"] not in names]


def write(rows: list[Row]) -> None:
    """Write the measured rows and the page made from them."""
    now = datetime.now(UTC)
    found = document(rows, measured=now.strftime("%Y-%m-%d %H:%M UTC"), machine=machine())
    docs = ROOT / "docs"
    (docs / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (docs / "benchmarks.md").write_text(page(found), encoding="utf-8")
    said("bench: wrote docs/benchmarks.json and docs/benchmarks.md")


def main(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    names = [one for one in arguments if one != "--json"]
    unknown = [one for one in names if one not in NAMES]
    if unknown:
        said(f"error: no benchmark {', '.join(unknown)}\nhint: there are {', '.join(NAMES)}")
        return 2
    rows: list[Row] = []
    failed = False
    for number, name in enumerate(names or NAMES, 1):
        load = os.getloadavg()[0]
        said(f"bench {number}/{len(names or NAMES)}: {name} (load of the machine {load:.1f})")
        started = time.monotonic()
        try:
            rows += measure(name)
        except FailedError as error:
            said(f"error: {error}")
            failed = True
        said(f"  {time.monotonic() - started:.0f} s")
    if as_json:
        for row in rows:
            print(json.dumps(row))
    else:
        print("\n".join(tables(rows)))
    if failed:
        return 1
    shortened = [name for name in os.environ if name.startswith("BENCHMARK_")]
    if shortened:
        said(f"bench: {', '.join(shortened)} is set, so docs/benchmarks.md is left as it is")
    else:
        write(kept(names or NAMES) + rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
