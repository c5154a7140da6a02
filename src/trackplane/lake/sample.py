"""A sample of stored and dirty events, as the client sent them: some of each event, platform and version.

Rare senders are in it: each gets a share of the places first, what is left goes by size. The choice hangs on
the events' ids alone, so the same lake gives the same sample. What the lake does not keep cannot come back:
a built-in property that was sent as null is missing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from trackplane.event import JsonObject, merge
from trackplane.lake import views
from trackplane.lake.bounded import bounded
from trackplane.lake.census import sender
from trackplane.lake.columns import BUILT_IN_COLUMNS
from trackplane.lake.commit import DIRTY, EVENTS, DataFile, LakeError
from trackplane.lake.duckdb import Workspace
from trackplane.lake.manifest import ManifestReader

_MEMORY_MB: Final = 512
_MOST_ROWS: Final = 30_000_000  # looked at, in the newest files
# Rows looked at and the share of the time for it: where that is too short, of fewer, newer rows.
_ATTEMPTS: Final = ((_MOST_ROWS, 0.6), (_MOST_ROWS // 10, 0.25), (_MOST_ROWS // 100, 0.15))
_MOST_DIRTY: Final = 100_000
_LEAST: Final = 20  # places of the smallest stratum
_decode: Final = msgspec.json.Decoder().decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Stratum(NamedTuple):
    """Events of one kind: stored or dirty, by name, platform and app version."""

    dirty: bool
    event: str
    platform: str
    version: str


class Position(NamedTuple):
    """Where an event was in the queue."""

    topic: str
    partition: int
    offset: int


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a sample, merged as admission sees it, without what the platform stamps."""

    stratum: Stratum
    id: str
    env: str
    server: int
    weight: float
    merged: JsonObject


class EventSample(msgspec.Struct, frozen=True, kw_only=True):
    """A sample, and how many events of each stratum it stands for. ``since`` is as far back as it goes.

    ``cut`` says that time or size left something out.
    """

    since: int
    until: int
    populations: Mapping[Stratum, int]
    events: Sequence[Sampled]
    cut: bool


class _Window(NamedTuple):
    app: str
    events: Collection[str]
    since: int
    until: int
    committed: Mapping[tuple[str, int], int]


def sample(
    manifest: ManifestReader,
    *,
    app: str,
    events: Collection[str],
    since_ms: int,
    until_ms: int,
    most: int,
    timeout_s: float,
    committed: Mapping[tuple[str, int], int] | None = None,
    dirty: bool = True,
) -> EventSample:
    """Return up to ``most`` events of these names received from ``since_ms`` until before ``until_ms``.

    With ``committed``, only events before these offsets (by topic and partition) are taken: those behind
    are read from the queue by who asks. ``dirty`` takes those that a plan kept out as well.

    Raises:
        LakeError: the manifest cannot be read.
    """
    snapshot = manifest.snapshot()
    window = _Window(app, events, since_ms, until_ms, committed or {})
    files = {table: manifest.files(table, snapshot) for table in (EVENTS, DIRTY)}
    if not dirty or not events:
        files[DIRTY] = []
    for rows, share in _ATTEMPTS:
        found = _attempt(manifest, files, window, most, rows, timeout_s * share)
        if found is not None:
            return found
    return EventSample(since=until_ms, until=until_ms, populations={}, events=[], cut=True)


def _attempt(
    manifest: ManifestReader,
    files: Mapping[str, Sequence[DataFile]],
    window: _Window,
    most: int,
    rows: int,
    timeout_s: float,
) -> EventSample | None:
    """Return a sample of the newest files, up to so many rows; None: it took too long."""
    deadline = time.monotonic() + timeout_s
    chosen, since, cut = _recent(files[EVENTS], window, rows)
    window = window._replace(since=since)
    dirty_files, _, less = _recent(files[DIRTY], window, rows)
    try:
        with bounded(memory_mb=_MEMORY_MB, timeout_s=timeout_s) as workspace:
            found, populations, short = _dirty(
                workspace, _paths(manifest, dirty_files), window, most
            )
            if chosen and window.events:
                room = max(most - len(found), most // 2)
                part, counted = _stored(workspace, _paths(manifest, chosen), window, room)
                found += part
                populations |= counted
    except LakeError:
        if time.monotonic() < deadline:
            raise
        return None
    held = {event.stratum for event in found}
    return EventSample(
        since=since,
        until=window.until,
        populations=populations,
        events=found,
        cut=cut or less or short or not held.issuperset(populations),
    )


def _recent(
    files: Iterable[DataFile], window: _Window, most_rows: int
) -> tuple[list[DataFile], int, bool]:
    """Return the newest files of the window, how far back they go, and whether some are left out."""
    inside = [
        file
        for file in files
        if file.max_server >= window.since
        and file.min_server < window.until
        and (not file.apps or window.app in file.apps)
    ]
    inside.sort(key=lambda file: -file.max_server)
    rows, chosen = 0, list[DataFile]()
    for file in inside:
        rows += file.rows
        if chosen and rows > most_rows:
            return chosen, max(window.since, file.max_server + 1), True
        chosen.append(file)
    return chosen, window.since, False


def _paths(manifest: ManifestReader, files: Iterable[DataFile]) -> list[str]:
    return [str((manifest.folder / file.path).resolve()) for file in files]


def _names(events: Iterable[str]) -> str:
    """Return a selection of the names: one literal, which is read far faster than thousands."""
    return f"SELECT unnest(from_json({_json(sorted(events))}, '[\"VARCHAR\"]'))"


def _json(value: object) -> str:
    return views.literal(msgspec.json.encode(value).decode())


def _before(committed: Mapping[tuple[str, int], int]) -> str:
    """Return the condition on rows that stand before the committed offsets."""
    later = [
        f'(topic = {views.literal(topic)} AND "partition" = {partition} AND "offset" >= {offset})'
        for (topic, partition), offset in sorted(committed.items())
    ]
    return f" AND NOT ({' OR '.join(later)})" if later else ""


def _stored(
    workspace: Workspace, paths: list[str], window: _Window, most: int
) -> tuple[list[Sampled], dict[Stratum, int]]:
    listed = ", ".join(map(views.literal, paths))
    source = (
        f"read_parquet([{listed}], hive_partitioning = false, filename = true,"
        " file_row_number = true)"
    )
    # Counted first over a few narrow columns; whole rows are read only of those chosen.
    workspace.rows(
        "CREATE TEMP TABLE light AS SELECT filename AS file, file_row_number AS number, event,"  # noqa: S608
        " coalesce(how_platform, '') AS platform, coalesce(how_app_version, '') AS version,"
        ' hash(id, "offset", "index") AS choice'
        f" FROM {source} WHERE app = {views.literal(window.app)} AND event IN ({_names(window.events)})"
        f" AND epoch_ms(server) >= {window.since} AND epoch_ms(server) < {window.until}"
        f"{_before(window.committed)}"
    )
    rows = workspace.rows("SELECT event, platform, version, count(*) FROM light GROUP BY ALL")
    counts = {Stratum(False, *names): int(count) for *names, count in rows}
    places = shares(counts, most)
    if not places:
        return [], counts
    given = _json([[*stratum[1:], str(count)] for stratum, count in places.items()])
    workspace.rows(
        "CREATE TEMP TABLE chosen AS SELECT file, number FROM (SELECT file, number, event, platform,"  # noqa: S608
        " version, row_number() OVER (PARTITION BY event, platform, version ORDER BY choice, file,"
        f" number) AS place FROM light) JOIN (SELECT q[1] AS event, q[2] AS platform, q[3] AS version,"
        f" q[4]::BIGINT AS places FROM (SELECT unnest(from_json({given}, '[[\"VARCHAR\"]]')) AS q))"
        " USING (event, platform, version) WHERE place <= places"
    )
    built_in = ", ".join(views.quoted(column) for column in BUILT_IN_COLUMNS.values())
    found = workspace.rows(
        f"SELECT event, coalesce(how_platform, ''), coalesce(how_app_version, ''), id, env,"  # noqa: S608
        f" epoch_ms(server), coalesce(weight, 1), extra, what, {built_in} FROM {source} AS s"
        " JOIN chosen AS c ON s.filename = c.file AND s.file_row_number = c.number"
        " ORDER BY s.server, s.id"
    )
    return [_sampled(row) for row in found], counts


def shares(counts: Mapping[Stratum, int], most: int) -> dict[Stratum, int]:
    """Return how many events each stratum gives: a few of each first, then by size.

    >>> rare, common = Stratum(False, "e", "ios", "1"), Stratum(False, "e", "ios", "2")
    >>> sorted(shares({rare: 30, common: 970}, 100).values())
    [20, 79]
    """
    least = max(1, min(_LEAST, most // max(1, len(counts))))
    places = {stratum: min(count, least) for stratum, count in counts.items()}
    if sum(places.values()) > most:  # more strata than places: the largest ones
        ranked = sorted(counts, key=lambda stratum: (-counts[stratum], stratum))
        return dict.fromkeys(ranked[:most], 1)
    left = most - sum(places.values())
    open_ = sum(counts[stratum] - given for stratum, given in places.items())
    share = min(1.0, left / open_) if open_ else 0.0
    return {
        stratum: given + int((counts[stratum] - given) * share) for stratum, given in places.items()
    }


def _sampled(row: Sequence[Any]) -> Sampled:
    event, platform, version, id_, env, server, weight, extra, what, *built_in = row
    return Sampled(
        stratum=Stratum(False, event, platform, version),
        id=id_ or "",
        env=env or "",
        server=server,
        weight=weight,
        merged=stored_event(event, id_, extra, what, built_in),
    )


def stored_event(
    event: str, id_: str | None, extra: str | None, what: str | None, built_in: Sequence[Any]
) -> JsonObject:
    """Return a stored event as its client sent it, merged; ``built_in`` in the order of the columns."""
    merged: JsonObject = {"event": event, "id": id_}
    for (root, name), value in zip(BUILT_IN_COLUMNS, built_in, strict=True):
        if value is not None:
            merged.setdefault(root, {})[name] = value
    for root, values in (_decode(extra) if extra else {}).items():
        if isinstance(values, dict):
            merged.setdefault(root, {}).update(values)
        else:
            merged[root] = values
    if what:
        merged["what"] = _decode(what)
    return merged


def _dirty(
    workspace: Workspace, paths: list[str], window: _Window, most: int
) -> tuple[list[Sampled], dict[Stratum, int], bool]:
    if not paths or not window.events:
        return [], {}, False
    rows = workspace.rows(
        "SELECT event, id, env, server, header, data"  # noqa: S608
        f" FROM ({views.read(paths)}) WHERE app = {views.literal(window.app)} AND stage = 'plan'"
        f" AND event IN ({_names(window.events)})"
        f" AND server >= {window.since} AND server < {window.until}{_before(window.committed)}"
        f' ORDER BY hash(id, "offset", "index"), server LIMIT {_MOST_DIRTY + 1}'
    )
    cut = len(rows) > _MOST_DIRTY
    strata: dict[Stratum, list[tuple[Any, ...]]] = {}
    for row in rows[:_MOST_DIRTY]:
        platform, version = sender(row[4] or b"", row[5] or b"")
        strata.setdefault(Stratum(True, row[0], platform, version), []).append(row)
    counts = {stratum: len(held) for stratum, held in strata.items()}
    found: list[Sampled] = []
    for stratum, places in shares(counts, most // 2).items():
        for event, id_, env, server, header, data in strata[stratum][:places]:
            merged = dirty_event(event, id_, header or b"{}", data or b"{}")
            if merged is not None:
                found.append(
                    Sampled(
                        stratum=stratum,
                        id=id_ or "",
                        env=env or "",
                        server=server,
                        weight=1.0,
                        merged=merged,
                    )
                )
    return found, counts, cut


def dirty_event(event: str, id_: str | None, header: bytes, data: bytes) -> JsonObject | None:
    """Return a dirty event merged, or None where its bytes are no record."""
    try:
        base, own = _decode(header), _decode(data)
    except _UNREADABLE:
        return None
    if not isinstance(base, dict) or not isinstance(own, dict):
        return None
    try:
        merged = merge(base, own)
    except (TypeError, ValueError):
        return None
    merged["event"] = event
    merged["id"] = id_
    return merged
