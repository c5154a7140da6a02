"""Rows become tables, goals and the page; the runner says what failed."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def report(monkeypatch):
    """Load `benchmarks.report`: a package of the checkout, not of the distribution."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.report")


def row(benchmark, case, subject, **rest):
    numbers = {"events": 1000, "cpu_s": 0.5, "wall_s": 0.6, "peak_mb": 10.0}
    return {
        "benchmark": benchmark,
        "case": case,
        "subject": subject,
        **numbers,
        "ratio": None,
        "ratio_to": None,
        **rest,
    }


ROWS = [
    row("engine", "10 rules, parse to bytes", "naive", ratio=0.5, ratio_to="naive"),
    row("engine", "1,000 rules, parse to bytes", "naive", ratio=9.0, ratio_to="naive"),
    row("engine", "1,000 rules, skewed", "naive", ratio=4.5, ratio_to="naive"),
    row("lake", "events", "trackplane raw store", events=200_000, cpu_s=1.0, ratio=0.25, ratio_to="b"),
    row("lake", "events", "pyarrow, prepared columns", ratio=1.0, ratio_to="b"),
    row("end_to_end", "HTTP 200 to row visible", "up", value=600.0, unit="ms", p99=1200.0),
    row("end_to_end", "publish a rule to effective", "up", value=20.0, unit="ms", p99=45.0),
    row("end_to_end", "publish a plan to effective", "up", value=20.0, unit="ms", p99=1000.5),
]  # fmt: skip


def test_the_worst_row_decides_a_goal(report):
    """Reached by one case and missed by another is missed."""
    found = report.document(ROWS, measured="today", machine={"cores": "2"})
    goals = {goal["goal"].partition(":")[0]: goal for goal in found["goals"][:1]}
    assert (
        goals["engine, 1,000 rules"] | {"measured": 4.5, "met": False}
        == goals["engine, 1,000 rules"]
    )
    verdicts = {goal["goal"]: (goal["measured"], goal["met"]) for goal in found["goals"]}
    assert verdicts["lake writer: events per CPU-second"] == (200_000, True)
    assert verdicts["HTTP 200 to row visible, p99 in ms"] == (1200.0, True)
    assert verdicts["publish or merge to effective, rule and plan, p99 in ms"] == (1000.5, False)


def test_what_was_not_measured_is_not_reached(report):
    """A goal without a row is said to be so."""
    text = report.page(report.document(ROWS[:1], measured="today", machine={}))
    assert text.count("| not measured |") == len(report.GOALS)


def test_losing_rows_are_on_the_page_and_marked(report):
    """Every row is there; those below 1 bear the mark, the bound's own row does not."""
    text = report.page(report.document(ROWS, measured="today", machine={}))
    for one in ROWS:
        assert f"| {one['case']} | {one['subject']} |" in text
    assert "0.5 ▼" in text
    assert "0.25 ▼" in text
    assert "1 ▼" not in text


def test_columns_that_no_row_fills_are_left_out(report):
    """A table of latencies has no ratios, a table of ratios no latencies."""
    head, _ = report.cells(ROWS[5:])
    assert "p99" in head
    assert "ratio" not in head
    assert "p99" not in report.cells(ROWS[:2])[0]


def test_machine_facts_name_no_host(report):
    """The page is public."""
    facts = " ".join(report.machine().values())
    assert socket.gethostname() not in facts
    assert str(Path.home()) not in facts


def test_the_committed_page_is_made_from_the_committed_rows(report):
    """Whoever edits the page by hand, or a goal without making the page again, is told."""
    file = ROOT / "docs" / "benchmarks.json"
    if not file.is_file():
        pytest.skip("`make bench` has not been run")
    found = json.loads(file.read_text(encoding="utf-8"))
    again = report.document(found["rows"], measured=found["measured"], machine=found["machine"])
    assert again == found
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == report.page(found)
    assert {one["benchmark"] for one in found["rows"]} == set(report.MEANINGS)


def runner(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.integration
def test_one_benchmark_runs_and_prints_json_lines():
    """A real one, shortened; the page stays as it is."""
    page = ROOT / "docs" / "benchmarks.md"
    before = page.read_bytes() if page.exists() else None
    done = runner("queue", "--json", BENCHMARK_SECONDS="0.05")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["benchmark"] for one in rows} == {"queue"}
    assert {"case", "subject", "events", "cpu_s", "wall_s", "peak_mb", "ratio", "ratio_to"} <= set(
        rows[0]
    )
    assert (page.read_bytes() if page.exists() else None) == before


@pytest.mark.integration
def test_a_failing_benchmark_is_a_failing_run():
    """Its error is passed on, and the exit code says it."""
    done = runner("queue", BENCHMARK_SECONDS="soon")
    assert done.returncode == 1
    assert "ValueError" in done.stderr
    assert "error: queue: exit code 1" in done.stderr


def test_an_unknown_benchmark_is_named():
    """With those there are."""
    done = runner("engin")
    assert done.returncode == 2
    assert "no benchmark engin" in done.stderr
    assert "end_to_end" in done.stderr
