"""Queries: users' SQL over views of their apps, each in a process of its own with limits.

``spec/lake.md``, query. The process is ``trackplane.lake.duckdb``; this is the side that is trusted.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from trackplane.errors import Finding, InputError, did_you_mean
from trackplane.lake import views
from trackplane.lake.commit import DIRTY, EVENTS, LakeError
from trackplane.lake.duckdb import Answer, Given, Named, Request, receive, send
from trackplane.lake.manifest import ManifestReader
from trackplane.lake.settings import QuerySettings
from trackplane.plan.model import EventSpec

_MANY: Final = 2000
_MAX_MS: Final = 10 * 60 * 1000  # replaced files stay 15 minutes

Specs = Mapping[tuple[str, str], EventSpec]  # by (app, event)


class Table(Protocol):
    """What a query needs to know of a dataset (``trackplane.rules.ir.Dataset`` is one)."""

    @property
    def name(self) -> str:
        """Return the dataset's name."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Return its columns' types by name."""


class QueryError(InputError):
    """The query is not allowed, wrong, or took too much; ``findings`` say where."""

    code = "query"


class ResultColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A result column and its SQL type."""

    name: str
    type: str


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """JSON-able rows as of a snapshot; ``truncated`` when a limit cut them."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    snapshot: int
    truncated: bool
    elapsed_ms: int


class QueryRunner:
    """Runs queries over a lake. Safe to use from several threads; some wait for their turn."""

    def __init__(self, manifest: ManifestReader, settings: QuerySettings | None = None) -> None:
        self._manifest = manifest
        self._settings = settings or QuerySettings()
        self._turns = threading.BoundedSemaphore(self._settings.workers)

    def query(
        self,
        sql: str,
        *,
        apps: Sequence[str],
        specs: Specs | None = None,
        datasets: Iterable[Table] = (),
        limit: int | None = None,
        snapshot: int | None = None,
        timeout_ms: int | None = None,
    ) -> QueryResult:
        """Run one SELECT over the views of ``apps``.

        Names: ``events`` and ``dirty`` (of all given apps), datasets, ``app.event`` for planned
        events, and plain ``event`` when there is one app.

        Raises:
            QueryError: not one SELECT over known views, an SQL error, or a limit was met.
            LakeError: the manifest or the process failed.
        """
        pinned = self._manifest.snapshot() if snapshot is None else snapshot
        settings = self._settings
        catalogue = Catalogue(self._manifest, pinned, apps, specs or {}, datasets)
        request = Request(
            sql=sql,
            memory_mb=settings.memory_mb,
            cpu_s=settings.cpu_s,
            threads=settings.threads,
            max_rows=min(settings.max_rows if limit is None else limit, settings.max_rows),
            max_bytes=settings.max_bytes,
        )
        allowed_ms = min(timeout_ms or settings.timeout_ms, _MAX_MS)
        with self._turns:
            started = time.perf_counter()
            answer = _run(request, catalogue, allowed_ms)
            elapsed = int((time.perf_counter() - started) * 1000)
        if answer.error:
            raise QueryError(answer.error, findings=answer.findings)
        return QueryResult(
            columns=[ResultColumn(name=name, type=kind) for name, kind in answer.columns],
            rows=answer.rows,
            snapshot=pinned,
            truncated=answer.truncated,
            elapsed_ms=elapsed,
        )


class Catalogue:
    """The views of some apps in one snapshot, made when they are named."""

    def __init__(
        self,
        manifest: ManifestReader,
        snapshot: int,
        apps: Sequence[str],
        specs: Specs,
        datasets: Iterable[Table],
    ) -> None:
        self._manifest = manifest
        self._snapshot = snapshot
        self._apps = tuple(apps)
        self._specs = specs
        self._datasets = {dataset.name: dataset for dataset in datasets}
        self._files: dict[str, list[str]] = {}

    def select(self, name: Sequence[str]) -> str | None:
        """Return the SELECT behind a name, or None."""
        plain = ".".join(name)
        if plain in (EVENTS, DIRTY):
            make = views.events if plain == EVENTS else views.dirty
            return make(self._paths(plain), self._apps)
        dataset = self._datasets.get(plain)
        if dataset is not None:
            return views.dataset(self._paths(plain), dataset.columns, self._apps)
        spec = self._spec(name)
        return None if spec is None else views.event(self._paths(EVENTS), spec)

    def names_like(self, name: str) -> list[str]:
        """Return names a query may read from; of very many those that begin alike."""
        events = [
            event if len(self._apps) == 1 else f"{app}.{event}"
            for app, event in self._specs
            if app in self._apps
        ]
        if len(events) > _MANY:
            events = [event for event in events if event[:2] == name[:2]][:_MANY]
        return [EVENTS, DIRTY, *self._datasets, *events]

    def files(self) -> list[str]:
        """Return the files of the views made so far."""
        return [path for paths in self._files.values() for path in paths]

    def _spec(self, name: Sequence[str]) -> EventSpec | None:
        if len(name) == 1 and len(self._apps) == 1:
            return self._specs.get((self._apps[0], name[0]))
        if len(name) == 2 and name[0] in self._apps:
            return self._specs.get((name[0], name[1]))
        return None

    def _paths(self, table: str) -> list[str]:
        if table not in self._files:
            apps = set(self._apps)
            self._files[table] = [
                str((self._manifest.folder / file.path).resolve())
                for file in self._manifest.files(table, self._snapshot)
                if not file.apps or apps.intersection(file.apps)
            ]
        return self._files[table]


def _run(request: Request, catalogue: Catalogue, allowed_ms: int) -> Answer:
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "trackplane.lake.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        cwd=Path("/"),
    )
    late = threading.Event()

    def kill() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(allowed_ms / 1000, kill)
    timer.start()
    try:
        with process:
            try:
                answer = _converse(process, request, catalogue)
            finally:
                process.kill()
    except OSError as error:
        answer = None
        if not late.is_set():
            raise LakeError(f"the query's process: {error}") from error
    finally:
        timer.cancel()
    if answer is not None:
        return answer
    if late.is_set():
        return Answer(error=f"the query took over {allowed_ms} ms and was stopped")
    return Answer(error="the query used up its memory or CPU time and was stopped")


def _converse(
    process: subprocess.Popen[bytes], request: Request, catalogue: Catalogue
) -> Answer | None:
    if process.stdin is None or process.stdout is None:
        raise LakeError("the query's process has no pipes")
    send(process.stdin, request)  # type: ignore[arg-type]
    first = receive(process.stdout)  # type: ignore[arg-type]
    if first is None:
        return None
    found = _decoded(first)
    if isinstance(found, Answer):
        return found
    given: list[tuple[list[str], str]] = []
    findings: list[Finding] = []
    for name, location in found.names:
        select = catalogue.select(name)
        if select is not None:
            given.append((name, select))
            continue
        plain = ".".join(name)
        findings.append(
            Finding(
                code="query.unknown",
                message=f"there is no view {plain!r}",
                line=location[0] if location else None,
                column=location[1] if location else None,
                hint=did_you_mean(plain, catalogue.names_like(plain)),
            )
        )
    if findings:
        return Answer(error="; ".join(f.message for f in findings), findings=findings)
    send(process.stdin, Given(views=given, files=catalogue.files()))  # type: ignore[arg-type]
    second = receive(process.stdout)  # type: ignore[arg-type]
    return None if second is None else msgspec.msgpack.decode(second, type=Answer)


def _decoded(data: bytes) -> Answer | Named:
    return msgspec.msgpack.decode(data, type=Answer | Named)
