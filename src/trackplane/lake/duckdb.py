"""DuckDB: the process that runs one user's query, and the sort that compaction needs.

``python -I -m trackplane.lake.duckdb`` reads a ``Request`` from standard input, answers with the
names the query reads, is told their SQL, and answers with rows. Nothing it reads is trusted to stay
in its place: resource limits first, then views, then no external access, then the query.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import os
import re
import resource
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import duckdb
import msgspec

from trackplane.errors import Finding
from trackplane.lake.commit import LakeError
from trackplane.lake.guard import inspect
from trackplane.lake.views import literal, quoted

_LENGTH: Final = struct.Struct("<I")
_EXTRA_BYTES: Final = 2 * 1024 * 1024 * 1024  # address space beside DuckDB's own limit
_ZONED: Final = "TIMESTAMP WITH TIME ZONE"
_INT64: Final = range(-(2**63), 2**63)
_AT_LINE: Final = re.compile(r"\n\nLINE (\d+): .*?\n *\^+", re.DOTALL)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A query and its limits."""

    sql: str
    memory_mb: int
    cpu_s: int
    threads: int
    max_rows: int
    max_bytes: int


class Named(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the query reads from: names, each with the line and column it stands at."""

    names: list[tuple[list[str], tuple[int, int] | None]]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The SELECT behind each name, in order, and the files they read."""

    views: list[tuple[list[str], str]]
    files: list[str]


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Rows, or why there are none."""

    columns: list[tuple[str, str]] = []
    rows: list[list[Any]] = []
    truncated: bool = False
    error: str = ""
    findings: list[Finding] = []


def send(stream: BinaryIO, message: msgspec.Struct) -> None:
    """Write one message, length first."""
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message; None when the other side is gone."""
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    data = stream.read(length)
    return data if len(data) == length else None


class Workspace:
    """A DuckDB of our own, not of users: it reads and writes the lake's files, bounded in memory.

    Use it in a ``with``. Every method raises ``LakeError`` when DuckDB fails.
    """

    def __init__(self, *, memory_mb: int, threads: int, spill: Path) -> None:
        self._connection = _connect(memory_mb, threads, spill)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise LakeError(f"DuckDB over the lake's files: {error}") from error

    def interrupt(self) -> None:
        """End the statement that runs, from another thread: it raises ``LakeError``."""
        self._connection.interrupt()

    def write(self, select: str, target: Path) -> None:
        """Write a SELECT's rows, in its order, to a Parquet file."""
        self.rows(
            f"COPY ({select}) TO {literal(str(target))}"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 122880)"
        )


def _connect(memory_mb: int, threads: int, spill: Path | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_mb}MB",
            "threads": str(threads),
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": "" if spill is None else str(spill),
        },
    )
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    return connection


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Run one query: names out, views in, rows out."""
    first = receive(source)
    if first is None:
        return
    request = msgspec.msgpack.decode(first, type=Request)
    _limit(request)
    with _connect(request.memory_mb, request.threads, None) as connection:
        tree, answer = _parsed(connection, request.sql)
        if answer is not None:
            send(sink, answer)
            return
        references, findings = inspect(tree, request.sql)
        if findings:
            message = "the query contains what is not allowed"
            send(sink, Answer(error=message, findings=findings))
            return
        send(sink, Named(names=[(list(r.name), r.location) for r in references]))
        second = receive(source)
        if second is None:
            return
        given = msgspec.msgpack.decode(second, type=Given)
        try:
            send(sink, _answer(connection, request, given))
        except (duckdb.Error, MemoryError) as error:
            send(sink, _failed(error))


def _limit(request: Request) -> None:
    space = request.memory_mb * 1024 * 1024 + _EXTRA_BYTES
    for kind, value in (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_CPU, request.cpu_s),
        (resource.RLIMIT_FSIZE, 0),  # it has no business writing files
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, Answer | None]:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        return None, _failed(error)
    if len(statements) != 1:
        return None, Answer(error=f"a query is one statement; this is {len(statements)}")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        return None, Answer(error=f"only SELECT is allowed, not {kind}")
    row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        return None, Answer(error=str(tree.get("error_message", "the query cannot be read")))
    return tree["statements"], None


def _answer(connection: duckdb.DuckDBPyConnection, request: Request, given: Given) -> Answer:
    schemas = {name[0] for name, _ in given.views if len(name) > 1}
    for schema in sorted(schemas):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    listed = ", ".join(map(literal, given.files))
    connection.execute(f"SET allowed_paths = [{listed}]")
    for name, select in given.views:
        connection.execute(f"CREATE OR REPLACE VIEW {'.'.join(map(quoted, name))} AS {select}")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    connection.execute(_zoneless(connection, request.sql))
    columns = [(name, str(kind)) for name, kind, *_ in connection.description or ()]
    rows: list[list[Any]] = []
    size = 0
    while len(rows) <= request.max_rows and size <= request.max_bytes:
        some = connection.fetchmany(min(1000, request.max_rows + 1 - len(rows)))
        if not some:
            break
        plain = [[_plain(value) for value in row] for row in some]
        size += len(msgspec.msgpack.encode(plain))
        rows += plain
    truncated = len(rows) > request.max_rows or size > request.max_bytes
    return Answer(columns=columns, rows=rows[: request.max_rows], truncated=truncated)


def _zoneless(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the query with its columns of times with zone cast to UTC: Python gets no zones."""
    try:
        kinds = [str(kind) for kind in connection.sql(sql).types]
    except duckdb.Error:
        return sql  # running it says where the mistake is
    if _ZONED not in kinds:
        return sql
    names = [f"c{n}" for n in range(len(kinds))]
    shown = [
        f"{name}::TIMESTAMP AS {quoted(column)}"
        if kind == _ZONED
        else f"{name} AS {quoted(column)}"
        for name, column, kind in zip(names, connection.sql(sql).columns, kinds, strict=True)
    ]
    text = sql.strip().rstrip(";")
    return f"SELECT {', '.join(shown)} FROM ({text}\n) AS t({', '.join(names)})"  # noqa: S608


def _failed(error: BaseException) -> Answer:
    text = str(error) or "the query needs more memory than it may have"
    place = _AT_LINE.search(text)
    line, column = None, None
    if place:
        line = int(place.group(1))
        shown, pointer = place.group(0).strip("\n").split("\n")[-2:]
        column = pointer.index("^") - shown.index(": ") - 1
        if "..." in shown:
            column = None
    message, _, rest = text[: place.start() if place else None].partition("\n")
    hint = rest.strip() or None
    finding = Finding(code="query.sql", message=message, line=line, column=column, hint=hint)
    return Answer(error=message, findings=[finding])


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; times are UTC in RFC 3339."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if value in _INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


if __name__ == "__main__":
    # What a library prints must not get between the messages.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(2, sys.stdout.fileno())
    serve(sys.stdin.buffer, out)
