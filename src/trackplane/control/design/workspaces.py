"""Plans of apps, read once: the workspaces of revisions and of branches over them, the last ones kept.

A workspace costs as much as its plan; one made from another by ``change`` costs what changed. So a
branch is made from its base, and a revision in force from the one before, as long as that is held.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from trackplane.control import objects, tables
from trackplane.control.problems import NotFoundError
from trackplane.errors import CorruptionError
from trackplane.plan.model import Library
from trackplane.plan.workspace import Workspace

if TYPE_CHECKING:
    from trackplane.control.review.change_branch import Branch

_KEPT: Final = 6
_Key = tuple[str, str]  # app, hash of the source


class GoneError(NotFoundError):
    """A revision is no longer there."""

    code = "revision_gone"


class Workspaces:
    """Workspaces by app and source. Safe to use from several threads."""

    def __init__(self, *, kept: int = _KEPT) -> None:
        self._kept = kept
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

    def keep(self, app: str, source: str, workspace: Workspace) -> Workspace:
        """Keep a workspace under the hash of its files."""
        with self._lock:
            self._held[app, source] = workspace
            self._held.move_to_end((app, source))
            while len(self._held) > self._kept:
                self._held.popitem(last=False)
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
            while len(self._branches) > self._kept:
                self._branches.popitem(last=False)
        return found

    def _get(self, key: _Key) -> Workspace | None:
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found


def source_of(connection: sa.Connection, app: str, revision: int) -> str:
    """Return the hash of a revision's files.

    Raises:
        GoneError: there is no such revision.
    """
    table = tables.revisions
    row = connection.execute(
        sa.select(table.c.source).where(table.c.app == app, table.c.revision == revision)
    ).first()
    if row is None:
        raise GoneError(f"the plan of {app!r} has no revision {revision}")
    return str(row.source)
