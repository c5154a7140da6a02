"""What a file of the lake holds, counted by event, environment, platform, app version and day.

Dirty events are counted apart: those that the collector kept out, and failings of rules on stored events.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from trackplane.lake import views
from trackplane.lake.commit import DIRTY, EVENTS, DataFile, LakeError
from trackplane.lake.duckdb import Workspace
from trackplane.plan.violations import CODES

OTHER: Final = "…"  # stands for what is too many to count apart
_MOST_KEYS: Final = 200_000  # of one file
_MEMORY_MB: Final = 256
_DAY_MS: Final = 86_400_000
_TEXT: Final = 100
_EVENT: Final = 200
_DIRTY_ROWS: Final = 20_000  # read at once


_MERE_WARNINGS: Final = ", ".join(
    views.literal(code) for code, each in CODES.items() if each.severity == "warning"
)
# SQL over a row's violations: one of them at least is more than a warning.
BREAKS: Final = f"len(list_filter(violations, lambda v: v.code NOT IN ({_MERE_WARNINGS}))) > 0"


class Key(NamedTuple):
    """What is counted apart. ``platform`` and ``version`` are empty where an event says none."""

    app: str
    event: str
    env: str
    platform: str
    version: str
    day: int


class Count(msgspec.Struct, kw_only=True):
    """Counts of one key. Times are ms; ``payload`` is bytes of the events' own JSON.

    ``violations`` counts stored events that break their plan: mere warnings do not.
    """

    seen: int = 0
    violations: int = 0
    dirty: int = 0
    failed: int = 0
    weight: float = 0.0
    payload: int = 0
    first_at: int
    last_at: int

    def add(self, other: Count) -> None:
        """Add another's counts."""
        self.seen += other.seen
        self.violations += other.violations
        self.dirty += other.dirty
        self.failed += other.failed
        self.weight += other.weight
        self.payload += other.payload
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)


Counts = dict[Key, Count]


class _How(msgspec.Struct):
    platform: object = None
    app_version: object = None


class _Part(msgspec.Struct):
    how: _How | None = None


_part: Final = msgspec.json.Decoder(_Part)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


def census(folder: Path, file: DataFile, *, most: int = _MOST_KEYS) -> Counts:
    """Return what a file holds; beyond ``most`` keys the rarest are counted together as ``…``.

    Raises:
        LakeError: the file cannot be read.
    """
    path = folder / file.path
    spill = Path(tempfile.gettempdir()) / "trackplane-census"
    with Workspace(memory_mb=_MEMORY_MB, threads=1, spill=spill) as workspace:
        if file.table == EVENTS:
            counts = _events(workspace, path)
        elif file.table == DIRTY:
            counts = _dirty(workspace, path)
        else:
            raise LakeError(f"the table {file.table} has no events to count")
    return _folded(counts, most)


def _events(workspace: Workspace, path: Path) -> Counts:
    rows = workspace.rows(
        "SELECT app, event, env, coalesce(how_platform, ''), coalesce(how_app_version, ''),"  # noqa: S608
        f" epoch_ms(server) // {_DAY_MS}, count(*),"
        f" count(*) FILTER ({BREAKS}), sum(coalesce(weight, 1)),"
        " sum(coalesce(strlen(what), 0) + coalesce(strlen(extra), 0)),"
        " min(epoch_ms(server)), max(epoch_ms(server))"
        f" FROM ({views.read([str(path)])}) GROUP BY ALL"
    )
    counts: Counts = {}
    for *names, day, seen, violations, weight, payload, first, last in rows:
        _count(
            counts,
            _key(names, day),
            Count(
                seen=seen,
                violations=violations,
                weight=weight,
                payload=payload,
                first_at=first,
                last_at=last,
            ),
        )
    return counts


def _dirty(workspace: Workspace, path: Path) -> Counts:
    counts: Counts = {}
    total = int(workspace.rows(f"SELECT count(*) FROM ({views.read([str(path)])})")[0][0])  # noqa: S608
    for start in range(0, total, _DIRTY_ROWS):
        rows = workspace.rows(
            "SELECT app, event, env, stage, server, header, data"  # noqa: S608
            f" FROM ({views.read([str(path)])}) LIMIT {_DIRTY_ROWS} OFFSET {start}"
        )
        for app, event, env, stage, server, header, data in rows:
            platform, version = sender(header or b"", data or b"")
            ruled = stage == "rule"
            count = Count(dirty=int(not ruled), failed=int(ruled), first_at=server, last_at=server)
            names = (app, event, env, platform, version)
            _count(counts, _key(names, server // _DAY_MS), count)
    return counts


def sender(header: bytes, data: bytes) -> tuple[str, str]:
    """Return platform and app version of a dirty event, empty where they cannot be read."""
    found = ["", ""]
    for part in (header, data):  # the event's own wins
        if b'"how"' not in part:
            continue
        try:
            how = _part.decode(part).how
        except _UNREADABLE:
            continue
        for index, value in enumerate((how.platform, how.app_version) if how else ()):
            if isinstance(value, str):
                found[index] = value
    return found[0], found[1]


def _key(names: Iterable[str | None], day: int) -> Key:
    app, event, env, platform, version = (name or "" for name in names)
    return Key(
        app,
        _kept(event, _EVENT),
        env,
        _kept(platform, _TEXT),
        _kept(version, _TEXT),
        int(day),
    )


def _kept(text: str, most: int) -> str:
    """Return a client's text as every database takes it: cut, and without NUL."""
    return text[:most].replace("\0", "\ufffd")


def _count(counts: Counts, key: Key, count: Count) -> None:
    held = counts.get(key)
    if held is None:
        counts[key] = count
    else:
        held.add(count)


def _folded(counts: Counts, most: int) -> Counts:
    """Count the rarest keys together: first without platform and version, then without the event."""
    for fold in (_without_sender, _without_event):
        if len(counts) <= most:
            break
        ranked = sorted(counts, key=lambda key: -(counts[key].seen + counts[key].dirty))
        folded: Counts = {key: counts[key] for key in ranked[: most // 2]}
        for key in ranked[most // 2 :]:
            _count(folded, fold(key), counts[key])
        counts = folded
    return counts


def _without_sender(key: Key) -> Key:
    return key._replace(platform=OTHER, version=OTHER)


def _without_event(key: Key) -> Key:
    return key._replace(event=OTHER, platform=OTHER, version=OTHER)
