"""Runs every subject over every case and prints one JSON row for each.

All that put out rows must put out equal ones, and all must match equally often. CPU-seconds are each
process's own, all of its threads counted (the JVM's compiler and collector too). *ratio* is Trackplane's
figure over the subject's, so that below 1 Trackplane loses. About 6 minutes; the peers are built once
before it. BENCHMARK_CASES limits the cases to those whose name contains it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from benchmarks.engine.build import Command, build
from benchmarks.engine.work import CASES, Case, write
from benchmarks.engine_updates import SIZES

SECONDS = os.environ.get("BENCHMARK_SECONDS", "1.5")
OURS = "trackplane"
EVENT_APP = "Janino, (event, app) index"
EVENT = "Janino, event index"
STATIC = "Groovy @CompileStatic, event index"
SCRIPTS = "Groovy scripts, Jackson map"
RULER = "event-ruler"
BLOBLANG = "Bloblang"
RUST = "Rust core on sonic-rs"
KINDS = {EVENT_APP: "java", EVENT: "java", STATIC: "java", SCRIPTS: "java", RULER: "java",
         BLOBLANG: "go", RUST: "rust"}  # fmt: skip
Found = dict[str, Any]

# What is measured: case, mode, subjects beside ours. A subject is missing where one figure takes minutes
# (compiling, or a pass), or where it has no means (event-ruler puts nothing out and has no regular expressions).
PLAN: list[tuple[str, str, list[str]]] = [
    ("10 rules", "match", [EVENT_APP, STATIC, SCRIPTS, RULER, BLOBLANG, RUST]),
    ("10 rules", "bytes", [EVENT_APP, STATIC, SCRIPTS, BLOBLANG, RUST, "bare decode"]),
    ("1,000 rules", "match", [EVENT_APP, EVENT, STATIC, SCRIPTS, RULER, BLOBLANG, RUST]),
    ("1,000 rules", "bytes",
     [EVENT_APP, EVENT, STATIC, SCRIPTS, BLOBLANG, RUST, "naive", "bare decode"]),
    ("10,000 rules", "match", [EVENT_APP, EVENT, RULER, RUST]),
    ("10,000 rules", "bytes", [EVENT_APP, EVENT, RUST]),
    ("100,000 rules", "bytes", [EVENT_APP, RUST]),
    ("1,000 rules, skewed", "bytes", [EVENT_APP, RUST]),
    ("1,000 rules, wide events", "bytes", [EVENT_APP, STATIC, BLOBLANG]),
    ("1,000 rules, regex and ranges", "bytes", [EVENT_APP, STATIC, BLOBLANG, RUST]),
]  # fmt: skip
UPDATES = {"1,000 rules": [EVENT_APP, STATIC, RULER], "100,000 rules": [EVENT_APP]}
WORDS = {"match": "parse and match", "bytes": "parse to bytes"}


class Runner:
    """Starts subjects over a case's files."""

    def __init__(self, peers: dict[str, Command], folder: Path) -> None:
        self._peers = peers
        self._folder = folder
        self._digests: dict[str, str] = {}

    def has(self, subject: str) -> bool:
        return subject not in KINDS or KINDS[subject] in self._peers

    def prepare(self, case: Case) -> None:
        self._digests.clear()
        write(case, self._folder)

    def run(self, case: Case, subject: str, mode: str) -> Found:
        """Return a subject's figures; where it puts out rows they must equal the others'."""
        rows = self._folder / "rows"
        rows.unlink(missing_ok=True)
        if subject in KINDS:
            kind = KINDS[subject]
            given = [subject] if kind == "java" else []
            command = [*self._peers[kind], str(self._folder), *given, mode, SECONDS, str(rows)]
        else:
            command = [sys.executable, "-m", "benchmarks.engine.ours", case.name, subject, mode]
            command.append(str(rows))
        environ = os.environ | {"BENCHMARK_SECONDS": SECONDS}
        before = os.times()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        after = os.times()
        if done.returncode:
            sys.exit(f"{case.name} · {subject}: {done.stderr.strip()[-800:]}")
        found: Found = json.loads(done.stdout)
        found["process_s"] = after.children_user + after.children_system
        found["process_s"] -= before.children_user + before.children_system
        if mode == "bytes" and subject != "bare decode":
            self._compare(case, subject, rows)
        if mode != "update" and subject != "bare decode":
            self._same(case, "matches", subject, str(found["matches"]))
        return found

    def _compare(self, case: Case, subject: str, rows: Path) -> None:
        found = []
        for line in rows.read_bytes().splitlines():
            value = orjson.loads(line)
            found += value if isinstance(value, list) else [value]
        texts = sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in found)
        self._same(case, "rows", subject, hashlib.sha256(b"\n".join(texts)).hexdigest())

    def _same(self, case: Case, what: str, subject: str, figure: str) -> None:
        known = self._digests.setdefault(what, figure)
        if known != figure:
            sys.exit(f"{case.name}: {subject} has other {what} than those before it")


def row(case: str, subject: str, found: Found, ratio: float | None, **rest: object) -> None:
    kept = {key: found[key] for key in ("events", "cpu_s", "wall_s", "peak_mb") if key in found}
    line = {"benchmark": "engine", "case": case, "subject": subject, **kept, **rest}
    line |= {"ratio": None if ratio is None else round(ratio, 2), "ratio_to": subject}
    print(json.dumps(line), flush=True)


def rate(found: Found) -> float:
    return float(found["events"] / found["cpu_s"])


def throughput(runner: Runner, wanted: str) -> dict[tuple[str, str], float]:
    """Print the rows of PLAN; return each subject's memory by case."""
    memory: dict[tuple[str, str], float] = {}
    last = ""
    for name, mode, others in PLAN:
        if wanted not in name:
            continue
        case = CASES[name]
        if name != last:
            runner.prepare(case)
            last = name
        ours = runner.run(case, OURS, mode)
        title = f"{name}, {WORDS[mode]}"
        row(title, OURS, ours, None)
        for subject in [OURS, *filter(runner.has, others)]:
            found = ours if subject == OURS else runner.run(case, subject, mode)
            if mode == "bytes" and "memory_mb" in found:
                memory[subject, name] = found["memory_mb"]
            if subject != OURS:
                row(title, subject, found, rate(ours) / rate(found))
    return memory


def memory_rows(memory: dict[tuple[str, str], float]) -> None:
    """Print what 10,000 rules add to memory, beyond what 10 need."""
    found = {
        subject: value - memory[subject, "10 rules"]
        for (subject, case), value in memory.items()
        if case == "10,000 rules" and (subject, "10 rules") in memory
    }
    for subject, value in found.items():
        ratio = None if subject == OURS else value / found[OURS]
        row("memory of 10,000 rules", subject, {}, ratio, value=round(value, 1), unit="MB")


def updates(runner: Runner, wanted: str) -> None:
    """Print how long one changed rule takes until an event has met it."""
    for name, others in UPDATES.items():
        if wanted not in name:
            continue
        case = CASES[name]
        runner.prepare(case)
        ours = runner.run(case, OURS, "update")
        for subject in [OURS, *filter(runner.has, others)]:
            found = ours if subject == OURS else runner.run(case, subject, "update")
            ratio = None if subject == OURS else found["p50"] / ours["p50"]
            figures = {"value": round(found["p50"], 2), "p99": round(found["p99"], 2), "unit": "ms"}
            row(f"{name}, one changed and met", subject, {}, ratio, **figures)


def scale() -> None:
    """Print what ``benchmarks.engine_updates`` measures of 100,000 and a million rules."""
    for size in SIZES:
        command = [sys.executable, "-m", "benchmarks.engine_updates", size]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{size} rules: {done.stderr.strip()[-800:]}")
        found = json.loads(done.stdout)
        name = f"{int(size):,} rules over {SIZES[size]:,} names"
        for what, key, unit in (
            ("load", "load_cpu_s", "CPU s"),
            ("memory while running", "running_mb", "MB"),
            ("events/s under ten updates a second", "ratio_under_updates", "of quiet"),
            ("events/s", "quiet_events_s", "events/s"),
        ):
            row(f"{name}, {what}", OURS, {}, None, value=found[key], unit=unit)
        figures = {"value": found["update_p50_ms"], "p99": found["update_p99_ms"], "unit": "ms"}
        row(f"{name}, update of one", OURS, {}, None, **figures)


def scripts(runner: Runner, wanted: str) -> None:
    """Print the rate of a script in its isolated process, both processes counted."""
    if wanted in "1,000 rules":
        found = runner.run(CASES["1,000 rules"], "script", "match")
        row("a script, isolated, 500 events a batch", "trackplane script", found, None)


def main() -> None:
    wanted = os.environ.get("BENCHMARK_CASES", "")
    with tempfile.TemporaryDirectory(prefix="trackplane-bench-") as folder:
        runner = Runner(build(), Path(folder))
        memory = throughput(runner, wanted)
        memory_rows(memory)
        updates(runner, wanted)
        runner.prepare(CASES["1,000 rules"])
        scripts(runner, wanted)
    if not wanted:
        scale()


if __name__ == "__main__":
    main()
