"""Plans of apps, read once: the workspaces of revisions and of branches over them, the last ones kept.

A workspace costs as much as its plan; one made from another by ``change`` costs what changed. So a
branch is made from its base, and a revision in force from the one before, as long as that is held.
As many are kept as have ``_EVENTS`` events together: hundreds of small plans beside a huge one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import objects, tables
from trackplane.control.problems import NotFoundError
from trackplane.errors import CorruptionError
from trackplane.plan.model import EventSpec, Library, Plan
from trackplane.plan.text import PlanError
from trackplane.plan.workspace import Workspace

if TYPE_CHECKING:
    from trackplane.control.review.change_branch import Branch

_EVENTS: Final = 60_000  # of the workspaces kept; about 5 KB each where nothing is shared
_LEAST: Final = 6  # that are kept whatever they hold: revisions of one plan share most of it
_BRANCHES: Final = 6
_Key = tuple[str, str]  # app, hash of the source


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of a plan starts from. ``workspace`` is None where there is no plan yet.

    It is None too where the plan in force no longer reads; ``plan`` has then its events, as stored.
    """

    files: Mapping[str, str]
    plan: Plan
    workspace: Workspace | None

    def change(
        self, overlay: Mapping[str, str | None], libraries: Mapping[str, Library]
    ) -> Workspace:
        """Return the workspace with some files changed; None takes one away.

        Raises:
            PlanError: it does not read, or nothing is left of it; with every finding.
        """
        if self.workspace is not None:
            return self.workspace.change(overlay, libraries)
        files = applied(self.files, overlay)
        if not files:
            raise PlanError("nothing would be left of the plan", hint="keep one file at least")
        return Workspace.load(files, libraries)


class GoneError(NotFoundError):
    """A revision is no longer there."""

    code = "revision_gone"


class Workspaces:
    """Workspaces by app and source. Safe to use from several threads."""

    def __init__(self, *, events: int = _EVENTS) -> None:
        self._most = events
        self._events = 0  # of those held
        self._held: OrderedDict[_Key, Workspace] = OrderedDict()
        self._branches: OrderedDict[Hashable, Branch] = OrderedDict()
        self._lock = threading.Lock()

    def revision(
        self,
        connection: sa.Connection,
        app: str,
        revision: int,
        libraries: Mapping[str, Library],
    ) -> Workspace | None:
        """Return the workspace of a revision; of revision 0, None.

        Raises:
            GoneError: there is no such revision, or its source is gone.
            PlanError: it no longer reads, under another release or without its libraries.
        """
        if not revision:
            return None
        source = source_of(connection, app, revision)
        held = self._get((app, source))
        if held is not None:
            return held
        try:
            files = objects.files(connection, source)
        except CorruptionError as error:
            raise GoneError(f"revision {revision} of {app!r} is gone: {error.message}") from error
        return self.keep(app, source, Workspace.load(files, libraries))

    def base(
        self,
        connection: sa.Connection,
        app: str,
        revision: int,
        libraries: Mapping[str, Library],
    ) -> Base:
        """Return a revision as what a change starts from, even where it no longer reads.

        Raises:
            GoneError: there is no such revision, or its source is gone.
        """
        try:
            held = self.revision(connection, app, revision, libraries)
        except PlanError:
            files = objects.files(connection, source_of(connection, app, revision))
            return Base(files=files, plan=_stored(connection, app, revision), workspace=None)
        if held is None:
            return Base(files={}, plan=Plan(app=app), workspace=None)
        return Base(files=held.files, plan=held.plan, workspace=held)

    def keep(self, app: str, source: str, workspace: Workspace) -> Workspace:
        """Keep a workspace under the hash of its files."""
        with self._lock:
            before = self._held.pop((app, source), None)
            self._held[app, source] = workspace
            self._events += _size(workspace) - (_size(before) if before is not None else 0)
            while self._events > self._most and len(self._held) > _LEAST:
                _, oldest = self._held.popitem(last=False)
                self._events -= _size(oldest)
        return workspace

    def branch(self, key: Hashable, make: Callable[[], Branch]) -> Branch:
        """Return what is kept of a saved branch, else what ``make`` gives, which is then kept."""
        with self._lock:
            found = self._branches.get(key)
        if found is None:
            found = make()
        with self._lock:
            self._branches[key] = found
            self._branches.move_to_end(key)
            while len(self._branches) > _BRANCHES:
                self._branches.popitem(last=False)
        return found

    def _get(self, key: _Key) -> Workspace | None:
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found


def _size(workspace: Workspace) -> int:
    return len(workspace.plan.events) + 1


def applied(files: Mapping[str, str], overlay: Mapping[str, str | None]) -> dict[str, str]:
    """Return files with some changed; None takes one away."""
    found = {path: text for path, text in files.items() if overlay.get(path, "") is not None}
    return found | {path: text for path, text in overlay.items() if text is not None}


def source_of(connection: sa.Connection, app: str, revision: int) -> str:
    """Return the hash of a revision's files.

    Raises:
        GoneError: there is no such revision.
    """
    return str(_row(connection, app, revision).source)


def _stored(connection: sa.Connection, app: str, revision: int) -> Plan:
    tree = objects.events_of(connection, _row(connection, app, revision).tree)
    return Plan(
        app=app,
        events={
            event: msgspec.json.decode(objects.body(connection, hash), type=EventSpec)
            for event, hash in tree.items()
        },
    )


def _row(connection: sa.Connection, app: str, revision: int) -> sa.Row[Any]:
    table = tables.revisions
    row = connection.execute(
        sa.select(table).where(table.c.app == app, table.c.revision == revision)
    ).first()
    if row is None:
        raise GoneError(f"the plan of {app!r} has no revision {revision}")
    return row
