"""The lake: Parquet files and the manifest that says which of them count.

Normative text: ``spec/lake.md`` (commit, rows, compaction, query) and ``spec/ledgers.md``.

- ``manifest``: snapshots, compare-and-set commits, ledgers, leases (SQLite).
- ``writer``: ``RawStore``, the consumer that stores every event; ``datasets``: ``TableCommitter``,
  which commits what rules put out.
- ``compact``: fresh files to date and grade partitions, retention, sweeping.
- ``views``, ``query``: SQL over views filtered by app, in a process with limits.
"""
