"""Runs one rule over stored events: in SQL where that is exact, else by the engine itself.

Both give the same multiset of typed outputs as the stream did under that rule. What the lake does not keep
cannot come back: a built-in property that an event sent as null is missing in a copy of the whole event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import duckdb
import msgspec

from trackplane.engine.engine import Engine, Outputs
from trackplane.engine.ruleset import Ruleset
from trackplane.errors import InputError
from trackplane.event import Grade, JsonObject, identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.lake import views
from trackplane.lake.columns import BUILT_IN_COLUMNS
from trackplane.lake.commit import EVENTS
from trackplane.lake.manifest import ManifestReader
from trackplane.rules import ir
from trackplane.rules.backends.duckdb import to_duckdb
from trackplane.rules.backends.query import ROW_COLUMNS, Query, Refused
from trackplane.rules.library import Environment

_ROWS: Final = 2_000  # fetched at once
_MEMORY_MB: Final = 512
_WHOLE: Final = ("json", "array", "object", "map")
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode

Way = Literal["duckdb", "engine"]


class ReplayError(InputError):
    """A rule cannot be run over stored events; the message says why."""

    code = "rule_replay"


class ReplayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One output. Times are ms."""

    target: str
    id: str
    event: str
    app: str
    env: str
    server: int
    at: int
    weight: float
    data: JsonObject


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule puts out for stored events.

    ``why`` says why the engine ran it (empty: SQL did). ``outputs`` are counts by dataset and
    ``failures`` by code, of all events; ``rows`` are at most as many as were asked for.
    """

    way: Way
    why: str
    snapshot: int
    outputs: dict[str, int]
    failures: dict[str, int]
    rows: list[ReplayRow]

    @property
    def truncated(self) -> bool:
        """Say whether there are more rows than were returned."""
        return len(self.rows) < sum(self.outputs.values())


class _Sum:
    """Adds up what comes out."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self.outputs: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.rows: list[ReplayRow] = []

    def put(self, target: str, row: Callable[[], ReplayRow]) -> None:
        """Count an output, and keep it while there is room."""
        self.outputs[target] += 1
        if self._limit is None or len(self.rows) < self._limit:
            self.rows.append(row())


def replay(
    rule: ir.Rule,
    manifest: ManifestReader,
    *,
    since_ms: int,
    until_ms: int,
    apps: Sequence[str] | None = None,
    datasets: Mapping[str, ir.Dataset] | None = None,
    environment: Environment | None = None,
    limit: int | None = None,
    way: Way | None = None,
) -> Replayed:
    """Run a rule over the events received from ``since_ms`` until before ``until_ms``.

    ``apps`` None: all. ``datasets`` and ``environment`` are what the engine gives it. ``limit`` bounds the
    rows that are returned, not what is counted. ``way`` asks for one (None: SQL where it is exact).

    Raises:
        ReplayError: the rule ends in a script, or the engine rejects it.
        Refused: SQL was asked for, and cannot say the rule exactly.
        LakeError: the manifest cannot be read.
    """
    if any(isinstance(action, ir.Script) for action in rule.actions):
        raise ReplayError(f"{rule.name} ends in a script, which runs on the stream only")
    snapshot = manifest.snapshot()
    source = source_of(manifest, snapshot, since_ms, until_ms, apps)
    query, why = None, "the engine was asked for" if way == "engine" else ""
    if way != "engine":
        try:
            query = to_duckdb(rule, source)
        except Refused as error:
            if way == "duckdb":
                raise
            why = f"DuckDB refuses {error}"
    total = _Sum(limit)
    with connection() as opened:
        if query is not None:
            _by_query(query, opened, total)
        else:
            _by_engine(rule, source, opened, total, datasets, environment)
    return Replayed(
        way="duckdb" if query is not None else "engine",
        why=why,
        snapshot=snapshot,
        outputs=dict(total.outputs),
        failures=dict(total.failures),
        rows=total.rows,
    )


def connection() -> duckdb.DuckDBPyConnection:
    """Return DuckDB in memory, within bounds."""
    opened = duckdb.connect(config={"memory_limit": f"{_MEMORY_MB}MB", "threads": 1})
    opened.execute("SET TimeZone = 'UTC'")
    return opened


def source_of(
    manifest: ManifestReader,
    snapshot: int,
    since_ms: int,
    until_ms: int,
    apps: Sequence[str] | None,
) -> str:
    """Return the stored events received in that time as a relation.

    Raises:
        ReplayError: there are none.
    """
    found = [
        str((manifest.folder / file.path).resolve())
        for file in manifest.files(EVENTS, snapshot)
        if (not file.max_server or file.max_server >= since_ms) and file.min_server < until_ms
    ]
    if not found:
        raise ReplayError("the lake has no events of that time")
    conditions = [f"epoch_ms(server) >= {int(since_ms)}", f"epoch_ms(server) < {int(until_ms)}"]
    if apps is not None:
        listed = ", ".join(map(views.literal, apps)) or "NULL"
        conditions.append(f"app IN ({listed})")
    return f"(SELECT * FROM ({views.read(found)}) WHERE {' AND '.join(conditions)})"  # noqa: S608


def _fetched(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    found = connection.execute(sql)
    while rows := found.fetchmany(_ROWS):
        yield from rows


# --- in SQL


def _by_query(query: Query, connection: duckdb.DuckDBPyConnection, total: _Sum) -> None:
    for row in _fetched(connection, query.sql):
        head = dict(zip(ROW_COLUMNS, row, strict=False))
        failure, target = head.pop("failure"), head["target"]
        if failure is not None:
            total.failures[failure] += 1
            continue
        own = row[len(ROW_COLUMNS) :]
        total.put(target, lambda head=head, own=own: _of_query(query, head, own))  # type: ignore[misc]


def _of_query(query: Query, head: dict[str, Any], own: Sequence[Any]) -> ReplayRow:
    data = {
        name: _decode(value) if kind in _WHOLE and value is not None else value
        for (name, kind), value in zip(query.columns, own, strict=True)
    }
    return ReplayRow(**head, data=data)


# --- by the engine


def _by_engine(
    rule: ir.Rule,
    source: str,
    opened: duckdb.DuckDBPyConnection,
    total: _Sum,
    datasets: Mapping[str, ir.Dataset] | None,
    environment: Environment | None,
) -> None:
    for frame, outputs in through_engine(rule, source, opened, datasets, environment):
        for failed in outputs.dirty:
            total.failures[failed.reason] += 1
        for target, rows in outputs.rows.items():
            for number in range(len(rows.data)):
                place = frame.ids.index(rows.id[number])
                total.put(
                    target,
                    lambda t=target, r=rows, n=number, p=place, f=frame: _of_engine(t, r, n, p, f),  # type: ignore[misc]
                )


def through_engine(
    rule: ir.Rule,
    source: str,
    opened: duckdb.DuckDBPyConnection,
    datasets: Mapping[str, ir.Dataset] | None = None,
    environment: Environment | None = None,
) -> Iterator[tuple[Frame, Outputs]]:
    """Yield the events of a relation as frames, each with what the engine puts out for it.

    Raises:
        ReplayError: the engine rejects the rule.
    """
    known = datasets or {
        name: ir.Dataset(name=name, kind="table", columns=_columns(rule))
        for name in ir.targets(rule)
    }
    ruleset, rejected = Ruleset.empty().apply(
        1, changed={rule.name: ir.encode(rule)}, datasets=known, environment=environment
    )
    if rejected:
        raise ReplayError(f"the engine rejects {rule.name}: {rejected[rule.name]}")
    engine = Engine(ruleset)
    names = ["app", "env", "grade", "revision", "event", "id", "weight"]
    built_in = [f'"{column}"' for column in BUILT_IN_COLUMNS.values()]
    picked = [*names, "epoch_ms(server)", 'epoch_ms("at")', "extra", "what", *built_in]
    sql = f"SELECT {', '.join(picked)} FROM {source}"  # noqa: S608 - names of ours
    for frame in _frames(_fetched(opened, sql)):
        yield frame, engine.process([(frame, None)])


def _columns(rule: ir.Rule) -> dict[str, ir.ColumnType]:
    for action in rule.actions:
        if isinstance(action, ir.Select):
            kinds = {column.name: column.value.type.kind for column in action.columns}
            known: dict[str, ir.ColumnType] = {kind: kind for kind in ir.COLUMN_TYPES}
            return {name: known.get(kind, "json") for name, kind in kinds.items()}
    return {}


def _of_engine(target: str, rows: Any, number: int, place: int, frame: Frame) -> ReplayRow:
    upload = frame.uploads[int(frame.upload[place])]
    return ReplayRow(
        target=target,
        id=frame.ids[place],
        event=frame.names[int(frame.name[place])],
        app=upload.app,
        env=upload.env,
        server=upload.received,
        at=int(frame.at[place]),
        weight=rows.weight[number],
        data=_decode(rows.data[number]),
    )


def _frames(rows: Iterator[tuple[Any, ...]]) -> Iterator[Frame]:
    """Return stored events as frames, each of events of one grade and with other ids."""
    builder: FrameBuilder | None = None
    grade, ids = "", set[str]()
    for (
        app,
        env,
        of_grade,
        revision,
        event,
        id_,
        weight,
        server,
        at,
        extra,
        what,
        *built_in,
    ) in rows:
        data = _event(extra, what, built_in)
        full = builder is not None and not builder.has_room(len(data), 2)
        if builder is None or full or of_grade != grade or id_ in ids:
            if builder is not None:
                yield Frame.decode(builder.build())
            grade, ids = of_grade, set()
            builder = FrameBuilder(_GRADES[of_grade])
        ids.add(id_)
        builder.add(
            builder.add_upload(app, env, revision or 0, server, b"{}"),
            event=event,
            id=id_,
            identity=identity(app, id_, event, None),
            at=at,
            data=data,
            clean=True,
            weight=weight,
        )
    if builder is not None:
        yield Frame.decode(builder.build())


def _event(extra: str | None, what: str | None, built_in: Sequence[Any]) -> bytes:
    """Return a stored event as JSON, merged."""
    event: dict[str, Any] = {}
    for (root, name), value in zip(BUILT_IN_COLUMNS, built_in, strict=True):
        if value is not None:
            event.setdefault(root, {})[name] = value
    for root, values in (_decode(extra) if extra else {}).items():
        if isinstance(values, dict):
            event.setdefault(root, {}).update(values)
    if what:
        event["what"] = msgspec.Raw(what.encode())
    return _encode(event)


_GRADES: Final[dict[str, Grade]] = {"P0": "P0", "P1": "P1", "P2": "P2", "P3": "P3"}
