"""The manifest's tables. Format 1; normative text: ``spec/lake.md``."""

from __future__ import annotations

from typing import Final

FORMAT: Final = 1

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS {name} (
    day INTEGER NOT NULL,
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, app, env, event, kind, reason)
) WITHOUT ROWID;
"""

TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS snapshots (
    number INTEGER PRIMARY KEY,
    consumer TEXT NOT NULL,          -- '' for compaction and retention
    committed_at INTEGER NOT NULL,
    oldest_ms INTEGER NOT NULL,      -- earliest when.server of its new rows, 0 without rows
    rows INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,           -- relative to the lake's folder
    "table" TEXT NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    fresh INTEGER NOT NULL,
    date TEXT NOT NULL,
    grade TEXT NOT NULL,
    min_server INTEGER NOT NULL,
    max_server INTEGER NOT NULL,
    min_at INTEGER NOT NULL,
    max_at INTEGER NOT NULL,
    apps TEXT NOT NULL,              -- JSON array
    added INTEGER NOT NULL,          -- snapshot
    removed INTEGER,                 -- snapshot, NULL while it is visible
    committed_at INTEGER NOT NULL,   -- ms
    removed_at INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_table ON files ("table", removed);

CREATE TABLE IF NOT EXISTS positions (
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    position INTEGER NOT NULL,
    ruleset INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS runs (
    path TEXT NOT NULL,
    offset INTEGER NOT NULL,
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    length INTEGER NOT NULL,
    count INTEGER NOT NULL,
    newest_ms INTEGER NOT NULL,
    added INTEGER NOT NULL,
    PRIMARY KEY (path, offset)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_by_partition ON runs (consumer, topic, partition);

{_LEDGER.format(name="ledger")}
{_LEDGER.format(name="rule_ledger")}
CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""
