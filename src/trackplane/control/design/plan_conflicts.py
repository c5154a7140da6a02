"""Two people apply at once: the second is told how both changes go together, or where they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from trackplane.control.design.plan_publishing import files_of, overlay_between, revision_row
from trackplane.control.operations import Call
from trackplane.control.problems import NotFoundError, StaleError
from trackplane.control.wire import PartConflict, PlanConflict
from trackplane.errors import InputError
from trackplane.plan.merge import merge_files


def require_current(
    connection: sa.Connection,
    call: Call,
    row: sa.Row[Any],
    overlay: Callable[[sa.Connection, int], Mapping[str, str | None]],
) -> None:
    """Check by If-Match that the plan of an app's row is as the caller saw it.

    ``overlay`` gives what the caller changes of a revision.

    Raises:
        StaleError: it was changed since; it holds the merge of both changes and their conflicts.
    """
    try:
        call.match(str(row.revision))
    except StaleError as error:
        given = [etag for etag in call.etags() if etag.isascii() and etag.isdigit()]
        if given and len(given[0]) < 10:
            error.plan = _conflict(connection, row, int(given[0]), overlay)
        raise


def _conflict(
    connection: sa.Connection,
    row: sa.Row[Any],
    base: int,
    overlay: Callable[[sa.Connection, int], Mapping[str, str | None]],
) -> PlanConflict | None:
    try:
        origin = files_of(connection, row.app, base)
        author = revision_row(connection, row.app, row.revision).author
        changed = overlay(connection, base)
    except NotFoundError:
        return None
    theirs = files_of(connection, row.app, row.revision)
    yours = {path: text for path, text in origin.items() if changed.get(path, "") is not None}
    yours |= {path: text for path, text in changed.items() if text is not None}
    try:
        merged = merge_files(origin, yours, theirs)
    except InputError:
        return None  # what does not read cannot be merged
    return PlanConflict(
        etag=str(row.revision),
        author=author,
        base=base,
        files=overlay_between(theirs, merged.files),
        conflicts=tuple(
            msgspec.convert(each, PartConflict, from_attributes=True) for each in merged.conflicts
        ),
    )
