"""The views that queries see, as SQL text: whole tables, planned events, datasets. Pure.

Columns of a planned event are its properties under flattened names (``what_total_value``). A value
of another type than planned is NULL there; it is still in ``what`` or ``extra``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from trackplane.event import BUILT_IN
from trackplane.plan.model import EventSpec, Property

_TIMES: Final = ("when_client", "when_sent")
_FIRST_MS: Final = -62_135_596_800_000  # year 1
_LAST_MS: Final = 253_402_300_799_999  # year 9999
_BUILT_IN: Final = tuple(
    path.replace(".", "_")
    for path in BUILT_IN
    if path.partition(".")[0] in ("who", "when", "where", "how")
    and path not in ("when.server", "when.at")
)
_META: Final = (
    "app",
    "env",
    "grade",
    "revision",
    "event",
    "id",
    "weight",
    "when_server",
    "when_at",
)
# Stored under shorter names; ``at`` alone is a reserved word of the SQL dialect.
_STORED: Final = {"when_server": "server", "when_at": "at"}
_DIRTY: Final = (
    *("app", "env", "grade", "revision", "event", "id", "when_server"),
    *("stage", "reason", "message", "rule", "wire", "violations"),
)
_FLAWS: Final = "STRUCT(code VARCHAR, pointer VARCHAR)[]"
_ARROW_TYPES: Final = {
    "revision": "BIGINT",
    "weight": "DOUBLE",
    "server": "TIMESTAMP",
    "at": "TIMESTAMP",
    "when_client": "BIGINT",
    "when_sent": "BIGINT",
    "when_offset_min": "BIGINT",
    "how_seq": "BIGINT",
    "how_config": "BIGINT",
    "violations": _FLAWS,
    "header": "BLOB",
    "data": "BLOB",
}
COLUMN_TYPES: Final[Mapping[str, str]] = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "json": "VARCHAR",
}
# Stored beside a dataset's own columns, under names that those cannot have.
STANDARD_COLUMNS: Final[Mapping[str, str]] = {
    "_rule": "VARCHAR",
    "_app": "VARCHAR",
    "_env": "VARCHAR",
    "_id": "VARCHAR",
    "_event": "VARCHAR",
    "_at": "TIMESTAMP",
    "_server": "TIMESTAMP",
    "_weight": "DOUBLE",
}
_SCALARS: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
}


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a typed view: its name, its SQL, and the property it shows."""

    name: str
    sql: str
    path: str


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def events(files: Sequence[str], apps: Iterable[str]) -> str:
    """Return the SELECT of all events of ``apps``."""
    shown = [*map(_renamed, _META)]
    shown += [_moment(name) if name in _TIMES else quoted(name) for name in _BUILT_IN]
    meta = [_STORED.get(name, name) for name in _META]
    stored = (*meta, *_BUILT_IN, "extra", "what", "violations")
    return _select([*shown, "extra", "what", "violations"], _source(files, stored), apps)


def dirty(files: Sequence[str], apps: Iterable[str]) -> str:
    """Return the SELECT of all dirty events of ``apps``; bytes that are not UTF-8 are NULL."""
    # Stored as ms, for those who read files without SQL.
    shown = ["epoch_ms(server) AS when_server" if n == "when_server" else n for n in _DIRTY]
    shown += ["TRY(decode(header)) AS header", "TRY(decode(data)) AS data"]
    stored = {name: _ARROW_TYPES.get(name, "VARCHAR") for name in (*_DIRTY, "header", "data")}
    stored["server"] = "BIGINT"
    return _select(shown, f"({read(files) if files else _empty(stored)})", apps)


def dataset(files: Sequence[str], columns: Mapping[str, str], apps: Iterable[str]) -> str:
    """Return the SELECT of a dataset's rows of ``apps``, with columns that older files lack.

    Standard columns show without their underscore where the dataset has no column of that name.
    """
    types = {name: COLUMN_TYPES[kind] for name, kind in columns.items()}
    taken = {name.casefold() for name in types}
    shown = [*map(quoted, types)]
    for name in STANDARD_COLUMNS:
        plain = {"_at": "when_at", "_server": "when_server"}.get(name, name.removeprefix("_"))
        shown.append(f"{name} AS {quoted(plain)}" if plain not in taken else name)
    source = _empty({**STANDARD_COLUMNS, **types})
    if files:
        source = f"{source} UNION ALL BY NAME {read(files, by_name=True)}"
    return _select(shown, f"({source})", apps, column="_app")


def event(files: Sequence[str], spec: EventSpec) -> str:
    """Return the SELECT of one planned event, typed as planned."""
    shown = [*map(quoted, _META), *map(quoted, _BUILT_IN)]
    shown += [f"{column.sql} AS {quoted(column.name)}" for column in typed_columns(spec)]
    return (
        f"SELECT {', '.join([*shown, 'extra', 'what', 'violations'])}"  # noqa: S608
        f" FROM ({events(files, [spec.app])}) WHERE event = {literal(spec.event)}"
    )


def typed_columns(spec: EventSpec) -> list[Column]:
    """Return the planned properties of an event as columns, named without collision.

    >>> total = Property(type=("object",), properties={"value": Property(type=("number",))})
    >>> spec = EventSpec(app="shop", event="pay", properties={"what": {"total": total}})
    >>> [(c.name, c.path) for c in typed_columns(spec)]
    [('what_total_value', 'what.total.value')]
    """
    taken = {name.casefold() for name in (*_META, *_BUILT_IN, "extra", "what", "violations")}
    columns: list[Column] = []
    for namespace, properties in _all_properties(spec).items():
        base, prefix = ("what", ()) if namespace == "what" else ("extra", (namespace,))
        for name, shape in properties.items():
            if f"{namespace}.{name}" in BUILT_IN:
                continue
            for path, leaf in _leaves((name,), shape):
                flat = "_".join((namespace, *path))
                unique, number = flat, 2
                while unique.casefold() in taken:
                    unique, number = f"{flat}_{number}", number + 1
                taken.add(unique.casefold())
                sql = _cast(base, _pointer((*prefix, *path)), leaf)
                columns.append(Column(name=unique, sql=sql, path=".".join((namespace, *path))))
    return columns


def _all_properties(spec: EventSpec) -> dict[str, dict[str, Property]]:
    """Return the event's properties with those that only a variant has."""
    found = {namespace: dict(entries) for namespace, entries in spec.properties.items()}
    for variant in spec.variants:
        for namespace, patch in variant.patch.items():
            known = found.setdefault(namespace, {})
            for name in patch:
                known.setdefault(name, Property(type=("json",)))
    return found


def _leaves(path: tuple[str, ...], shape: Property) -> Iterator[tuple[tuple[str, ...], Property]]:
    if shape.type == ("object",) and shape.properties:
        for name, inner in shape.properties.items():
            yield from _leaves((*path, name), inner)
    else:
        yield path, shape


def _pointer(path: Sequence[str]) -> str:
    return literal("".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path))


def _cast(column: str, pointer: str, shape: Property) -> str:
    value, text = f"json_extract({column}, {pointer})", f"json_extract_string({column}, {pointer})"
    kind = f"json_type({column}, {pointer})"
    types = set(shape.type)
    if types == {"string"}:
        return f"CASE {kind} WHEN 'VARCHAR' THEN {text} END"
    if types == {"boolean"}:
        return f"CASE {kind} WHEN 'BOOLEAN' THEN TRY_CAST({value} AS BOOLEAN) END"
    number = f"TRY_CAST({value} AS DOUBLE)"
    if types in ({"number"}, {"number", "integer"}):
        return f"CASE WHEN {kind} IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN {number} END"
    whole = f"TRY_CAST({value} AS BIGINT)"
    if types == {"integer"}:
        return (
            f"CASE WHEN {kind} IN ('BIGINT', 'UBIGINT') THEN {whole}"
            f" WHEN {kind} = 'DOUBLE' AND {number} = floor({number}) THEN {whole} END"
        )
    if types == {"timestamp"}:
        return (
            f"CASE WHEN {kind} = 'VARCHAR' THEN TRY_CAST({text} AS TIMESTAMPTZ)::TIMESTAMP"
            f" WHEN {kind} IN ('BIGINT', 'UBIGINT') AND {whole} BETWEEN {_FIRST_MS} AND {_LAST_MS}"
            f" THEN epoch_ms({whole}) END"
        )
    items = shape.items
    if types == {"array"} and items and len(items.type) == 1 and items.type[0] in _SCALARS:
        return f"TRY_CAST({value} AS {_SCALARS[items.type[0]]}[])"
    return value


def _renamed(name: str) -> str:
    stored = _STORED.get(name)
    return quoted(name) if stored is None else f"{quoted(stored)} AS {quoted(name)}"


def _moment(name: str) -> str:
    return (
        f"CASE WHEN {quoted(name)} BETWEEN {_FIRST_MS} AND {_LAST_MS}"
        f" THEN epoch_ms({quoted(name)}) END AS {quoted(name)}"
    )


def _select(shown: Sequence[str], source: str, apps: Iterable[str], *, column: str = "app") -> str:
    listed = ", ".join(literal(app) for app in sorted(set(apps)))
    where = f"{column} IN ({listed})" if listed else "false"
    return f"SELECT {', '.join(shown)} FROM {source} WHERE {where}"  # noqa: S608


def _source(files: Sequence[str], names: Sequence[str]) -> str:
    if files:
        return f"({read(files)})"
    return f"({_empty({name: _ARROW_TYPES.get(name, 'VARCHAR') for name in names})})"


def _empty(types: Mapping[str, str]) -> str:
    nulls = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in types.items())
    return f"SELECT {nulls} WHERE false"


def read(files: Sequence[str], *, by_name: bool = False) -> str:
    """Return the SELECT of all that files hold."""
    union = ", hive_partitioning = false" + (", union_by_name = true" if by_name else "")
    return f"SELECT * FROM read_parquet([{', '.join(map(literal, files))}]{union})"  # noqa: S608
