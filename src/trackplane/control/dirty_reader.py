"""Dirty events as the lake keeps them: one entry for each failing, however often it failed.

What tells one failing from another is the event's identity and, where a rule failed on it, the rule;
an event without an identity is told by its place in the queue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackplane.control.data import DirtyCounts, DirtyFilter, DirtyTotal, StoredDirty
from trackplane.dirty import Stage
from trackplane.errors import StorageError
from trackplane.event import Grade
from trackplane.lake.commit import DIRTY, DataFile
from trackplane.lake.manifest import ManifestReader

_TEXTS: Final = ("app", "stage", "reason", "rule", "event")
_PLACE: Final = ("server", "topic", "partition", "offset", "index")
_LIGHT: Final = (*_TEXTS, "id", "identity", *_PLACE)
_NUMBERS: Final = ("file", "row")


class _How(msgspec.Struct):
    app_version: object = None


class _Part(msgspec.Struct):
    how: _How | None = None


_part: Final = msgspec.json.Decoder(_Part)


@lru_cache(maxsize=10_000)
def _header_version(header: bytes) -> str:
    return _version(header)


def _version(part: bytes) -> str:
    if b"app_version" not in part:
        return ""
    try:
        how = _part.decode(part).how
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    version = how.app_version if how is not None else None
    return version if isinstance(version, str) else ""


def app_version(header: bytes, data: bytes) -> str:
    """Return ``how.app_version`` of an event, empty where it has none that can be read."""
    return _version(data) or _header_version(header)


class DirtyReader:
    """Reads the dirty table of a lake."""

    def __init__(self, manifest: ManifestReader) -> None:
        self._manifest = manifest

    def events(self, wanted: DirtyFilter, *, limit: int, before: str = "") -> list[StoredDirty]:
        """Return dirty events, newest first, those after the key ``before`` in that order."""
        files = self._files(wanted)
        table = _newest_first(self._failings(files, wanted))
        if before:
            table = table.filter(_after(table, before))
        rows = table.slice(0, limit).to_pylist()
        found: dict[int, dict[int, Mapping[str, Any]]] = {}
        for number in {row["file"] for row in rows}:
            places = [row["row"] for row in rows if row["file"] == number]
            whole = self._read(files[number]).take(places).to_pylist()
            found[number] = dict(zip(places, whole, strict=True))
        return [_stored(row, found[row["file"]][row["row"]]) for row in rows]

    def groups(self, wanted: DirtyFilter, by: Sequence[str]) -> list[DirtyCounts]:
        """Return how many failed alike in these fields, the most first."""
        table = self._failings(self._files(wanted), wanted, versions="app_version" in by)
        if not table.num_rows:
            return []
        table = table.append_column("key", _keys(table))
        grouped = table.sort_by("server").group_by(list(by), use_threads=False)
        counts = grouped.aggregate(
            [("key", "last"), ("server", "count"), ("server", "max"), ("first_at", "min")]
        )
        found = [
            DirtyCounts(
                fields={name: row[name] or "" for name in by},
                count=row["server_count"],
                first_at=row["first_at_min"],
                last_at=row["server_max"],
                sample=row["key_last"],
            )
            for row in counts.to_pylist()
        ]
        return sorted(found, key=lambda group: (-group.count, -group.last_at))

    def total(self, apps: Collection[str] | None, resolved: Collection[bytes]) -> DirtyTotal:
        """Return how many failings there are, and how many of them are resolved."""
        wanted = DirtyFilter(apps=apps)
        table = self._failings(self._files(wanted), wanted)
        mended = pc.sum(pc.is_in(table["failing"], pa.array(list(resolved), pa.binary()))).as_py()
        return DirtyTotal(unresolved=table.num_rows - (mended or 0), resolved=mended or 0)

    def failed_since(self, topic: str, offset: int) -> set[bytes]:
        """Return the failings that messages of a topic from ``offset`` on gave."""
        found: set[bytes] = set()
        for file in self._manifest.files(DIRTY):
            table = self._read(file, columns=[*_LIGHT])
            chosen = pc.and_(
                pc.equal(table["topic"], topic), pc.greater_equal(table["offset"], offset)
            )
            found.update(_failing(table.filter(chosen)).to_pylist())
        return found

    def _files(self, wanted: DirtyFilter) -> list[DataFile]:
        apps = None if wanted.apps is None else set(wanted.apps)
        return [
            file
            for file in self._manifest.files(DIRTY)
            if apps is None or not file.apps or apps & set(file.apps)
        ]

    def _failings(
        self, files: Sequence[DataFile], wanted: DirtyFilter, *, versions: bool = False
    ) -> Any:
        """Return a row for each failing that is wanted: its last, with how often it failed."""
        versions = versions or bool(wanted.app_version)
        parts = [
            _chosen(self._light(number, file, versions=versions), wanted)
            for number, file in enumerate(files)
        ]
        parts = [part for part in parts if part.num_rows]
        if not parts:
            return _EMPTY
        table = pa.concat_tables(parts).sort_by([(name, "ascending") for name in _PLACE])
        rest = [name for name in table.column_names if name != "failing"]
        grouped = table.group_by("failing", use_threads=False).aggregate(
            [*((name, "last") for name in rest), ("server", "count"), ("server", "min")]
        )
        names = {f"{name}_last": name for name in rest}
        names |= {"server_count": "attempts", "server_min": "first_at", "failing": "failing"}
        table = grouped.rename_columns([names[name] for name in grouped.column_names])
        if wanted.resolved is not None:
            mended = pc.is_in(table["failing"], pa.array(list(wanted.resolved), pa.binary()))
            table = table.filter(mended if wanted.only_resolved else pc.invert(mended))
        if wanted.keys:
            table = table.filter(pc.is_in(_keys(table), pa.array(list(wanted.keys), pa.string())))
        return table

    def _light(self, number: int, file: DataFile, *, versions: bool) -> Any:
        columns = [*_LIGHT, "header", "data"] if versions else [*_LIGHT]
        table = self._read(file, columns=columns)
        table = table.append_column("failing", _failing(table))
        rows = table.num_rows
        table = table.append_column("file", pa.array([number] * rows, pa.int32()))
        table = table.append_column("row", pa.array(range(rows), pa.int64()))
        if versions:
            pairs = zip(table["header"].to_pylist(), table["data"].to_pylist(), strict=True)
            found = [app_version(header or b"", data or b"") for header, data in pairs]
            table = table.drop_columns(["header", "data"])
            return table.append_column("app_version", pa.array(found, pa.string()))
        return table

    def _read(self, file: DataFile, columns: list[str] | None = None) -> Any:
        try:
            table = pq.read_table(
                self._manifest.folder / file.path, columns=columns, partitioning=None
            )
        except (OSError, pa.ArrowException) as error:
            raise StorageError(f"a file of dirty events cannot be read: {error}") from error
        plain = [
            pa.field(f.name, f.type.value_type) if pa.types.is_dictionary(f.type) else f
            for f in table.schema
        ]
        return table.cast(pa.schema(plain)).combine_chunks()


_EMPTY: Final = pa.table(
    {
        **{name: pa.array([], pa.string()) for name in (*_TEXTS, "id", "topic", "app_version")},
        **{
            name: pa.array([], pa.int64())
            for name in ("server", "partition", "offset", "index", "attempts", "first_at")
        },
        **{name: pa.array([], pa.int64()) for name in _NUMBERS},
        "failing": pa.array([], pa.binary()),
    }
)


def _failing(table: Any) -> Any:
    """Return what tells each row's failing from others."""
    nothing = pa.scalar(b"", pa.binary())
    identity = pc.fill_null(table["identity"].cast(pa.binary()), nothing)
    place = _joined(table, _PLACE).cast(pa.binary())
    known = pc.greater(pc.binary_length(identity), 0)
    rule = pc.fill_null(table["rule"].cast(pa.string()), "").cast(pa.binary())
    found = pc.binary_join_element_wise(pc.if_else(known, identity, place), rule, nothing)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _joined(table: Any, names: Sequence[str]) -> Any:
    return pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in names), ":")


def _keys(table: Any) -> Any:
    """Return the key by which each row is named to people."""
    return _joined(table, _PLACE)


def _chosen(table: Any, wanted: DirtyFilter) -> Any:
    if wanted.apps is not None:
        table = table.filter(pc.is_in(table["app"], pa.array(list(wanted.apps), pa.string())))
    for name in ("stage", "reason", "rule", "event", "app_version"):
        value = getattr(wanted, name)
        if value:
            table = table.filter(pc.equal(table[name], value))
    if wanted.ids:
        table = table.filter(pc.is_in(table["id"], pa.array(list(wanted.ids), pa.string())))
    return table


def _newest_first(table: Any) -> Any:
    order = [("server", "descending"), *((name, "ascending") for name in _PLACE[1:])]
    return table.sort_by(order)


def _after(table: Any, before: str) -> Any:
    """Return a mask of what comes after a key; nothing comes after what is no key of ours."""
    parts = before.split(":")
    numbers = (parts[0], *parts[2:])
    if len(parts) != len(_PLACE) or not all(p.isdecimal() and len(p) < 19 for p in numbers):
        return pa.array([False] * table.num_rows, pa.bool_())
    values = (int(parts[0]), parts[1], *(int(part) for part in parts[2:]))
    later = pc.less(table["server"], values[0])
    same = pc.equal(table["server"], values[0])
    for name, value in zip(_PLACE[1:], values[1:], strict=True):
        later = pc.or_(later, pc.and_(same, pc.greater(table[name], value)))
        same = pc.and_(same, pc.equal(table[name], value))
    return later


def _stored(row: Mapping[str, Any], whole: Mapping[str, Any]) -> StoredDirty:
    header, data = whole["header"] or b"{}", whole["data"] or b""
    return StoredDirty(
        key=":".join(str(row[name]) for name in _PLACE),
        failing=row["failing"],
        attempts=row["attempts"],
        app_version=app_version(header, data),
        app=whole["app"],
        env=whole["env"],
        stage=msgspec.convert(whole["stage"], Stage),
        reason=whole["reason"],
        received=whole["server"],
        id=whole["id"] or "",
        event=whole["event"] or "",
        identity=whole["identity"] or b"",
        grade=msgspec.convert(whole["grade"], Grade),
        revision=whole["revision"] or 0,
        message=whole["message"] or "",
        header=header,
        data=data,
        rule=whole["rule"] or "",
        wire=whole["wire"] or "native",
    )


def by_rule(events: Sequence[StoredDirty]) -> Iterator[tuple[tuple[str, str], list[StoredDirty]]]:
    """Yield events by rule and grade."""
    found: dict[tuple[str, str], list[StoredDirty]] = {}
    for event in events:
        found.setdefault((event.rule, event.grade), []).append(event)
    yield from found.items()
