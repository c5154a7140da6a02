"""The accounting: what the senders wrote down against what the lake's files hold.

It reads the manifest with ``sqlite3`` and the Parquet files it names with plain DuckDB, and calls
nothing of the product. Sets are compared, not counts: every event sent without a fault must be
stored exactly once with its payload unchanged, every faulty one must have become what was expected.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from trackplane.demo.faults import FAULTS
from trackplane.demo.ledger import Sent, payload_digest, read_ledger

Say = Callable[[str], None]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the check found. ``lost`` and ``doubled`` count events; ``ok``: the accounting holds."""

    sent: int
    stored: int
    dirty: int
    dropped: int
    deduplicated: int
    refused: int
    lost: int
    doubled: int
    fresh_p99_ms: float | None
    ok: bool


def documents(text: str) -> list[str]:
    """Return the documents of a YAML text."""
    return [part.strip() + "\n" for part in text.split("\n---\n") if part.strip()]


class _Lake:
    """The lake as a stranger sees it: a SQLite table that names Parquet files."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "lake"
        path = self._folder / "manifest.db"
        self._manifest = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._duckdb = duckdb.connect()

    def close(self) -> None:
        self._manifest.close()
        self._duckdb.close()

    def files(self, table: str) -> list[str]:
        rows = self._manifest.execute(
            'SELECT path FROM files WHERE "table" = ? AND removed IS NULL', (table,)
        )
        return [str(self._folder / path) for (path,) in rows]

    def rows(self, table: str, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query over ``$files`` of a table; none where it has no files."""
        files = self.files(table)
        if not files:
            return []
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        source = f"read_parquet([{listed}], union_by_name = true)"
        return self._duckdb.execute(sql.replace("$files", source)).fetchall()

    def ledger(self) -> Counter[str]:
        rows = self._manifest.execute("SELECT kind, SUM(count) FROM ledger GROUP BY kind")
        return Counter({kind: int(count) for kind, count in rows})

    def freshness(self, until: int) -> list[int]:
        """Return, for each commit up to a time, ms from its oldest event's arrival to it."""
        rows = self._manifest.execute(
            "SELECT committed_at - oldest_ms FROM snapshots"
            " WHERE consumer = 'raw' AND oldest_ms > 0 AND committed_at <= ?",
            (until,),
        )
        return [int(value) for (value,) in rows]


def verify(
    *, data: Path, ledgers: Sequence[Path], purchases: int, quiet_until: int, say: Say
) -> Verdict:
    """Compare, print, and return the verdict.

    ``purchases`` is how many the replayed sessions hold; ``quiet_until`` (ms) is when kills began: freshness is told of the time before.
    """
    sent = [entry for path in ledgers for entry in read_ledger(path)]
    lake = _Lake(data)
    try:
        return _verify(sent, lake, purchases, quiet_until, say)
    finally:
        lake.close()


def _verify(
    sent: Sequence[Sent], lake: _Lake, purchases: int, quiet_until: int, say: Say
) -> Verdict:
    outcomes = {fault.name: fault.outcome for fault in FAULTS}
    wanted: dict[tuple[str, str], Sent] = {}
    wanted_dirty: dict[str, Sent] = {}
    repeated = 0
    for entry in sent:
        if entry.fault and outcomes[entry.fault] == "dirty":
            wanted_dirty[entry.id] = entry
        elif (entry.id, entry.event) in wanted:
            repeated += 1
        else:
            wanted[entry.id, entry.event] = entry

    stored: Counter[tuple[str, str]] = Counter()
    changed: list[tuple[str, str]] = []
    for id_, event, what in lake.rows("events", "SELECT id, event, what FROM $files"):
        key = (id_, event)
        stored[key] += 1
        known = wanted.get(key)
        if known is not None and known.digest != payload_digest(_json(what)):
            changed.append(key)
    dirty_rows = lake.rows("dirty", "SELECT id, reason, stage FROM $files")
    dirty: Counter[str] = Counter(id_ for id_, _, stage in dirty_rows if stage != "rule")

    lost = [key for key in wanted if key not in stored]
    lost_dirty = [id_ for id_ in wanted_dirty if id_ not in dirty]
    doubled = sum(count - 1 for count in stored.values())
    doubled_dirty = sum(count - 1 for count in dirty.values())
    strange = [key for key in stored if key not in wanted]
    strange_dirty = [id_ for id_ in dirty if id_ not in wanted_dirty]

    _print_faults(wanted.values(), wanted_dirty.values(), stored, dirty, say)
    _print_reasons(dirty_rows, say)
    ledger = lake.ledger()
    ledger_ok = _print_ledger(ledger, sum(stored.values()), sum(dirty.values()), say)
    purchases_ok = _print_analysis(sent, purchases, lake, say)
    rules_ok = _print_rules(wanted, lake, say)
    say(
        f"accounting: {len(wanted):,} stored expected, {len(lost):,} lost, {doubled:,} doubled,"
        f" {len(changed):,} changed, {len(strange):,} nobody sent;"
        f" {len(wanted_dirty):,} dirty expected, {len(lost_dirty):,} lost, {doubled_dirty:,} doubled,"
        f" {len(strange_dirty):,} unexpected"
    )
    for title, examples in (
        ("lost", lost),
        ("changed", changed),
        ("nobody sent", strange),
        ("lost dirty", lost_dirty),
        ("unexpectedly dirty", strange_dirty),
    ):
        if examples:
            say(f"  {title}, for example: {examples[:5]}")
    ages = sorted(lake.freshness(quiet_until))
    return Verdict(
        sent=len(wanted) + len(wanted_dirty),
        stored=sum(stored.values()),
        dirty=sum(dirty.values()),
        dropped=ledger["dropped"],
        deduplicated=ledger["deduplicated"],
        refused=ledger["refused"],
        lost=len(lost) + len(lost_dirty),
        doubled=doubled + doubled_dirty,
        fresh_p99_ms=float(ages[int(len(ages) * 0.99)]) if ages else None,
        ok=not (lost or lost_dirty or doubled or doubled_dirty or changed or strange)
        and not strange_dirty
        and ledger["deduplicated"] >= repeated
        and ledger_ok
        and purchases_ok
        and rules_ok,
    )


def _json(what: Any) -> Any:
    return json.loads(what) if isinstance(what, str) else what


def _print_faults(
    wanted: Iterable[Sent],
    wanted_dirty: Iterable[Sent],
    stored: Counter[tuple[str, str]],
    dirty: Counter[str],
    say: Say,
) -> None:
    made: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for entry in wanted:
        made[entry.fault] += 1
        met[entry.fault] += stored[entry.id, entry.event] == 1
    for entry in wanted_dirty:
        made[entry.fault] += 1
        met[entry.fault] += dirty[entry.id] == 1
    say("  fault                 sent   as expected")
    for name in sorted(made):
        mark = "" if made[name] == met[name] else "   <- differs"
        say(f"  {name or '(none)':<18}{made[name]:>8,}{met[name]:>14,}{mark}")


def _print_reasons(rows: Sequence[tuple[Any, ...]], say: Say) -> None:
    reasons = Counter((stage, reason) for _, reason, stage in rows)
    text = ", ".join(f"{reason} ({stage}) {n:,}" for (stage, reason), n in reasons.most_common())
    say(f"  dirty by reason: {text or 'none'}")


def _print_ledger(ledger: Counter[str], stored: int, dirty: int, say: Say) -> bool:
    """Print the product's ledger and say whether it agrees with the files."""
    parts = ("stored", "dirty", "dropped", "deduplicated", "refused", "retry")
    say(
        "  the product's ledger: transmitted "
        f"{sum(ledger[part] for part in parts):,} = "
        + " + ".join(f"{part} {ledger[part]:,}" for part in parts)
    )
    return ledger["stored"] == stored and ledger["dirty"] == dirty


def _print_analysis(sent: Sequence[Sent], purchases: int, lake: _Lake, say: Say) -> bool:
    """Print purchases and a funnel by SQL; say whether purchases match the sessions' own count."""
    spoiled = len({entry.id for entry in sent if entry.replaced == "purchase"})
    rows = lake.rows("events", "SELECT count(*) FROM $files WHERE event = 'purchase'")
    stored = int(rows[0][0]) if rows else 0
    say(
        f"  purchases: {stored:,} in the lake + {spoiled:,} spoiled on purpose = {purchases:,} replayed"
    )
    steps = ("product_view", "add_to_cart", "purchase")
    people = defaultdict(int)
    for step, count in lake.rows(
        "events",
        "WITH first AS (SELECT who_session_id AS s, event, min(when_client) AS at FROM $files"
        " WHERE event IN ('product_view', 'add_to_cart', 'purchase') GROUP BY ALL)"
        " SELECT 'product_view', count(*) FROM first WHERE event = 'product_view' UNION ALL"
        " SELECT 'add_to_cart', count(*) FROM first a JOIN first b USING (s)"
        " WHERE a.event = 'product_view' AND b.event = 'add_to_cart' AND b.at >= a.at UNION ALL"
        " SELECT 'purchase', count(*) FROM first a JOIN first b USING (s) JOIN first c USING (s)"
        " WHERE a.event = 'product_view' AND b.event = 'add_to_cart' AND c.event = 'purchase'"
        " AND b.at >= a.at AND c.at >= b.at",
    ):
        people[step] = count
    top = max(people[steps[0]], 1)
    say("  funnel of sessions, by SQL:")
    for step in steps:
        share = people[step] / top
        say(f"    {step:<14}{people[step]:>8,}  {share:>6.1%}  {'█' * round(share * 40)}")
    return stored + spoiled == purchases


def _print_rules(wanted: dict[tuple[str, str], Sent], lake: _Lake, say: Say) -> bool:
    """Compare the rule that never changed with what its filter must have passed."""
    expected = {id_ for (id_, event) in wanted if event == "purchase"}
    rows = lake.rows("shop.purchases", "SELECT id, count(*) FROM $files GROUP BY id")
    actual = dict(rows)
    doubled = sum(count - 1 for count in actual.values())
    missing, extra = len(expected - actual.keys()), len(actual.keys() - expected)
    say(
        f"  rule purchases: {len(actual):,} rows for {len(expected):,} expected,"
        f" {missing} missing, {extra} too many, {doubled} doubled"
    )
    return not (missing or extra or doubled)
