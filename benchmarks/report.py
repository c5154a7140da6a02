"""Rows into tables, goals and the page `docs/benchmarks.md`. Measures nothing."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]  # {benchmark, case, subject, events, cpu_s, wall_s, peak_mb, ratio, ratio_to}

MEANINGS: Mapping[str, str] = {
    "engine": (
        "Rules over events, beside the engines that people pick today, each in a process of its own,"
        " single-threaded but for the JVM's own threads, which count. Events are nested and of about 940 bytes"
        " (*wide*: 4.5 KB, 60 more properties); every event is of one of up to 1,000 (event, app) pairs that have"
        " rules (*skewed*: 5 % are), each rule has three or four conditions beside event and app. *Parse"
        " and match* stops there; *parse to bytes* also projects five fields to NDJSON. All match equally"
        " often and put out equal rows, else the benchmark fails. Trackplane starts from the queue's"
        " message, checked and with its directory; the others from events that somebody cut for"
        " them. *Janino* and *Groovy @CompileStatic* compile the rules of an index entry to one class that"
        " reads each field once from a fastjson2 map; *Groovy scripts* are dynamic over a Jackson map;"
        " *Bloblang* is Redpanda Connect's language by its public API, a mapping for each event name;"
        " *event-ruler* matches and puts nothing out; *Rust core* knows these fields only: an upper bound."
        " *naive* is `orjson` and one compiled lambda a rule; *bare decode* is `msgspec` decoding the"
        " fields that the rules read and nothing else. *One changed and met* is the time from having a"
        " changed rule until an event has run through it. Memory is what 10,000 rules add to 10."
        " *ratio*: Trackplane's figure over the subject's (of times and memory: the subject's over"
        " Trackplane's), so below 1 Trackplane loses."
    ),
    "collector": (
        "Durable events of HTTP uploads, appended to a disk queue that syncs, beside a bare ASGI app"
        " on the same server that only reads the body. CPU is the server process's alone; every"
        " accepted event is then found in the queue. *ratio*: the subject's events per CPU-second"
        " divided by the bare app's."
    ),
    "lake": (
        "Frames from the queue into committed Parquet: decoded, deduplicated, made into columns,"
        " written, synced. Beside it `pyarrow` writing the very columns, ready made (the bound), and"
        " the obvious way, a dict per event. *ratio*: the subject's events per CPU-second divided by"
        " the bound's."
    ),
    "queue": (
        "Appends of the disk queue beside bare `write` and `fdatasync` of the same bytes in the same"
        " rounds, turn by turn; an event here is 1 KiB of a batch. *ratio*: the subject's batches per"
        " second of wall time divided by the bare one's. A shared disk's speed drifts: compare the"
        " ratios, not the seconds."
    ),
    "plan": (
        "A plan of 200,000 events of 20 properties, in files of 200 events or in one. *Load* reads YAML,"
        " expands groups and types and checks everything; *lint* runs the default rules; *compile* types"
        " checks and metrics and makes what travels to the collectors. *After one change*: one file is"
        " edited, and plan, lint and what travels are right again. The bound is `yaml-rs` reading the same"
        " texts and keeping nothing. *Validation* is of events decoded a moment ago, one in ten wrong, by"
        " validators that are warm; all agree on every event. Trackplane always finds all violations."
        " *ratio* of validation: Trackplane's events per CPU-second over the subject's; of the collector's"
        " state: over those with 200 planned events."
    ),
    "assist": (
        "What proposals find on labelled sets, written by hand in English, Chinese, pinyin and"
        " abbreviations (`benchmarks/assist/`). Nothing was tuned on what is *held out*. *Pairs*: two"
        " names told the same or not; *found*: the planned event looked for among all others. The"
        " baselines get the threshold that is best for them on the set that was tuned on. *Types*:"
        " columns of 400 values, *dirty* ones with 1 % of N/A, -1 and the like, nulls and gaps; the"
        " others sniff the same JSON by themselves. *ratio*: Trackplane's figure over the subject's."
    ),
    "search": (
        "Search over 200,000 planned events of 2,000 apps, 20 properties each, with names and texts in"
        " English and Chinese; 30 targets are hidden among them and 109 labelled queries (names, words,"
        " Chinese, pinyin, first letters, typos, beginnings, values, owners, translations) look for them."
        " *MRR* is the mean of one over the place of the right answer, *recall@10* the share found among"
        " the first ten. *SQL LIKE* wants every typed word somewhere in the text; *plain FTS5* is SQLite's"
        " own tokeniser and bm25 over the same texts. Times are of the whole query with facets and"
        " highlights, in the control plane's process; each query is asked three times, in another order"
        " each time. Quality is asserted equal on both databases."
    ),
    "end_to_end": (
        "The whole platform, `trackplane up` with two workers, seen from outside. *Row visible*: from"
        " the HTTP 200 of a single event until a Parquet file that the manifest names gives it to a"
        " plain DuckDB. *Effective*: from the request that publishes until the API says every node"
        " runs it. *value* is the median, *p99* the 99th percentile (of 20, 5 or 20 publications: the"
        " largest). Memory is the sum of resident memory, its highest sample; pages that processes"
        " share count in each. All events are found stored exactly once afterwards."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """An aim to report against. The worst row that ``rows`` takes counts; ``figure`` is of a row."""

    text: str
    benchmark: str
    aim: float
    at_least: bool
    rows: Callable[[Row], bool]
    figure: Callable[[Row], float]

    def met_by(self, rows: Iterable[Row]) -> tuple[float | None, bool]:
        """Return the worst figure, None if there is no row, and whether it reaches the aim."""
        found = [
            self.figure(row)
            for row in rows
            if row["benchmark"] == self.benchmark and self.rows(row)
        ]
        if not found:
            return None, False
        worst = min(found) if self.at_least else max(found)
        return worst, worst >= self.aim if self.at_least else worst <= self.aim


def _ratio(row: Row) -> float:
    return float(row["ratio"])


def _p99(row: Row) -> float:
    return float(row["p99"])


_TO_BYTES = tuple(f"{count} rules, parse to bytes" for count in ("10", "1,000", "10,000"))
GOALS = (
    Goal(
        text="engine, 1,000 rules: times the naive one's events per CPU-second",
        benchmark="engine",
        aim=5,
        at_least=True,
        rows=lambda row: row["case"].startswith("1,000 rules") and row["subject"] == "naive",
        figure=_ratio,
    ),
    Goal(
        text="engine, 1,000 rules: share of bare decode's events per CPU-second",
        benchmark="engine",
        aim=0.5,
        at_least=True,
        rows=lambda row: row["case"].startswith("1,000 rules") and row["subject"] == "bare decode",
        figure=_ratio,
    ),
    Goal(
        text="engine, 10 to 10,000 rules to bytes: times tuned Janino with fastjson2",
        benchmark="engine",
        aim=1.4,
        at_least=True,
        rows=lambda row: row["case"] in _TO_BYTES and row["subject"].startswith("Janino"),
        figure=_ratio,
    ),
    Goal(
        text="engine, match: times event-ruler",
        benchmark="engine",
        aim=3,
        at_least=True,
        rows=lambda row: row["case"].endswith("match") and row["subject"] == "event-ruler",
        figure=_ratio,
    ),
    Goal(
        text="engine, 1,000 rules to bytes: times Bloblang and Groovy scripts",
        benchmark="engine",
        aim=20,
        at_least=True,
        rows=lambda row: (
            row["case"] == _TO_BYTES[1]
            and row["subject"] in ("Bloblang", "Groovy scripts, Jackson map")
        ),
        figure=_ratio,
    ),
    Goal(
        text="engine, skewed load: events per CPU-second",
        benchmark="engine",
        aim=2_500_000,
        at_least=True,
        rows=lambda row: "skewed" in row["case"] and row["subject"] == "trackplane",
        figure=lambda row: float(row["events"] / row["cpu_s"]),
    ),
    Goal(
        text="engine, 1,000 rules to bytes: share of a Rust core on sonic-rs",
        benchmark="engine",
        aim=0.7,
        at_least=True,
        rows=lambda row: row["case"] == _TO_BYTES[1] and row["subject"].startswith("Rust"),
        figure=_ratio,
    ),
    Goal(
        text="engine, one rule of 100,000 changed: p99 in ms",
        benchmark="engine",
        aim=20,
        at_least=False,
        rows=lambda row: (
            row["case"].startswith("100,000 rules over") and "update of one" in row["case"]
        ),
        figure=_p99,
    ),
    Goal(
        text="engine, ten updates a second at 100,000 rules: share of quiet events/s",
        benchmark="engine",
        aim=0.9,
        at_least=True,
        rows=lambda row: (
            row["case"].startswith("100,000 rules over") and row.get("unit") == "of quiet"
        ),
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="engine, a million rules: load in CPU s",
        benchmark="engine",
        aim=60,
        at_least=False,
        rows=lambda row: row["case"].startswith("1,000,000 rules") and row["case"].endswith("load"),
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="engine, a million rules: memory in MB",
        benchmark="engine",
        aim=2000,
        at_least=False,
        rows=lambda row: row["case"].startswith("1,000,000 rules") and row.get("unit") == "MB",
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="collector, 50 events a request, validation on: share of the bare app's",
        benchmark="collector",
        aim=0.15,
        at_least=True,
        rows=lambda row: row["case"].startswith("50 ") and row["subject"].endswith("on"),
        figure=_ratio,
    ),
    Goal(
        text="lake writer: events per CPU-second",
        benchmark="lake",
        aim=150_000,
        at_least=True,
        rows=lambda row: row["subject"] == "trackplane raw store",
        figure=lambda row: float(row["events"] / row["cpu_s"]),
    ),
    Goal(
        text="lake writer: share of pyarrow writing prepared columns",
        benchmark="lake",
        aim=0.2,
        at_least=True,
        rows=lambda row: row["subject"] == "trackplane raw store",
        figure=_ratio,
    ),
    Goal(
        text="plan of 200,000 events: load, lint, compile, in s",
        benchmark="plan",
        aim=60,
        at_least=False,
        rows=lambda row: row["subject"] == "trackplane, all three",
        figure=lambda row: float(row["wall_s"]),
    ),
    Goal(
        text="plan of 200,000 events: load, lint, compile, memory in MB",
        benchmark="plan",
        aim=2_000,
        at_least=False,
        rows=lambda row: row["subject"] == "trackplane, all three",
        figure=lambda row: float(row["peak_mb"]),
    ),
    Goal(
        text="plan of 200,000 events: right again after one change, in ms (median)",
        benchmark="plan",
        aim=200,
        at_least=False,
        rows=lambda row: row["case"].endswith("after one change"),
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="validation: times the faster of jsonschema-rs and fastjsonschema",
        benchmark="plan",
        aim=2,
        at_least=True,
        rows=lambda row: "jsonschema" in row["subject"],
        figure=_ratio,
    ),
    Goal(
        text="validation with 200,000 planned events: share of the speed with 200",
        benchmark="plan",
        aim=0.9,
        at_least=True,
        rows=lambda row: row["case"].endswith("events of 200 names"),
        figure=_ratio,
    ),
    Goal(
        text="near-duplicates, held-out pairs: F1",
        benchmark="assist",
        aim=0.9,
        at_least=True,
        rows=lambda row: (
            row["case"].startswith("duplicates")
            and row["case"].endswith("held out")
            and (row["subject"], row.get("unit")) == ("trackplane", "F1")
        ),
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="types of dirty columns, held out: accuracy",
        benchmark="assist",
        aim=0.9,
        at_least=True,
        rows=lambda row: (
            "dirty" in row["case"]
            and row["case"].endswith("held out")
            and row["subject"] == "trackplane"
        ),
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="proposals among 200,000 events: CPU in ms (median)",
        benchmark="assist",
        aim=50,
        at_least=False,
        rows=lambda row: "proposals for a design" in row["case"],
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="search, 200,000 events, SQLite and PostgreSQL: p95 in ms",
        benchmark="search",
        aim=100,
        at_least=False,
        rows=lambda row: (
            row["subject"].startswith("trackplane")
            and "queries" in row["case"]
            and row.get("unit") == "ms (p95)"
        ),
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="search, labelled queries: MRR",
        benchmark="search",
        aim=0.9,
        at_least=True,
        rows=lambda row: row["subject"].startswith("trackplane") and row.get("unit") == "MRR",
        figure=lambda row: float(row["value"]),
    ),
    Goal(
        text="HTTP 200 to row visible, p99 in ms",
        benchmark="end_to_end",
        aim=5_000,
        at_least=False,
        rows=lambda row: "row visible" in row["case"],
        figure=_p99,
    ),
    Goal(
        text="publish or merge to effective, rule and plan, p99 in ms",
        benchmark="end_to_end",
        aim=1_000,
        at_least=False,
        rows=lambda row: row["case"].startswith(("publish ", "merge ")),
        figure=_p99,
    ),
)


def machine() -> dict[str, str]:
    """Return what the figures depend on; no name of a host and no path."""
    facts = {
        "processor": platform.processor() or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[2]:.1f} (15 minutes' average)",
    }
    for file, pattern, name in (
        ("/proc/cpuinfo", r"model name\s*: (.+)", "processor"),
        ("/proc/meminfo", r"MemTotal:\s*(\d+) kB", "memory"),
    ):
        try:
            found = re.search(pattern, Path(file).read_text(encoding="utf-8"))
        except OSError:
            continue
        if found:
            text = found[1]
            facts[name] = f"{int(text) / 2**20:.1f} GiB" if name == "memory" else text
    return facts


def document(rows: list[Row], *, measured: str, machine: Mapping[str, str]) -> dict[str, Any]:
    """Return what `docs/benchmarks.json` holds: the machine, the goals and every row."""
    goals = []
    for goal in GOALS:
        figure, met = goal.met_by(rows)
        goals.append(
            {
                "goal": goal.text,
                "aim": goal.aim,
                "at_least": goal.at_least,
                "measured": None if figure is None else round(figure, 3),
                "met": met,
            }
        )
    return {"measured": measured, "machine": dict(machine), "goals": goals, "rows": rows}


def page(found: Mapping[str, Any]) -> str:
    """Return the page of a document."""
    facts = ", ".join(f"{name} {text}" for name, text in found["machine"].items())
    lines = [
        "# Benchmarks",
        "",
        "<!-- Made by `make bench` from docs/benchmarks.json. -->",
        "",
        (
            f"Measured {found['measured']} on one machine: {facts}. Figures of another machine"
            " differ; the ratios to what stands beside Trackplane, doing the same work in the same"
            " run, differ least. Rows in which Trackplane loses are listed like the others, marked"
            " ▼. Repeat them with `make bench`, or one with `python -m benchmarks engine`."
        ),
        "",
        "## Goals",
        "",
        "Aims to report against, not gates. Where several rows count, the worst is shown.",
        "",
    ]
    rows = []
    for goal in found["goals"]:
        sign, figure = ("≥" if goal["at_least"] else "≤"), goal["measured"]
        verdict = "reached" if goal["met"] else "**missed**"
        rows.append(
            [
                goal["goal"],
                f"{sign} {number(goal['aim'])}",
                number(figure),
                "not measured" if figure is None else verdict,
            ]
        )
    lines += markdown(["goal", "aim", "measured", ""], rows)
    by_name: dict[str, list[Row]] = {}
    for row in found["rows"]:
        by_name.setdefault(row["benchmark"], []).append(row)
    for name, group in by_name.items():
        lines += ["", f"## {name.replace('_', ' ').capitalize()}", "", MEANINGS.get(name, ""), ""]
        lines += markdown(*cells(group))
    return "\n".join(lines) + "\n"


def tables(rows: list[Row]) -> list[str]:
    """Return the rows as lines for a terminal."""
    lines = []
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["benchmark"], []).append(row)
    for name, group in by_name.items():
        head, body = cells(group)
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        lines += ["", name]
        lines += [
            "  ".join(
                cell.ljust(width) if index < 2 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in (head, *body)
        ]
    return lines


def cells(group: list[Row]) -> tuple[list[str], list[list[str]]]:
    """Return head and cells of one benchmark's table; columns that no row fills are left out."""
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("case", lambda row: row["case"]),
        ("subject", lambda row: row["subject"]),
        ("value", lambda row: f"{number(row.get('value'))} {row.get('unit') or ''}".strip()),
        ("p99", lambda row: number(row.get("p99"))),
        ("events", lambda row: number(row.get("events"))),
        ("CPU s", lambda row: number(row.get("cpu_s"))),
        ("wall s", lambda row: number(row.get("wall_s"))),
        ("events/CPU-s", _rate),
        ("peak MiB", lambda row: number(row.get("peak_mb"))),
        ("ratio", lambda row: number(row.get("ratio")) + (" ▼" if loses(row) else "")),
    ]
    body = [[column(row) for _, column in columns] for row in group]
    used = [n for n, _ in enumerate(columns) if any(line[n] for line in body)]
    return [columns[n][0] for n in used], [[line[n] for n in used] for line in body]


def _rate(row: Row) -> str:
    if not row.get("events") or not row.get("cpu_s") or row.get("value") is not None:
        return ""
    return number(round(row["events"] / row["cpu_s"]))


def loses(row: Row) -> bool:
    """Say whether Trackplane is slower than what a row compares it with."""
    ratio, other, subject = row.get("ratio"), row.get("ratio_to"), row["subject"]
    if ratio is None or (other == subject and row["benchmark"] != "engine"):
        return False
    ours = row["benchmark"] == "engine" or subject.startswith(("trackplane", "collector"))
    return ours and float(ratio) < 1


def number(value: float | None) -> str:
    """Return a number for people; three digits are enough below a hundred."""
    if value is None:
        return ""
    if isinstance(value, int) or abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return a Markdown table's lines."""
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)]
