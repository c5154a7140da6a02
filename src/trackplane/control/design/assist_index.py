"""The catalogue of what is in force, kept up with publications.

Built from the configuration after a start, then changed by what differs: an event that was
published costs one event. Groups and types are read from an app's files when its plan has another
revision. Asking and changing exclude each other; who asks while all of it is read is told so.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa

from trackplane.assist import Catalogue, Design, Proposals, propose
from trackplane.control import objects, tables
from trackplane.control.design.libraries import libraries_of
from trackplane.control.design.plan_tables import libraries
from trackplane.errors import TrackplaneError
from trackplane.packed import unpack
from trackplane.persistent import PersistentMap
from trackplane.plan import Library, Workspace
from trackplane.plan.model import EventSpec

if TYPE_CHECKING:
    from trackplane.control.database import Database
    from trackplane.control.publishing import Publisher

_SHARED: Final = re.compile(r"^(?:types|groups|use)\b.*\n(?:(?:[ \t#-].*)?\n)*", re.MULTILINE)
_NEWEST: Final = sa.select(libraries.c.name, sa.func.max(libraries.c.version)).group_by(
    libraries.c.name
)
_PATIENCE_S: Final = 2.0  # that somebody who asks waits for what others do
_SPEC: Final = msgspec.json.Decoder(EventSpec)


class CatalogueIndex:
    """The catalogue of one control plane. Safe to use from several threads."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._lock = threading.Lock()
        self._catalogue = Catalogue()
        self._events: PersistentMap[str, bytes] = PersistentMap()
        self._plans: dict[str, str] = {}  # app -> hash of the plan's files
        self._libraries: dict[str, Library] = {}
        self._state: tuple[object, ...] = ()  # of what the catalogue was made

    def warm(self, stopping: threading.Event) -> None:
        """Read what is in force, so that the first question does not wait for it."""
        with self._lock:
            self._keep_up(stopping)

    def propose(
        self,
        app: str,
        design: Design,
        *,
        apps: Collection[str] | None,
        seen: Mapping[tuple[str, str], int],
        limit: int = 5,
    ) -> Proposals | None:
        """Return what to reuse and what is repeated; ``apps`` are those the asker sees.

        None while the catalogue is still being read.
        """
        if not self._lock.acquire(timeout=_PATIENCE_S):
            return None
        try:
            self._keep_up()
            self._catalogue.observations = seen
            return propose(self._catalogue, design, app=app, apps=apps, limit=limit)
        finally:
            self._lock.release()

    def _keep_up(self, stopping: threading.Event | None = None) -> None:
        snapshot = self._publisher.snapshot
        with self._database.read() as connection:
            versions = connection.execute(_NEWEST).all()
        state = (snapshot.number, tuple(tuple(row) for row in versions))
        if state == self._state:
            return
        events = snapshot.packed("event")
        changed, gone = events.differences(self._events)
        by_app: dict[str, list[str]] = {}
        for name in (*gone, *changed):
            by_app.setdefault(name.partition("/")[0], []).append(name)
        for app, names in by_app.items():  # the events of one app at a time: all are gigabytes
            if stopping is not None and stopping.is_set():
                return
            specs = {name.partition("/")[2]: _spec(events.get(name)) for name in names}
            self._catalogue.change(app, specs)
        self._events = events
        with self._database.read() as connection:
            self._share(connection)
        self._state = state

    def _share(self, connection: sa.Connection) -> None:
        """Take in the groups and types of the plans and libraries that are new."""
        known = dict(libraries_of(connection))
        newest = _newest(known)
        for home in self._libraries.keys() - newest.keys():
            self._catalogue.remove(home)
        for home, library in newest.items():
            if home not in self._libraries:
                text = f"format: 1\napp: library\nuse: [{home}]\n"
                self._put(home, {"library.yaml": text}, {home: library}, library=True)
        self._libraries = newest
        apps, revisions = tables.apps, tables.revisions
        rows = connection.execute(
            sa.select(apps.c.app, revisions.c.source).join(
                revisions,
                (revisions.c.app == apps.c.app) & (revisions.c.revision == apps.c.revision),
            )
        )
        plans = {row.app: row.source for row in rows}
        for app in self._plans.keys() - plans.keys():
            self._catalogue.share(app, {}, {})
        for app, source in plans.items():
            if self._plans.get(app) != source:
                files = dict(_shared_parts(app, objects.files(connection, source)))
                self._put(app, files, known)
        self._plans = plans

    def _put(
        self, home: str, files: Mapping[str, str], libraries: Mapping[str, Library],
        *, library: bool = False,
    ) -> None:  # fmt: skip
        try:
            plan = Workspace.load(files, libraries).plan
        except TrackplaneError:
            return  # a plan that no longer reads: its events are proposed, its groups are not
        self._catalogue.share(home, plan.groups, plan.types, library=library)


def _spec(body: bytes | None) -> EventSpec | None:
    return _SPEC.decode(unpack(body)) if body is not None else None


def _shared_parts(app: str, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield a plan's files with nothing but types and groups: reading events would cost seconds."""
    yield "app.yaml", f"format: 1\napp: {msgspec.json.encode(app).decode()}\n"
    for path, text in files.items():
        parts = _SHARED.findall(text if text.endswith("\n") else text + "\n")
        if parts:
            yield f"{path}.yaml", "".join(parts)


def _newest(known: Mapping[str, Library]) -> dict[str, Library]:
    """Return the newest version of each library by id."""
    newest: dict[str, Library] = {}
    for library in known.values():
        held = newest.get(library.name)
        if held is None or held.version < library.version:
            newest[library.name] = library
    return {library.id: library for library in newest.values()}
