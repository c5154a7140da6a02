"""``make fuzz``: mutated rules and events for some minutes of CPU; the result goes to docs/fuzz.md."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import duckdb
from tests.fuzz.targets import Corpus, Fuzz

PAGE = Path(__file__).parents[2] / "docs/fuzz.md"
WEIGHTS = {"expression": 4, "rule": 5, "crossed": 5, "event": 2}
HANG_S = 10.0  # of CPU, for one input


def late(*_: object) -> None:
    """End an input that does not end."""
    raise TimeoutError(f"over {HANG_S} CPU seconds")


def main() -> int:
    """Fuzz until the CPU time is spent; return 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0, help="of CPU")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--most", type=int, default=10, help="stop after so many crashes")
    parser.add_argument("--write", action="store_true", help="write docs/fuzz.md")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    signal.signal(signal.SIGVTALRM, late)
    warnings.simplefilter("ignore", SyntaxWarning)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
    random_ = random.Random(seed)
    fuzz = Fuzz(Corpus(), random_, connection)
    crashes: list[str] = []
    started = time.process_time()
    while time.process_time() - started < given.minutes * 60 and len(crashes) < given.most:
        target = random_.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
        try:
            getattr(fuzz, target)()
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            crashes.append(f"{target}: {fuzz.input!r}\n{traceback.format_exc(limit=-3)}")
            print(crashes[-1], file=sys.stderr)
    spent = time.process_time() - started
    text = page(seed, spent, fuzz.counts, len(crashes))
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
    return 1 if crashes else 0


def page(seed: int, spent: float, counts: dict[str, int], crashes: int) -> str:
    """Return docs/fuzz.md."""
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(counts.items()))
    return f"""# Fuzzing

`make fuzz` takes the golden rules (in Python, in SQL and as the builder's JSON), expressions and events of
`spec/cases/rules`, mutates their text and bytes and holds, for each:

- loading, checking and printing give findings, never another exception, whatever the text is, and nothing
  takes over 10 CPU seconds;
- what parses is printed and parses to the same again; a rule that checks is the same rule in every front
  end that can say it;
- the engine puts out what the reference evaluator does, row by row and failure by failure, also for event
  bytes that no admission would let pass; so does DuckDB for rules that it does not refuse.

`MINUTES=60 make fuzz` runs longer, `SEED=…` repeats a run. The last run that was written down:

| | |
|---|---|
| seed | {seed} |
| CPU seconds | {spent:,.0f} |
| crashes and differences | {crashes} |

| tried | count |
|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.exit(main())
