"""Search over 200,000 planned events of 2,000 apps on SQLite and PostgreSQL, beside plainer ways.

A catalogue is made by a seed, thirty targets are hidden in it, and 109 labelled queries look for them.
Beside Trackplane's search stand SQL's LIKE (every typed word somewhere in the text, shorter names
first) and plain FTS5 (its own tokeniser, bm25 with weights for name and title), over the same texts.
Prints one JSON row a case: quality is asserted equal on both databases. About seven minutes.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.search.catalogue import plans
from benchmarks.search.queries import QUERIES, TARGETS, Query
from trackplane.control.database import Database
from trackplane.control.search import SearchReader, Use, Wanted, index, index_plan, set_use
from trackplane.control.search.documents import event_document, texts
from trackplane.control.search.operations import hits
from trackplane.plan.model import Plan
from trackplane.testing.postgres import NoPostgresError, PostgresServer

EVENTS = int(os.environ.get("BENCHMARK_SEARCH_EVENTS", "200000"))
APPS = max(1, EVENTS // 100)
TOP = 10
Found = list[str]  # names of events, the best first
Ask = Callable[[str], Found]


def said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def row(case: str, subject: str, value: float, unit: str, **more: Any) -> None:
    print(
        json.dumps(
            {"benchmark": "search", "case": case, "subject": subject, "value": value, "unit": unit}
            | more
        ),
        flush=True,
    )


def planted() -> Iterator[Plan]:
    """Yield the catalogue's plans with the targets among them."""
    chance = random.Random(11)
    homes = sorted(chance.sample(range(APPS), min(APPS, len(TARGETS))))
    hidden: dict[int, list[Any]] = defaultdict(list)
    for number, target in enumerate(TARGETS):
        hidden[homes[number % len(homes)]].append(target)
    for number, plan in enumerate(plans(EVENTS - len(TARGETS), apps=APPS)):
        for target in hidden[number]:
            plan.events[target.name] = target.spec(plan.app)
        yield plan


def uses_of(plan: Plan) -> dict[tuple[str, str, str], Use]:
    """Return made-up use: a few events have most of the traffic, as it is."""
    chance = random.Random(plan.app)
    return {
        (plan.app, "event", event): Use(
            seen=int(10 ** chance.uniform(0, 7)),
            last_seen=1_795_000_000_000,
            trust=chance.choice(("high", "medium", "low")),
            state="online",
        )
        for event in plan.events
    }


def build(database: Database) -> float:
    """Index the catalogue as a rebuild does; return the seconds it took, its making aside."""
    making = 0.0
    uses: dict[tuple[str, str, str], Use] = {}

    def made() -> Iterator[Plan]:
        nonlocal making
        started = time.perf_counter()
        for plan in planted():
            uses.update(uses_of(plan))
            making += time.perf_counter() - started
            yield plan
            started = time.perf_counter()

    started = time.perf_counter()
    with database.write() as connection:
        index.build(connection, made())
        set_use(connection, uses)
    return time.perf_counter() - started - making


def ours(database: Database, reader: SearchReader) -> Ask:
    def ask(text: str) -> Found:
        with database.read() as connection:
            ranked, matches = reader.search(connection, Wanted(text=text, limit=20))
            items = hits(connection, ranked.ids, words=matches.words, language="en")
        return [item.name for item in items if item.kind == "event"]

    return ask


def plain(folder: Path) -> dict[str, Ask]:
    """Return LIKE and plain FTS5 over the same texts, in a SQLite database of their own."""
    connection = sqlite3.connect(folder / "plain.db")
    connection.execute("CREATE TABLE texts (name TEXT, text TEXT)")
    connection.execute("CREATE VIRTUAL TABLE plain USING fts5(name, title, text)")
    for plan in planted():
        rows = []
        for spec in plan.events.values():
            document = event_document(spec)
            body = document.body
            rest = (
                *texts(body.description), *texts(body.trigger), document.owner, *document.tags,
                *body.properties, *body.titles, *body.values,
            )  # fmt: skip
            rows.append((document.name, " ".join(texts(body.title)), " ".join(rest)))
        connection.executemany("INSERT INTO plain VALUES (?, ?, ?)", rows)
        connection.executemany(
            "INSERT INTO texts VALUES (?, ?)",
            [(name, f"{name} {title} {rest}".lower()) for name, title, rest in rows],
        )
    connection.commit()

    def like(text: str) -> Found:
        words = text.lower().split()
        where = " AND ".join("text LIKE ?" for _ in words)
        found = connection.execute(
            f"SELECT name FROM texts WHERE {where} ORDER BY length(name) LIMIT {TOP}",
            [f"%{word}%" for word in words],
        )
        return [name for (name,) in found]

    def fts5(text: str) -> Found:
        words = " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
        found = connection.execute(
            "SELECT name FROM plain WHERE plain MATCH ? ORDER BY bm25(plain, 10, 5, 1)"
            f" LIMIT {TOP}",
            (words + "*",),
        )
        return [name for (name,) in found]

    return {"SQL LIKE": like, "plain FTS5": fts5}


def judge(ask: Ask, queries: Sequence[Query]) -> tuple[float, float]:
    """Return MRR and recall among the first ten."""
    reciprocals, recalled = [], []
    for query in queries:
        found = ask(query.text)[:TOP]
        places = [number for number, name in enumerate(found, 1) if name in query.right]
        reciprocals.append(1 / places[0] if places else 0.0)
        recalled.append(len({*found} & {*query.right}) / len(query.right))
    return statistics.fmean(reciprocals), statistics.fmean(recalled)


def times(ask: Ask) -> list[float]:
    """Return ms of each query, asked in another order in each of three rounds."""
    chance, found = random.Random(3), []
    for _ in range(3):
        for query in chance.sample(QUERIES, len(QUERIES)):
            started = time.perf_counter()
            ask(query.text)
            found.append((time.perf_counter() - started) * 1e3)
    return sorted(found)


def typing(ask: Ask) -> list[float]:
    """Return ms of each answer while queries are typed letter by letter."""
    found = []
    for query in QUERIES[::6]:
        for end in range(1, len(query.text) + 1):
            started = time.perf_counter()
            ask(query.text[:end])
            found.append((time.perf_counter() - started) * 1e3)
    return sorted(found)


def at(sorted_ms: Sequence[float], share: float) -> float:
    return round(sorted_ms[min(len(sorted_ms) - 1, int(len(sorted_ms) * share))], 1)


def report(subject: str, ask: Ask) -> tuple[float, float]:
    mrr, recall = judge(ask, QUERIES)
    row("109 labelled queries", subject, round(mrr, 3), "MRR")
    row("109 labelled queries", subject, round(recall, 3), "recall@10")
    ms = times(ask)
    row("109 labelled queries", subject, at(ms, 0.5), "ms (p50)")
    row("109 labelled queries", subject, at(ms, 0.95), "ms (p95)", p99=at(ms, 0.99))
    return mrr, recall


def measure(subject: str, database: Database, size: Callable[[], int]) -> tuple[float, float]:
    database.migrate()
    took = build(database)
    row(f"{EVENTS:,} events, build", subject, round(took, 1), "s")
    row(f"{EVENTS:,} events, build", subject, round(size() / 2**20), "MiB")
    reader = SearchReader()
    ask = ours(database, reader)
    started = time.perf_counter()
    ask("pay")
    row("first query after a start", subject, round(time.perf_counter() - started, 2), "s")
    started = time.perf_counter()
    reader.warm(database)
    row("all words read, in the background", subject, round(time.perf_counter() - started, 2), "s")
    quality = report(subject, ask)
    ms = typing(ask)
    row("typed letter by letter", subject, at(ms, 0.95), "ms (p95)", p99=at(ms, 0.99))
    kinds: dict[str, list[Query]] = defaultdict(list)
    for query in QUERIES:
        kinds[query.kind].append(query)
    for kind, queries in kinds.items():
        mrr, recall = judge(ask, queries)
        said(f"  {subject}: {kind}: MRR {mrr:.2f}, recall@10 {recall:.2f} of {len(queries)}")
    for query in QUERIES if "BENCHMARK_SEARCH_MISSES" in os.environ else ():
        found = ask(query.text)
        if found[:1] != [*query.right][:1]:
            said(f"  {query.kind}: {query.text!r} wants {query.right[0]}: {found[:5]}")
    changed(subject, database, ask)
    database.close()
    return quality


def changed(subject: str, database: Database, ask: Ask) -> None:
    """Measure a change of one event until it is found."""
    plan = next(planted())
    event = next(iter(plan.events))
    spec = plan.events[event]
    for number in range(5):
        started = time.perf_counter()
        fresh = type(spec)(app=plan.app, event=event, title=f"Zebra crossing {number}")
        after = Plan(app=plan.app, events=plan.events | {event: fresh}, metrics=plan.metrics)
        with database.write() as connection:
            index_plan(connection, after, before={event: spec}, changed=[event])
        assert ask(f"zebra crossing {number}")[0] == event
        took = (time.perf_counter() - started) * 1e3
        spec = fresh
    row("one event changed, then found", subject, round(took, 1), "ms")


def main() -> None:
    qualities = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "control.db"
        qualities.append(measure("trackplane, SQLite", Database(path), lambda: path.stat().st_size))
        for subject, ask in plain(folder).items():
            report(subject, ask)
    try:
        with PostgresServer() as server:
            database = Database(server.new_database())

            def size() -> int:
                with database.read() as connection:
                    return int(
                        connection.execute(
                            sa.text("SELECT pg_database_size(current_database())")
                        ).scalar_one()
                    )

            qualities.append(measure("trackplane, PostgreSQL", database, size))
    except NoPostgresError as error:
        said(f"no PostgreSQL: {error}")
    assert len(set(qualities)) == 1, qualities


if __name__ == "__main__":
    main()
